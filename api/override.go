package api

// SetOverrideRequest is the body of PUT
// /v1/customers/{id}/overrides/{feature_code}: the customer's own terms, in place
// of those it had.
type SetOverrideRequest struct {
	// Max takes the place of the plan's part of the limit. Null: unlimited.
	Max Optional[int64] `json:"max,omitzero"`
	// AtLeast lifts the plan's part of the limit where that is lower; not with Max.
	AtLeast *int64 `json:"at_least,omitempty"`
	Add     int64  `json:"add,omitempty"`  // on top of the limit
	Deny    bool   `json:"deny,omitempty"` // takes the feature away; not with Max, AtLeast, Add or Value
	// Value is what a config feature is set to, as in [Decision].
	Value     *ConfigValue `json:"value,omitempty"`
	Note      string       `json:"note,omitempty"`
	ExpiresOn *Time        `json:"expires_on,omitempty"` // default: no end
}

// Override is a customer's own terms for a feature. It survives changes of plan.
type Override struct {
	ID          string          `json:"id"` // override_…
	FeatureCode string          `json:"feature_code"`
	Max         Optional[int64] `json:"max,omitzero"` // absent if not set; null: unlimited
	AtLeast     *int64          `json:"at_least,omitempty"`
	Add         int64           `json:"add,omitempty"`
	Deny        bool            `json:"deny,omitempty"`
	Value       *ConfigValue    `json:"value,omitempty"` // as in [Decision]
	Note        string          `json:"note,omitempty"`
	StartsOn    Time            `json:"starts_on"`
	ExpiresOn   *Time           `json:"expires_on"` // null while no end is set
	// Warnings are what one would not expect of the success.
	Warnings []Warning `json:"warnings,omitempty"`
}
