package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/usage"
)

// Store keeps the facts. It is what the use cases need of storage; the feed and
// the keepers of clients declare their own. Every backend passes the suite in
// package storetest and gives the same answers.
//
// Text is kept exactly, in any valid UTF-8 without NUL, and ordered by bytes.
// Times are kept to the microsecond, in UTC.
type Store interface {
	// View runs fn on one consistent state of the store: everything committed
	// before View was called, on this node, is in it.
	View(ctx context.Context, fn func(Reader) error) error

	// Packed is what [CustomerReader].Facts gives of a customer who is not deleted, as far
	// as it is packed, in a view of its own. What ended since the customer's last change
	// and before the instant may be among it; [packed.Facts.Serves] says for which instants
	// nothing is missing.
	Packed(ctx context.Context, customer billing.CustomerID, at time.Time) (packed.Facts, error)

	// Update runs fn in one transaction and commits it if fn returns nil. If
	// Update returns nil everything fn wrote survives a crash; if it returns the
	// error of fn nothing is written; on any other error the outcome may be
	// unknown. fn may run more than once, so it touches nothing but the Tx and
	// variables it sets anew in each run.
	Update(ctx context.Context, fn func(Tx) error) error

	// Batching says how Updates that write usage are best put together.
	Batching() Batching

	// Standings read how usage stands, for each ask in order: each is one state of the
	// store, with everything in it that was committed before the call, on any node. It is
	// one trip for all. A customer that is not there has a Standing without Revision.
	Standings(ctx context.Context, asks ...Ask) ([]UsageStanding, error)

	// Apply makes changes of lanes in one transaction, each if its lane is as it was
	// thought to be and the catalog of the same revision, and reports which. The changes
	// are of different lanes, ascending by customer, then feature, which is the order they
	// are locked in. The catalog is looked at after all of them: if it is another, none is
	// made. Nor is one made of which an answer's key has an answer, or whose lane takes a
	// window that has a counter of its own.
	//
	// The error is [ErrNotApplied], perhaps wrapped, if nothing is written for certain,
	// such as because one of the records has an id that is taken, or one of the answers a
	// key that is at once; a [ChangeError] with it says which change could not be made, where
	// that is known. On any other error the outcome is unknown. Apply never runs a second time what may have been
	// committed.
	Apply(ctx context.Context, catalog int64, changes []LaneChange) (made []bool, err error)
}

// Ask is what a Standing is read of.
type Ask struct {
	Customer billing.CustomerID
	// Feature is the one whose lane is asked for; "" is all features with usage.
	Feature billing.Code
	At      time.Time
}

// UsageStanding is how usage of a customer stands, and what facts are to be known to
// decide on more of it.
type UsageStanding struct {
	Revision billing.Revision
	// Deleted says that the customer is.
	Deleted bool
	Lanes   []LaneStanding // ascending by feature; one that has none has no usage
}

// LaneStanding is how usage of one feature stands.
type LaneStanding struct {
	usage.Counter // of all time, with the Lane
	// Lapsed is the sum of the holds in the lane's window that ended after HeldOn and not
	// after the later of the instant asked for and ChangedOn.
	Lapsed billing.Units
	// NextEnd is the earliest end after that of a hold of the feature; zero: there is
	// none, or nothing was held in the lane's window at HeldOn.
	NextEnd time.Time
	// Others says that there are counters of windows beside the lane's that end after
	// it began, so that the lane is not all that a record counts in.
	Others bool
}

// LaneChange is what a decision makes of a lane.
type LaneChange struct {
	// Lane is the counter of all time as it is to be. Its Lane has the Version and the
	// Facts that were decided on; the Version is moved.
	Lane    usage.Counter
	Records []usage.Record
	Answers []StoredAnswer
	// Windows are counters to be stored beside the lane: of a window that it had before.
	Windows []usage.Counter
}

// ErrUnreadable is the error of a row that is there and cannot be read: what is in it was
// not written by a store.
var ErrUnreadable = errors.New("what is stored cannot be read")

// ChangeError is that of one of the changes of an Apply.
type ChangeError struct {
	At  int // which of them
	Err error
}

func (e *ChangeError) Error() string { return fmt.Sprintf("change %d: %v", e.At, e.Err) }

// Unwrap returns the cause.
func (e *ChangeError) Unwrap() error { return e.Err }

