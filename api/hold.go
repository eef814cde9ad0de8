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
	Units Decimal `json:"units,omitempty"` // above 0; default: all that are held
	Over  string  `json:"over,omitempty"`  // OverReject, OverAvailable or OverRecord
}

// What a confirm of more units than are held does.
const (
	OverReject    = "reject"    // it is refused; the default
	OverAvailable = "available" // it counts what the limit leaves beside the hold, at least what is held
	OverRecord    = "record"    // it counts all of them, above the limit too
)

// ExtendHoldRequest is the body of POST /v1/holds/{id}/extend.
type ExtendHoldRequest struct {
	ExpiresIn int64 `json:"expires_in"` // seconds from now, from 1 to MaxHoldSeconds
}

// The states of a hold.
const (
	HoldOpen      = "open"
	HoldConfirmed = "confirmed"
	HoldReleased  = "released"
	HoldExpired   = "expired" // nobody closed it in time
)

// ClosedHold answers POST /v1/holds/{id}/confirm and …/release. The decision in it
// is how the feature stands in the window that the hold was made in.
type ClosedHold struct {
	ID    string  `json:"id"`
	State string  `json:"state"` // HoldConfirmed or HoldReleased
	Units Decimal `json:"units"` // that were counted; "0" of a released hold
	// Uncovered is what of more than was held, with over=record, no source of a hard limit
	// has paid for; absent if all was.
	Uncovered Decimal `json:"uncovered,omitempty"`
	Decision
}

// HoldDetail is a hold as it stands. It answers GET /v1/holds/{id} and POST
// /v1/holds/{id}/extend.
type HoldDetail struct {
	ID          string   `json:"id"` // hold_…
	CustomerID  string   `json:"customer_id"`
	FeatureCode string   `json:"feature_code"`
	State       string   `json:"state"`             // a Hold state
	Units       Decimal  `json:"units"`             // that are or were held
	Counted     *Decimal `json:"counted,omitempty"` // of a confirmed hold; may be more or fewer than Units
	CreatedOn   Time     `json:"created_on"`
	ExpiresOn   Time     `json:"expires_on"` // from then on it counts no more; of a closed hold, when it was closed
}

// HoldList answers GET /v1/customers/{id}/holds: a page, ascending by id. Those that
// were over long ago are gone.
type HoldList struct {
	Holds   []HoldDetail `json:"holds"`
	HasMore bool         `json:"has_more"` // more in the direction of travel
}
