package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Known gives the facts of a customer that are kept in memory, or are from now on, of the
// state least or a later one. It is [snapshot.Cache].Known.
type Known func(ctx context.Context, customer billing.CustomerID, least billing.Revision) (*billing.Snapshot, error)

// kept is how usage of one feature of one customer stands, as far as this node knows. It
// may be outdated: what is decided on it is applied to that state alone, by the version of
// the lane, or looked up again before it is said. It is never changed.
type kept struct {
	counter usage.Counter // of all time, with the lane
	nextEnd time.Time     // the earliest end of a hold after HeldOn; zero: there is none
	missing bool          // there is no usage
}

// maxKept bounds how many of them there are. Each takes some 360 bytes.
const maxKept = 1 << 17

// memory is what a service keeps of usage.
type memory struct {
	once  sync.Once
	lanes *otter.Cache[meter, *kept]

	// In which windows a refusal was told.
	onceRefused sync.Once
	refused     *otter.Cache[refused, struct{}]

	// How many units were decided on what was kept, on what was read for them, and in a
	// transaction of their own.
	inMemory, read, inStore atomic.Uint64
}

func (m *memory) all() *otter.Cache[meter, *kept] {
	m.once.Do(func() {
		m.lanes = otter.Must(&otter.Options[meter, *kept]{MaximumSize: maxKept, InitialCapacity: 1 << 10})
	})
	return m.lanes
}

// Decided says how many units of [Service.Count] were decided on what was kept in memory,
// on what was read for them without a lock, and in a transaction that took locks.
func (s *Service) Decided() (inMemory, read, inStore uint64) {
	return s.memory.inMemory.Load(), s.memory.read.Load(), s.memory.inStore.Load()
}

// errUnkept is what a unit fails with that asks for what is not kept. It is run in a
// transaction then.
var errUnkept = errors.New("this is not kept in memory")

// errOutdated is what a unit fails with that finds that what is kept is not of now.
var errOutdated = errors.New("what is kept in memory is outdated")

// stored is the transaction, for what is not kept.
func (ses *session) stored() (Tx, error) {
	if ses.kept != nil {
		return Tx{}, errUnkept
	}
	return ses.tx, nil
}

// keptLedger is as [session.ledger], of what is kept.
func (ses *session) keptLedger(m meter, from, to time.Time) (l *ledger, opened bool, err error) {
	all := &ses.kept.counter
	lane := &all.Lane
	switch {
	case m != ses.meter, ses.kept.missing, lane.Window == nil, !exact(all.Used), !exact(lane.InWindow), from.Before(lane.Window.Start):
		return nil, false, errUnkept
	case lane.Facts != ses.known[m.customer].Customer.Rev:
		return nil, false, errOutdated
	}
	if l = ses.ledgers[m]; l == nil {
		l = newLedger(ses, m, from, to, []usage.Counter{*all})
		ses.ledgers = map[meter]*ledger{m: l}
		opened = true
	}
	// There are no windows beside the lane's: see [LaneStanding].Others.
	if from.Before(l.from) {
		l.from = from
	}
	l.to = latest(to, l.to)
	return l, opened, nil
}

// keptHeld is what is held in the lane's window now.
func (l *ledger) keptHeld(w billing.Window) (billing.Units, error) {
	lane := l.lane()
	switch end := l.session.kept.nextEnd; {
	case lane.Window == nil || *lane.Window != w:
		return 0, errUnkept
	case !end.IsZero() && !l.now.Before(end):
		return 0, errOutdated
	}
	lane.HeldOn = latest(l.now, lane.HeldOn)
	return lane.Held, nil
}

// attempt is the units about one feature of one customer that are decided in memory.
type attempt struct {
	meter
	units []*count
	snap  *billing.Snapshot
	kept  *kept
	fresh bool // kept was read for it

	ses *session // they ran in
}

// errUndecided says that units which have written nothing were decided on what was kept
// before they came, so that their answers may be outdated.
var errUndecided = errors.New("nothing was written")

