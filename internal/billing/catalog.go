package billing

import (
	"strings"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/calendar"
)

// Catalog is everything that is sold, at one revision. It is never changed:
// applying a [CatalogSpec] makes the next one, which shares what stayed.
type Catalog struct {
	// Rev counts the changes to the catalog. 0 is the empty catalog of a new
	// installation.
	Rev       int64
	ChangedOn time.Time
	Currency  string // ISO 4217 in lower case; "" until something is published
	Features  map[Code]*Feature
	Groups    map[Code]*PlanGroup
	Plans     map[Code]*Plan
	// Unfinished says that servers of the version before may still run: see
	// catalog_wait.go.
	Unfinished bool
}

// CatalogSpec is a catalog as its file states it: what there should be. What it
// leaves out stays as it is.
type CatalogSpec struct {
	Currency string // "" = as it is
	Features []Feature
	Groups   []PlanGroup // ID is ignored
	Plans    []PlanSpec
}

// PlanSpec is a plan as the catalog file states it. Empty fields take the
// defaults of the file's format.
type PlanSpec struct {
	Code     Code
	Name     string
	Group    Code
	Kind     PlanKind
	Status   PlanStatus
	Archived bool
	Default  bool

	Cycle      calendar.Interval
	Align      calendar.Align
	Quantity   *Quantity
	Trial      *TrialSpec
	AskForCard *bool
	Items      []ItemSpec

	About
	Hidden bool
	Price  string // see [Plan]
	// Extends is a plan whose items this one has too, but for those of Without; own lines
	// take the place of whole lines.
	Extends Code
	Without []Code
	Beside  []Code
}

// TrialSpec is a trial as the catalog file states it; nil takes the default.
type TrialSpec struct {
	Days           *int
	CardPromptDays *int
	Then           TrialEnd
}

// ItemSpec is an item as the catalog file states it: see [Item]. Which fields
// may be set depends on the feature's type.
type ItemSpec struct {
	Feature   Code
	PriceName string // "" = the feature's name

	FixedCharge *int64
	Interval    calendar.Interval
	Annual      *int64

	Min         *int64
	Max         *int64
	PerQuantity bool
	Limit       LimitKind
	Reset       Reset
	Align       calendar.Align
	OverLimit   *OverLimit
	UnitAmount  *decimal.Decimal
	Tiers       []Tier

	Once             bool
	AnnualUnitAmount *decimal.Decimal
	TiersMode        TiersMode
	Package          *int64
	Included         *int64
	Caps             []Cap
	Thresholds       []int  // nil: the feature's; empty: none
	Low              *int64 // nil: the feature's; below 0: none
	OverageMax       *int64
	Burns            *Burns // nil: the feature's; without a feature: none
	Rollover         *RolloverSpec
	Grants           []ItemGrantSpec
	Rate             *Rate
	Value            *ValueSpec
}

// ValueSpec is the value of a config feature as the catalog file states it: what it is
// is said by the kind of the feature.
type ValueSpec struct {
	Text   string
	Number *decimal.Decimal // of a text without quotes that is one
	List   []string         // nil if it is no list
}

// RolloverSpec is a rollover as the catalog file states it.
type RolloverSpec struct {
	Max     *int64
	Windows *int // nil: 1
}

// ItemGrantSpec is a grant of an item as the catalog file states it.
type ItemGrantSpec struct {
	Amount   *Units
	At       GrantAt
	Lasts    GrantLife
	Days     int
	Priority *int      // nil: [DefaultPriority]
	Kind     GrantKind // "": paid
}

// Fault is something wrong with a catalog spec.
type Fault struct {
	// Path is where, in the form plans[2].items[0].max.
	Path string
	// Message says what is wrong and what would be right.
	Message string
	// From is the path of what the other place is measured by; "" if nothing is.
	From string
}

// Action is what applying a spec does to one thing.
type Action string

// The actions.
const (
	actionCreate     Action = "create"
	actionUpdate     Action = "update"      // something unversioned, or a draft
	actionPublish    Action = "publish"     // a draft becomes version 1
	actionNewVersion Action = "new_version" // of a published plan
	actionArchive    Action = "archive"
	actionUnarchive  Action = "unarchive"
)

var actions = []Action{actionCreate, actionUpdate, actionPublish, actionNewVersion, actionArchive, actionUnarchive}

// Thing is a kind of thing in a catalog.
type Thing string

// The things.
const (
	thingCurrency Thing = "currency" // of the whole catalog
	thingFeature  Thing = "feature"
	thingGroup    Thing = "plan_group"
	thingPlan     Thing = "plan"
)

var things = []Thing{thingCurrency, thingFeature, thingGroup, thingPlan}

// catalogChange is one change that applying a spec makes.
type catalogChange struct {
	Action  Action
	Kind    Thing
	Code    Code
	Version int      // of a plan, the version that results; else 0
	Details []string // what changes, for a reader: "items[seats].max: 5 → 10"
}

// reference names something in a catalog.
type reference struct {
	Kind Thing
	Code Code
}

// CatalogChanges is what applying a spec changes, leaves alone and warns of.
type CatalogChanges struct {
	Changes   []catalogChange
	Untouched []reference // in the catalog, not in the spec
	Warnings  []Warning
	// Fallbacks are the groups that had customers before they got this fallback, or
	// had another: it counts for ends that are set from now on.
	Fallbacks []Code
	Rev       int64 // of the catalog that results; of a preview, of the one there is
}

// FaultsError are the faults of a catalog spec.
type FaultsError []Fault

func (e FaultsError) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Path + ": " + f.Message
	}
	return strings.Join(lines, "; ")
}
