// Package usage has the facts of what customers used: the records of the log with what
// they draw from sources, the sums of both, and holds. It decides nothing: what may be used
// follows from the rules of package billing, and package service writes the facts.
//
// Start reading at [Record], and at [SourceID] for what is drawn from.
package usage

import (
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Kind says how a usage record counts.
type Kind string

const (
	// Delta adds to what was used, or corrects it when negative.
	Delta Kind = "delta"
	// Absolute says what the window's usage is.
	Absolute Kind = "absolute"
	// Consumed was checked against the limit in the transaction of the record,
	// by consume or by confirming a hold.
	Consumed Kind = "consumed"
	// Folded stands for the records of a day or a part of one, between instants at
	// which windows can begin, that were older than the retention and are gone.
	Folded Kind = "folded"
	// Burned is what the use of a feature takes from the pool that it burns: the twin, in
	// the pool, of the record of that feature.
	Burned Kind = "burned"
	// Debt pays the debt of a grant. Its Change is 0; what it pays are its draws.
	Debt Kind = "debt"
)

// Kinds are all kinds, in the order of their constants.
func Kinds() []Kind { return []Kind{Delta, Absolute, Consumed, Folded, Burned, Debt} }

// MaxRecordID is the longest id a caller may give a record, in bytes.
const MaxRecordID = 255

// Record is one entry of the append-only log of usage.
type Record struct {
	CustomerID billing.CustomerID
	// ID is unique among the customer's records: the caller's, or one made here.
	ID string
	// Made says of a record that is to be stored that its id was made here, for it, so
	// that nobody can know it yet. It is not kept.
	Made    bool
	Feature billing.Code
	Kind    Kind
	// Value is what was reported; Change is what it did to the window's usage,
	// which for an absolute is the difference to what it was.
	Value  billing.Units
	Change billing.Units
	// Stamp is when the usage happened, as reported. CountedOn is the instant
	// whose window it counts in.
	Stamp      time.Time
	CountedOn  time.Time
	RecordedOn time.Time
	By         billing.Actor
	// Corrects, of one that is below 0 or of kind Burned, is the id of the record that it
	// gives back of; "" is none.
	Corrects string
	// Of, of one of kind Burned, is the id of the record of the feature that burned. The
	// id of the twin itself follows from nothing that a caller gives.
	Of string
	// Draws are what it takes from sources, each once, in the order in which they were
	// drawn; none of one that takes from the allowance of the window that it counts in
	// alone. What that is said to pay ([billing.OwnSource]) keeps its place in the order:
	// how much it is follows from the rest, but of a record of kind Debt. They are stored
	// with the record, and read by themselves, as Pays is: those who read records get none.
	Draws []Draw
	// Pays, of one of kind Debt, is the grant whose debt its draws pay.
	Pays SourceID
}

// FoldedPrefix begins the ids of folded records, and of no other.
const FoldedPrefix = "folded_"

// Counter is the usage of one feature in one window: the sum of the changes of
// the customer's records that count in it. It exists once there is a record.
type Counter struct {
	CustomerID billing.CustomerID
	Feature    billing.Code
	Window     billing.Window
	Used       billing.Units
	// ChangedOn, on the counter of all time, is the latest instant that a use
	// case wrote usage or holds of the feature at. None runs at an earlier one.
	ChangedOn time.Time
	// Lane, on the counter of all time, is what a decision can be made on beside it.
	Lane Lane
}

// Lane is how usage of one feature of one customer stands. Whoever writes usage or holds
// of the feature, or changes facts of the customer, moves its version, so that a decision
// that was made on one version can be applied to that version alone.
type Lane struct {
	// Version rises with every writer, by 1 or more.
	Version int64
	// Facts is the revision of the customer's facts that the lane was last told of.
	Facts int64
	// Window is one whose counter and holds are kept here and nowhere else; nil is none.
	Window   *billing.Window
	InWindow billing.Units
	// Held is the sum of the holds that were made in Window and are not over at HeldOn.
	// One that was closed is over at the instant it was closed at.
	Held   billing.Units
	HeldOn time.Time
	// Pooled says that usage of the feature was drawn from a source that has a name, or
	// pinned to one, so that its counters do not say all. It stays so.
	Pooled bool
}

// Hold sets units of a metered feature aside until they are confirmed, released
// or expired. It belongs to the window it was made in.
type Hold struct {
	ID         HoldID
	CustomerID billing.CustomerID
	Feature    billing.Code
	Units      billing.Units
	MadeOn     time.Time
	// ExpiresOn is when it counts no more: as asked for, or the instant it was
	// closed, if that was earlier.
	ExpiresOn time.Time
	State     HoldState
	// Window is the one it was made in; nil of a hold that was made by a program that
	// did not keep it.
	Window *billing.Window
	// Closing is how it was closed; nil while it is open, and of a hold that was closed
	// by a program that did not keep it.
	Closing *Closing
	By      billing.Actor
	// Pins are what it sets aside of sources, that of its window among them, in the order
	// in which they are drawn from; nil of one of a feature that has none but that.
	Pins []Draw
	// Twin, of a hold of a feature that burns, is its twin in the pool; Of, of that one,
	// is the hold that it is the twin of. Zero is none.
	Twin, Of HoldID
}

// Closing is how a hold was confirmed or released, kept so that the same request
// again gets the same answer.
type Closing struct {
	// Counted is what was counted; 0 of a release.
	Counted billing.Units
	// Of is what was set aside; 0 if it was closed by a program that did not keep it.
	Of     billing.Units
	Asked  Confirm // as it was asked for; zero of a release
	Answer Answer
}

// Answer is what was answered when a hold was closed: of the decision, all that does
// not follow from the hold.
type Answer struct {
	Limit      billing.Limit
	Granted    bool
	Used, Held billing.Units
	Remaining  *billing.Units
	Window     billing.Window
	Caps       []billing.CapAt
	Included   *int64
	Rate       *billing.Rate
	Sources    []billing.Source
	NextChange *billing.NextChange
	Revision   billing.Revision
	// Of a pooled feature.
	Pool    *billing.PoolCredit
	Draws   []billing.CreditDraw
	Overage billing.Units
	// Uncovered is what of more than was held no source of a hard pool has paid for.
	Uncovered billing.Units
}

// Over is what a confirm of more units than are held does.
type Over string

// What it can do.
const (
	// OverReject refuses it.
	OverReject Over = "reject"
	// OverAvailable counts what the limit leaves beside the hold, at least what is
	// held and at most what is asked for.
	OverAvailable Over = "available"
	// OverRecord counts all that is asked for, above the limit too.
	OverRecord Over = "record"
)

// Overs are all of them, in the order of their constants.
func Overs() []Over { return []Over{OverReject, OverAvailable, OverRecord} }

// Confirm asks to confirm a hold.
type Confirm struct {
	Units *billing.Units // nil: those that are held
	Over  Over           // "" is OverReject
}

// Same reports whether two ask for the same.
func (c Confirm) Same(other Confirm) bool {
	return c.Over == other.Over && (c.Units == other.Units || c.Units != nil && other.Units != nil && *c.Units == *other.Units)
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

// HoldStates are all states, in the order of their constants.
func HoldStates() []HoldState { return []HoldState{HoldOpen, HoldConfirmed, HoldReleased} }

// MaxHold is the longest a hold may last.
const MaxHold = 24 * time.Hour

// HoldID is written hold_<64 hex>. Its first half is the customer's id, so that
// a hold is found without a directory; the rest is as in every id.
type HoldID [32]byte

const holdPrefix = "hold_"

func (id HoldID) String() string { return holdPrefix + hex.EncodeToString(id[:]) }

// Customer is whose hold it is.
func (id HoldID) Customer() billing.CustomerID { return billing.CustomerID(id[:16]) }

// ParseHoldID reads an id as [HoldID.String] writes it.
func ParseHoldID(s string) (HoldID, error) {
	digits, ok := strings.CutPrefix(s, holdPrefix)
	b, err := hex.DecodeString(digits)
	if !ok || err != nil || len(b) != len(HoldID{}) || digits != strings.ToLower(digits) {
		return HoldID{}, errors.New("not an id: want hold_ and 64 lower-case hex digits")
	}
	return HoldID(b), nil
}

// NewHoldID makes the id of a hold that a customer makes at an instant, from
// random bytes.
func NewHoldID(random io.Reader, customer billing.CustomerID, made time.Time) (HoldID, error) {
	var id HoldID
	own, err := billing.NewID[[16]byte](random, made.UnixMilli())
	copy(id[:16], customer[:])
	copy(id[16:], own[:])
	return id, err
}

// Report is a report of usage.
type Report struct {
	ID      string // counts once per customer; "" makes one
	Feature billing.Code
	Value   billing.Units
	Kind    Kind      // Delta or Absolute; "" is Delta
	Stamp   time.Time // zero is now
	// Corrects is the id of the record that a value below 0 takes back of; "" is none.
	Corrects string
}

// SameReport reports whether two records say the same thing.
func (r *Record) SameReport(other *Record) bool {
	return r.Feature == other.Feature && r.Kind == other.Kind && r.Value == other.Value && r.Stamp.Equal(other.Stamp) &&
		r.Corrects == other.Corrects
}
