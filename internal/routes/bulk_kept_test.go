package routes

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/pgtest"
)

// A bulk under a key of which something could not be done while another session had what it
// needed is not kept: the same key does the rest, once. Where that session has but the answers,
// the records are counted, and said to be.
func TestKeyOfABulkDoesTheRest(t *testing.T) {
	url := pgtest.URL(t)
	w := worldOn(t, openStore(t, url+"&lock_timeout=300"), 0)
	w.settle(t)
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	statuses := func(key string) (all []string) {
		t.Helper()
		rec := w.ask(t, "POST", "/v1/usage", `{"records":[{"customer_id":"`+acme+`","feature_code":"api_calls","value":"3"},
			{"customer_id":"`+ada+`","feature_code":"exports","value":"1"}]}`, api.HeaderIdempotencyKey, key)
		var out api.UsageResultList
		if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil || rec.Code != 200 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
		for _, r := range out.Results {
			all = append(all, r.Status)
		}
		return all
	}
	for _, c := range []struct {
		name, lock    string
		first, second [2]string
	}{
		{"one customer", "select from customers where customer_id = '" + ada + "' for update", [2]string{api.UsageRecorded, api.UsageFailed}, [2]string{api.UsageDuplicate, api.UsageRecorded}},
		{"the answers", "lock table answers in exclusive mode", [2]string{api.UsageRecorded, api.UsageRecorded}, [2]string{api.UsageDuplicate, api.UsageDuplicate}},
	} {
		tx, err := other.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), c.lock); err != nil {
			t.Fatal(err)
		}
		first := statuses(c.name)
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		if [2]string(first) != c.first {
			t.Errorf("%s: %v while another has what it needs, want %v", c.name, first, c.first)
		}
		if second := statuses(c.name); [2]string(second) != c.second {
			t.Errorf("%s: %v by the same key, want %v", c.name, second, c.second)
		}
	}
	if a, b := used(t, w, acme, "api_calls"), used(t, w, ada, "exports"); a != "6" || b != "2" {
		t.Errorf("used %s and %s of two bulks, want 6 and 2", a, b)
	}
}
