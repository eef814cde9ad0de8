package server

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	r := start(t, Config{Metrics: "127.0.0.1:0"})
	r.log.await(t, "metrics are shown")
	address := regexp.MustCompile(`metrics are shown" address=(\S+)`).FindStringSubmatch(r.log.String())[1]
	get := func(url string) (int, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, lost := r.snapshots.Lost(); lost; _, lost = r.snapshots.Lost() {
		runtime.Gosched() // until the feed was read for the first time
	}
	get(r.URL() + "/healthz")
	get(r.URL() + "/api/v1/billing/entitlements?customer_id=customer_01a202b2c50070008000000000000001")
	get(r.URL() + "/customer_01a202b2c50070008000000000000001")
	get(r.URL() + "/.well-known/jwks")
	status, text := get("http://" + address + "/metrics")
	if status != http.StatusOK {
		t.Fatalf("status %d: %s", status, text)
	}
	for _, want := range []string{
		`allot_http_request_seconds_count{class="2xx",method="GET",route="/healthz"} 1`,
		`allot_http_request_seconds_count{class="4xx",method="GET",route="/api/v1/billing/entitlements"} 1`,
		`allot_http_request_seconds_count{class="4xx",method="any",route="none"} 1`,
		`allot_http_request_seconds_count{class="2xx",method="any",route="/.well-known/jwks"} 1`,
		`allot_cache_clears_total 1`,
		`allot_feed_lost 0`,
		`allot_store_retries_total 0`,
		`allot_moments_lag_seconds 0`,
		`allot_sqlite_wal_bytes `, `allot_sqlite_wal_resets_total 0`, `allot_sqlite_wal_held_total 0`,
		`allot_sqlite_wal_waits_total 0`, `allot_sqlite_wal_failures_total 0`,
		`allot_store_transactions_total{kind="view",outcome="done"}`,
		`go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, "customer_0") {
		t.Error("a customer's id is shown")
	}
	if status, _ := get(r.URL() + "/metrics"); status != http.StatusNotFound {
		t.Errorf("the metrics are shown on the main address: %d", status)
	}
}
