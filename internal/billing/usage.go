package billing

import "time"

// UsageKind says how a usage record counts.
type UsageKind string

const (
	// Delta adds to what was used, or corrects it when negative.
	Delta UsageKind = "delta"
	// Absolute says what the window's usage is.
	Absolute UsageKind = "absolute"
	// Consumed was checked against the limit in the transaction of the record,
	// by consume or by confirming a hold.
	Consumed UsageKind = "consumed"
	// Folded stands for the records of a window that were older than the
	// retention and are gone.
	Folded UsageKind = "folded"
)

// UsageRecord is one entry of the append-only log of usage.
type UsageRecord struct {
	CustomerID CustomerID
	// ID is unique among the customer's records: the caller's, or one made here.
	ID      string
	Feature Code
	Kind    UsageKind
	// Value is what was reported; Change is what it did to the window's usage,
	// which for an absolute is the difference to what it was.
	Value  Units
	Change Units
	// Stamp is when the usage happened, as reported. CountedOn is the instant
	// whose window it counts in.
	Stamp      time.Time
	CountedOn  time.Time
	RecordedOn time.Time
	By         Actor
}

// Counter is the usage of one feature in one window: the sum of the changes of
// the customer's records that count in it. It exists once there is a record.
type Counter struct {
	CustomerID CustomerID
	Feature    Code
	Window     Cycle
	Used       Units
}

// HoldID is written hold_<32 hex>.
type HoldID [16]byte

// Hold sets units of a metered feature aside until they are confirmed, released
// or expired. It belongs to the window it was made in.
type Hold struct {
	ID         HoldID
	CustomerID CustomerID
	Feature    Code
	Units      Units
	MadeOn     time.Time
	// ExpiresOn is when it counts no more: as asked for, or the instant it was
	// closed, if that was earlier.
	ExpiresOn time.Time
	State     HoldState
	By        Actor
}

// HoldState is what became of a hold. An open one may be expired: that follows
// from the time.
type HoldState string

const (
	HoldOpen      HoldState = "open"
	HoldConfirmed HoldState = "confirmed"
	HoldReleased  HoldState = "released"
)