// decide runs the units on what is kept. What they write is gathered in the session. The
// error is that of the first that cannot be decided so.
func (s *Service) decide(a *attempt) error {
	ses := &session{
		service: s, clock: s.now(), counting: true, serial: true,
		meter: a.meter, kept: a.kept, known: map[billing.CustomerID]*billing.Snapshot{a.customer: a.snap},
	}
	a.ses = ses
	if a.snap.Catalog.Unfinished {
		return errUnkept
	}
	for _, c := range a.units {
		if c.err = c.over(); c.err != nil {
			continue
		}
		before := ses.written
		if c.err = c.run(ses); c.err != nil && (!isRefusal(c.err) || ses.written != before) {
			return c.err
		}
	}
	switch {
	case ses.written > 0 && ses.ledgers[a.meter] == nil:
		return errUnkept // answers without a lane to apply them to
	case ses.written == 0 && !a.fresh:
		return errUndecided
	}
	return nil
}

// change is what the units have made of the lane.
func (a *attempt) change() LaneChange {
	l := a.ses.ledgers[a.meter]
	l.dirty[0] = true
	counters := l.changed(nil)
	return LaneChange{Lane: counters[0], Windows: counters[1:], Records: a.ses.records, Answers: a.ses.answers}
}

// after is what is kept once the change is made.
func (a *attempt) after() *kept {
	return &kept{counter: a.ses.ledgers[a.meter].counters[0], nextEnd: a.kept.nextEnd}
}

// inMemory decides what it can of a batch without locks, and returns the rest.
func (s *Service) inMemory(batch []*count, until time.Time) (rest []*count) {
	ctx, cancel := s.Within(context.WithoutCancel(batch[0].ctx), until)
	defer cancel()
	ask, rest := s.attempts(ctx, batch)
	var ready []*attempt
	ask, ready, rest = s.sort(ask, rest)
	// Who finds the lane moved reads it once and tries once more.
	for try := 0; try < 2 && len(ask)+len(ready) > 0; try++ {
		var more []*attempt
		ask, rest = s.readStandings(ctx, ask, rest)
		ask, more, rest = s.sort(ask, rest)
		rest = give(rest, ask)
		ask = s.apply(ctx, append(ready, more...), until)
		ready = nil
	}
	return give(rest, ask)
}

// give adds the units of attempts that are given up.
func give(rest []*count, up []*attempt) []*count {
	for _, a := range up {
		rest = append(rest, a.units...)
	}
	return rest
}

// attempts are the units of a batch that are each about one feature, with the facts and
// what is kept.
func (s *Service) attempts(ctx context.Context, batch []*count) (attempts []*attempt, rest []*count) {
	of := make(map[meter]*attempt, len(batch))
	for _, c := range batch {
		if c.Features = slices.Compact(c.Features); len(c.Features) != 1 {
			rest = append(rest, c)
			continue
		}
		m := meter{c.Customer, c.Features[0]}
		a := of[m]
		if a == nil {
			a = &attempt{meter: m}
			of[m] = a
			attempts = append(attempts, a)
		}
		a.units = append(a.units, c)
	}
	attempts = slices.DeleteFunc(attempts, func(a *attempt) bool {
		var err error
		a.snap, err = s.Known(ctx, a.customer, billing.Revision{})
		pooled := err == nil && a.snap.HasSources(a.feature) // which is decided under locks
		if err != nil || pooled {
			rest = append(rest, a.units...) // which say it in their own words
		}
		return err != nil || pooled
	})
	for _, a := range attempts {
		a.kept, _ = s.memory.all().GetIfPresent(a.meter)
	}
	return attempts, rest
}

// sort decides attempts. It gives back those for which how usage stands is to be read, those
// that are ready to be applied, and the units that need a transaction. Those that are
// done are told.
func (s *Service) sort(attempts []*attempt, rest []*count) (ask, ready []*attempt, _ []*count) {
	for _, a := range attempts {
		if a.kept == nil {
			ask = append(ask, a)
			continue
		}
		switch err := s.decide(a); {
		case err == nil && a.ses.written == 0:
			s.memory.read.Add(uint64(len(a.units)))
			tell(a.units)
		case err == nil:
			ready = append(ready, a)
		case !a.fresh && (errors.Is(err, errOutdated) || errors.Is(err, errUndecided)):
			ask = append(ask, a)
		default:
			rest = append(rest, a.units...)
		}
	}
	return ask, ready, rest
}

