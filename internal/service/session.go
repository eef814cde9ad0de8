package service

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// session is one transaction in which units run, one after the other. What they
// write of usage is gathered, and stored at the end all at once.
type session struct {
	service *Service
	tx      Tx
	clock   time.Time // what the clock said; see facts.now and book.now
	// counting sessions run the units of [Service.Count]. These change no facts,
	// so what one has read is good for those that follow.
	counting bool
	// serial sessions see no changes but their own.
	serial bool
	// careful sessions look whether the ids that callers gave are new. Those that
	// are not are rare, and refused by the store when they are written; then the
	// transaction is run again, carefully.
	careful bool

	// kept, of a session without a transaction, is how usage of its meter stands.
	kept  *kept
	meter meter

	known map[billing.CustomerID]*billing.Snapshot // of a counting session
	// current is what was last found to be so under the locks of this session.
	current *billing.Snapshot
	catalog *billing.Catalog // of one that is serial, too
	ledgers map[meter]*ledger

	// What is gathered. written counts it, stored or not.
	records []usage.Record
	answers []StoredAnswer
	written int

	// pools are those that the last unit of a counting session was decided on, as they stand
	// with what it drew; nil once anything else wrote usage. sums are theirs, to be stored.
	pools *heldPools
	sums  map[sumName]usage.SourceSum
	// locked are the customers whose lock was had before any of usage.
	locked map[billing.CustomerID]bool
	// chores are done once all is committed.
	chores []chore
	// refused are windows in which a refusal was told, by this session or before.
	refused []refused

	lastRecord [16]byte
}

// meter is one feature of one customer.
type meter struct {
	customer billing.CustomerID
	feature  billing.Code
}

// snapshot reads a customer's facts. The error is CUSTOMER_NOT_FOUND if there is
// no such customer or it is deleted.
func (ses *session) snapshot(id billing.CustomerID) (*billing.Snapshot, error) {
	if snap := ses.known[id]; snap != nil {
		return snap, nil
	}
	tx, err := ses.stored()
	if err != nil {
		return nil, err
	}
	snap, err := readSnapshot(tx.Reader(), id, ses.clock, ses.catalog)
	if err != nil || !ses.counting {
		return snap, err
	}
	if ses.known == nil {
		ses.known = make(map[billing.CustomerID]*billing.Snapshot)
	}
	ses.known[id] = snap
	if ses.serial {
		ses.catalog = snap.Catalog
	}
	return snap, nil
}

// settle ends a use case that writes usage. In a session that goes on with use
// cases of all kinds these find everything in the store.
func (ses *session) settle() error {
	if ses.counting {
		return nil
	}
	err := ses.flush()
	ses.ledgers = nil
	return err
}

// flush stores what is gathered.
func (ses *session) flush() error {
	if err := ses.flushRecords(); err != nil {
		return err
	}
	var changed []usage.Counter
	for _, l := range ses.ledgers {
		changed = l.changed(changed)
	}
	if len(changed) > 0 {
		slices.SortFunc(changed, func(a, b usage.Counter) int { return billing.CompareIDs(a.CustomerID, b.CustomerID) })
		if err := ses.tx.PutCounters(changed...); err != nil {
			return err
		}
	}
	if len(ses.sums) > 0 {
		sums := slices.Collect(maps.Values(ses.sums))
		ses.sums = nil
		if err := ses.tx.PutSources(sums...); err != nil {
			return err
		}
	}
	answers := ses.answers
	ses.answers = nil
	return raced(ses.tx.CreateAnswers(answers...))
}

// flushRecords stores the records that are gathered, for a sum of records.
func (ses *session) flushRecords() error {
	records := ses.records
	ses.records = nil
	return raced(ses.tx.CreateUsage(records...))
}

// errRaced is a record or an answer that another transaction has written since
// this one looked. Run again, it finds it.
var errRaced = errors.New("the same was written meanwhile")

func raced(err error) error {
	if errors.Is(err, billing.ErrExists) {
		return errRaced
	}
	return err
}

// append gathers a record.
func (ses *session) append(r usage.Record) {
	ses.records = append(ses.records, r)
	ses.written++
}

// reported are the records of a customer that have one of some ids, by id.
func (ses *session) reported(customer billing.CustomerID, ids []string) (map[string]usage.Record, error) {
	found := make(map[string]usage.Record)
	if len(ids) == 0 {
		return found, nil
	}
	if ses.careful {
		stored, err := ses.tx.UsageRecordsByID(customer, ids)
		if err != nil {
			return nil, err
		}
		for _, r := range stored {
			found[r.ID] = r
		}
	}
	for _, r := range ses.records {
		if r.CustomerID == customer {
			found[r.ID] = r
		}
	}
	return found, nil
}

// answer is what was said under a key.
func (ses *session) answer(scope billing.Scope, key string) (StoredAnswer, error) {
	for _, a := range ses.answers {
		if a.Scope == scope && a.Key == key {
			return a, nil
		}
	}
	if ses.kept != nil { // looked up when the change is applied
		return StoredAnswer{}, billing.ErrNotFound
	}
	return ses.tx.Answer(scope, key)
}

// keep gathers an answer.
func (ses *session) keep(a StoredAnswer) {
	ses.answers = append(ses.answers, a)
	ses.written++
}

// makeID gives an id to a usage record that was reported without one. Those of one
// session follow each other.
func (ses *session) makeID(r *usage.Record, now time.Time) error {
	if ses.lastRecord == ([16]byte{}) {
		var err error
		if ses.lastRecord, err = billing.NewID[[16]byte](ses.service.random(), now.UnixMilli()); err != nil {
			return err
		}
	}
	n := binary.BigEndian.Uint32(ses.lastRecord[12:]) + 1
	binary.BigEndian.PutUint32(ses.lastRecord[12:], n)
	r.ID, r.Made = "usage_"+hex.EncodeToString(ses.lastRecord[:]), true
	return nil
}
