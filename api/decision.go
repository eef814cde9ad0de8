package api

// Bodies that name a customer do it by customer_id, or by org_code, or by
// user_id with the org_code of the organization if the user is one's, or by
// external_id: in one way, never in two.

// CheckRequest is the body of POST /v1/check. With FeatureCode the answer is a
// [Decision], with FeatureCodes a [DecisionList].
type CheckRequest struct {
	CustomerID   string   `json:"customer_id,omitempty"`
	OrgCode      string   `json:"org_code,omitempty"`
	UserID       string   `json:"user_id,omitempty"`
	ExternalID   string   `json:"external_id,omitempty"`
	FeatureCode  string   `json:"feature_code,omitempty"`
	FeatureCodes []string `json:"feature_codes,omitempty"` // in place of FeatureCode
	Units        Decimal  `json:"units,omitempty"`         // of each feature, above 0; default 1
}

// ConsumeRequest is the body of POST /v1/consume.
type ConsumeRequest struct {
	CustomerID  string  `json:"customer_id,omitempty"`
	OrgCode     string  `json:"org_code,omitempty"`
	UserID      string  `json:"user_id,omitempty"`
	ExternalID  string  `json:"external_id,omitempty"`
	FeatureCode string  `json:"feature_code"`
	Units       Decimal `json:"units,omitempty"` // above 0; default 1
}

// Why a decision is what it is.
const (
	ReasonUnmetered     = "unmetered"       // allowed: one has it, and it is not counted
	ReasonWithinLimit   = "within_limit"    // allowed
	ReasonUnlimited     = "unlimited"       // allowed
	ReasonOverSoftLimit = "over_soft_limit" // allowed, and above a limit that is only reported
	ReasonLimitReached  = "limit_reached"   // refused
	ReasonCapReached    = "cap_reached"     // refused: one of the caps leaves too little
	ReasonPoolEmpty     = "pool_empty"      // refused: what it burns has too little
	ReasonHeld          = "held"            // allowed: the units were set aside before
	// ReasonOverageLimitReached refuses what would pass a limit of what may be used above
	// a soft limit.
	ReasonOverageLimitReached = "overage_limit_reached"
	ReasonNotEntitled         = "not_entitled" // refused: nothing grants the feature, or an override denies it
	ReasonSuspended           = "suspended"    // refused, as everything to this customer
)

// Decision answers POST /v1/check and POST /v1/consume: whether the units may be
// used, and all that follows from. After a consume Used and Remaining count what
// it recorded.
type Decision struct {
	Allowed     bool          `json:"allowed"`
	Reason      string        `json:"reason"` // a Reason
	FeatureCode string        `json:"feature_code"`
	Type        string        `json:"type"`        // FeatureCharge, FeatureMetered, FeatureUnmetered or FeatureConfig
	Limit       *int64        `json:"limit"`       // the effective one; null without a limit
	Used        Decimal       `json:"used"`        // in the window that runs now
	Held        Decimal       `json:"held"`        // set aside by holds of that window
	Remaining   *Decimal      `json:"remaining"`   // never below 0; null where nothing limits or entitles
	Soft        bool          `json:"soft"`        // the limit is reported, not enforced
	ResetsOn    *Time         `json:"resets_on"`   // when usage counts from 0 again; null if never
	NextChange  *NextChange   `json:"next_change"` // null while none is known
	Sources     []Source      `json:"sources"`
	Value       *ConfigValue  `json:"value,omitempty"`    // of a config feature
	Caps        []CapStanding `json:"caps,omitempty"`     // further limits in windows of their own
	Included    *int64        `json:"included,omitempty"` // units of a window that cost nothing
	Rate        *Rate         `json:"rate,omitempty"`     // how fast; it is told, and never counted here
	// Of a feature that is paid from more than the allowance of its window, or burns
	// another: see docs/credits.md.
	Pool     *PoolUse     `json:"pool,omitempty"`    // what it burns
	Draws    []CreditDraw `json:"draws,omitempty"`   // what the units were paid from; absent where there is one source, and of a check
	Overage  Decimal      `json:"overage,omitempty"` // used in the window above what sources paid; absent if nothing was
	Revision string       `json:"revision"`          // as in the header Allot-Revision
}

