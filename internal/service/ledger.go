package service

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// ledger is the usage of one feature of one customer, opened for writing within
// a session: no other writes it until the transaction ends.
type ledger struct {
	*session
	meter
	from, to time.Time
	now      time.Time // of the use case
	// counters are all whose window has an instant in [from, to], that of all time first.
	// It has the lane as it is to be, but for the usage of its window.
	counters []usage.Counter
	dirty    []bool
}

// span is what a use case is about of a feature: records that count in
// [from, to].
type span struct {
	feature  billing.Code
	from, to time.Time
}

// openUsage locks the usage that a use case is about and returns the facts to run it
// by. want says what that is, by facts that were read before the locks were had.
// Where others have changed them since, or a use case with a faster clock has
// had a lock before, want is asked again. So what follows from facts is worked
// out in want, and nothing of it is kept from one call to the next. Spans are
// ascending by feature.
func (u *Work) openUsage(customer billing.CustomerID, want func(*facts) ([]span, error)) (*facts, error) {
	for {
		f, err := u.facts(customer)
		if err != nil {
			return nil, err
		}
		spans, err := want(f)
		if err != nil {
			return nil, err
		}
		if current, err := u.lockUsage(f, spans); err != nil || current {
			return f, err
		}
	}
}

// lockUsage opens ledgers, and reports whether facts are as they are now that all of
// them are had, at an instant that is not before the last use case that had one:
// what one that asked a faster clock gave away, this one does not give again.
func (u *Work) lockUsage(f *facts, spans []span) (current bool, err error) {
	id, last, unsure := f.snap.Customer.ID, f.now, u.current != f.snap
	for _, s := range spans {
		l, opened, err := u.ledger(meter{id, s.feature}, s.from, s.to)
		if err != nil {
			return false, err
		}
		l.now, l.lane().Facts = f.now, f.snap.Customer.Rev
		last, unsure = latest(last, l.changedOn()), unsure || opened
	}
	if last.After(f.now) { // after it, as what was known at that instant, as of a void, is what went before
		u.clock = last.Add(time.Microsecond)
		return false, nil
	}
	if unsure && !u.serial {
		rev, err := u.tx.RevisionOf(id)
		if err != nil {
			return false, err
		}
		if rev != f.snap.Revision() {
			delete(u.known, id)
			return false, nil
		}
	}
	u.current = f.snap
	return true, nil
}

// ledger opens the usage of a feature for records that count in [from, to]. It
// reports whether it was not open before.
func (ses *session) ledger(m meter, from, to time.Time) (l *ledger, opened bool, err error) {
	if ses.kept != nil {
		return ses.keptLedger(m, from, to)
	}
	l = ses.ledgers[m]
	if l == nil {
		if err := ses.requireOrder(m); err != nil {
			return nil, false, err
		}
	} else {
		if !from.Before(l.from) && !to.After(l.to) {
			return l, false, nil
		}
		if from.After(l.from) {
			from = l.from
		}
		to = latest(to, l.to)
		if err := ses.flush(); err != nil {
			return nil, false, err
		}
	}
	counters, err := ses.tx.LockCounters(m.customer, m.feature, from, to)
	if errors.Is(err, ErrLockCustomer) {
		err = &unordered{meters: append(slices.Collect(maps.Keys(ses.ledgers)), m), customer: true}
	}
	if err != nil {
		return nil, false, err
	}
	if ses.ledgers == nil {
		ses.ledgers = make(map[meter]*ledger)
	}
	had := l
	l = newLedger(ses, m, from, to, counters)
	if err := l.restoreLane(); err != nil {
		return nil, false, err
	}
	if had != nil { // whoever has it goes on with it
		l.now, l.lane().Facts = had.now, had.lane().Facts
		*had = *l
		l = had
	}
	ses.ledgers[m] = l
	ses.service.memory.all().Invalidate(m) // which it may be about to outdate
	return l, true, nil
}

func newLedger(ses *session, m meter, from, to time.Time, counters []usage.Counter) *ledger {
	l := &ledger{session: ses, meter: m, from: from, to: to, counters: counters, dirty: make([]bool, len(counters))}
	if w := l.lane().Window; w != nil && l.find(*w) < 0 { // to be stored by itself, should the lane get another
		l.counters = append(l.counters, usage.Counter{CustomerID: m.customer, Feature: m.feature, Window: *w, Used: l.lane().InWindow})
		l.dirty = append(l.dirty, false)
	}
	return l
}

// unused reports whether nothing counts and no hold is made in a window. Programs that know
// of no lanes may have written before there was one.
func (l *ledger) unused(w billing.Window) bool {
	return l.lane().Window != nil && begunAfter(w, l.changedOn())
}

// lane is that of the feature.
func (l *ledger) lane() *usage.Lane { return &l.counters[0].Lane }

// find is the index of a window's counter, -1 if there is none.
func (l *ledger) find(w billing.Window) int {
	return slices.IndexFunc(l.counters, func(c usage.Counter) bool { return c.Window == w })
}

