package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Catalog is a catalog file: what PUT /v1/catalog reads and GET /v1/catalog
// answers, under the file's own keys. In a file that is applied, whatever is
// left out stays as it is.
type Catalog struct {
	Currency   string      `json:"currency,omitempty"` // ISO 4217, lower case
	Features   []Feature   `json:"features,omitempty"`
	PlanGroups []PlanGroup `json:"plan_groups,omitempty"`
	Plans      []Plan      `json:"plans,omitempty"`
}

// Types of features.
const (
	FeatureCharge    = "charge"    // a fixed amount
	FeatureMetered   = "metered"   // counted, with a limit or a price or both
	FeatureUnmetered = "unmetered" // one has it or has it not
)

// Lengths of cycles, of charges and of the windows in which usage counts.
const (
	IntervalDay   = "day"
	IntervalWeek  = "week"
	IntervalMonth = "month"
	IntervalYear  = "year"

	CycleNone  = "none"  // only as a plan's cycle: there is none, usage never resets
	ResetCycle = "cycle" // only as a reset: with the plan's cycle; the default
	ResetNever = "never" // only as a reset
)

// Feature is something that plans sell or grant.
type Feature struct {
	Code  string `json:"code"`
	Name  string `json:"name"`
	Type  string `json:"type"`            // FeatureCharge, FeatureMetered or FeatureUnmetered
	Unit  string `json:"unit,omitempty"`  // metered: the singular noun, such as seat
	Reset string `json:"reset,omitempty"` // metered: ResetCycle, ResetNever or an Interval
}

// PlanGroup is a family of plans of which a customer holds at most one.
type PlanGroup struct {
	Code         string `json:"code"`
	Name         string `json:"name"`
	CustomerType string `json:"customer_type"` // CustomerOrganization or CustomerUser
	Default      bool   `json:"default,omitempty"`
}

// Kinds of plans.
const (
	PlanKindPlan  = "plan"   // the default
	PlanKindAddOn = "add_on" // held beside a plan
)

// Statuses of a plan and of its versions. A published version never changes.
const (
	PlanDraft     = "draft"
	PlanPublished = "published"
)

// Plan is a plan or add-on as a catalog file describes it.
type Plan struct {
	Code       string `json:"code"`
	Name       string `json:"name"`
	Group      string `json:"group"`                  // a PlanGroup's code
	Kind       string `json:"kind,omitempty"`         // PlanKindPlan or PlanKindAddOn
	Status     string `json:"status,omitempty"`       // PlanDraft or PlanPublished
	Archived   bool   `json:"archived,omitempty"`     // no new sign-ups
	Default    bool   `json:"default,omitempty"`      // the plan of a new customer of the group
	Cycle      string `json:"cycle,omitempty"`        // an Interval or CycleNone; default month
	Trial      *Trial `json:"trial,omitempty"`        // default: none
	AskForCard *bool  `json:"ask_for_card,omitempty"` // default true
	Items      []Item `json:"items"`
}

// What a trial turns into.
const (
	TrialConvert = "convert" // the agreement goes on; the default
	TrialEnd     = "end"     // the agreement ends
)

// Trial is the time at the start of a plan in which nothing is charged.
type Trial struct {
	Days           int64  `json:"days,omitempty"`             // default 30
	CardPromptDays *int64 `json:"card_prompt_days,omitempty"` // before the end; default 3
	Then           string `json:"then,omitempty"`             // TrialConvert or TrialEnd
}

// Kinds of limits.
const (
	LimitHard = "hard" // never exceeded; the default
	LimitSoft = "soft" // reported, not enforced
)

// Item is one feature in one plan: what it costs and how much of it there is.
type Item struct {
	Feature     string      `json:"feature"` // a Feature's code
	PriceName   string      `json:"price_name,omitempty"`
	FixedCharge *int64      `json:"fixed_charge,omitempty"` // minor units each Interval; charges only
	Interval    string      `json:"interval,omitempty"`     // default month; charges only
	Annual      *int64      `json:"annual,omitempty"`       // minor units a year instead; charges only
	Min         *int64      `json:"min,omitempty"`
	Max         *int64      `json:"max,omitempty"`         // absent: unlimited
	Limit       string      `json:"limit,omitempty"`       // LimitHard or LimitSoft
	UnitAmount  json.Number `json:"unit_amount,omitempty"` // minor units a unit, decimal
	Tiers       []Tier      `json:"tiers,omitempty"`       // in place of UnitAmount
	Reset       string      `json:"reset,omitempty"`       // default: the feature's
	OverLimit   *OverLimit  `json:"over_limit,omitempty"`  // default: block
}

// Tier is one step of a graduated price.
type Tier struct {
	UpTo       *int64      `json:"up_to,omitempty"` // inclusive; absent in the last tier
	UnitAmount json.Number `json:"unit_amount"`     // minor units a unit, decimal
}

// What happens to a customer above the limit after a change of plan.
const (
	OverLimitBlock = "block" // no new use until below the limit; the default
	OverLimitAllow = "allow" // the old limit until usage resets
	OverLimitGrace = "grace" // the old limit for some days
)

// OverLimit is a policy for a customer above the limit. In a file it is "block",
// "allow" or {"grace": {"days": n}}.
type OverLimit struct {
	Policy string // OverLimitBlock, OverLimitAllow or OverLimitGrace
	Days   int64  // with OverLimitGrace
}

type graceForm struct {
	Grace struct {
		Days int64 `json:"days"`
	} `json:"grace"`
}

// MarshalJSON writes the file's form.
func (o OverLimit) MarshalJSON() ([]byte, error) {
	switch o.Policy {
	case OverLimitBlock, OverLimitAllow:
		return json.Marshal(o.Policy)
	case OverLimitGrace:
		var form graceForm
		form.Grace.Days = o.Days
		return json.Marshal(form)
	}
	return nil, fmt.Errorf("over_limit %q is not block, allow or grace", o.Policy)
}

var errOverLimit = errors.New(`over_limit is not "block", "allow" or {"grace":{"days":n}}`)

// UnmarshalJSON reads the file's form.
func (o *OverLimit) UnmarshalJSON(data []byte) error {
	var policy string
	if json.Unmarshal(data, &policy) == nil {
		if policy != OverLimitBlock && policy != OverLimitAllow {
			return errOverLimit
		}
		*o = OverLimit{Policy: policy}
		return nil
	}
	var form graceForm
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if d.Decode(&form) != nil || form.Grace.Days < 1 {
		return errOverLimit
	}
	*o = OverLimit{Policy: OverLimitGrace, Days: form.Grace.Days}
	return nil
}
