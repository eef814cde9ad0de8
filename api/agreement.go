package api

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
	WhenPeriodEnd = "period_end" // at the end of the cycle that runs now
)

// Agreement is what ties a customer to one version of a plan or add-on, as
// Allot's own API shows it. [BillingAgreement] is Kinde's view of the same.
type Agreement struct {
	ID                 string `json:"id"` // agreement_…
	CustomerID         string `json:"customer_id"`
	PlanCode           string `json:"plan_code"`
	Version            int64  `json:"version"`  // of the plan; it never changes
	Kind               string `json:"kind"`     // PlanKindPlan or PlanKindAddOn
	Quantity           int64  `json:"quantity"` // 1 for a plan
	Annual             bool   `json:"annual"`   // the yearly price was taken
	Status             string `json:"status"`   // AgreementScheduled, AgreementLive or AgreementEnded
	StartsOn           Time   `json:"starts_on"`
	ExpiresOn          *Time  `json:"expires_on"`              // null while no end is set
	TrialEndsOn        *Time  `json:"trial_ends_on,omitempty"` // absent without a trial
	CurrentPeriodStart *Time  `json:"current_period_start"`    // null unless live and in a cycle
	CurrentPeriodEnd   *Time  `json:"current_period_end"`      // null unless live and in a cycle
	CreatedOn          Time   `json:"created_on"`
}

// CreateCustomerAgreementRequest is the body of POST
// /v1/customers/{id}/agreements.
type CreateCustomerAgreementRequest struct {
	PlanCode  string `json:"plan_code"`
	Version   *int64 `json:"version,omitempty"`  // default: the newest published
	Quantity  *int64 `json:"quantity,omitempty"` // add-ons only; default 1
	Annual    bool   `json:"annual,omitempty"`
	StartsOn  *Time  `json:"starts_on,omitempty"` // default: now, or as When says
	ExpiresOn *Time  `json:"expires_on,omitempty"`
	When      string `json:"when,omitempty"` // WhenNow or WhenPeriodEnd
	ID        string `json:"id,omitempty"`   // to import one: agreement_ and 32 lower-case hex digits
}
