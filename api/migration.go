package api

// PreviewPlanRequest is the body of POST /v1/plans/{code}/preview. It names one
// customer as [CheckRequest] does, or sets All.
type PreviewPlanRequest struct {
	CustomerID string `json:"customer_id,omitempty"`
	OrgCode    string `json:"org_code,omitempty"`
	UserID     string `json:"user_id,omitempty"`
	ExternalID string `json:"external_id,omitempty"`
	All        bool   `json:"all,omitempty"`     // everybody on another version of the plan
	Version    *int64 `json:"version,omitempty"` // of the plan; default: the newest published
	After      string `json:"after,omitempty"`   // with All: the After of the answer before
	Limit      int64  `json:"limit,omitempty"`   // with All: how many customers are looked at, 1 to MaxPreviewLimit, which is the default
}

// MaxPreviewLimit is how many customers POST /v1/plans/{code}/preview looks at
// in one request.
const MaxPreviewLimit = 100_000

// PlanPreview answers POST /v1/plans/{code}/preview: what being on a version of
// a plan would do to one customer, or to everybody on another version of it.
type PlanPreview struct {
	PlanCode string `json:"plan_code"`
	Version  int64  `json:"version"`
	// Customers is the one that was named; with All only those that would
	// exceed a limit.
	Customers []PlanEffect  `json:"customers"`
	Counts    PreviewCounts `json:"counts"` // of everybody that was looked at
	// Groups puts together who is now on the same version. Nil without All.
	Groups []PreviewGroup `json:"groups,omitzero"`
	// HasMore says that not everybody was looked at; After goes on from there.
	HasMore bool   `json:"has_more,omitempty"`
	After   string `json:"after,omitempty"`
}

// PreviewCounts counts customers. One may count as gain, lose and exceed at once.
type PreviewCounts struct {
	Customers int64 `json:"customers"`
	Gain      int64 `json:"gain"`   // that gain a feature
	Lose      int64 `json:"lose"`   // that lose a feature
	Exceed    int64 `json:"exceed"` // that have used and held more than a limit
}

// PlanVersionRef names a version of a plan.
type PlanVersionRef struct {
	PlanCode string `json:"plan_code"`
	Version  int64  `json:"version"`
}

// PlanEffect is what being on a version of a plan would do to a customer now.
type PlanEffect struct {
	CustomerID string          `json:"customer_id"`
	From       *PlanVersionRef `json:"from"`  // null: it is on no plan, or has not the add-on
	Gains      []string        `json:"gains"` // feature codes; a flag that becomes true, too
	Loses      []string        `json:"loses"` // feature codes
	Limits     []LimitChange   `json:"limits"`
	Exceeds    []LimitExcess   `json:"exceeds"`
	Caps       []CapChange     `json:"caps,omitempty"`
	Values     []ValueChange   `json:"values,omitempty"`
}

// CapChange is a feature held before and after, with another cap of a reset.
type CapChange struct {
	FeatureCode string   `json:"feature_code"`
	Reset       Interval `json:"reset"`
	From        *int64   `json:"from"` // null: there is none
	To          *int64   `json:"to"`   // null: there is none
}

// ValueChange is a config feature held before and after, with another value.
type ValueChange struct {
	FeatureCode string       `json:"feature_code"`
	From        *ConfigValue `json:"from,omitempty"` // as in [Decision]; absent: none is set
	To          *ConfigValue `json:"to,omitempty"`
}

// LimitChange is a feature held before and after, with another limit.
type LimitChange struct {
	FeatureCode string `json:"feature_code"`
	From        *int64 `json:"from"` // null: no limit
	To          *int64 `json:"to"`   // null: no limit
}

// LimitExcess is a feature of which more is used and held than the limit, or a cap, would
// be.
type LimitExcess struct {
	FeatureCode string   `json:"feature_code"`
	Limit       int64    `json:"limit"`
	Used        Decimal  `json:"used"`
	Held        Decimal  `json:"held"`
	Reset       Interval `json:"reset,omitempty"` // of the cap that Limit is; absent of the limit
}

// PreviewGroup is everybody who is now on the same version.
type PreviewGroup struct {
	From      PlanVersionRef `json:"from"`
	Customers int64          `json:"customers"`
	Gains     []string       `json:"gains"` // feature codes that any of them gains
	Loses     []string       `json:"loses"` // feature codes that any of them loses
}

// How many customers POST /v1/plans/{code}/migrate moves at once.
const (
	DefaultMigrateLimit = 100
	MaxMigrateLimit     = 1000
)

// MigratePlanRequest is the body of POST /v1/plans/{code}/migrate.
type MigratePlanRequest struct {
	ToVersion *int64 `json:"to_version,omitempty"` // default: the newest published
	When      string `json:"when,omitempty"`       // WhenNow or WhenPeriodEnd
	DryRun    bool   `json:"dry_run,omitempty"`    // only tell who would be moved
	After     string `json:"after,omitempty"`      // the After of the batch before
	Limit     int64  `json:"limit,omitempty"`      // 1 to MaxMigrateLimit; default DefaultMigrateLimit
}

// PlanMigration answers POST /v1/plans/{code}/migrate: what one batch did. Who
// was moved is not met again, so a migration that was interrupted may begin anew.
type PlanMigration struct {
	ToVersion int64    `json:"to_version"`
	DryRun    bool     `json:"dry_run"`
	Moved     []string `json:"moved"`   // customer ids
	Skipped   []string `json:"skipped"` // customer ids: about to leave the plan, or to move already
	After     string   `json:"after,omitempty"`
	HasMore   bool     `json:"has_more"`
}
