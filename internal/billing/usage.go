package billing

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"
)

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
	// Folded stands for the records of a day, counted from the customer's anchor,
	// that were older than the retention and are gone.
	Folded UsageKind = "folded"
)

var usageKinds = []UsageKind{Delta, Absolute, Consumed, Folded}

// MaxRecordID is the longest id a caller may give a record, in bytes.
const MaxRecordID = 255

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

// FoldedPrefix begins the ids of folded records, and of no other.
const FoldedPrefix = "folded_"

// Counter is the usage of one feature in one window: the sum of the changes of
// the customer's records that count in it. It exists once there is a record.
type Counter struct {
	CustomerID CustomerID
	Feature    Code
	Window     Window
	Used       Units
	// ChangedOn, on the counter of all time, is the latest instant that a use
	// case wrote usage or holds of the feature at. None runs at an earlier one.
	ChangedOn time.Time
}

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

// The states of a hold.
const (
	HoldOpen      HoldState = "open"
	HoldConfirmed HoldState = "confirmed"
	HoldReleased  HoldState = "released"
)

var holdStates = []HoldState{HoldOpen, HoldConfirmed, HoldReleased}

// HoldID is written hold_<64 hex>. Its first half is the customer's id, so that
// a hold is found without a directory; the rest is as in every id.
type HoldID [32]byte

const holdPrefix = "hold_"

func (id HoldID) String() string { return holdPrefix + hex.EncodeToString(id[:]) }

// Customer is whose hold it is.
func (id HoldID) Customer() CustomerID { return CustomerID(id[:16]) }

// ParseHoldID reads an id as [HoldID.String] writes it.
func ParseHoldID(s string) (HoldID, error) {
	digits, ok := strings.CutPrefix(s, holdPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(HoldID{}) || digits != strings.ToLower(digits) {
		return HoldID{}, errors.New("not an id: want hold_ and 64 lower-case hex digits")
	}
	return HoldID(b), nil
}

func NewHoldID(random io.Reader, customer CustomerID, made time.Time) (HoldID, error) {
	var id HoldID
	own, err := NewID[[16]byte](random, made.UnixMilli())
	copy(id[:16], customer[:])
	copy(id[16:], own[:])
	return id, err
}

// MaxAhead is how far ahead of now a timestamp may be: clocks differ.
const MaxAhead = 5 * time.Minute

// NewUsage is a report of usage.
type NewUsage struct {
	ID      string // counts once per customer; "" makes one
	Feature Code
	Value   Units
	Kind    UsageKind // Delta or Absolute; "" is Delta
	Stamp   time.Time // zero is now
}

// SameReport reports whether two records say the same thing.
func (r *UsageRecord) SameReport(other *UsageRecord) bool {
	return r.Feature == other.Feature && r.Kind == other.Kind && r.Value == other.Value && r.Stamp.Equal(other.Stamp)
}

// After is a decision as it stands once its units are counted or held.
func (d Decision) After(used, held Units) Decision {
	d.counted += used
	d.Used, d.Held = max(d.counted, 0), d.Held+held
	if d.Remaining != nil {
		d.Remaining = new(d.room())
	}
	return d
}

func UnknownFeature() error {
	return Missing("FEATURE_NOT_FOUND", "there is no feature with this code")
}
