package client_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

func TestDo(t *testing.T) {
	s := newScript(t, answer(200, `{"plans":[]}`), answer(404, `{"errors":[]}`), answer(201, `{}`), answer(200, `{}`))
	c := overLoopback(t, s, client.WithToken("t"))
	do := func(method, target string, body []byte, status int, want string) {
		t.Helper()
		resp, err := c.Do(t.Context(), method, target, body)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != status || string(got) != want {
			t.Errorf("%s %s: %d %s (%v)", method, target, resp.StatusCode, got, err)
		}
	}
	do(http.MethodGet, "/v1/plans?page_size=5", nil, 200, `{"plans":[]}`)
	do(http.MethodGet, "/v1/customers/org_code:a%2Fb", nil, 404, `{"errors":[]}`)
	do(http.MethodPost, "/v1/consume", []byte(`{"feature_code":"f"}`), 201, `{}`)
	do(http.MethodPost, "/api/v1/billing/agreements", []byte(`{}`), 200, `{}`)
	for n, want := range []string{"/v1/plans?page_size=5", "/v1/customers/org_code:a%2Fb", "/v1/consume", "/api/v1/billing/agreements"} {
		r, body := s.request(n)
		keyed := r.Header.Get(api.HeaderIdempotencyKey) != ""
		if r.RequestURI != want || r.Header.Get("Authorization") != "Bearer t" || keyed != (n == 2) {
			t.Errorf("sent %s with %v", r.RequestURI, r.Header)
		}
		if n == 2 && (body != `{"feature_code":"f"}` || r.Header.Get("Content-Type") != "application/json") {
			t.Errorf("sent %s as %s", body, r.Header.Get("Content-Type"))
		}
	}
	for _, target := range []string{"", "v1/plans", "http://elsewhere.example/v1/plans", "/v1/plans?a=%zz"} {
		if resp, err := c.Do(t.Context(), http.MethodGet, target, nil); err == nil {
			resp.Body.Close()
			t.Errorf("%q was sent", target)
		}
	}
}
