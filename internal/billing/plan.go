package billing

import (
	"cmp"
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

// UnknownFeature is FEATURE_NOT_FOUND, for a feature that is not in the catalog. It names the
// code, as several may have been asked for, unless that can be no code: such a text is not
// repeated.
func UnknownFeature(code Code) *Error {
	if !code.Valid() {
		return NotFound.Errorf("FEATURE_NOT_FOUND", "there is no feature with this code")
	}
	return NotFound.Errorf("FEATURE_NOT_FOUND", "there is no feature with the code %s", code)
}

// FeatureType is what a feature is sold as.
type FeatureType string

const (
	// Charge is a fixed price, paid for being on the plan.
	Charge FeatureType = "charge"
	// Metered is used by the unit, up to a limit or without one.
	Metered FeatureType = "metered"
	// Unmetered is there or not.
	Unmetered FeatureType = "unmetered"
	// Config has a value, such as how many days of history are kept.
	Config FeatureType = "config"
)

var featureTypes = []FeatureType{Charge, Metered, Unmetered, Config}

// Feature is something plans can contain. Features are shared by all plans.
type Feature struct {
	Code Code
	Name string
	Type FeatureType
	Unit string // "seat"; for a metered feature, may be ""
	// Reset is the reset of items that name none; it is copied into a plan
	// version when that is made.
	Reset Reset
	About

	// Held, of a metered feature: it is not used up but held, such as seats. It never
	// resets, and grants come on top of its limit.
	Held bool
	// Burns, Thresholds and Low are those of items that name none, copied as Reset is.
	Burns      *Burns
	Thresholds []int
	Low        *int64
	// Pooled says that a published version had grants of it, or rolled it over: from then
	// on what ended agreements have left behind has to be looked for. It is derived from
	// the plans, by [Catalog.Apply], and stays. Burned says likewise that another feature
	// burned it.
	Pooled, Burned bool

	// Of a config feature.
	Of    ValueKind
	OneOf []string // in their order; nil: any
	Pick  Pick     // of several numbers
}

// About is what people are told of a thing; it is not versioned.
type About struct {
	Description string
	Metadata    map[string]string // at most 50
}

// ValueKind is what the value of a config feature is.
type ValueKind string

// The kinds of values.
const (
	valueText   ValueKind = "text"
	valueNumber ValueKind = "number"
	valueFlag   ValueKind = "flag"
	valueList   ValueKind = "list"
)

var valueKinds = []ValueKind{valueText, valueNumber, valueFlag, valueList}

// Pick is which of several numbers a customer gets.
type Pick string

// What can be picked.
const (
	pickMax Pick = "max" // the default
	pickMin Pick = "min"
)

// DefaultPick is that of a feature which names none.
const DefaultPick = pickMax

var picks = []Pick{pickMax, pickMin}

// Value is what a config feature is set to. Which fields count is said by the kind of
// the feature.
type Value struct {
	Text   string           // of text
	Number *decimal.Decimal // of number; nil is unlimited
	Flag   bool             // of flag
	List   []string         // of list
}

// Burns says that each unit used of a feature also uses Rate units of another.
type Burns struct {
	Feature Code
	Rate    decimal.Decimal // more than 0, at most 10^6, at most 12 digits after the point
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
	About
}

// PlanKind tells plans, of which a customer has one at a time, from add-ons,
// which go beside it.
type PlanKind string

// The kinds of plans.
const (
	KindPlan  PlanKind = "plan"
	KindAddOn PlanKind = "add_on"
	// KindPack is sold any number of times: each purchase is a grant for each line of
	// the grants of its items. Nobody subscribes to it.
	KindPack PlanKind = "pack"
)

var planKinds = []PlanKind{KindPlan, KindAddOn, KindPack}

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
	About
	Hidden bool // not on the public price list
	// Price is "ask", or the address of a page: there is no amount. "" else.
	Price string
	// Extends is the plan whose items it had when it was applied, but for those of
	// Without; "" for none.
	Extends Code
	Without []Code
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
	// Beside, of an add-on, are the plans that it goes beside, in their order; nil is
	// every one of the group.
	Beside []Code
	Items  []Item // the position of an item is its index

	byFeature []int32 // positions of items, ascending by feature; nil: they are looked through
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

// fewItems is how many items are looked through faster than they are looked up.
const fewItems = 16

// Complete says that all items are there: what [Terms.Find] costs does not grow with their
// number from then on. Items must not change any more.
func (t *Terms) Complete() {
	if len(t.Items) <= fewItems {
		return
	}
	t.byFeature = make([]int32, len(t.Items))
	for i := range t.byFeature {
		t.byFeature[i] = int32(i)
	}
	slices.SortFunc(t.byFeature, func(a, b int32) int { return cmp.Compare(t.Items[a].Feature, t.Items[b].Feature) })
}

// Find is the position of a feature's item, or -1.
func (t *Terms) Find(feature Code) int {
	if t.byFeature == nil {
		return slices.IndexFunc(t.Items, func(it Item) bool { return it.Feature == feature })
	}
	at, ok := slices.BinarySearchFunc(t.byFeature, feature, func(i int32, feature Code) int {
		return cmp.Compare(t.Items[i].Feature, feature)
	})
	if !ok {
		return -1
	}
	return int(t.byFeature[at])
}

// hasAnnual reports whether one of the items has a price for a year at once.
func (t *Terms) hasAnnual() bool {
	return slices.ContainsFunc(t.Items, func(it Item) bool {
		return it.Annual != nil || it.AnnualUnitAmount != nil || len(it.Tiers) > 0 && it.Tiers[0].AnnualUnitAmount != nil
	})
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
	Once        bool   // a fee, which is paid at the start; then there is no Interval

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
	// AnnualUnitAmount is the price of a unit for a year at once; nil: not offered.
	AnnualUnitAmount *decimal.Decimal
	Tiers            []Tier
	TiersMode        TiersMode
	Package          int64 // of mode package: how many units one has, begun ones count
	// Included is how many units cost nothing: the price is of the rest, and thresholds
	// count against it. Nil: none are said to be.
	Included *int64
	// Caps are further limits in other windows, all of which must hold.
	Caps       []Cap
	Thresholds []int  // percent, ascending
	Low        *int64 // what is available of a pool when its owner is to be told
	OverageMax *int64 // of a soft limit: how much may be used above it; nil: any
	Burns      *Burns
	Rollover   *Rollover
	Grants     []ItemGrant
	Rate       *Rate

	// Of a config feature.
	Value *Value
}

// Cap is a limit in windows of its own.
type Cap struct {
	Max   int64
	Reset Reset
}

// Rollover keeps what is left of a window's allowance for some further windows.
type Rollover struct {
	Max     *int64 // of one window; nil: all of it
	Windows int    // 1 to 12
}

// Rate is how fast something may be used. It is told, and enforced by others.
type Rate struct {
	Max   int64
	Per   RatePer
	Burst *int64 // nil: none is said
}

// RatePer is what a rate is by.
type RatePer string

// What rates are by.
const (
	perSecond RatePer = "second"
	perMinute RatePer = "minute"
)

var ratePers = []RatePer{perSecond, perMinute}

// TiersMode is how tiers price usage.
type TiersMode string

// The modes.
const (
	graduated TiersMode = "graduated" // each unit by the band it falls into; the default
	volume    TiersMode = "volume"    // all units by the band that their number falls into
	packaged  TiersMode = "package"   // each band by the package
)

var tiersModes = []TiersMode{graduated, volume, packaged}

// ItemGrant is what a plan, an add-on or a pack gives beside an allowance: credits of
// a metered feature.
type ItemGrant struct {
	Amount   Units
	At       GrantAt   // "" of a pack
	Lasts    GrantLife // of a pack: never, or days
	Days     int       // of GrantDays
	Priority int       // 0 to 100; lower burns first
	Kind     GrantKind
}

// GrantAt is when a plan gives a grant.
type GrantAt string

// When that can be.
const (
	AtStart GrantAt = "start" // once per customer, feature and plan, ever
	AtTerm  GrantAt = "term"  // with each term of the agreement
)

var grantAts = []GrantAt{AtStart, AtTerm}

// GrantLife is how long a grant of a plan lasts.
type GrantLife string

// How long that can be.
const (
	LastsTerm      GrantLife = "term"
	LastsAgreement GrantLife = "agreement"
	LastsNever     GrantLife = "never" // without end
	LastsDays      GrantLife = "days"  // of 24 hours
)

var grantLives = []GrantLife{LastsTerm, LastsAgreement, LastsNever, LastsDays}

// GrantKind says whether a grant was paid for.
type GrantKind string

// The kinds of grants.
const (
	Paid        GrantKind = "paid"
	Promotional GrantKind = "promotional"
)

var grantKinds = []GrantKind{Paid, Promotional}

// DefaultPriority is that of a grant which names none, and of allowances.
const DefaultPriority = 50

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
