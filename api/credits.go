package api

// Kinds of what use of a feature is paid from.
const (
	CreditAllowance   = "allowance"   // of the window that runs, or of an add-on whose windows are others
	CreditRollover    = "rollover"    // what is left of a window that has ended
	CreditPromotional = "promotional" // a grant
	CreditPaid        = "paid"        // a grant
)

// CreditWindow is a window whose allowance something is. Both ends are null if it never
// resets.
type CreditWindow struct {
	StartsOn *Time `json:"starts_on"`
	EndsOn   *Time `json:"ends_on"` // exclusive
}

// CreditDraw is what was taken from one source.
type CreditDraw struct {
	Kind   string        `json:"kind"`             // CreditAllowance, CreditRollover, CreditPromotional or CreditPaid
	ID     string        `json:"id,omitempty"`     // as in [CreditSource]
	Window *CreditWindow `json:"window,omitempty"` // of an allowance and of what rolled over
	Units  Decimal       `json:"units"`            // below 0: given back
}

// Credits answers GET /v1/customers/{id}/credits/{feature_code}: what a customer can pay
// use of a metered feature with at an instant.
type Credits struct {
	CustomerID  string         `json:"customer_id"`
	FeatureCode string         `json:"feature_code"`
	At          Time           `json:"at"`
	Available   *Decimal       `json:"available"` // what all sources have left less the debt, which may be below 0; null: without limit
	Unlimited   bool           `json:"unlimited"`
	Debt        Decimal        `json:"debt"`    // of grants that were clawed back
	Held        Decimal        `json:"held"`    // set aside by open holds
	Overage     Decimal        `json:"overage"` // used in the window above what sources paid
	Sources     []CreditSource `json:"sources"` // those with something left or held, in the order in which they burn
	NextChange  *NextChange    `json:"next_change"`
	Revision    string         `json:"revision"` // as in the header Allot-Revision
}

// CreditSource is something that use is paid from.
type CreditSource struct {
	Kind      string        `json:"kind"`             // CreditAllowance, CreditRollover, CreditPromotional or CreditPaid
	ID        string        `json:"id,omitempty"`     // of a grant; of an allowance in windows of its own, the add-on's agreement
	Window    *CreditWindow `json:"window,omitempty"` // of an allowance and of what rolled over
	Only      []string      `json:"only,omitempty"`   // the features that may burn it; absent: all
	Amount    *Decimal      `json:"amount"`           // null: without limit
	Remaining *Decimal      `json:"remaining"`        // null: without limit
	Held      Decimal       `json:"held"`
	ExpiresOn *Time         `json:"expires_on"` // null: never
}

// CreditLedger answers GET /v1/customers/{id}/credits/{feature_code}/ledger: a page of
// what used the feature, gave back or paid debts.
type CreditLedger struct {
	CustomerID  string        `json:"customer_id"`
	FeatureCode string        `json:"feature_code"`
	Entries     []CreditEntry `json:"entries"`  // ascending by counted_on, then id
	HasMore     bool          `json:"has_more"` // more in the direction of travel
}

// CreditEntry is a usage record with what it was paid from.
type CreditEntry struct {
	ID         string       `json:"id"`                  // of the record
	Type       string       `json:"type"`                // as of [UsageRecord]
	Change     Decimal      `json:"change"`              // of what is used; "0" of the payment of a debt
	CountedOn  Time         `json:"counted_on"`          // the instant it is drawn at
	RecordedOn Time         `json:"recorded_on"`         // later, if it was reported late
	Corrects   string       `json:"corrects,omitempty"`  // the record it gives back of
	Of         string       `json:"of,omitempty"`        // of what another feature burned, that one's record
	BurnedBy   string       `json:"burned_by,omitempty"` // and that feature
	PaysFor    string       `json:"pays_for,omitempty"`  // the grant whose debt is paid
	Draws      []CreditDraw `json:"draws"`               // together the change; what no source paid for is with the allowance
}
