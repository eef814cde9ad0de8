package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

func TestErrors(t *testing.T) {
	situations := []error{
		client.ErrUnauthorized, client.ErrForbidden, client.ErrNotFound, client.ErrConflict,
		client.ErrInvalid, client.ErrThrottled, client.ErrServer,
	}
	one := func(code string) string { return `{"errors":[{"code":"` + code + `","message":"m"}]}` }
	for name, c := range map[string]struct {
		status int
		body   string
		is     []error
		text   string
	}{
		"token":             {403, one("INVALID_CREDENTIALS"), []error{client.ErrUnauthorized, client.ErrForbidden}, "403 INVALID_CREDENTIALS: m"},
		"token, elsewhere":  {401, ``, []error{client.ErrUnauthorized, client.ErrForbidden}, "401: unauthorized"},
		"scope":             {403, one("SCOPE_MISSING"), []error{client.ErrForbidden}, "403 SCOPE_MISSING: m"},
		"unknown, Kinde":    {400, one("CUSTOMER_NOT_FOUND"), []error{client.ErrNotFound}, "400 CUSTOMER_NOT_FOUND: m"},
		"unknown":           {404, one("PLAN_NOT_FOUND"), []error{client.ErrNotFound}, "404 PLAN_NOT_FOUND: m"},
		"wrong base URL":    {404, `{"errors":{"code":"ROUTE_NOT_FOUND","message":"m"}}`, nil, "404 ROUTE_NOT_FOUND: m"},
		"somebody's page":   {404, `<html>secret</html>`, nil, "404: not found"},
		"exists":            {409, one("CUSTOMER_EXISTS"), []error{client.ErrConflict}, "409 CUSTOMER_EXISTS: m"},
		"exists, Kinde":     {400, one("BILLING_CUSTOMER_EXISTS"), []error{client.ErrConflict}, "400 BILLING_CUSTOMER_EXISTS: m"},
		"invalid":           {400, one("PAGE_SIZE_INVALID"), []error{client.ErrInvalid}, "400 PAGE_SIZE_INVALID: m"},
		"too large":         {413, one("BODY_TOO_LARGE"), []error{client.ErrInvalid}, "413 BODY_TOO_LARGE: m"},
		"throttled, empty":  {429, ``, []error{client.ErrThrottled}, "429: too many requests"},
		"fault":             {500, one("INTERNAL_ERROR"), []error{client.ErrServer}, "500 INTERNAL_ERROR: m"},
		"proxy":             {502, `Bad Gateway`, []error{client.ErrServer}, "502: bad gateway"},
		"several":           {400, `{"errors":[{"code":"A","message":"one"},{"code":"B","message":"two"},{"code":"C","message":"three"}]}`, []error{client.ErrInvalid}, "400 A: one (and 2 more)"},
		"no errors":         {400, `{"errors":[]}`, []error{client.ErrInvalid}, "400: bad request"},
		"null":              {400, `null`, []error{client.ErrInvalid}, "400: bad request"},
		"errors of strings": {400, `{"errors":["a"]}`, []error{client.ErrInvalid}, "400: bad request"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, answer(c.status, c.body, api.HeaderRequestID, "r1"))
			_, err := overLoopback(t, s, client.WithAttempts(1), client.WithToken("hush")).
				Customers.List(t.Context(), client.CustomerParams{Q: "ada@example.org"})
			e, ok := errors.AsType[*client.Error](err)
			if !ok {
				t.Fatalf("got %T %v", err, err)
			}
			if want := "GET /v1/customers: " + c.text + " (request r1)"; e.Error() != want {
				t.Errorf("got %q, want %q", e, want)
			}
			if e.Status != c.status || e.RequestID != "r1" {
				t.Errorf("got %+v", e)
			}
			var is []error
			for _, s := range situations {
				if errors.Is(err, s) {
					is = append(is, s)
				}
			}
			if diff := cmp.Diff(fmt.Sprint(c.is), fmt.Sprint(is)); diff != "" {
				t.Errorf("situations:\n%s", diff)
			}
		})
	}
}

