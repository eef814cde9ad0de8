package api

import "encoding/json"

// Where a grant is in its life.
const (
	GrantScheduled = "scheduled" // effective_on is still to come
	GrantLive      = "live"
	GrantExpired   = "expired"
	GrantVoided    = "voided"
)

// CreateGrantRequest is the body of POST /v1/customers/{id}/grants: an amount of a
// feature, or with Pack what that has, of which only Quantity and ExternalID are said.
type CreateGrantRequest struct {
	FeatureCode string  `json:"feature_code,omitempty"`
	Amount      Decimal `json:"amount,omitempty"`       // above 0
	Kind        string  `json:"kind,omitempty"`         // GrantPaid or GrantPromotional
	EffectiveOn *Time   `json:"effective_on,omitempty"` // default: now; may be in the past
	ExpiresOn   *Time   `json:"expires_on,omitempty"`   // default: never
	Priority    *int64  `json:"priority,omitempty"`     // 0 to 100; lower burns first; default 50
	// Only are the features that may use it up, of those that burn FeatureCode; default:
	// all, and FeatureCode itself.
	Only []string `json:"only,omitempty"`
	// CostBasis is what a unit was paid with: minor units, decimal.
	CostBasis json.Number `json:"cost_basis,omitempty"`
	Note      string      `json:"note,omitempty"`

	Pack     string `json:"pack,omitempty"`
	Quantity *int64 `json:"quantity,omitempty"` // default 1

	// ExternalID is what another system calls the purchase, such as the id of its payment.
	// Unique for the customer: the same request again is answered with the first grants.
	ExternalID string `json:"external_id,omitempty"`
}

// Grant is an amount of a metered feature that a customer has beside its allowances.
type Grant struct {
	ID          string      `json:"id"` // grant_…
	CustomerID  string      `json:"customer_id"`
	FeatureCode string      `json:"feature_code"`
	Amount      Decimal     `json:"amount"`
	Kind        string      `json:"kind"`   // GrantPaid or GrantPromotional
	Status      string      `json:"status"` // GrantScheduled, GrantLive, GrantExpired or GrantVoided
	Priority    int64       `json:"priority"`
	EffectiveOn Time        `json:"effective_on"`
	ExpiresOn   *Time       `json:"expires_on"` // null: never
	Only        []string    `json:"only,omitempty"`
	CostBasis   json.Number `json:"cost_basis,omitempty"` // minor units a unit, decimal
	Note        string      `json:"note,omitempty"`
	Pack        string      `json:"pack,omitempty"` // what it was bought as
	ExternalID  string      `json:"external_id,omitempty"`
	CreatedOn   Time        `json:"created_on"`
	// EndedOn is when it was voided, ClawedBackOn since when what was drawn of it is a
	// debt.
	EndedOn      *Time `json:"ended_on,omitempty"`
	ClawedBackOn *Time `json:"clawed_back_on,omitempty"`

	Remaining  Decimal `json:"remaining"`  // that can be used, now or once it is effective
	Drawn      Decimal `json:"drawn"`      // by usage
	Held       Decimal `json:"held"`       // by open holds
	Debt       Decimal `json:"debt"`       // drawn of one that was clawed back, and not paid for by others since
	Refundable Decimal `json:"refundable"` // neither drawn nor held

	// Warnings are what one would not expect of the success.
	Warnings []Warning `json:"warnings,omitempty"`
}

// GrantPurchase answers POST /v1/customers/{id}/grants with a pack: its grants in the
// order of the pack's lines.
type GrantPurchase struct {
	Grants   []Grant   `json:"grants"`
	Warnings []Warning `json:"warnings,omitempty"`
}

// GrantList answers GET /v1/customers/{id}/grants: a page, ascending by id.
type GrantList struct {
	Grants  []Grant `json:"grants"`
	HasMore bool    `json:"has_more"` // more in the direction of travel
}

// VoidGrantRequest is the body of POST /v1/grants/{id}/void, which may be left out.
type VoidGrantRequest struct {
	ClawBack   bool   `json:"claw_back,omitempty"` // what was drawn is a debt
	ExternalID string `json:"external_id,omitempty"`
}

// VoidedGrant answers POST /v1/grants/{id}/void.
type VoidedGrant struct {
	Grant      Grant   `json:"grant"`
	Refundable Refund  `json:"refundable"`
	Debt       Decimal `json:"debt"`
}

// Refund is what of a grant was neither drawn nor held.
type Refund struct {
	Units  Decimal `json:"units"`
	Amount *int64  `json:"amount,omitempty"` // minor units, rounded half up; absent without a cost_basis
}
