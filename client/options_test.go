package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

func TestOptionsOfACallComeFirst(t *testing.T) {
	ok := answer(200, `{}`)
	s := newScript(t, ok, ok, ok)
	c := overLoopback(t, s, client.WithToken("always"), client.WithHeader("X-A", "always"), client.WithHeader("User-Agent", "me"))
	for _, opts := range [][]client.CallOption{
		nil,
		{client.WithToken("once"), client.WithHeader("X-A", "once")},
		{client.WithHeader("authorization", "Basic own")},
	} {
		if _, err := c.Customers.List(t.Context(), client.CustomerParams{}, opts...); err != nil {
			t.Fatal(err)
		}
	}
	var got [][3]string
	for n := range 3 {
		r, _ := s.request(n)
		got = append(got, [3]string{r.Header.Get("Authorization"), r.Header.Get("X-A"), r.Header.Get("User-Agent")})
	}
	want := [][3]string{{"Bearer always", "always", "me"}, {"Bearer once", "once", "me"}, {"Basic own", "always", "me"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestWithBaseURL(t *testing.T) {
	c := overLoopback(t, newScript(t)) // gets no request
	there := newScript(t, answer(200, `{}`))
	server := httptest.NewServer(there)
	defer server.Close()
	if _, err := c.Customers.List(t.Context(), client.CustomerParams{}, client.WithBaseURL(server.URL+"/under//")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET /under/v1/customers"}, there.lines()); diff != "" {
		t.Error(diff)
	}
	if _, err := c.Customers.List(t.Context(), client.CustomerParams{}, client.WithBaseURL("nowhere")); err == nil {
		t.Error("a base URL that is none was accepted")
	}
}

func TestWithResponse(t *testing.T) {
	s := newScript(t,
		answer(200, `{}`, api.HeaderRequestID, "r1", api.HeaderRevision, "42.7", api.HeaderIdempotencyReplayed, "true"),
		answer(400, `{"errors":[{"code":"PAGE_SIZE_INVALID","message":"m"}]}`, api.HeaderRequestID, "r2"),
	)
	c := overLoopback(t, s)
	var got client.Response
	if _, err := c.Customers.List(t.Context(), client.CustomerParams{}, client.WithResponse(&got)); err != nil {
		t.Fatal(err)
	}
	if got.Status != 200 || got.RequestID != "r1" || got.Header.Get(api.HeaderRevision) != "42.7" || !got.Replayed {
		t.Errorf("got %+v", got)
	}
	if _, err := c.Customers.List(t.Context(), client.CustomerParams{}, client.WithResponse(&got)); err == nil {
		t.Error("no error")
	}
	if got.Status != 400 || got.RequestID != "r2" || got.Replayed {
		t.Errorf("of the refusal: %+v", got)
	}
}

// The raw form gives out the answer while its body is still being written.
func TestListRawLeavesTheBodyUnread(t *testing.T) {
	going := make(chan struct{})
	s := newScript(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, "first ")
		w.(http.Flusher).Flush()
		<-going
		fmt.Fprint(w, "second")
	})
	var meta client.Response
	resp, err := overLoopback(t, s).Entitlements.ListRaw(t.Context(), client.EntitlementParams{CustomerID: "c"}, client.WithResponse(&meta))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	close(going)
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "first second" {
		t.Errorf("got %q, %v", body, err)
	}
	if resp.StatusCode != http.StatusBadRequest || meta.Status != http.StatusBadRequest {
		t.Errorf("got %d and %d", resp.StatusCode, meta.Status)
	}
}

// A refused token is fetched anew for the raw form too, and what was looked at
// on the way is still in the body.
func TestListRawWithCredentials(t *testing.T) {
	const refused = `{"errors":[{"code":"INVALID_CREDENTIALS","message":"m"}]}`
	s := newScript(t,
		answer(200, `{"access_token":"one"}`),
		answer(200, `{}`),
		answer(403, refused),
		answer(200, `{"access_token":"two"}`),
		answer(403, refused),
	)
	c := overLoopback(t, s, client.WithCredentials("id", "secret"))
	for _, want := range []string{`{}`, refused} {
		resp, err := c.Agreements.ListRaw(t.Context(), client.AgreementParams{CustomerID: "c"})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("got %q, %v; want %q", body, err, want)
		}
	}
	if diff := cmp.Diff([]string{"", "Bearer one", "Bearer one", "", "Bearer two"}, s.authorizations()); diff != "" {
		t.Error(diff)
	}
}

// never is a step that answers only once the client has gone.
func never(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func TestWithTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		opts []client.CallOption
		want time.Duration
	}{
		"by default":     {nil, 30 * time.Second},
		"of the call":    {[]client.CallOption{client.WithTimeout(3 * time.Second)}, 3 * time.Second},
		"of the context": {[]client.CallOption{client.WithTimeout(0)}, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			began := time.Now()
			_, err := overPipes(t, newScript(t, never)).Customers.List(ctx, client.CustomerParams{}, c.opts...)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v", name, err)
			}
			if took := time.Since(began); took != c.want {
				t.Errorf("%s: took %v, want %v", name, took, c.want)
			}
		})
	}
}