// ErrNotApplied is an Apply that has written nothing.
var ErrNotApplied = errors.New("not applied")

// Reader reads one consistent state. Methods that look up one record return
// [billing.ErrNotFound] if there is none. A function that needs one noun takes the
// interface of that noun.
type Reader struct {
	CatalogReader
	CustomerReader
	AgreementReader
	GrantReader
	UsageReader
	DrawReader
	HoldReader
	AnswerReader
	LogReader
	EventReader
}

// Tx is a transaction that may write. It reads what it has written.
type Tx struct {
	CatalogTx
	CustomerTx
	AgreementTx
	GrantTx
	UsageTx
	DrawTx
	HoldTx
	AnswerTx
	LogTx
	EventTx
	// Webhooks is the transaction for package outbox.
	Webhooks record.Tx
}

// Reader is the transaction for what only reads.
func (tx *Tx) Reader() Reader {
	return Reader{tx.CatalogTx, tx.CustomerTx, tx.AgreementTx, tx.GrantTx, tx.UsageTx, tx.DrawTx, tx.HoldTx, tx.AnswerTx, tx.LogTx, tx.EventTx}
}

// ErrLockCustomer is what LockCounters returns where the customer is to be locked before
// any usage is.
var ErrLockCustomer = errors.New("the customer is to be locked first")

// CatalogReader reads the catalog.
type CatalogReader interface {
	// Catalog is the whole current catalog. It is shared: do not change it.
	Catalog() (*billing.Catalog, error)
	// TermsDigest is the SHA-256 of the text that terms are stored as, in hex, which
	// is what the change log says of them.
	TermsDigest(*billing.Terms) (string, error)
}

// CatalogTx reads and writes the catalog.
type CatalogTx interface {
	CatalogReader

	// LockCatalog keeps other transactions from changing the catalog until this
	// one ends, and returns the current one.
	LockCatalog() (*billing.Catalog, error)
	// PutCatalog stores what is new or different in next, compared with the
	// catalog that LockCatalog returned. Rev and ChangedOn are set by
	// AppendChange, not from next.
	PutCatalog(next *billing.Catalog) error
	// Finish makes the catalog one that is not Unfinished, under its lock. No server of
	// the version before can start from then on, and facts are to be adopted: see
	// [LogReader].Adopting.
	Finish() error
}

// CustomerReader reads customers.
type CustomerReader interface {
	// Facts are a customer (a deleted one too) with its agreements and overrides
	// that have not ended at an instant, as [AgreementReader].Agreements and Overrides
	// give them, and its grants, as [GrantReader].Grants does: one state, also in a transaction that sees what others commit.
	Facts(customer billing.CustomerID, at time.Time) (billing.Facts, error)
	// PackedDrift says how the packed facts that the store has of a customer differ from
	// its facts; "" if they do not, or there are none.
	PackedDrift(billing.CustomerID) (string, error)
	// DerivedDamage says what is kept beside a customer's facts and usage and does not follow
	// from them: what it is found by, marks, twins, up to when events of time are told.
	DerivedDamage(customer billing.CustomerID, now time.Time) ([]string, error)
	// Customer returns deleted customers too.
	Customer(billing.CustomerID) (billing.Customer, error)
	// CustomerByCodes looks up the customer (of any type) that has the pair now.
	CustomerByCodes(orgCode, userID string) (billing.CustomerID, error)
	// CustomerByExternalID looks up the customer that has an external id now. It may
	// be one that a node of an older version has deleted.
	CustomerByExternalID(string) (billing.CustomerID, error)
	// Customers lists the customers that are not deleted, ascending by id; the
	// second result is whether there are more in the direction of travel.
	Customers(CustomerFilter, Page[billing.CustomerID]) ([]billing.Customer, bool, error)
	// CustomerIDs are those of all customers, deleted ones too, behind one,
	// ascending, at most limit.
	CustomerIDs(after billing.CustomerID, limit int) ([]billing.CustomerID, error)
	// Users are the customers that stand for users: of each user id behind one,
	// ascending, the customer that is in no organization, else the one with the
	// lowest id; at most limit.
	Users(after string, limit int) ([]billing.Customer, error)
	// CustomersOn are the customers, behind one, ascending, at most limit, that at
	// an instant have a live agreement to a plan or add-on in a version other
	// than the given one, or one that is scheduled in an older version. The cost is
	// that of the plan's agreements up to the last of them, ended ones too.
	CustomersOn(plan billing.Code, otherThan int, at time.Time, after billing.CustomerID, limit int) ([]billing.CustomerID, error)
	// Holders are who has a live agreement to a plan or add-on at an instant, by the
	// customer, at most limit; somebody who has several is told of each. The cost is as
	// that of CustomersOn.
	Holders(plan billing.Code, at time.Time, limit int) ([]Holder, error)
	// Ending are the customers, behind one, ascending, at most limit, that have an
	// agreement to a plan of the group, but not to one plan, whose end is set after an
	// instant, with no plan that begins there. The cost grows with the ends that are
	// set after the instant.
	Ending(group, but billing.Code, at time.Time, after billing.CustomerID, limit int) ([]billing.CustomerID, error)
}

