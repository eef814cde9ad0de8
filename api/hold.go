package api

// MaxHoldSeconds is the longest that a hold lasts: a day.
const MaxHoldSeconds = 86_400

// CreateHoldRequest is the body of POST /v1/holds.
type CreateHoldRequest struct {
	CustomerID  string  `json:"customer_id,omitempty"` // or as in [CheckRequest]
	OrgCode     string  `json:"org_code,omitempty"`
	UserID      string  `json:"user_id,omitempty"`
	ExternalID  string  `json:"external_id,omitempty"`
	FeatureCode string  `json:"feature_code"`
	Units       Decimal `json:"units"`      // above 0
	ExpiresIn   int64   `json:"expires_in"` // seconds, from 1 to MaxHoldSeconds
}

// Hold answers POST /v1/holds: with 201 the hold, with 200 a refusal, which has
// neither ID nor ExpiresOn and is not Allowed. An expired hold counts no more.
type Hold struct {
	ID        string `json:"id,omitempty"` // hold_…
	ExpiresOn *Time  `json:"expires_on,omitempty"`
	Decision
}

// ConfirmHoldRequest is the body of POST /v1/holds/{id}/confirm, which may be
// left out.
type ConfirmHoldRequest struct {
	Units Decimal `json:"units,omitempty"` // above 0, at most those held; default: all of them
}

// What became of a hold.
const (
	HoldConfirmed = "confirmed"
	HoldReleased  = "released"
)

// ClosedHold answers POST /v1/holds/{id}/confirm and …/release. The decision in
// it is how the feature stands now, in the window that runs now.
type ClosedHold struct {
	ID    string  `json:"id"`
	State string  `json:"state"` // HoldConfirmed or HoldReleased
	Units Decimal `json:"units"` // that were confirmed; "0" of a released hold
	Decision
}
