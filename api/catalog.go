package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	FeatureConfig    = "config"    // it has a value
)

// What the value of a config feature is.
const (
	ConfigText   = "text"
	ConfigNumber = "number"
	ConfigFlag   = "flag"
	ConfigList   = "list"
)

// Which of several numbers of a config feature counts.
const (
	PickMax = "max" // the default
	PickMin = "min"
)

// Lengths of cycles, of charges and of the windows in which usage counts.
const (
	IntervalHour  = "hour"
	IntervalDay   = "day"
	IntervalWeek  = "week"
	IntervalMonth = "month"
	IntervalYear  = "year"

	CycleNone  = "none"  // only as a plan's cycle: there is none, usage never resets
	ResetCycle = "cycle" // only as a reset: with the plan's cycle; the default
	ResetNever = "never" // only as a reset
)

// Interval is the length of a cycle or of a window: one of the constants above, or
// a multiple of a unit, which [Every] makes. In a file a multiple is
// {"every": 5, "unit": "hour"}; as text it is "5 hour".
type Interval string

// Every is the interval of n units: Every(5, IntervalHour).
func Every(n int64, unit string) Interval {
	if n == 1 {
		return Interval(unit)
	}
	return Interval(strconv.FormatInt(n, 10) + " " + unit)
}

// Parts are the number and the unit of an interval; the number of "month" is 1.
func (i Interval) Parts() (n int64, unit string) {
	number, unit, multiple := strings.Cut(string(i), " ")
	if !multiple {
		return 1, string(i)
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return 1, string(i)
	}
	return n, unit
}

// IntervalMultiple is the form that an [Interval] of more than one unit has in a file.
type IntervalMultiple struct {
	Every int64  `json:"every"` // 1 to 1000
	Unit  string `json:"unit"`
}

// MarshalJSON writes the file's form.
func (i Interval) MarshalJSON() ([]byte, error) {
	n, unit := i.Parts()
	if n == 1 {
		return json.Marshal(unit)
	}
	return json.Marshal(IntervalMultiple{n, unit})
}

var errInterval = errors.New(`an interval is a word such as "month", or {"every":5,"unit":"hour"}`)

// UnmarshalJSON reads the file's form.
func (i *Interval) UnmarshalJSON(data []byte) error {
	var word string
	if json.Unmarshal(data, &word) == nil {
		*i = Interval(word)
		return nil
	}
	var form IntervalMultiple
	if strict(data, &form) != nil || form.Every < 1 || form.Unit == "" {
		return errInterval
	}
	*i = Every(form.Every, form.Unit)
	return nil
}

