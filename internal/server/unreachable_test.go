package server

import (
	"database/sql"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
)

// An unreachable database is 503 with a code on every route, soon, never 500; and it takes a few
// lines of the log, not thousands.
func TestUnreachableStore(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{})
	r := start(t, Config{Place: Place{Data: t.TempDir(), Database: cluster.URL("postgres")}})
	made, secret, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	token, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := r.get(t, "/v1/customers", token.AccessToken); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	if err := cluster.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {made.ID}, "client_secret": {secret}}.Encode()
	const id = "customer_01a202b2c50070008000000000000001"
	time.Sleep(time.Second) // who holds what it knows for a moment does not know any more
	for _, c := range []struct{ method, path, kind, body, code, retry string }{
		{"POST", "/oauth2/token", "application/x-www-form-urlencoded", form, `"error":"temporarily_unavailable"`, "1"},
		{"GET", "/.well-known/jwks", "", "", `"error":"temporarily_unavailable"`, "1"},
		{"GET", "/v1/customers", "", "", `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"POST", "/v1/customers", "application/json", `{"type":"organization"}`, `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"POST", "/v1/check", "application/json", `{"customer_id":"` + id + `","feature_code":"seats"}`, `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"POST", "/v1/consume", "application/json", `{"customer_id":"` + id + `","feature_code":"seats"}`, `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"POST", "/v1/usage", "application/json", `{"records":[{"customer_id":"` + id + `","feature_code":"seats","value":"1"}]}`, `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"GET", "/v1/events", "", "", `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"GET", "/api/v1/billing/entitlements?customer_id=" + id, "", "", `{"errors":[{"code":"STORE_UNREACHABLE"`, ""},
		{"POST", "/api/v1/organization", "application/json", `{"name":"x"}`, `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
		{"GET", "/readyz", "", "", `{"errors":[{"code":"STORE_UNREACHABLE"`, "1"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), c.method, r.URL()+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", c.kind)
		if !strings.HasPrefix(c.path, "/oauth2") {
			req.Header.Set("Authorization", "Bearer "+token.AccessToken)
		}
		begun := time.Now()
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), c.code) || resp.Header.Get("Retry-After") != c.retry {
			t.Errorf("%s %s: %d %s, Retry-After %q", c.method, c.path, resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s %s took %v", c.method, c.path, took)
		}
	}
	time.Sleep(2 * time.Second)
	if n := strings.Count(r.log.String(), "not sequenced"); n != 1 {
		t.Errorf("the log says %d times that changes are not sequenced", n)
	}
	if err := cluster.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool {
		status, _ := r.get(t, "/v1/customers", token.AccessToken)
		return status == 200
	})
}

// A database that gives no connection is unreachable, whatever the reason: nothing of the request
// was written.
func TestStoreThatRefusesConnections(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{})
	db := must[*sql.DB](t)(sql.Open("pgx", cluster.URL("postgres")))
	defer db.Close()
	do := func(statement string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	do("create role app login password 'app'")
	do("create database served owner app")
	place := must[*url.URL](t)(url.Parse(cluster.URL("served")))
	place.User = url.UserPassword("app", "app")
	r := start(t, Config{Place: Place{Data: t.TempDir(), Database: place.String()}})
	_, token := r.token(t)
	for _, test := range []struct{ refuse, permit string }{
		{"alter database served allow_connections false", "alter database served allow_connections true"},
		{"alter role app nologin", "alter role app login"},
		{"alter role app connection limit 0", "alter role app connection limit -1"},
	} {
		do(test.refuse)
		do("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'served'")
		await(t, func() bool { // who was connected may be asked once more
			status, body := r.get(t, "/v1/customers", token)
			return status == http.StatusServiceUnavailable && strings.Contains(body, "STORE_UNREACHABLE")
		})
		if status, body := r.post(t, "/v1/customers", token, `{"type":"organization"}`); status != http.StatusServiceUnavailable {
			t.Errorf("%s: %d %s", test.refuse, status, body)
		}
		if status, body := r.get(t, "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(body, "STORE_UNREACHABLE") {
			t.Errorf("%s: /readyz says %d %s", test.refuse, status, body)
		}
		do(test.permit)
		await(t, func() bool {
			status, _ := r.get(t, "/v1/customers", token)
			return status == http.StatusOK
		})
	}
}
