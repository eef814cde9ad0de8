package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/client"
)

func list(ctx context.Context, c *client.Client) error {
	_, err := c.Customers.List(ctx, client.CustomerParams{})
	return err
}

// token is a step of the token endpoint.
func token(t string, life int) http.HandlerFunc {
	return answer(200, fmt.Sprintf(`{"access_token":%q,"token_type":"bearer","expires_in":%d,"scope":"a b"}`, t, life))
}

func TestTokenRequest(t *testing.T) {
	for name, c := range map[string]struct {
		opts []client.Option
		want url.Values
	}{
		"by default": {nil, url.Values{"audience": {"http://allot.test/api"}}},
		"options in any order": {
			[]client.Option{client.WithScopes("read:catalog", "read:customers"), client.WithAudience("https://x.kinde.com/api")},
			url.Values{"audience": {"https://x.kinde.com/api"}, "scope": {"read:catalog read:customers"}},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newScript(t, token("one", 86400), answer(200, `{}`))
			// Options of calls are not the token endpoint's business.
			opts := append(c.opts, client.WithCredentials("id", "s&cret/ü"), client.WithHeader("X-Own", "1"))
			if err := list(t.Context(), overPipes(t, s, opts...)); err != nil {
				t.Fatal(err)
			}
			r, body := s.request(0)
			if r.Method != http.MethodPost || r.RequestURI != "/oauth2/token" || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
				t.Errorf("%s: got %s %s %v", name, r.Method, r.RequestURI, r.Header)
			}
			if r.Header.Get("X-Own") != "" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: headers %v", name, r.Header)
			}
			c.want["grant_type"] = []string{"client_credentials"}
			c.want["client_id"] = []string{"id"}
			c.want["client_secret"] = []string{"s&cret/ü"}
			form, err := url.ParseQuery(body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, form); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
			r, _ = s.request(1)
			if got := r.Header.Get("Authorization"); got != "Bearer one" {
				t.Errorf("%s: Authorization is %q", name, got)
			}
		})
	}
}

// Kept until a minute before its end; of a short life, until its half.
func TestTokenIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		kept   time.Duration
	}{
		"a day":      {`{"access_token":"%s","expires_in":86400}`, 86340 * time.Second},
		"as a float": {`{"access_token":"%s","expires_in":3600.0}`, 3540 * time.Second},
		"unsaid":     {`{"access_token":"%s"}`, 3540 * time.Second},
		"null":       {`{"access_token":"%s","expires_in":null}`, 3540 * time.Second},
		"short":      {`{"access_token":"%s","expires_in":10}`, 5 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			ok := answer(200, `{}`)
			s := newScript(t,
				answer(200, fmt.Sprintf(c.answer, "one")), ok, ok,
				answer(200, fmt.Sprintf(c.answer, "two")), ok,
			)
			client := overPipes(t, s, client.WithCredentials("id", "secret"))
			for _, wait := range []time.Duration{0, c.kept - time.Millisecond, time.Millisecond} {
				time.Sleep(wait)
				if err := list(t.Context(), client); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff([]string{"", "Bearer one", "Bearer one", "", "Bearer two"}, s.authorizations()); diff != "" {
				t.Errorf("%s:\n%s", name, diff)
			}
		})
	}
}

// However many need a token at once, one fetch is made.
func TestTokenIsFetchedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 50
		asked, release := make(chan struct{}), make(chan struct{})
		steps := []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			close(asked)
			<-release
			token("one", 3600)(w, r)
		}}
		for range callers {
			steps = append(steps, answer(200, `{}`))
		}
		c := overPipes(t, newScript(t, steps...), client.WithCredentials("id", "secret"))
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				if err := list(t.Context(), c); err != nil {
					t.Error(err)
				}
			})
		}
		<-asked
		synctest.Wait() // all of them wait for the one token
		close(release)
		wg.Wait()
	})
}

// Who began the fetch may leave; the others get the token.
func TestTokenFetchOutlivesItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		arrive := make(chan struct{})
		s := newScript(t, func(w http.ResponseWriter, r *http.Request) {
			<-arrive
			token("one", 3600)(w, r)
		}, answer(200, `{}`))
		c := overPipes(t, s, client.WithCredentials("id", "secret"))

		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		go func() { first <- list(ctx, c) }()
		synctest.Wait()
		go func() { second <- list(t.Context(), c) }()
		synctest.Wait()
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first got %v", err)
		}
		close(arrive)
		if err := <-second; err != nil {
			t.Errorf("the second got %v", err)
		}
	})
}

