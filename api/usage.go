package api

const (
	// MaxUsageRecords is how many records POST /v1/usage takes at once.
	MaxUsageRecords = 1000
	// MaxBulkBodyBytes bounds the bodies of POST /v1/usage and PUT /v1/catalog.
	MaxBulkBodyBytes = 8 << 20
)

// Types of usage records. Only the first two can be reported.
const (
	UsageDelta    = "delta"    // adds to what was used; negative, it corrects; the default
	UsageAbsolute = "absolute" // says what the usage of the window is
	UsageConsumed = "consumed" // by POST /v1/consume or a confirmed hold
	UsageFolded   = "folded"   // in place of records older than the retention
	UsageBurned   = "burned"   // from a pool, by a feature that burns it
	UsageDebt     = "debt"     // the payment of a grant's debt
)

// RecordUsageRequest is the body of POST /v1/usage.
type RecordUsageRequest struct {
	Records []UsageReport `json:"records"` // 1 to MaxUsageRecords
}

// UsageReport is one record to be made. It names its customer as [CheckRequest]
// does, or by one of its agreements.
type UsageReport struct {
	ID          string  `json:"id,omitempty"` // counts once per customer; default: made by the server
	CustomerID  string  `json:"customer_id,omitempty"`
	OrgCode     string  `json:"org_code,omitempty"`
	UserID      string  `json:"user_id,omitempty"`
	ExternalID  string  `json:"external_id,omitempty"`
	AgreementID string  `json:"agreement_id,omitempty"`
	FeatureCode string  `json:"feature_code"`
	Value       Decimal `json:"value"`
	Type        string  `json:"type,omitempty"`      // UsageDelta or UsageAbsolute
	Timestamp   *Time   `json:"timestamp,omitempty"` // default: now; its window is the one that counts
	Corrects    string  `json:"corrects,omitempty"`  // the id of the record that a Value below 0 takes back of
}

// What became of a [UsageReport].
const (
	UsageRecorded  = "recorded"
	UsageDuplicate = "duplicate" // its id was recorded before; with an error, with other content
	UsageFailed    = "failed"    // it may be sent again under the same id
)

// UsageResultList answers POST /v1/usage, in the order of the records.
type UsageResultList struct {
	Results []UsageResult `json:"results"`
}

// UsageResult is what became of one [UsageReport].
type UsageResult struct {
	ID     string `json:"id"`     // "" of a failed record that brought none
	Status string `json:"status"` // UsageRecorded, UsageDuplicate or UsageFailed
	// Superseded says that a reading, stamped before another of its window, was
	// recorded and changed nothing.
	Superseded bool `json:"superseded,omitempty"`
	// Uncovered is what of a hard limit's use no source has paid for; absent if all was.
	Uncovered Decimal `json:"uncovered,omitempty"`
	Error     *Error  `json:"error,omitempty"`
}

// Usage answers GET /v1/customers/{id}/usage: all windows, and one page of the
// records that count in them.
type Usage struct {
	CustomerID string        `json:"customer_id"`
	Windows    []UsageWindow `json:"windows"`
	Records    []UsageRecord `json:"records"`  // ascending by counted_on, then id
	HasMore    bool          `json:"has_more"` // more records in the direction of travel
}

// UsageWindow is what was used of a feature in one window. Both ends are null
// where usage never resets.
type UsageWindow struct {
	FeatureCode string  `json:"feature_code"`
	StartsOn    *Time   `json:"starts_on"`
	EndsOn      *Time   `json:"ends_on"` // exclusive
	Used        Decimal `json:"used"`
}

// UsageRecord is one entry of the log of usage. It never changes.
type UsageRecord struct {
	ID          string  `json:"id"`
	FeatureCode string  `json:"feature_code"`
	Type        string  `json:"type"`       // UsageDelta, UsageAbsolute, UsageConsumed, UsageFolded, UsageBurned or UsageDebt
	Value       Decimal `json:"value"`      // as it was reported
	Change      Decimal `json:"change"`     // what it did to the usage of its window
	Timestamp   Time    `json:"timestamp"`  // when the usage happened, as it was reported
	CountedOn   Time    `json:"counted_on"` // the instant whose window it counts in
	RecordedOn  Time    `json:"recorded_on"`
	Corrects    string  `json:"corrects,omitempty"` // the record that it takes back of
	Of          string  `json:"of,omitempty"`       // of UsageBurned, the record of the feature that burned
}

// Buckets of a series.
const (
	BucketHour  = "hour"
	BucketDay   = "day" // the default
	BucketWeek  = "week"
	BucketMonth = "month"
)

// MaxUsageBuckets is how many buckets a series has at most.
const MaxUsageBuckets = 1000

// UsageSeries answers GET /v1/customers/{id}/usage/series and
// GET /v1/customers/{id}/credits/{feature_code}/series: what counted of a metered feature,
// bucket by bucket.
type UsageSeries struct {
	CustomerID  string        `json:"customer_id"`
	FeatureCode string        `json:"feature_code"`
	Bucket      string        `json:"bucket"`    // BucketHour, BucketDay, BucketWeek or BucketMonth
	TimeZone    string        `json:"time_zone"` // the customer's, whose clocks the buckets go by
	From        Time          `json:"from"`      // the start of the first bucket
	To          Time          `json:"to"`        // exclusive, the end of the last
	Series      []UsageBucket `json:"series"`    // without a gap, ascending
}

// UsageBucket is what counted from one instant to another.
type UsageBucket struct {
	StartsOn Time         `json:"starts_on"`
	EndsOn   Time         `json:"ends_on"`      // exclusive
	Units    Decimal      `json:"units"`        // below 0 if more was taken back
	By       []UsageShare `json:"by,omitempty"` // of the series of credits, if asked for: together the units
}

// UsageShare is what one feature used of a bucket.
type UsageShare struct {
	FeatureCode string  `json:"feature_code,omitempty"` // absent: of days that are folded, which do not tell
	Units       Decimal `json:"units"`
}
