package routes

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
)

// What a correction comes to depends on what was used before: under a key its
// refusal is kept, and said again when there is enough to correct. What is wrong
// with the text of a value is a fault of the request, which the same key may put
// right.
func TestRefusalOfACorrectionIsKept(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	agreement := ask[api.BillingAgreementList](t, w, "GET", "/api/v1/billing/agreements?customer_id="+acme, "").Agreements[0].ID
	meter := func(key, value string) *httptest.ResponseRecorder {
		t.Helper()
		return w.ask(t, "POST", "/api/v1/billing/meter_usage",
			`{"customer_agreement_id":"`+agreement+`","billing_feature_code":"seats","meter_value":"`+value+`"}`,
			api.HeaderIdempotencyKey, key)
	}
	refused := func(rec *httptest.ResponseRecorder, replayed string) {
		t.Helper()
		if rec.Code != 400 || errorsOf(t, rec)[0].Code != "METER_VALUE_INVALID" {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		if got := rec.Header().Get(api.HeaderIdempotencyReplayed); got != replayed {
			t.Errorf("METER_VALUE_INVALID with %s %q, want %q", api.HeaderIdempotencyReplayed, got, replayed)
		}
	}
	refused(meter("correction", "-1"), "")
	if rec := meter("usage", "2"); rec.Code != 200 {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	refused(meter("correction", "-1"), "true")
	if got := used(t, w, acme, "seats"); got != "2" {
		t.Errorf("%s is used; the refused correction counts, under the key it was refused under", got)
	}

	refused(meter("typo", "1,5"), "")
	if rec := meter("typo", "1.5"); rec.Code != 200 || rec.Header().Get(api.HeaderIdempotencyReplayed) != "" {
		t.Errorf("the corrected text: %d %s", rec.Code, rec.Body)
	}
}

// What was answered of a customer who was purged since is not said again, and that is said.
func TestReplayAfterAPurge(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, openStore(t, database(t)), 0)
			w.settle(t)
			body := `{"customer_id":"` + acme + `","feature_code":"seats","units":"1","expires_in":60}`
			first := w.ask(t, "POST", "/v1/holds", body, "Idempotency-Key", "hold")
			if again := w.ask(t, "POST", "/v1/holds", body, "Idempotency-Key", "hold"); first.Code != 201 || again.Body.String() != first.Body.String() {
				t.Fatalf("%d %s, and again %s", first.Code, first.Body, again.Body)
			}
			if rec := w.ask(t, "DELETE", "/v1/customers/"+acme+"?purge=true", ""); rec.Code >= 300 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			again := w.ask(t, "POST", "/v1/holds", body, "Idempotency-Key", "hold")
			if again.Code != 201 || !strings.HasPrefix(again.Body.String(), `{"warnings":[{"code":"THING_GONE"`) || strings.Contains(again.Body.String(), acme) {
				t.Errorf("%d %s", again.Code, again.Body)
			}
		})
	}
}