func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	ok := answer(200, `{}`)
	refused := answer(403, `{"errors":[{"code":"INVALID_CREDENTIALS","message":"m"}]}`)
	for name, c := range map[string]struct {
		steps []http.HandlerFunc // after a first token and a first call
		fails error
		sent  []string
	}{
		"403":      {[]http.HandlerFunc{refused, token("two", 3600), ok}, nil, []string{"Bearer one", "", "Bearer two"}},
		"401":      {[]http.HandlerFunc{answer(401, ``), token("two", 3600), ok}, nil, []string{"Bearer one", "", "Bearer two"}},
		"twice":    {[]http.HandlerFunc{refused, token("two", 3600), refused}, client.ErrUnauthorized, []string{"Bearer one", "", "Bearer two"}},
		"no other": {[]http.HandlerFunc{refused, token("one", 3600), refused}, client.ErrUnauthorized, []string{"Bearer one", "", "Bearer one"}},
		"revoked":  {[]http.HandlerFunc{refused, answer(401, `{"error":"invalid_client","error_description":"d"}`)}, client.ErrUnauthorized, []string{"Bearer one", ""}},
		"a scope":  {[]http.HandlerFunc{answer(403, `{"errors":[{"code":"SCOPE_MISSING","message":"m"}]}`)}, client.ErrForbidden, []string{"Bearer one"}},
		"a page":   {[]http.HandlerFunc{answer(403, `<html>`)}, client.ErrForbidden, []string{"Bearer one"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, append([]http.HandlerFunc{token("one", 3600), ok}, c.steps...)...)
			cl := overLoopback(t, s, client.WithCredentials("id", "secret"))
			if err := list(t.Context(), cl); err != nil {
				t.Fatal(err)
			}
			// A call that is never retried: a refused token is another matter.
			if err := cl.Agreements.Cancel(t.Context(), "a"); !errors.Is(err, c.fails) {
				t.Errorf("got %v, want %v", err, c.fails)
			}
			if diff := cmp.Diff(c.sent, s.authorizations()[2:]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A token that was fetched for this very call is not fetched again.
func TestFreshTokenRefused(t *testing.T) {
	s := newScript(t, token("one", 3600), answer(401, ``))
	if err := list(t.Context(), overLoopback(t, s, client.WithCredentials("id", "secret"))); !errors.Is(err, client.ErrUnauthorized) {
		t.Error(err)
	}
}

func TestTokenEndpointFails(t *testing.T) {
	for name, c := range map[string]struct {
		steps []http.HandlerFunc
		fails error
	}{
		"for a while": {[]http.HandlerFunc{answer(503, ``), hangUp, answer(429, ``, "Retry-After", "2"), token("one", 3600), answer(200, `{}`)}, nil},
		"for good":    {[]http.HandlerFunc{answer(503, ``), answer(503, ``), answer(503, ``), answer(503, ``)}, client.ErrServer},
		"credentials": {[]http.HandlerFunc{answer(401, `{"error":"invalid_client","error_description":"d"}`)}, client.ErrUnauthorized},
		"audience":    {[]http.HandlerFunc{answer(400, `{"error":"unauthorized_client","error_description":"d"}`)}, client.ErrInvalid},
	} {
		synctest.Test(t, func(t *testing.T) {
			err := list(t.Context(), overPipes(t, newScript(t, c.steps...), client.WithCredentials("id", "secret")))
			if !errors.Is(err, c.fails) {
				t.Errorf("%s: got %v, want %v", name, err, c.fails)
			}
		})
	}
	for _, body := range []string{`{}`, `{"access_token":""}`, `<html>`, ``} {
		if err := list(t.Context(), overLoopback(t, newScript(t, answer(200, body)), client.WithCredentials("id", "secret"))); err == nil {
			t.Errorf("%q was taken for a token", body)
		}
	}
}

// With a token of its own a call does not fetch one.
func TestOwnTokenBeatsCredentials(t *testing.T) {
	s := newScript(t, answer(403, `{"errors":[{"code":"INVALID_CREDENTIALS","message":"m"}]}`))
	c := overLoopback(t, s, client.WithCredentials("id", "secret"))
	_, err := c.Customers.List(t.Context(), client.CustomerParams{}, client.WithToken("own"))
	if !errors.Is(err, client.ErrUnauthorized) {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"Bearer own"}, s.authorizations()); diff != "" {
		t.Error(diff)
	}
}
