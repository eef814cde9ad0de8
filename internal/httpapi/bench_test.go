package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// The main endpoint, 20 entitlements on a page, and beside it what HTTP itself
// costs: a handler that sends the same bytes. Both in process; the difference is
// ours.
func BenchmarkEntitlements(b *testing.B) {
	w := newWorld(b)
	manyPlans(b, w, 20)
	request := func() *http.Request {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/api/v1/billing/entitlements?customer_id="+acme+"&page_size=20", nil)
		r.Header.Set("Authorization", "Bearer "+w.token(b, allScopes()...))
		return r
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, request())
	if rec.Code != 200 {
		b.Fatal(rec.Code, rec.Body)
	}
	body := rec.Body.Bytes()
	constant := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentTypeJSON)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	for _, bench := range []struct {
		name    string
		handler http.Handler
	}{{"allot", w}, {"constant", constant}} {
		b.Run(bench.name, func(b *testing.B) {
			r := request()
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				bench.handler.ServeHTTP(httptest.NewRecorder(), r.Clone(b.Context()))
			}
		})
	}
}
