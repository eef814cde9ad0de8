package billing

import (
	"regexp"
	"slices"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/calendar"
)

// Code names a feature, plan group or plan. It is taken literally and is unique
// within its kind.
type Code string

var codePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,63}$`)

// Valid reports whether the code has the form [a-z0-9][a-z0-9_.-]{0,63}.
func (c Code) Valid() bool { return codePattern.MatchString(string(c)) }

// FeatureType is what a feature is sold as.
type FeatureType string

const (
	// Charge is a fixed price, paid for being on the plan.
	Charge FeatureType = "charge"
	// Metered is used by the unit, up to a limit or without one.
	Metered FeatureType = "metered"
	// Unmetered is there or not.
	Unmetered FeatureType = "unmetered"
)

var featureTypes = []FeatureType{Charge, Metered, Unmetered}

// Feature is something plans can contain. Features are shared by all plans.
type Feature struct {
	Code Code
	Name string
	Type FeatureType
	Unit string // "seat"; for a metered feature, may be ""
	// Reset is the reset of items that name none; it is copied into a plan
	// version when that is made.
	Reset Reset
}

// PlanGroup holds plans for one type of customer.
type PlanGroup struct {
	ID           GroupID
	Code         Code
	Name         string
	CustomerType CustomerType
	// Default marks the one group of its customer type whose default plan a new
	// customer gets.
	Default bool
	// Fallback is the plan that a customer is put on when another of the group ends
	// with nothing to follow; "" for none.
	Fallback Code
}

// PlanKind tells plans, of which a customer has one at a time, from add-ons,
// which go beside it.
type PlanKind string

// The kinds of plans.
const (
	KindPlan  PlanKind = "plan"
	KindAddOn PlanKind = "add_on"
)

var planKinds = []PlanKind{KindPlan, KindAddOn}

// PlanStatus is where a plan is in its life.
type PlanStatus string

const (
	// draft plans may change freely and cannot be subscribed to.
	draft PlanStatus = "draft"
	// Published plans can be subscribed to; their versions never change.
	Published PlanStatus = "published"
)

var planStatuses = []PlanStatus{draft, Published}

// Plan is a plan or add-on with all its versions. Name, Archived and Default
// are not versioned.
type Plan struct {
	Code     Code
	Name     string
	Group    Code
	Kind     PlanKind
	Status   PlanStatus
	Archived bool // no new sign-ups
	Default  bool // what a new customer of the group gets
	// Versions ascend from 1 without gap. A draft has exactly one, which is
	// replaced when it changes.
	Versions []*PlanVersion
}

// Latest is the version a new customer gets.
func (p *Plan) Latest() *PlanVersion { return p.Versions[len(p.Versions)-1] }

// Version is the version of a number, or nil.
func (p *Plan) Version(number int) *PlanVersion {
	if number < 1 || number > len(p.Versions) {
		return nil
	}
	return p.Versions[number-1]
}

// PlanVersion is one state of a plan's terms. Once published it never changes
// and is shared by pointer by every customer on it.
type PlanVersion struct {
	Plan        Code
	Number      int
	PublishedOn time.Time // zero for a draft
	Terms
}

// Terms is all of a plan that is versioned.
type Terms struct {
	Cycle      calendar.Interval
	Align      calendar.Align
	Quantity   *Quantity // nil: the plan has none
	Trial      *Trial    // nil: none
	AskForCard bool
	Items      []Item // the position of an item is its index
}

// Quantity is how many of a plan may be bought, such as seats.
type Quantity struct {
	Min *int64 // nil: 1
	Max *int64 // nil: any number
}

// least is the smallest quantity that may be bought.
func (q *Quantity) least() int64 {
	if q.Min == nil {
		return 1
	}
	return *q.Min
}

// Find is the position of a feature's item, or -1.
func (t *Terms) Find(feature Code) int {
	return slices.IndexFunc(t.Items, func(it Item) bool { return it.Feature == feature })
}

// finder is Find for whoever looks for all items of terms that may have many.
func (t *Terms) finder() func(Code) int {
	const few = 16
	if len(t.Items) <= few {
		return t.Find
	}
	at := make(map[Code]int, len(t.Items))
	for i := range t.Items {
		at[t.Items[i].Feature] = i
	}
	return func(feature Code) int {
		if i, ok := at[feature]; ok {
			return i
		}
		return -1
	}
}

// HasAnnual reports whether one of the charges has an annual price.
func (t *Terms) hasAnnual() bool {
	return slices.ContainsFunc(t.Items, func(it Item) bool { return it.Annual != nil })
}

// TrialEnd is what a trial turns into.
type TrialEnd string

// What a trial can turn into.
const (
	convert TrialEnd = "convert" // the agreement goes on
	End     TrialEnd = "end"     // the agreement ends
)

var trialEnds = []TrialEnd{convert, End}

// Trial is a first time on a plan without charge, with full entitlements.
type Trial struct {
	Days           int // of 24 hours
	CardPromptDays int // before the end
	Then           TrialEnd
}

// LimitKind says whether a limit stops use or only reports it.
type LimitKind string

// The kinds of limits.
const (
	Hard LimitKind = "hard"
	Soft LimitKind = "soft"
)

var limitKinds = []LimitKind{Hard, Soft}

// OverLimitPolicy is what happens to use above a limit that came down.
type OverLimitPolicy string

// The policies.
const (
	Block OverLimitPolicy = "block" // no new use until below
	Grace OverLimitPolicy = "grace" // the old limit for some days
	Allow OverLimitPolicy = "allow" // until the window resets
)

var overLimitPolicies = []OverLimitPolicy{Block, Grace, Allow}

// OverLimit is a policy, with the days of a grace.
type OverLimit struct {
	Policy    OverLimitPolicy
	GraceDays int
}

// Item is a feature on a plan version: its limits and its price there. Which
// fields are set depends on the feature's type.
type Item struct {
	Feature Code
	// PriceName is the text on the price. Clients match on it, so it is fixed
	// with the version: the item's own, or the name the feature had then.
	PriceName string
	// PriceNameDefaulted says PriceName was taken from the feature.
	PriceNameDefaulted bool

	// Of a charge, in minor units of the catalog's currency.
	FixedCharge int64
	Interval    calendar.Interval
	Annual      *int64 // for a year at once; nil: not offered

	// Of a metered feature.
	Min *int64
	Max *int64 // nil: unlimited
	// PerQuantity says that Min and Max are for one of the agreement's quantity. Of an
	// add-on they always are.
	PerQuantity bool
	Limit       LimitKind
	Reset       Reset
	Align       calendar.Align
	OverLimit   OverLimit
	UnitAmount  *decimal.Decimal // one flat price, in minor units; nil: free or by tiers
	Tiers       []Tier
}

// PlanVersion is a published version of a plan; the latest for 0. If there is none
// the error has the code given.
func (c *Catalog) PlanVersion(code Code, number int, otherwise string) (*PlanVersion, error) {
	plan, ok := c.Plans[code]
	if !ok {
		return nil, NotFound.Errorf("PLAN_NOT_FOUND", "there is no plan with this code")
	}
	if plan.Status != Published {
		return nil, Refused.Errorf("PLAN_NOT_PUBLISHED", "plan %s is a draft", code)
	}
	if number == 0 {
		return plan.Latest(), nil
	}
	v := plan.Version(number)
	if v == nil {
		return nil, Invalid.Errorf(otherwise, "plan %s has the versions 1 to %d", code, plan.Latest().Number)
	}
	return v, nil
}

// defaultPlan is what a new customer of a type is subscribed to when none is
// named; "" if there is none.
func (c *Catalog) defaultPlan(t CustomerType) Code {
	for _, plan := range c.Plans {
		group := c.Groups[plan.Group]
		if plan.Default && plan.Status == Published && !plan.Archived && group.Default && group.CustomerType == t {
			return plan.Code
		}
	}
	return ""
}