func TestErrorHoldsEveryFault(t *testing.T) {
	s := newScript(t, answer(400, `{"errors":[{"code":"CATALOG_INVALID","message":"1:1: a"},{"code":"CATALOG_INVALID","message":"2:1: b"}]}`))
	_, err := overLoopback(t, s).Catalog.Apply(t.Context(), nil, false)
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]api.Error{{Code: "CATALOG_INVALID", Message: "1:1: a"}, {Code: "CATALOG_INVALID", Message: "2:1: b"}}, e.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestErrorTellsHowLongToWait(t *testing.T) {
	for name, c := range map[string]struct {
		status        int
		header, value string
		want          time.Duration
	}{
		"seconds":               {429, "Retry-After", "120", 2 * time.Minute},
		"reset":                 {429, "RateLimit-Reset", "60", time.Minute},
		"reset without a limit": {503, "RateLimit-Reset", "60", 0},
		"past date":             {503, "Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT", 0},
		"negative":              {503, "Retry-After", "-1", 0},
		"words":                 {503, "Retry-After", "soon", 0},
	} {
		s := newScript(t, answer(c.status, ``, c.header, c.value))
		_, err := overLoopback(t, s, client.WithAttempts(1)).Customers.List(t.Context(), client.CustomerParams{})
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.RetryAfter != c.want {
			t.Errorf("%s: got %v, %v; want %v", name, e.RetryAfter, err, c.want)
		}
	}
}

// Whatever goes wrong, and however a client is printed, token and secret are not
// in the text.
func TestSecretsStayIn(t *testing.T) {
	const secret = "hush-hush"
	texts := map[string]string{}
	add := func(name string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s: no error", name)
			return
		}
		texts[name] = fmt.Sprintf("%v %+v %#v", err, err, err)
	}

	for _, base := range []string{"http://id:" + secret + "@allot.test", "http://id:" + secret + "@allot.test:port", "id:" + secret + "@allot.test", "http://allot.test?token=" + secret} {
		_, err := client.New(base)
		add(base, err)
	}

	refusing := newScript(t, answer(401, `{"error":"invalid_client","error_description":"no"}`))
	c := overLoopback(t, refusing, client.WithCredentials("id", secret))
	_, err := c.Customers.Get(t.Context(), "customer_1")
	add("refused credentials", err)
	texts["client"] = fmt.Sprintf("%v %+v %#v %+v", c, c, c, *c)

	with := overLoopback(t, newScript(t), client.WithToken(secret))
	texts["client with token"] = fmt.Sprintf("%v %+v %#v %+v", with, with, with, *with)

	gone := newScript(t, hangUp)
	_, err = overLoopback(t, gone, client.WithCredentials("id", secret), client.WithAttempts(1)).Customers.Get(t.Context(), "customer_1")
	add("token endpoint gone", err)

	gone = newScript(t, hangUp)
	_, err = overLoopback(t, gone, client.WithToken(secret), client.WithAttempts(1)).Customers.Get(t.Context(), "customer_1")
	add("server gone", err)

	_, err = overLoopback(t, newScript(t), client.WithToken(secret+"\n")).Customers.Get(t.Context(), "customer_1")
	add("token that is no header", err)

	for name, text := range texts {
		if strings.Contains(text, secret) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// A redirect followed would take the token, or on 307 the secret, elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	redirect := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://127.0.0.1:1/elsewhere", http.StatusTemporaryRedirect)
	}
	followed := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error {
		t.Error("asked whether to follow")
		return http.ErrUseLastResponse
	}}
	for _, o := range []client.Option{client.WithToken("t"), client.WithCredentials("id", "secret")} {
		s := newScript(t, redirect)
		_, err := overLoopback(t, s, client.WithHTTPClient(followed), o).Customers.Get(t.Context(), "customer_1")
		if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusTemporaryRedirect {
			t.Errorf("got %v", err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:8080", "allot.test", "ftp://allot.test", "http://", "http://a b", "http://allot.test/?a=b", "http://allot.test/#a", "http://u@allot.test"} {
		if _, err := client.New(base); err == nil {
			t.Errorf("New(%q) was accepted", base)
		}
	}
	for name, o := range map[string]client.Option{
		"no id": client.WithCredentials("", "s"), "no secret": client.WithCredentials("i", ""),
		"no client": client.WithHTTPClient(nil), "no attempts": client.WithAttempts(0),
		"an audience alone": client.WithAudience("a"), "scopes alone": client.WithScopes("read:catalog"),
		"a base URL for every call that is none": client.WithBaseURL("nowhere"),
	} {
		if _, err := client.New("http://allot.test", o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
