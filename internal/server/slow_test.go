package server

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
)

// ask sends a request with a token, and returns what is answered.
func (r *running) ask(t testing.TB, method, path, token, body string) (status int, answer, retry string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text), resp.Header.Get("Retry-After")
}

// customers are made on a server with the example's catalog.
func (r *running) customers(t testing.TB, token string, n int) (ids []string) {
	t.Helper()
	if status, body, _ := r.ask(t, "PUT", "/v1/catalog", token, string(ExampleCatalog())); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	for i := range n {
		_, body, _ := r.ask(t, "POST", "/v1/customers", token, fmt.Sprintf(`{"type":"organization","org_code":"org_%d"}`, i))
		var made struct{ ID string }
		if err := json.Unmarshal([]byte(body), &made); err != nil || made.ID == "" {
			t.Fatalf("%v %s", err, body)
		}
		ids = append(ids, made.ID)
	}
	return ids
}

const useOne = `{"customer_id":%q,"feature_code":"api_calls","units":"1"}`

// A customer whose row somebody else has for longer than the database lets anybody wait is
// 503, for nothing is written; others are served, those that are reported with it too.
func TestLockedCustomer(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{})
	r := start(t, Config{Place: Place{Data: t.TempDir(), Database: cluster.URL("postgres") + "?lock_timeout=300"}})
	_, token := r.token(t)
	ids := r.customers(t, token, 2)
	locked, other := ids[0], ids[1]
	for _, id := range ids { // so that there are lanes
		if status, body, _ := r.ask(t, "POST", "/v1/consume", token, fmt.Sprintf(useOne, id)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	db := must[*sql.DB](t)(sql.Open("pgx", cluster.URL("postgres")))
	defer db.Close()
	const slow = `{"errors":[{"code":"STORE_SLOW"`
	lock := func(table string) *sql.Tx {
		t.Helper()
		tx := must[*sql.Tx](t)(db.BeginTx(t.Context(), nil))
		if _, err := tx.ExecContext(t.Context(), "select from "+table+" where customer_id = $1 for update", locked); err != nil {
			t.Fatal(err)
		}
		return tx
	}
	for _, c := range []struct{ table, path, body string }{
		{"customers", "/v1/holds", fmt.Sprintf(`{"customer_id":%q,"feature_code":"seats","units":"1","expires_in":60}`, locked)},
		{"counters", "/v1/consume", fmt.Sprintf(useOne, locked)},
		{"counters", "/v1/usage", fmt.Sprintf(`{"records":[{"customer_id":%q,"feature_code":"api_calls","value":"1"}]}`, locked)},
	} {
		tx := lock(c.table)
		status, body, retry := r.ask(t, "POST", c.path, token, c.body)
		if status != http.StatusServiceUnavailable || !strings.HasPrefix(body, slow) || retry != "1" {
			t.Errorf("%s: %d %s, Retry-After %q", c.path, status, body, retry)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	tx := lock("counters")
	status, body, _ := r.ask(t, "POST", "/v1/usage", token, fmt.Sprintf(`{"records":[{"customer_id":%q,"feature_code":"api_calls","value":"1"},`+
		`{"customer_id":%q,"feature_code":"api_calls","value":"1"}]}`, locked, other))
	if status != http.StatusOK || !strings.Contains(body, `"status":"failed","error":{"code":"STORE_SLOW"`) || !strings.Contains(body, `"status":"recorded"`) {
		t.Errorf("of two customers: %d %s", status, body)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{locked: "1", other: "2"} {
		_, body, _ := r.ask(t, "POST", "/v1/check", token, fmt.Sprintf(useOne, id))
		if !strings.Contains(body, `"used":"`+want+`"`) {
			t.Errorf("want %s used: %s", want, body)
		}
	}
}
