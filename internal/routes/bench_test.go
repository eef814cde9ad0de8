package routes

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"

	"github.com/allot-dev/allot/internal/door"
)

// The main endpoint, 20 entitlements on a page, and beside it what HTTP itself
// costs: a handler that sends the same bytes. The difference is ours.
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
		w.Header().Set("Content-Type", door.ContentTypeJSON)
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
	benches := []struct {
		name    string
		handler http.Handler
	}{{"allot", w}, {"constant", constant}}
	for _, bench := range benches {
		b.Run("in-process/"+bench.name, func(b *testing.B) {
			r := request()
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				again := *r
				bench.handler.ServeHTTP(unread{http.Header{}}, &again)
			}
		})
	}
	// Over loopback with 16 connections; the client's share is in both.
	for _, bench := range benches {
		b.Run("loopback/"+bench.name, func(b *testing.B) {
			server := httptest.NewServer(bench.handler)
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
			defer client.CloseIdleConnections()
			r := request()
			b.SetParallelism(16 / runtime.GOMAXPROCS(0))
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					get, err := http.NewRequestWithContext(b.Context(), http.MethodGet, server.URL+r.URL.RequestURI(), nil)
					if err != nil {
						b.Error(err)
						return
					}
					get.Header = r.Header
					resp, err := client.Do(get)
					if err != nil {
						b.Error(err)
						return
					}
					n, err := io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					if err != nil || n != int64(len(body)) {
						b.Errorf("%d bytes of %d, %v", n, len(body), err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
		})
	}
}

// unread takes an answer and keeps nothing of it.
type unread struct{ header http.Header }

func (u unread) Header() http.Header         { return u.header }
func (u unread) WriteHeader(int)             {}
func (u unread) Write(b []byte) (int, error) { return len(b), nil }
