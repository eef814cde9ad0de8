//go:build !race

package routes

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// What the two routes that are asked most cost in allocations, once all that is
// kept is kept. A bound is what was counted when it was set: lower it when there
// are fewer, and raise it only for what is worth it. (The race detector allocates
// itself.)
func TestHotRoutesAllocateNoMore(t *testing.T) {
	for _, c := range []struct {
		method, target, body string
		most                 float64
	}{
		{"GET", "/api/v1/billing/entitlements?customer_id=" + acme + "&page_size=20", "", 8},
		{"POST", "/v1/check", `{"customer_id":"` + acme + `","feature_code":"one_0001"}`, 94},
	} {
		w := worldOn(t, newStore(t), 0, func(c *Config) { c.Billing.Known = c.Snapshots.Known })
		manyPlans(t, w, 20)
		body := strings.NewReader(c.body)
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.target, nil)
		r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
		send := func(to http.ResponseWriter) {
			again := *r
			body.Reset(c.body)
			again.Body = io.NopCloser(body)
			w.ServeHTTP(to, &again)
		}
		rec := httptest.NewRecorder()
		send(rec)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", c.target, rec.Code, rec.Body)
		}
		header, got := http.Header{}, math.Inf(1)
		for range 5 { // what others allocate meanwhile is counted too: the least is ours
			got = min(got, testing.AllocsPerRun(100, func() {
				clear(header)
				send(unread{header})
			}))
		}
		if got > c.most {
			t.Errorf("%s %s: %v allocations, want at most %v", c.method, c.target, got, c.most)
		}
	}
}
