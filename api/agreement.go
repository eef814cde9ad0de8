package api

import (
	"bytes"
	"encoding/json"
)

// Statuses of an agreement. It is live from starts_on until just before
// expires_on.
const (
	AgreementScheduled = "scheduled"
	AgreementLive      = "live"
	AgreementEnded     = "ended"
)

// When a change or a cancellation takes effect.
const (
	WhenNow       = "now"        // at once; the default
	WhenPeriodEnd = "period_end" // at the end of the term that runs now
)

// What becomes of what is scheduled in the place of an agreement that is made or
// cancelled.
const (
	ScheduledKeep = "keep" // it stays; the default
	ScheduledDrop = "drop" // it is withdrawn
)

// How an agreement came about, other than by being asked for.
const (
	OriginImport   = "import"   // history that was brought along
	OriginFallback = "fallback" // by the fallback of its plan group, where another's end was set
)

// What periods are counted from, in place of a [Time].
const (
	AnchorKeep  = "keep"  // what those of the agreement before are
	AnchorStart = "start" // the start of the new agreement
)

// Agreement is what ties a customer to one version of a plan or add-on, as
// Allot's own API shows it. [BillingAgreement] is Kinde's view of the same.
type Agreement struct {
	ID                 string `json:"id"` // agreement_…
	CustomerID         string `json:"customer_id"`
	PlanCode           string `json:"plan_code"`
	Version            int64  `json:"version"` // of the plan; it never changes
	Kind               string `json:"kind"`    // PlanKindPlan or PlanKindAddOn
	Quantity           int64  `json:"quantity"`
	Annual             bool   `json:"annual"` // the yearly price was taken
	Status             string `json:"status"` // AgreementScheduled, AgreementLive or AgreementEnded
	StartsOn           Time   `json:"starts_on"`
	ExpiresOn          *Time  `json:"expires_on"`              // null while no end is set
	TrialEndsOn        *Time  `json:"trial_ends_on,omitempty"` // absent without a trial
	AnchorOn           *Time  `json:"anchor_on,omitempty"`     // what its cycles are counted from; absent before the first sign-up
	CurrentPeriodStart *Time  `json:"current_period_start"`    // of the term; null once ended and without one
	CurrentPeriodEnd   *Time  `json:"current_period_end"`      // of the term; null once ended and without one
	CreatedOn          Time   `json:"created_on"`
	Origin             string `json:"origin,omitempty"` // OriginImport or OriginFallback; absent if it was asked for
	// ExternalID is what another system, such as a payment provider, calls it.
	ExternalID string            `json:"external_id,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
	// Withdrawn are the ids of scheduled agreements that the request took away.
	Withdrawn []string `json:"withdrawn,omitempty"`
	// Warnings are what one would not expect of the success.
	Warnings []Warning `json:"warnings,omitempty"`
}

// CreateCustomerAgreementRequest is the body of POST
// /v1/customers/{id}/agreements. What is left out is as it is held, if the customer
// is on the plan already.
type CreateCustomerAgreementRequest struct {
	PlanCode  string `json:"plan_code"`
	Version   *int64 `json:"version,omitempty"`   // default: the newest published
	Quantity  *int64 `json:"quantity,omitempty"`  // of an add-on, or a plan that has a quantity; default 1
	Annual    *bool  `json:"annual,omitempty"`    // take the yearly price; default: not
	StartsOn  *Time  `json:"starts_on,omitempty"` // default: now, or as When says
	ExpiresOn *Time  `json:"expires_on,omitempty"`
	When      string `json:"when,omitempty"` // WhenNow or WhenPeriodEnd; not with StartsOn
	// Trial absent: as the plan says.
	Trial *TrialChoice `json:"trial,omitempty"`
	// Anchor is what periods are counted from: AnchorKeep, AnchorStart or a time in
	// ISO 8601. Absent: as they were, where the cycle stays.
	Anchor string `json:"anchor,omitempty"`
	// Scheduled says what becomes of what is scheduled after the start: ScheduledKeep
	// or ScheduledDrop.
	Scheduled  string            `json:"scheduled,omitempty"`
	Import     bool              `json:"import,omitempty"` // it is history: no trial, and nobody is told
	ID         string            `json:"id,omitempty"`     // to import one: agreement_ and 32 lower-case hex digits
	ExternalID string            `json:"external_id,omitempty"`
	Metadata   map[string]string `json:"metadata,omitempty"`
}

// TrialChoice is a trial in place of the plan's own: of some days of 24 hours, or up
// to an instant. The zero value is no trial, and is false on the wire.
type TrialChoice struct {
	Days   int64 `json:"days,omitempty"` // from 1
	EndsOn *Time `json:"ends_on,omitempty"`
}

// MarshalJSON writes false or an object.
func (t TrialChoice) MarshalJSON() ([]byte, error) {
	if t == (TrialChoice{}) {
		return []byte("false"), nil
	}
	type fields TrialChoice
	return json.Marshal(fields(t))
}

// UnmarshalJSON reads false or an object.
func (t *TrialChoice) UnmarshalJSON(data []byte) error {
	if string(bytes.TrimSpace(data)) == "false" {
		*t = TrialChoice{}
		return nil
	}
	type fields TrialChoice
	return json.Unmarshal(data, (*fields)(t))
}

// UpdateAgreementRequest is the body of PATCH /v1/agreements/{id}. What is absent
// stays. Null clears expires_on, external_id and metadata. A metadata value replaces
// all of it.
type UpdateAgreementRequest struct {
	// TrialEndsOn moves the end of a trial that runs or is still to begin.
	TrialEndsOn Optional[Time]              `json:"trial_ends_on,omitzero"`
	ExpiresOn   Optional[Time]              `json:"expires_on,omitzero"`
	ExternalID  Optional[string]            `json:"external_id,omitzero"`
	Metadata    Optional[map[string]string] `json:"metadata,omitzero"`
}
