package server

import (
	"io"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestMetrics(t *testing.T) {
	r := start(t, Config{Metrics: "127.0.0.1:0", Version: "v1.2.3"})
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
		`allot_http_requests_total{method="GET",route="/api/v1/billing/entitlements",status="403"} 1`,
		`allot_http_requests_total{method="GET",route="/healthz",status="200"} 1`,
		`allot_http_refused_total{code="INVALID_CREDENTIALS"} 1`,
		`allot_http_refused_total{code="ROUTE_NOT_FOUND"} 1`,
		`allot_store_transaction_seconds_count{kind="view"}`,
		`allot_store_connections_max{pool="writer"} 1`, `allot_store_connections_used{pool="reader"}`, `allot_store_connections_idle{pool="reader"}`,
		`allot_store_connection_waits_total{pool="writer"}`, `allot_store_connection_wait_seconds_total{pool="writer"}`,
		`allot_ready 1`, `,version="v1.2.3"} 1`,
		`allot_feed_readers 0`, `allot_feed_unordered `, `allot_feed_follower_behind{follower="webhooks"} `, `allot_feed_follower_behind{follower="moments"} `,
		`go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %s", want)
		}
	}
	if strings.Contains(text, "customer_0") {
		t.Error("a customer's id is shown")
	}
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline"} {
		if status, _ := get("http://" + address + path); status != http.StatusNotFound {
			t.Errorf("%s is shown unasked: %d", path, status)
		}
	}
	if status, _ := get(r.URL() + "/metrics"); status != http.StatusNotFound {
		t.Errorf("the metrics are shown on the main address: %d", status)
	}
}

func TestProfiles(t *testing.T) {
	r := start(t, Config{Metrics: "127.0.0.1:0", Pprof: true})
	r.log.await(t, "metrics are shown")
	address := regexp.MustCompile(`metrics are shown" address=(\S+)`).FindStringSubmatch(r.log.String())[1]
	for url, want := range map[string]int{
		"http://" + address + "/debug/pprof/heap":    200,
		"http://" + address + "/debug/pprof/":        200,
		"http://" + address + "/debug/pprof/cmdline": 404, // which may have a password
		r.URL() + "/debug/pprof/":                    404,
		r.URL() + "/debug/pprof/heap":                404,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
	if err := (Config{Pprof: true}).Validate(); err == nil || !strings.Contains(err.Error(), "pprof: want an address in metrics") {
		t.Errorf("profiles without an address: %v", err)
	}
}

// Who waits for events is counted while he waits.
func TestFeedReadersAreCounted(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	stream := r.stream(t, token, "", "")
	gauge := func() float64 {
		families, err := r.metrics.registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "allot_feed_readers" {
				return f.GetMetric()[0].GetGauge().GetValue()
			}
		}
		return -1
	}
	if n := gauge(); n != 1 {
		t.Errorf("%v wait, want 1", n)
	}
	stream.resp.Body.Close()
	for deadline := time.Now().Add(10 * time.Second); gauge() != 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("one that has gone still waits")
		}
	}
}
