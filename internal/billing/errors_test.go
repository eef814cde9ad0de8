package billing

import "testing"

// What the state of things refuses is the outcome of the work; what is wrong with
// a request, or not there, is not.
func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		kind    Kind
		code    string
		outcome bool
	}{
		{Conflict, "CUSTOMER_EXISTS", true},
		{Conflict, "HOLD_NOT_ACTIVE", true},
		{Invalid, "AGREEMENT_NOT_ACTIVE", true},
		{Invalid, "FEATURE_NOT_METERED", true},
		{Invalid, "METER_VALUE_INVALID", true},
		{Invalid, "PLAN_NOT_AVAILABLE", true},
		{Invalid, "PLAN_NOT_PUBLISHED", true},
		{Invalid, "UNITS_INVALID", false},
		{Invalid, "WHEN_INVALID", false},
		{NotFound, "PLAN_NOT_FOUND", false},
		{Internal, "PLAN_NOT_PUBLISHED", false},
		{Invalid, "IDEMPOTENCY_KEY_REUSED", false},
	} {
		if e := (&Error{Kind: c.kind, Code: c.code}); e.Outcome() != c.outcome {
			t.Errorf("kind %d, %s: outcome %v", c.kind, c.code, e.Outcome())
		}
	}
}
