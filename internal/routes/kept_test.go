package routes

import (
	"net/http/httptest"
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
