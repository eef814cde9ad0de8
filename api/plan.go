package api

// PlanSummary is a plan in a list: what holds for all its versions, and the one
// that is sold.
type PlanSummary struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Group    string `json:"group"`  // a PlanGroup's code
	Kind     string `json:"kind"`   // PlanKindPlan, PlanKindAddOn or PlanKindPack
	Status   string `json:"status"` // PlanPublished once a version is, else PlanDraft
	Archived bool   `json:"archived"`
	Default  bool   `json:"default"`

	Description string            `json:"description,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	Hidden      bool              `json:"hidden,omitempty"` // not on the price list
	Price       string            `json:"price,omitempty"`  // PriceAsk or the address of a page: there is no amount
	// Extends is the plan whose items it had when it was applied, but for those of the
	// features in Without.
	Extends string   `json:"extends,omitempty"`
	Without []string `json:"without,omitempty"`
	// Current is what a sign-up gets: the newest published version. Nil if none is
	// published.
	Current *PlanVersion `json:"current,omitempty"`
}

// PlanDetail answers GET /v1/plans/{code}.
type PlanDetail struct {
	PlanSummary
	Currency string        `json:"currency,omitempty"` // of all amounts: ISO 4217, lower case
	Versions []PlanVersion `json:"versions"`           // ascending
}

// PlanVersion is one version of a plan. Published, it never changes.
type PlanVersion struct {
	Version     int64      `json:"version"` // from 1
	Status      string     `json:"status"`  // PlanDraft or PlanPublished
	PublishedOn *Time      `json:"published_on,omitempty"`
	Cycle       Interval   `json:"cycle"`              // an Interval or CycleNone
	Align       string     `json:"align,omitempty"`    // AlignCalendar; absent: from the anchor
	Quantity    *Quantity  `json:"quantity,omitempty"` // how many may be bought; absent: one, of an add-on any number
	Trial       *Trial     `json:"trial,omitempty"`
	AskForCard  bool       `json:"ask_for_card"`
	Beside      []string   `json:"beside,omitempty"` // of an add-on: the plans it goes beside; absent: every one of the group
	Items       []PlanItem `json:"items"`
}

// PlanItem is an item of a plan version, with what it is called.
type PlanItem struct {
	Item
	FeatureName string `json:"feature_name"`
	FeatureType string `json:"feature_type"`   // FeatureCharge, FeatureMetered, FeatureUnmetered or FeatureConfig
	Unit        string `json:"unit,omitempty"` // metered: the singular noun
}

// PlanList answers GET /v1/plans, ascending by code.
type PlanList struct {
	Currency string        `json:"currency,omitempty"` // of all amounts: ISO 4217, lower case
	Plans    []PlanSummary `json:"plans"`
	HasMore  bool          `json:"has_more"` // more in the direction of travel
}

// PriceList answers GET /v1/pricing: what is on sale and not hidden, by the group, then
// plans before add-ons before packs, then the cheaper first; those without an amount
// stand last.
type PriceList struct {
	Currency string       `json:"currency,omitempty"` // of all amounts: ISO 4217, lower case
	Plans    []PricedPlan `json:"plans"`
}

// PricedPlan is a plan, an add-on or a pack on a price list, in the version that is sold.
type PricedPlan struct {
	Code        string `json:"code"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Group       string `json:"group"` // a PlanGroup's code
	Kind        string `json:"kind"`  // PlanKindPlan, PlanKindAddOn or PlanKindPack
	Default     bool   `json:"default,omitempty"`
	// Price is PriceAsk or the address of a page: there is no amount, and then neither
	// here nor in Items is one.
	Price    string    `json:"price,omitempty"`
	Version  int64     `json:"version"`            // from 1
	Cycle    Interval  `json:"cycle"`              // an Interval or CycleNone
	Quantity *Quantity `json:"quantity,omitempty"` // how many may be bought; absent: one, of an add-on or a pack any number
	Trial    *Trial    `json:"trial,omitempty"`
	Beside   []string  `json:"beside,omitempty"` // of an add-on: the plans it goes beside; absent: every one of the group
	// Charges are what it costs whether it is used or not, by how often it is due; empty
	// if nothing. AnnualCharges are those of who pays for a year at once; absent if that
	// is not offered, and [] if only what is used has a price for a year.
	Charges       []PlanCharge `json:"charges,omitempty"`
	AnnualCharges []PlanCharge `json:"annual_charges,omitzero"`
	Items         []PlanItem   `json:"items"`
}

// PlanCharge is the sum of the fixed charges of a plan that are due alike.
type PlanCharge struct {
	Amount   int64  `json:"amount"`        // minor units
	Interval string `json:"interval"`      // an Interval of one unit, or ChargeOnce
	Per      string `json:"per,omitempty"` // PerQuantity: for one of the quantity
}

// FeatureList answers GET /v1/features, ascending by code.
type FeatureList struct {
	Features []Feature `json:"features"`
	HasMore  bool      `json:"has_more"` // more in the direction of travel
}

// PlanGroupList answers GET /v1/plan_groups, ascending by code.
type PlanGroupList struct {
	PlanGroups []PlanGroup `json:"plan_groups"`
	HasMore    bool        `json:"has_more"` // more in the direction of travel
}

// What PUT /v1/catalog does to a thing.
const (
	ActionCreate     = "create"
	ActionUpdate     = "update"
	ActionNewVersion = "new_version"
	ActionPublish    = "publish"
	ActionArchive    = "archive"
	ActionUnarchive  = "unarchive"
)

// Kinds of things in a catalog.
const (
	KindCurrency  = "currency"
	KindFeature   = "feature"
	KindPlanGroup = "plan_group"
	KindPlan      = "plan"
)

// CatalogChanges answers PUT /v1/catalog: what was done, or with dry_run what
// would be.
type CatalogChanges struct {
	DryRun    bool            `json:"dry_run"`
	Changes   []CatalogChange `json:"changes"`
	Untouched []CatalogThing  `json:"untouched"` // stored things that the file leaves out
	Warnings  []Warning       `json:"warnings"`  // what a customer would not expect
	Revision  string          `json:"revision"`  // of the catalog after the changes; opaque
}

// CatalogChange is one thing changed. A plan's first version comes with its
// create, later ones are new_version; both may be followed by a publish.
type CatalogChange struct {
	Action  string   `json:"action"` // an Action
	Kind    string   `json:"kind"`   // a Kind
	Code    string   `json:"code"`
	Version int64    `json:"version,omitempty"` // of a plan, where one is made or published
	Details []string `json:"details"`           // for people, one fact each
}

// CatalogThing names a thing in a catalog.
type CatalogThing struct {
	Kind string `json:"kind"` // a Kind
	Code string `json:"code"`
}