// CapStanding is a further limit of a feature in a window of its own. All of them must
// hold.
type CapStanding struct {
	Max       int64    `json:"max"`
	Reset     Interval `json:"reset"` // as an [Item]'s
	Used      Decimal  `json:"used"`  // in the window that runs now
	Remaining Decimal  `json:"remaining"`
	ResetsOn  *Time    `json:"resets_on"` // null if never
}

// PoolUse is what a feature burns of another.
type PoolUse struct {
	FeatureCode string       `json:"feature_code"`
	Units       Decimal      `json:"units"`           // that the use burns; "0" where none is asked about
	Remaining   *Decimal     `json:"remaining"`       // that this feature may burn; null: without limit
	Draws       []CreditDraw `json:"draws,omitempty"` // as those of [Decision]
}

// DecisionList answers POST /v1/check with feature_codes, in their order.
type DecisionList struct {
	Results []Decision `json:"results"`
}

// Why an allowance changes by itself.
const (
	ChangeTrialEnds       = "trial_ends"
	ChangePlanEnds        = "plan_ends"
	ChangeAddOnEnds       = "add_on_ends"
	ChangeScheduled       = "scheduled_change"
	ChangeOverrideExpires = "override_expires"
	ChangeGraceEnds       = "grace_ends" // of the policy OverLimitGrace
	ChangeGrantStarts     = "grant_starts"
	ChangeGrantExpires    = "grant_expires"
	ChangeRolloverEnds    = "rollover_ends"
	ChangeAllowanceResets = "allowance_resets" // one in another rhythm
	ChangeZoneChanges     = "zone_changes"
)

// NextChange is the next instant at which an allowance changes by itself, apart
// from the reset of its window.
type NextChange struct {
	On  Time   `json:"on"`
	Why string `json:"why"` // a Change
}

// Kinds of sources.
const (
	SourcePlan     = "plan"
	SourceAddOn    = "add_on"
	SourceOverride = "override"
	SourceGrant    = "grant"
)

// Source is one thing that has a say in an allowance.
type Source struct {
	Kind     string `json:"kind"`                // SourcePlan, SourceAddOn, SourceOverride or SourceGrant
	ID       string `json:"id"`                  // agreement_…, override_… or grant_…
	PlanCode string `json:"plan_code,omitempty"` // absent of an override and of a grant
	Max      *int64 `json:"max"`                 // its part of the limit; null: no limit; of a grant the whole units it is of
	Counts   bool   `json:"counts"`              // false when another source took its place, or an override denies it
}

// Entitlement is what a customer may use of a feature at an instant, and has
// used by then. Its fields are as in [Decision].
type Entitlement struct {
	FeatureCode string      `json:"feature_code"`
	FeatureName string      `json:"feature_name"`
	Type        string      `json:"type"` // FeatureCharge, FeatureMetered, FeatureUnmetered or FeatureConfig
	Limit       *int64      `json:"limit"`
	Used        Decimal     `json:"used"`
	Held        Decimal     `json:"held"`
	Remaining   *Decimal    `json:"remaining"`
	Soft        bool        `json:"soft"`
	ResetsOn    *Time       `json:"resets_on"`
	NextChange  *NextChange `json:"next_change"`
	Sources     []Source    `json:"sources"`

	Value    *ConfigValue  `json:"value,omitempty"`
	Caps     []CapStanding `json:"caps,omitempty"`
	Included *int64        `json:"included,omitempty"`
	Rate     *Rate         `json:"rate,omitempty"`
	Pool     *PoolUse      `json:"pool,omitempty"`
	Overage  Decimal       `json:"overage,omitempty"`
}

// EntitlementList answers GET /v1/customers/{id}/entitlements: everything that
// the customer is entitled to at an instant, ascending by feature code. It is not
// paged.
type EntitlementList struct {
	CustomerID   string        `json:"customer_id"`
	At           Time          `json:"at"`
	Entitlements []Entitlement `json:"entitlements"`
	Revision     string        `json:"revision"` // as in the header Allot-Revision
}