// CustomerTx reads and writes customers.
type CustomerTx interface {
	CustomerReader

	// LockCustomer keeps other transactions from changing the customer's facts
	// until this one ends, and returns its record as it then is.
	LockCustomer(billing.CustomerID) (billing.Customer, error)
	// CreateCustomer returns ErrExists if the id was ever used or the pair of
	// codes or the external id is taken. The customer's lock is held.
	CreateCustomer(billing.Customer) error
	// UpdateCustomer stores all but Rev and ChangedOn, which AppendChange sets.
	// It returns ErrExists if the pair of codes or the external id is taken by
	// another. A deleted customer (DeletedOn set) frees them. The lock must be held.
	UpdateCustomer(billing.Customer) error
	// EraseCustomer removes what is kept of a customer's personal data beside its
	// record: the notes of its overrides, the external ids and the metadata of its
	// agreements, the notes and external ids of its grants with what is made of them, and, in the answers under ScopeNone that
	// name it, everything but its id.
	EraseCustomer(billing.CustomerID) error
}

// AgreementReader reads agreements and overrides.
type AgreementReader interface {
	// Agreements are those of a customer that have not ended at an instant (live
	// and scheduled), ascending by id. The cost does not grow with those ended.
	Agreements(customer billing.CustomerID, at time.Time) ([]billing.Agreement, error)
	// AgreementHistory is a page of those of a customer that start at or before
	// an instant (live and ended), ascending by id.
	AgreementHistory(customer billing.CustomerID, at time.Time, page Page[billing.AgreementID]) ([]billing.Agreement, bool, error)
	// Overlapping are the agreements to an add-on (or, for the code "", those of
	// kind plan) whose life has an instant in common with [from, to), ascending by
	// StartsOn, at most limit. A zero to means no end; an empty life has none.
	Overlapping(customer billing.CustomerID, addOn billing.Code, from, to time.Time, limit int) ([]billing.Agreement, error)
	Agreement(billing.CustomerID, billing.AgreementID) (billing.Agreement, error)
	// AgreementCustomer is whose agreement an id is, or was, if it is withdrawn.
	AgreementCustomer(billing.AgreementID) (billing.CustomerID, error)
	// AgreementByExternalID is the agreement that has an external id now. It may be one
	// that a node of an older version has withdrawn.
	AgreementByExternalID(string) (billing.AgreementID, error)
	// Imported are the agreements of a customer of origin import that were made after an
	// instant and end after it, ascending by CreatedOn, then id.
	Imported(customer billing.CustomerID, at time.Time) ([]billing.Agreement, error)
	// HadTrial reports whether an agreement of the customer has the trial scope.
	HadTrial(customer billing.CustomerID, scope string) (bool, error)
	// Overrides are those of a customer that have not ended at an instant,
	// ascending by StartsOn, then id.
	Overrides(customer billing.CustomerID, at time.Time) ([]billing.Override, error)
}

// AgreementTx reads and writes agreements and overrides.
type AgreementTx interface {
	AgreementReader

	// CreateAgreement returns ErrExists if the stem of its id was ever used.
	// The customer's lock must be held, here and below.
	CreateAgreement(billing.Agreement) error
	// UpdateAgreement stores the start, the ends, the trial, what periods are counted
	// from, Carried, the external id and the metadata; all else never changes. It
	// returns ErrExists if the external id is another's, as CreateAgreement does; one of
	// a deleted customer has it no more.
	UpdateAgreement(billing.Agreement) error
	// WithdrawAgreement removes one that has not started.
	WithdrawAgreement(billing.CustomerID, billing.AgreementID) error
	// CreateOverride and UpdateOverride (of ExpiresOn) need the customer's lock.
	CreateOverride(billing.Override) error
	UpdateOverride(billing.Override) error
}