// readStandings reads how usage stands for attempts, and the facts again where others are
// needed. What cannot be decided on it goes to the rest.
func (s *Service) readStandings(ctx context.Context, attempts []*attempt, rest []*count) ([]*attempt, []*count) {
	if len(attempts) == 0 {
		return nil, rest
	}
	asks, now := make([]Ask, len(attempts)), s.now()
	for i, a := range attempts {
		asks[i] = Ask{a.customer, a.feature, now}
	}
	standings, err := s.Store.Standings(ctx, asks...)
	if err != nil {
		return nil, give(rest, attempts)
	}
	var read []*attempt
	for i, a := range attempts {
		st := &standings[i]
		if !st.Deleted && a.snap.Revision() != st.Revision {
			if snap, err := s.Known(ctx, a.customer, st.Revision); err == nil {
				a.snap = snap
			}
		}
		if a.kept, a.fresh = st.keep(a.meter, now), true; a.kept == nil || a.snap.Revision() != st.Revision {
			s.memory.all().Invalidate(a.meter)
			rest = append(rest, a.units...)
			continue
		}
		s.memory.all().Set(a.meter, a.kept)
		read = append(read, a)
	}
	return read, rest
}

// keep is what can be kept of a standing; nil is nothing.
func (st *UsageStanding) keep(m meter, at time.Time) *kept {
	switch {
	case st.Deleted || st.Revision == (billing.Revision{}):
		return nil
	case len(st.Lanes) == 0:
		return &kept{counter: usage.Counter{CustomerID: m.customer, Feature: m.feature}, missing: true}
	case st.Lanes[0].Others || st.Lanes[0].Lane.Pooled || !st.Lanes[0].tellsHeld(at):
		return nil
	}
	l := &st.Lanes[0]
	k := &kept{counter: l.Counter, nextEnd: l.NextEnd}
	k.counter.Lane.Held = l.Lane.Held.Plus(-l.Lapsed)
	k.counter.Lane.HeldOn = latest(at, l.ChangedOn)
	return k
}

// apply makes the changes of attempts, and tells those for which it did, or cannot know
// whether it did. It gives back those whose lane is not as it was thought to be.
func (s *Service) apply(ctx context.Context, ready []*attempt, until time.Time) (moved []*attempt) {
	slices.SortFunc(ready, func(a, b *attempt) int { return a.compare(b.meter) })
	apart := s.batching().kind.Apart
	for len(ready) > 0 { // those of one catalog
		first := ready[0]
		n := slices.IndexFunc(ready, func(a *attempt) bool {
			return a.snap.Catalog.Rev != first.snap.Catalog.Rev || apart && a.customer != first.customer
		})
		if n < 0 {
			n = len(ready)
		}
		changes := make([]LaneChange, n)
		for i, a := range ready[:n] {
			changes[i] = a.change()
		}
		moved = append(moved, s.applyOf(ctx, first.snap.Catalog.Rev, ready[:n], changes, until)...)
		ready = ready[n:]
	}
	return moved
}

func (s *Service) applyOf(ctx context.Context, catalog int64, ready []*attempt, changes []LaneChange, until time.Time) (moved []*attempt) {
	if isOver(until) {
		return ready
	}
	for _, a := range ready { // also should the store panic
		s.memory.all().Invalidate(a.meter)
	}
	made, err := s.Store.Apply(ctx, catalog, changes)
	blamed, one := errors.AsType[*ChangeError](err)
	switch {
	case errors.Is(err, ErrNotApplied) && isSlow(err) && one: // it is not waited for again, and the others go on without
		n := blamed.At
		fail(ready[n].units, err)
		if len(ready) == 1 {
			return nil
		}
		return s.applyOf(ctx, catalog, slices.Concat(ready[:n], ready[n+1:]), slices.Concat(changes[:n], changes[n+1:]), until)
	case errors.Is(err, ErrNotApplied) && len(ready) > 1: // each by itself, so that one does not fail the others
		for i := range ready {
			moved = append(moved, s.applyOf(ctx, catalog, ready[i:i+1], changes[i:i+1], until)...)
		}
		return moved
	case errors.Is(err, ErrNotApplied):
		return ready
	case err != nil:
		for _, a := range ready {
			fail(a.units, err)
		}
		return nil
	}
	for i, a := range ready {
		if !made[i] {
			moved = append(moved, a)
			continue
		}
		s.made(a)
	}
	return moved
}

// made keeps what a change has made, and tells who asked for it.
func (s *Service) made(a *attempt) {
	s.memory.all().Set(a.meter, a.after())
	if a.fresh {
		s.memory.read.Add(uint64(len(a.units)))
	} else {
		s.memory.inMemory.Add(uint64(len(a.units)))
	}
	tell(a.units)
}