// strict decodes an object that has no other fields.
func strict(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

// AlignCalendar puts windows on the calendar: local midnight, Monday, the 1st, 1
// January. Without it they run from the customer's anchor.
const AlignCalendar = "calendar"

// Feature is something that plans sell or grant.
type Feature struct {
	Code  string   `json:"code"`
	Name  string   `json:"name"`
	Type  string   `json:"type"`            // FeatureCharge, FeatureMetered, FeatureUnmetered or FeatureConfig
	Unit  string   `json:"unit,omitempty"`  // metered: the singular noun, such as seat
	Reset Interval `json:"reset,omitempty"` // metered: an Interval, ResetCycle or ResetNever
	Held  bool     `json:"held,omitempty"`  // metered: it is held, not used up, and never resets
	// What items say that say nothing.
	Burns      *Burns  `json:"burns,omitempty"`
	Thresholds []int64 `json:"thresholds,omitempty"` // percents of the limit, ascending
	Low        *int64  `json:"low,omitempty"`        // what is available when to tell that it is little

	Of    string   `json:"of,omitempty"`     // config: ConfigText, ConfigNumber, ConfigFlag or ConfigList
	OneOf []string `json:"one_of,omitempty"` // config: the values there are; absent: any
	Pick  string   `json:"pick,omitempty"`   // config, of numbers: PickMax or PickMin

	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"` // at most 50
}

// PlanGroup is a family of plans of which a customer holds at most one.
type PlanGroup struct {
	Code         string `json:"code"`
	Name         string `json:"name"`
	CustomerType string `json:"customer_type"` // CustomerOrganization or CustomerUser
	Default      bool   `json:"default,omitempty"`
	// Fallback is the code of the plan that a customer is put on when another plan of
	// the group ends with nothing to follow; empty for none.
	Fallback    string            `json:"fallback,omitempty"`
	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"` // at most 50
}

// Kinds of plans.
const (
	PlanKindPlan  = "plan"   // the default
	PlanKindAddOn = "add_on" // held beside a plan
	PlanKindPack  = "pack"   // bought any number of times; gives grants
)

// Statuses of a plan and of its versions. A published version never changes.
const (
	PlanDraft     = "draft"
	PlanPublished = "published"
)

// PriceAsk is the price of a plan that has none but on demand.
const PriceAsk = "ask"

// Plan is a plan, add-on or pack as a catalog file describes it.
type Plan struct {
	Code        string            `json:"code"`
	Name        string            `json:"name"`
	Group       string            `json:"group"`              // a PlanGroup's code
	Kind        string            `json:"kind,omitempty"`     // PlanKindPlan, PlanKindAddOn or PlanKindPack
	Status      string            `json:"status,omitempty"`   // PlanDraft or PlanPublished
	Archived    bool              `json:"archived,omitempty"` // no new sign-ups
	Default     bool              `json:"default,omitempty"`  // the plan of a new customer of the group
	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`     // at most 50
	Hidden      bool              `json:"hidden,omitempty"`       // not on the price list
	Price       string            `json:"price,omitempty"`        // PriceAsk or the address of a page: there is no amount
	Cycle       Interval          `json:"cycle,omitempty"`        // an Interval or CycleNone; default month
	Align       string            `json:"align,omitempty"`        // AlignCalendar; default from the anchor
	Quantity    *Quantity         `json:"quantity,omitempty"`     // how many may be bought; default one
	Trial       *Trial            `json:"trial,omitempty"`        // default: none
	AskForCard  *bool             `json:"ask_for_card,omitempty"` // default true
	Beside      []string          `json:"beside,omitempty"`       // add-ons: the plans they go beside; default: every one of the group
	Extends     string            `json:"extends,omitempty"`      // a plan whose items this one has too
	Without     []string          `json:"without,omitempty"`      // features of that plan which it has not
	Items       []Item            `json:"items,omitempty"`        // its own
}

// Quantity is how many of a plan may be bought, such as seats. In a file it is true
// for any number, or {"min": 5, "max": 100}.
type Quantity struct {
	Min *int64 `json:"min,omitempty"` // nil: 1
	Max *int64 `json:"max,omitempty"` // nil: any number
}

// MarshalJSON writes the file's form.
func (q Quantity) MarshalJSON() ([]byte, error) {
	if q == (Quantity{}) {
		return []byte("true"), nil
	}
	type bounds Quantity
	return json.Marshal(bounds(q))
}

var errQuantity = errors.New(`quantity is not true or {"min":n,"max":n}`)

// UnmarshalJSON reads the file's form.
func (q *Quantity) UnmarshalJSON(data []byte) error {
	type bounds Quantity
	var form bounds
	if string(data) != "true" && strict(data, &form) != nil {
		return errQuantity
	}
	*q = Quantity(form)
	return nil
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

// PerQuantity says of an item that its limits, grants and prices are for one of the
// agreement's quantity.
const PerQuantity = "quantity"

// ChargeOnce is the interval of a charge that is paid once, a fee.
const ChargeOnce = "once"

// Item is one feature in one plan: what it costs and how much of it there is.
type Item struct {
	Feature     string       `json:"feature"` // a Feature's code
	PriceName   string       `json:"price_name,omitempty"`
	Value       *ConfigValue `json:"value,omitempty"`        // config only
	FixedCharge *int64       `json:"fixed_charge,omitempty"` // minor units each Interval; charges only
	Interval    string       `json:"interval,omitempty"`     // default month; ChargeOnce; charges only
	Annual      json.Number  `json:"annual,omitempty"`       // minor units a year instead: of the charge, or of a unit; decimal
	Min         *int64       `json:"min,omitempty"`
	Max         *int64       `json:"max,omitempty"`      // absent: unlimited
	Included    *int64       `json:"included,omitempty"` // how many units cost nothing
	Per         string       `json:"per,omitempty"`      // PerQuantity; of an add-on it always is
	Limit       string       `json:"limit,omitempty"`    // LimitHard or LimitSoft
	OverageMax  *int64       `json:"overage_max,omitempty"`
	UnitAmount  json.Number  `json:"unit_amount,omitempty"` // minor units a unit, decimal
	Tiers       []Tier       `json:"tiers,omitempty"`       // in place of UnitAmount
	TiersMode   string       `json:"tiers_mode,omitempty"`  // TiersGraduated, TiersVolume or TiersPackage
	Package     *int64       `json:"package,omitempty"`     // how many units one has, with TiersPackage
	Reset       Interval     `json:"reset,omitempty"`       // an Interval, ResetCycle or ResetNever; default: the feature's
	Align       string       `json:"align,omitempty"`       // AlignCalendar; default as the plan
	Caps        []Cap        `json:"caps,omitempty"`        // further limits, all of which hold
	OverLimit   *OverLimit   `json:"over_limit,omitempty"`  // default: block
	Rollover    *Rollover    `json:"rollover,omitempty"`
	Burns       *Burns       `json:"burns,omitempty"` // default: the feature's
	Grants      []ItemGrant  `json:"grants,omitempty"`
	Thresholds  []int64      `json:"thresholds,omitzero"` // percents of the limit, ascending; nil: the feature's
	Low         *Low         `json:"low,omitempty"`       // default: the feature's
	Rate        *Rate        `json:"rate,omitempty"`      // told, not counted
}

// How tiers price usage.
const (
	TiersGraduated = "graduated" // each unit by the band it falls into; the default
	TiersVolume    = "volume"    // all units by the band that their number falls into
	TiersPackage   = "package"   // each band by the package, of which begun ones count
)

// Tier is one band of a price.
type Tier struct {
	UpTo       *int64      `json:"up_to,omitempty"`       // inclusive; absent in the last tier
	UnitAmount json.Number `json:"unit_amount"`           // minor units a unit, or a package; decimal
	Annual     json.Number `json:"annual,omitempty"`      // that of a year instead
	FlatAmount json.Number `json:"flat_amount,omitempty"` // for the band as a whole, once it is reached
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
	if strict(data, &form) != nil || form.Grace.Days < 1 {
		return errOverLimit
	}
	*o = OverLimit{Policy: OverLimitGrace, Days: form.Grace.Days}
	return nil
}