// GrantReader reads grants.
type GrantReader interface {
	// Grants are those of a customer that were not set aside at an instant, ended ones
	// too, ascending by id, as they are now.
	Grants(customer billing.CustomerID, at time.Time) ([]billing.Grant, error)
	// GrantHistory is a page of all grants of a customer, ascending by id.
	GrantHistory(customer billing.CustomerID, page Page[billing.GrantID]) ([]billing.Grant, bool, error)
	Grant(billing.GrantID) (billing.Grant, error)
	// GrantsByExternalID are the grants of a customer's purchase of an external id,
	// ascending by Line; none if there is none.
	GrantsByExternalID(customer billing.CustomerID, externalID string) ([]billing.Grant, error)
}

// GrantTx reads and writes grants.
type GrantTx interface {
	GrantReader

	// CreateGrant returns ErrExists if the id was ever used, or the customer has a grant
	// of the same external id and line. The customer's lock must be held, here and below.
	CreateGrant(billing.Grant) error
	// UpdateGrant stores EndedOn, ClawedBackOn, VoidedAs and SetAsideOn; all else never
	// changes.
	UpdateGrant(billing.Grant) error
}

// UsageReader reads records of usage and their counters.
type UsageReader interface {
	// Counter is the counter of exactly that window.
	Counter(customer billing.CustomerID, feature billing.Code, w billing.Window) (usage.Counter, error)
	// CountersAt are those of a feature whose window contains an instant, that of
	// all time first.
	CountersAt(customer billing.CustomerID, feature billing.Code, at time.Time) ([]usage.Counter, error)
	// Counters are all of a customer, by feature, then window.
	Counters(customer billing.CustomerID) ([]usage.Counter, error)
	// SumUsage is the sum of the changes of the records that count in a window,
	// recorded at or before an instant (zero: all), cut at what 64 bits hold.
	SumUsage(customer billing.CustomerID, feature billing.Code, w billing.Window, recordedBy time.Time) (billing.Units, error)
	// SumKind is as SumUsage, of the records of one kind.
	SumKind(customer billing.CustomerID, feature billing.Code, kind usage.Kind, w billing.Window) (billing.Units, error)
	// NewestReading is the latest stamp of the records of kind Absolute that count in a
	// window.
	NewestReading(customer billing.CustomerID, feature billing.Code, w billing.Window) (time.Time, error)
	// UnfoldedFeatures are those, ascending, with records of a customer that count
	// before an instant and are not folded. The cost grows with the days that are.
	UnfoldedFeatures(customer billing.CustomerID, before time.Time) ([]billing.Code, error)
	UsageRecord(customer billing.CustomerID, id string) (usage.Record, error)
	// UsageRecordsByID are the records of a customer that have one of some ids, in
	// no order.
	UsageRecordsByID(customer billing.CustomerID, ids []string) ([]usage.Record, error)
	// UsageRecords is a page of the records of a customer (of a feature, unless
	// it is "") with CountedOn in [from, to), ascending by CountedOn, then id.
	// Zero from and to mean no bound.
	UsageRecords(customer billing.CustomerID, feature billing.Code, from, to time.Time, page Page[UsageCursor]) ([]usage.Record, bool, error)
	// Moving is behind which customer, ascending by id, usage is still to be moved: see
	// [UsageTx].MoveUsage. It is false if none is, or may be yet.
	Moving() (after billing.CustomerID, more bool, err error)
	// UsageDamage is what of a customer's records contradicts itself in how they are
	// kept, in words: an id that two have, or that is not found, or one that none has.
	// Some of it, if it is much.
	UsageDamage(billing.CustomerID) ([]string, error)
	// ValueDamage says which uses and corrections of a customer are of another amount than
	// they count, but for corrections that are said by others and count nothing, and which
	// records are of another kind, or were recorded at another instant, than what is with them.
	ValueDamage(billing.CustomerID) ([]string, error)
}