// present makes a window the lane's, so that the next decision in it reads and writes one
// row. Not while programs may run that know of no lanes.
func (l *ledger) present(f *facts, w billing.Window) error {
	lane := l.lane()
	if had := lane.Window; f.snap.Catalog.Unfinished || had != nil && *had == w {
		return nil
	}
	i, err := l.counter(w)
	if err != nil {
		return err
	}
	var held billing.Units
	if !l.unused(w) {
		if held, err = l.heldUnits(w); err != nil {
			return err
		}
	}
	lane = l.lane() // which counter may have moved
	if lane.Window != nil {
		l.dirty[l.find(*lane.Window)] = true
	}
	l.dirty[i] = true
	lane.Window, lane.Held, lane.HeldOn = &w, held, l.now
	l.touch()
	return nil
}

// counter is the index of a window's counter, which is made from the records if
// there is none yet, or it was cut.
func (l *ledger) counter(w billing.Window) (int, error) {
	i := l.find(w)
	if i >= 0 && exact(l.counters[i].Used) {
		return i, nil
	}
	sum, err := l.sum(w)
	if err != nil {
		return 0, err
	}
	if i < 0 {
		i = len(l.counters) // to be stored once something counts in it
		l.counters = append(l.counters, usage.Counter{CustomerID: l.customer, Feature: l.feature, Window: w})
		l.dirty = append(l.dirty, false)
	}
	l.counters[i].Used = sum
	return i, nil
}

// sum is the usage in a window by the records, those gathered here too.
func (l *ledger) sum(w billing.Window) (billing.Units, error) {
	if l.unused(w) {
		return 0, nil
	}
	tx, err := l.stored()
	if err == nil {
		err = l.flushRecords()
	}
	if err != nil {
		return 0, err
	}
	return tx.SumUsage(l.customer, l.feature, w, time.Time{})
}

// used is the usage in a window. All time up to where it was lived has no counter: it is
// asked for by what is late alone, and those who decide in memory would not move it.
func (l *ledger) used(w billing.Window) (billing.Units, error) {
	if w.Start.IsZero() && !w.AllTime() {
		return l.sum(w)
	}
	i, err := l.counter(w)
	if err != nil {
		return 0, err
	}
	return l.counters[i].Used, nil
}

// standing is what is used and held in a window now.
func (l *ledger) standing(w billing.Window) (used, held billing.Units, err error) {
	if used, err = l.used(w); err != nil {
		return 0, 0, err
	}
	held, err = l.heldUnits(w)
	return used, held, err
}

// superseded reports whether a window has a reading with a later stamp.
func (l *ledger) superseded(w billing.Window, stamp time.Time) (bool, error) {
	tx, err := l.stored()
	if err == nil {
		err = l.flushRecords()
	}
	if err != nil {
		return false, err
	}
	newest, err := tx.NewestReading(l.customer, l.feature, w)
	if isNotFound(err) {
		return false, nil
	}
	return newest.After(stamp), err
}

// add appends a record that counts in a window and works out its Change: of a reading
// that a newer one supersedes it is 0. The customer must have none of that id. It
// writes nothing if the window's usage would leave what can be counted.
func (l *ledger) add(w billing.Window, r *usage.Record) (superseded bool, err error) {
	l.pools = nil // which stand without it
	r.Change = r.Value
	if r.Kind == usage.Absolute {
		used, err := l.used(w)
		if err != nil {
			return false, err
		}
		if superseded, err = l.superseded(w, r.Stamp); err != nil {
			return false, err
		}
		if r.Change = 0; !superseded {
			r.Change = r.Value.Plus(-used)
		}
	}
	return superseded, l.addChange(w, r)
}

// addChange is as add, of a record whose Change is known.
func (l *ledger) addChange(w billing.Window, r *usage.Record) error {
	if r.CountedOn.Before(l.from) || r.CountedOn.After(l.to) { // windows of it may not be among the counters
		return fmt.Errorf("usage of %s counts on %v and is opened from %v to %v", l.feature, r.CountedOn, l.from, l.to)
	}
	i, err := l.counter(w)
	if err != nil {
		return err
	}
	used := l.counters[i].Used
	switch total := used.Plus(r.Change); {
	case total < 0 && r.Change < 0:
		return billing.Refused.Errorf("METER_VALUE_INVALID", "the usage of the window is %s and cannot fall below 0", used)
	case total > billing.MaxTotal && r.Change > 0:
		return billing.Refused.Errorf("METER_VALUE_INVALID", "the usage of a window is at most %s", billing.MaxTotal)
	}
	l.append(*r)
	for i := range l.counters {
		c := &l.counters[i]
		if !c.Window.Contains(r.CountedOn) {
			continue
		}
		l.dirty[i] = true
		switch whole := c.Used.Plus(r.Change); {
		case exact(c.Used) || (r.Change > 0) == (c.Used > 0): // which a cut sum stays
			c.Used = whole
		default:
			if c.Used, err = l.sum(c.Window); err != nil {
				return err
			}
		}
	}
	l.touch()
	return nil
}