// UsageTx reads and writes records of usage and their counters.
type UsageTx interface {
	UsageReader

	// LockCounters keeps other transactions from writing usage and holds of a
	// feature of a customer until this one ends. It returns the counters whose
	// window has an instant of [from, to], both included. That of all time is
	// always the first of them; it is what is locked, and is made if there is none, for
	// which the customer's lock is taken. Where that must be had first, because the
	// transaction has other locks of usage, the error is [ErrLockCustomer].
	LockCounters(customer billing.CustomerID, feature billing.Code, from, to time.Time) ([]usage.Counter, error)
	// PutCounters stores counters, each once, and moves the Version of each Lane by 1,
	// whatever is given. The counter of a lane's Window is not put by itself; that of the
	// one it had before is. Their features' locks must be held, here and below.
	PutCounters(...usage.Counter) error
	// CreateUsage stores records. It returns ErrExists if one has an id that the
	// customer has a record of, of whatever feature, or that another transaction gives
	// one at once; others may be stored then, so that the transaction is to be given
	// up. Of records with Made it takes the caller's word that the id is new; that a
	// caller repeats one of those is found. It touches no counter, and no sum of draws.
	// Records with draws, or that name others, need an upgrade that is finished.
	CreateUsage(...usage.Record) error
	// MoveUsage puts records of a customer (at most limit), left where programs of the
	// version before keep them, where they are kept now, which changes nothing that
	// can be read. It takes the locks that it needs itself: the customer's, then those of
	// its features in their order.
	// It returns how many; fewer than limit if none are left. The upgrade must be
	// finished.
	MoveUsage(customer billing.CustomerID, limit int) (int, error)
	// PutMoving says that the usage of all customers up to one is moved, or, with more
	// false, of all; then it must be. It does not go back.
	PutMoving(upTo billing.CustomerID, more bool) error
	// FoldUsage puts one record of kind Folded for each day in the place of those
	// (at most limit, the earliest) that count before an instant and are not
	// folded. A record of the day that is folded already takes them in. It draws what they
	// drew, and names no other. day is the span of the one, or the part of one, that
	// contains an instant. It returns how many are gone.
	FoldUsage(customer billing.CustomerID, feature billing.Code, before time.Time, day func(time.Time) calendar.Span, limit int) (int, error)
}

// HoldReader reads holds.
type HoldReader interface {
	// LapsedUnits is the sum of the holds of a feature that were made in a window and
	// whose end is after one instant and not after another. The cost grows with those.
	LapsedUnits(customer billing.CustomerID, feature billing.Code, w billing.Window, after, upTo time.Time) (billing.Units, error)
	// HeldUnits is the sum of the holds of a feature that were made in a window,
	// at or before an instant madeBy (zero: whenever), and are not over at an
	// instant; [math.MaxInt64] if it is more. The cost grows with those that are
	// not over.
	HeldUnits(customer billing.CustomerID, feature billing.Code, w billing.Window, at, madeBy time.Time) (billing.Units, error)
	// UnconfirmedUnits is what was held at an instant of the holds that were made in a
	// window, as it is known now: of those that were confirmed since, what was confirmed
	// is left out, as it is among the records. Cut at [math.MaxInt64].
	UnconfirmedUnits(customer billing.CustomerID, feature billing.Code, w billing.Window, at time.Time) (billing.Units, error)
	Hold(usage.HoldID) (usage.Hold, error)
	// PinnedHolds are those of a feature with pins that were made at or before an instant
	// and are not over at it, ascending by id: of the past as of now. The cost grows with the
	// holds that are not over then.
	PinnedHolds(customer billing.CustomerID, feature billing.Code, at time.Time) ([]usage.Hold, error)
	// Holds are a page of those of a customer (of a feature, unless it is ""), ascending
	// by id.
	Holds(customer billing.CustomerID, feature billing.Code, page Page[usage.HoldID]) ([]usage.Hold, bool, error)
	// HoldDamage is what of a customer's holds contradicts the rest at an instant, in words: one
	// that is closed and counted as held, that was closed otherwise than it says, that is
	// confirmed and of no record, whose twin is not with it, or that is not found by its id.
	HoldDamage(customer billing.CustomerID, at time.Time) ([]string, error)
}

// HoldTx reads and writes holds.
type HoldTx interface {
	HoldReader

	// CreateHold needs the lock of its feature, as UpdateHold does.
	CreateHold(usage.Hold) error
	UpdateHold(usage.Hold) error // ExpiresOn, State and Closing
	// SweepHolds removes holds (at most limit, the earliest), of all customers,
	// that were over before an instant. It returns how many, and needs no lock.
	SweepHolds(before time.Time, limit int) (int, error)
}

// AnswerReader reads answers to idempotency keys.
type AnswerReader interface {
	// Answer is what was stored under a key.
	Answer(scope billing.Scope, key string) (StoredAnswer, error)
	// AnswerDamage says which answers of a scope are not as they were stored.
	AnswerDamage(billing.Scope) ([]string, error)
}

// AnswerTx reads and writes answers to idempotency keys.
type AnswerTx interface {
	AnswerReader

	// CreateAnswers returns ErrExists if one of the keys has an answer; the
	// transaction is to be given up then.
	CreateAnswers(...StoredAnswer) error
	// SweepAnswers removes answers (at most limit, the earliest), of all scopes,
	// that were made before an instant. It returns how many.
	SweepAnswers(before time.Time, limit int) (int, error)
}

// LogReader reads the log of changes.
type LogReader interface {
	// Revision is the number of the last change of a scope; 0 if there is none.
	Revision(billing.Scope) (int64, error)
	// RevisionOf is that of a customer's facts (0 if there is no such customer)
	// and of the catalog: one state, also in a transaction that sees what others
	// commit.
	RevisionOf(billing.CustomerID) (billing.Revision, error)
	// Changes are those of a scope with Rev > after, ascending, at most limit.
	Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error)
	// ChangesBefore are those of a scope with Rev < before, descending, at most limit.
	ChangesBefore(scope billing.Scope, before int64, limit int) ([]billing.Change, error)
	// Image is the last image of a customer's facts at or before an instant: an entry as
	// [billing.AdoptCustomer] makes, of those that have not ended, under the revision of the
	// change that it follows. It is none of the changes.
	Image(customer billing.CustomerID, at time.Time) (billing.Change, error)
	// Images are those of a customer behind one (zero: all), ascending, at most limit.
	Images(customer billing.CustomerID, after billing.Change, limit int) ([]billing.Change, error)
	// Adopted is the entry of a scope of the kind facts.adopted. It is none of
	// the changes: it has revision 0 and no place in the feed.
	Adopted(billing.Scope) (billing.Change, error)
	// LogDamage says what of a scope's changes and events is not in their order without
	// gap, or is not where the feed has it, and what the feed has and is not there.
	LogDamage(billing.Scope) ([]string, error)
	// Adopting is behind which customer, ascending by id, facts are still to be adopted;
	// it is false if none are.
	Adopting() (after billing.CustomerID, more bool, err error)
}

// LogTx reads and writes the log of changes.
type LogTx interface {
	LogReader

	// AppendChange gives the change the next revision of its scope, stores it,
	// and sets the scope's Rev and ChangedOn (never backwards). The scope must
	// be locked, which for clients and keys AppendChange does itself. All lanes of a
	// customer are told of its revision, for which it takes their locks.
	AppendChange(billing.Change) (rev int64, err error)
	// PutImage stores an image, whose On and Rev are those of the change that it follows.
	// The customer's lock must be held.
	PutImage(billing.Change) error
	// MoveStamps has all of a customer that is stamped after an instant count from it on, in its
	// order; see the Moves of package sqlstore. It returns the last stamp, zero if none was
	// after it or all are there already, and how many rows became others. The customer's lock
	// must be held.
	MoveStamps(customer billing.CustomerID, after time.Time) (last time.Time, rows int, err error)
	// MoveShared does so with all that is no customer's, and says of the catalog, of clients
	// and keys what was and is.
	MoveShared(after time.Time) (rows int, was, is map[billing.Scope]map[string]string, err error)
	// Adopt stores entries of the kind facts.adopted. It leaves out those of
	// scopes that have one, locks nothing, and moves no revision.
	Adopt(...billing.Change) error
	// PutAdopting says that facts are adopted of all customers up to one, or, with
	// more false, of all. It does not go back.
	PutAdopting(upTo billing.CustomerID, more bool) error
}