// touch notes that usage or holds are written at the use case's instant.
func (l *ledger) touch() {
	all := &l.counters[0]
	all.ChangedOn = latest(l.now, all.ChangedOn)
	l.dirty[0] = true
}

// changedOn is the latest instant that usage or holds were written at.
func (l *ledger) changedOn() time.Time { return l.counters[0].ChangedOn }

// changed are the counters that changed since they were stored. It takes them
// for stored. That of the lane's window is the lane's.
func (l *ledger) changed(out []usage.Counter) []usage.Counter {
	if lane := l.lane(); lane.Window != nil {
		i := l.find(*lane.Window)
		l.dirty[0] = l.dirty[0] || l.dirty[i]
		l.dirty[i] = l.dirty[i] && i == 0
		lane.InWindow = l.counters[i].Used
	}
	if l.dirty[0] {
		out = append(out, l.counters[0])
		l.lane().Version++
	}
	for i, c := range l.counters[1:] {
		if l.dirty[i+1] {
			out = append(out, c)
		}
	}
	clear(l.dirty)
	return out
}

// heldUnits is what is held in a window.
func (l *ledger) heldUnits(w billing.Window) (billing.Units, error) {
	if l.session.kept != nil {
		return l.keptHeld(w)
	}
	held, err := heldIn(l.tx, &l.counters[0], w, l.now)
	if lane := l.lane(); err == nil && lane.Window != nil && *lane.Window == w && l.now.After(lane.HeldOn) {
		lane.Held, lane.HeldOn = held, l.now
	}
	return held, err
}

// hold counts units of a hold that is about to be made, or, when they are negative, of one
// that is not over and about to be closed.
func (l *ledger) hold(h *usage.Hold, units billing.Units) error {
	lane := l.lane()
	if lane.Window == nil || !lane.Window.Contains(h.MadeOn) {
		return nil
	}
	held, err := l.heldUnits(*lane.Window)
	lane.Held = held.Plus(units)
	return err
}

// heldIn is what is held in a window of a feature, whose counter of all time is given, at
// an instant. In the lane's window only those are looked up that have ended since.
func heldIn(r HoldReader, all *usage.Counter, w billing.Window, at time.Time) (billing.Units, error) {
	lane := &all.Lane
	// Holds that are over for longer may be gone.
	if lane.Window == nil || *lane.Window != w || at.Before(lane.HeldOn) || at.Sub(lane.HeldOn) > usage.MaxHold {
		return r.HeldUnits(all.CustomerID, all.Feature, w, at, time.Time{})
	}
	if at.Equal(lane.HeldOn) {
		return lane.Held, nil
	}
	lapsed, err := r.LapsedUnits(all.CustomerID, all.Feature, w, lane.HeldOn, at)
	return lane.Held.Plus(-lapsed), err
}

// answerGrace is as [answerGrace], with what this session has gathered.
func (l *ledger) answerGrace(snap *billing.Snapshot, al *billing.Allowance) error {
	if al.Grace == nil {
		return nil
	}
	tx, err := l.stored()
	if err == nil {
		err = l.flushRecords()
	}
	if err != nil {
		return err
	}
	return answerGrace(tx.Reader(), snap, al, time.Time{})
}

// compare orders meters as they are locked.
func (m meter) compare(other meter) int {
	return cmp.Or(billing.CompareIDs(m.customer, other.customer), cmp.Compare(m.feature, other.feature))
}

// unordered is the error of a session that would lock a feature after one that
// comes behind it. Two that did so could wait for each other. The transaction
// is run again and locks all of them first.
type unordered struct {
	meters []meter
	// customer says that the customers are to be locked before.
	customer bool
}

func (e *unordered) Error() string { return "features are to be locked in another order" }

// requireOrder returns [unordered] if a meter must have been locked before one
// that is. A store with one writer has nothing to lock.
func (ses *session) requireOrder(m meter) error {
	if ses.serial {
		return nil
	}
	behind := false
	for open := range ses.ledgers {
		behind = behind || open.compare(m) > 0
	}
	if !behind {
		return nil
	}
	return &unordered{meters: append(slices.Collect(maps.Keys(ses.ledgers)), m)}
}

// openFirst opens what a run before has met out of order.
func (ses *session) openFirst(first unordered) error {
	slices.SortFunc(first.meters, meter.compare)
	for _, m := range first.meters {
		if !first.customer {
			break
		}
		if _, err := ses.tx.LockCustomer(m.customer); err != nil {
			return err
		}
		if ses.locked == nil {
			ses.locked = make(map[billing.CustomerID]bool)
		}
		ses.locked[m.customer] = true
	}
	for _, m := range first.meters {
		if _, _, err := ses.ledger(m, ses.clock, ses.clock); err != nil {
			return err
		}
	}
	return nil
}
