package service

import (
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// pool is how a pooled feature of a customer stands, for a use case that reads or, under
// the lock of its lane, one that writes.
type pool struct {
	*credit.Pool
	customer billing.CustomerID
	reader   *Reader // of sums that are missing; nil: all are there
	ledger   *ledger // nil of one that is only read
	// sums are those that the store has, or that were made from the draws, by their names,
	// as they are to be; changed are those to be stored.
	sums    map[usage.SourceID]billing.Units
	changed map[usage.SourceID]bool
	// summed is the instant that was asked about last: all its sources have sums.
	summed time.Time
	// payments are what time alone has paid of debts since the pool was last written.
	payments []credit.Payment
	paid     int // of the payments, how many are written
	// written is when usage or holds of the feature were last written.
	written time.Time
}

// pastOf is what of the past a pool is read by.
type pastOf struct {
	at time.Time
	// by is the instant by which usage was recorded; zero: all that is.
	by time.Time
	// until is the instant up to which usage counts; zero: all does.
	until time.Time
	// settled says that the pool was written at the instant, with all that was paid by then.
	settled bool
}

// history is a snapshot, of an instant, with the agreements and overrides that had ended by
// then too: pools go on with what they have left.
func history(r Reader, snap *billing.Snapshot, at time.Time) (*billing.Snapshot, error) {
	all := *snap
	ended, err := r.Agreements(snap.Customer.ID, farPast)
	if err != nil {
		return nil, err
	}
	// What the snapshot has is as it was known then; of what ended before, that is the same.
	for _, a := range ended {
		if a.Ended(at) && !a.Ended(a.StartsOn) && !slices.ContainsFunc(snap.Agreements, func(b billing.Agreement) bool { return b.ID == a.ID }) {
			all.Agreements = append(slices.Clip(all.Agreements), a)
		}
	}
	overrides, err := r.Overrides(snap.Customer.ID, farPast)
	if err != nil {
		return nil, err
	}
	for _, o := range overrides {
		if !o.ExpiresOn.IsZero() && !o.ExpiresOn.After(at) && !slices.ContainsFunc(snap.Overrides, func(b billing.Override) bool { return b.ID == o.ID }) {
			all.Overrides = append(slices.Clip(all.Overrides), o)
		}
	}
	slices.SortStableFunc(all.Agreements, func(a, b billing.Agreement) int { return billing.CompareIDs(a.ID, b.ID) })
	return &all, nil
}

// readPool is how a pool stands at an instant, its debts paid until then. The snapshot has
// its history. For a use case that writes, the ledger has what it has gathered; else it is
// nil.
func readPool(r Reader, snap *billing.Snapshot, feature *billing.Feature, now time.Time, l *ledger) (*pool, error) {
	p := newPool(snap, feature, now)
	p.reader, p.ledger = &r, l
	rows, err := r.Sources(p.customer, feature.Code)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		p.sums[row.Source] = row.Drawn
	}
	holds, err := r.PinnedHolds(p.customer, feature.Code, now)
	if err != nil {
		return nil, err
	}
	lane, err := r.Counter(p.customer, feature.Code, billing.Window{})
	last := lane.ChangedOn
	switch {
	case isNotFound(err): // nothing was ever drawn, or the counters are lost
		_, last, err = lostLane(r, p.customer, feature.Code)
	case err == nil && last.IsZero() && l != nil: // it was just made, and has found what was lost
		last = l.changedOn()
	}
	if err != nil {
		return nil, err
	}
	p.written = last
	if p.clawedBack() && !last.IsZero() { // a hold that is over since was open when a debt was to be paid
		before, err := r.PinnedHolds(p.customer, feature.Code, last)
		if err != nil {
			return nil, err
		}
		for _, h := range before {
			if !slices.ContainsFunc(holds, func(o usage.Hold) bool { return o.ID == h.ID }) {
				holds = append(holds, h)
			}
		}
	}
	p.pin(holds, false)
	p.Sums = &credit.Sums{Drawn: maps.Clone(p.sums), Paid: make(map[billing.GrantID]billing.Units), Window: func(w billing.Window) (used, elsewhere, held billing.Units, err error) {
		if l != nil {
			if used, err = l.used(w); err == nil {
				err = l.flushRecords()
			}
		} else {
			used, err = usedIn(r, p.customer, feature.Code, w)
		}
		if err != nil {
			return 0, 0, 0, err
		}
		if held, err = p.unpinned(r, w, now, time.Time{}); err != nil {
			return 0, 0, 0, err
		}
		name := usage.ElsewhereSum(w)
		elsewhere, ok := p.sums[name]
		if !ok {
			draws, err := r.SumDraws(p.customer, feature.Code, w, time.Time{})
			if err != nil {
				return 0, 0, 0, err
			}
			elsewhere = usage.Elsewhere(draws)
			p.put(name, elsewhere)
		}
		return used, elsewhere, held, nil
	}}
	p.Sums.Own = func(w billing.Window) (billing.Units, error) {
		if err := p.flush(); err != nil {
			return 0, err
		}
		return p.paidOfOwn(w, func() ([]usage.DrawnSum, error) { return r.SumDraws(p.customer, feature.Code, w, time.Time{}) })
	}
	if err := p.sumMissing(r, now, now); err != nil {
		return nil, err
	}
	if last.IsZero() {
		return p, nil
	}
	// Facts may have changed at the instant of the last write, after it.
	return p, p.settle(last.Add(-time.Microsecond), now)
}

func newPool(snap *billing.Snapshot, feature *billing.Feature, now time.Time) *pool {
	return &pool{
		Pool:     &credit.Pool{Facts: snap, Feature: feature, Now: now},
		customer: snap.Customer.ID, sums: make(map[usage.SourceID]billing.Units), changed: make(map[usage.SourceID]bool),
	}
}

// sumMissing has what was drawn of all sources that count at an instant of [from, to] among
// the sums: where no sum is kept it is made of the draws.
func (p *pool) sumMissing(r Reader, from, to time.Time) error {
	names := []usage.SourceID{billing.OwnSource}
	all := []time.Time{from}
	if from.Before(to) {
		all = append(p.Facts.CreditMoments(p.Feature, from, to), from, to)
	}
	for _, at := range all {
		names = append(names, usage.SourceID(p.Facts.RolledOver(p.Feature, at)))
	}
	for _, c := range p.Facts.CreditSources(p.Feature, from, to) {
		names = append(names, usage.SourceID(c.ID))
	}
	for i := range p.Facts.Grants {
		g := &p.Facts.Grants[i]
		if g.Feature != p.Feature.Code || g.ClawedBackOn.IsZero() {
			continue
		}
		id := usage.SourceID(g.ID.String())
		names = append(names, id)
		if err := p.sumPaid(r, id, g.ID); err != nil {
			return err
		}
	}
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), p.has)
	if len(names) == 0 {
		return nil
	}
	if err := p.flush(); err != nil {
		return err
	}
	draws, err := r.SumDrawsOf(p.customer, p.Feature.Code, names, billing.Window{}, time.Time{})
	if err != nil {
		return err
	}
	for _, id := range names {
		p.put(id, 0)
	}
	for _, d := range draws {
		p.put(d.Source, p.sums[d.Source].Plus(d.Units))
	}
	for _, id := range names {
		p.Sums.Drawn[id] = p.sums[id]
	}
	return nil
}

// sumPaid has what was paid of a debt among the sums.
func (p *pool) sumPaid(r Reader, id usage.SourceID, grant billing.GrantID) error {
	name := usage.PaysSum(id)
	if !p.has(name) {
		if err := p.flush(); err != nil {
			return err
		}
		paid, err := r.SumPaid(p.customer, p.Feature.Code, id, billing.Window{}, time.Time{})
		if err != nil {
			return err
		}
		p.put(name, paid)
	}
	p.Sums.Paid[grant] = p.sums[name]
	return nil
}

// flush stores what is gathered, for a sum.
func (p *pool) flush() error {
	if p.ledger == nil {
		return nil
	}
	return p.ledger.flushRecords()
}

// at is how the pool stands at an instant.
func (p *pool) at(t time.Time) (credit.State, error) {
	if p.reader != nil && !p.summed.Equal(t) {
		if err := p.sumMissing(*p.reader, t, t); err != nil {
			return credit.State{}, err
		}
		p.summed = t
	}
	return p.At(t)
}

// setGrants puts grants in the place of those that are among the facts.
func (p *pool) setGrants(grants []billing.Grant) {
	p.SetGrants(grants)
	p.summed = time.Time{}
}

func (p *pool) has(name usage.SourceID) bool {
	_, ok := p.sums[name]
	return ok
}

func (p *pool) put(name usage.SourceID, sum billing.Units) {
	p.sums[name], p.changed[name] = sum, true
}

// add adds to a sum that is kept; another is summed when it is asked for.
func (p *pool) add(name usage.SourceID, units billing.Units) {
	if p.has(name) {
		p.put(name, p.sums[name].Plus(units))
	}
}

// paidDebts are the sums of what was paid, by grant.
func (p *pool) paidDebts() map[billing.GrantID]billing.Units {
	paid := make(map[billing.GrantID]billing.Units)
	for i := range p.Facts.Grants {
		if g := &p.Facts.Grants[i]; g.Feature == p.Feature.Code {
			paid[g.ID] = p.sums[usage.PaysSum(usage.SourceID(g.ID.String()))]
		}
	}
	return paid
}

// pin takes over what holds have set aside. Of one that was confirmed since, with confirmed
// set, that is what is not among the records.
func (p *pool) pin(holds []usage.Hold, confirmed bool) {
	for i := range holds {
		h := &holds[i]
		pins := h.Pins
		if confirmed && h.Closing != nil {
			pins = credit.Rest(pins, h.Closing.Counted)
		}
		p.Pins = append(p.Pins, credit.Pin{Hold: h.ID, Made: h.MadeOn, Ends: h.ExpiresOn, Draws: pins})
	}
}

// unpinned is what is held in a window by holds that have no pins: they were made while
// its allowance was the only source.
func (p *pool) unpinned(r Reader, w billing.Window, at, madeBy time.Time) (billing.Units, error) {
	held, err := r.HeldUnits(p.customer, p.Feature.Code, w, at, madeBy)
	return p.lessPins(w, at, held), err
}

// lessPins is what is held in a window less what is pinned.
func (p *pool) lessPins(w billing.Window, at time.Time, held billing.Units) billing.Units {
	for i := range p.Pins {
		if pin := &p.Pins[i]; w.Contains(pin.Made) && at.Before(pin.Ends) {
			held = held.Plus(-credit.Total(pin.Draws))
		}
	}
	return max(held, 0)
}

// unpin takes away what a hold has set aside.
func (p *pool) unpin(id usage.HoldID) {
	p.Pins = slices.DeleteFunc(p.Pins, func(pin credit.Pin) bool { return pin.Hold == id })
}

// clawedBack reports whether there may be debts.
func (p *pool) clawedBack() bool {
	return slices.ContainsFunc(p.Facts.Grants, func(g billing.Grant) bool { return g.Feature == p.Feature.Code && !g.ClawedBackOn.IsZero() })
}

// settle pays debts of what time brought between two instants.
func (p *pool) settle(after, to time.Time) error {
	if !p.clawedBack() {
		return nil
	}
	if p.reader != nil {
		if err := p.sumMissing(*p.reader, after, to); err != nil {
			return err
		}
	}
	more, err := p.Settle(after, to)
	for _, pay := range more {
		p.noteSums(pay.On, pay.Draws, usage.SourceID(pay.Grant.String()))
	}
	p.payments = append(p.payments, more...)
	return err
}

// note adds a record that is written to the sums.
func (p *pool) note(r *usage.Record) {
	p.Sums.Add(r.CountedOn, r.Change, r.Draws, nil)
	p.noteSums(r.CountedOn, r.Draws, "")
}

// noteSums adds draws to the sums that are kept.
func (p *pool) noteSums(on time.Time, draws []usage.Draw, pays usage.SourceID) {
	all := make([]usage.DrawnSum, len(draws))
	for i, d := range draws {
		all[i] = usage.DrawnSum{Source: d.Source, Pays: pays, Units: d.Units}
	}
	for _, d := range draws {
		p.add(d.Source, d.Units)
		if pays != "" {
			p.add(usage.PaysSum(pays), d.Units)
		}
	}
	elsewhere := usage.Elsewhere(all)
	for name := range p.sums {
		if w, ok := name.Elsewhere(); ok && elsewhere != 0 && w.Contains(on) {
			p.put(name, p.sums[name].Plus(elsewhere))
		}
	}
}

// paidOfOwn is what payments took of the allowance of a window, if there were any: what is
// stored, and what time has paid.
func (p *pool) paidOfOwn(w billing.Window, stored func() ([]usage.DrawnSum, error)) (paid billing.Units, err error) {
	any := false
	for name := range p.sums {
		any = any || name.IsPays()
	}
	if !any {
		return 0, nil
	}
	draws, err := stored()
	for _, d := range draws {
		if d.Source == billing.OwnSource && d.Pays != "" {
			paid = paid.Plus(d.Units)
		}
	}
	for _, pay := range p.payments[p.paid:] {
		for _, d := range pay.Draws {
			if d.Source == billing.OwnSource && w.Contains(pay.On) {
				paid = paid.Plus(d.Units)
			}
		}
	}
	return paid, err
}

// readPoolPast is how a pool stood at an instant of the past.
func readPoolPast(r Reader, snap *billing.Snapshot, feature *billing.Feature, k pastOf) (*pool, error) {
	p := newPool(snap, feature, k.at)
	upTo := billing.Window{}
	if !k.until.IsZero() {
		upTo.End = k.until.Add(time.Microsecond)
	}
	draws, err := r.SumDraws(p.customer, feature.Code, upTo, k.by)
	if err != nil {
		return nil, err
	}
	p.sums = usage.SumsOf(draws)
	p.Sums = &credit.Sums{Drawn: maps.Clone(p.sums), Paid: p.paidDebts(), Window: func(w billing.Window) (used, elsewhere, held billing.Units, err error) {
		if k.until.IsZero() {
			held, err = p.unpinned(r, w, k.at, k.at)
		} else if held, err = r.UnconfirmedUnits(p.customer, feature.Code, w, k.at); err == nil {
			held = p.lessPins(w, k.at, held)
		}
		if err != nil {
			return 0, 0, 0, err
		}
		if !upTo.End.IsZero() && (w.End.IsZero() || upTo.End.Before(w.End)) {
			w.End = upTo.End
		}
		if used, err = r.SumUsage(p.customer, feature.Code, w, k.by); err != nil {
			return 0, 0, 0, err
		}
		draws, err := r.SumDraws(p.customer, feature.Code, w, k.by)
		return used, usage.Elsewhere(draws), held, err
	}}
	p.Sums.Own = func(w billing.Window) (billing.Units, error) {
		return p.paidOfOwn(w, func() ([]usage.DrawnSum, error) {
			if !upTo.End.IsZero() && (w.End.IsZero() || upTo.End.Before(w.End)) {
				w.End = upTo.End
			}
			return r.SumDraws(p.customer, feature.Code, w, k.by)
		})
	}
	holds, err := r.PinnedHolds(p.customer, feature.Code, k.at)
	if err != nil {
		return nil, err
	}
	p.pin(holds, !k.until.IsZero())
	var first time.Time
	for i := range snap.Grants {
		g := &snap.Grants[i]
		owed := g.Feature == feature.Code && !g.ClawedBackOn.IsZero() && !g.ClawedBackOn.After(k.at)
		if owed && (first.IsZero() || g.ClawedBackOn.Before(first)) {
			first = g.ClawedBackOn
		}
	}
	if first.IsZero() || k.settled {
		return p, nil
	}
	after := first.Add(-time.Microsecond)
	if !k.until.IsZero() {
		// What was paid is known, but for what time alone brought since the last write. Who is
		// asked then can pay with what is known now.
		lane, err := r.Counter(p.customer, feature.Code, billing.Window{})
		last := lane.ChangedOn
		if isNotFound(err) {
			_, last, err = lostLane(r, p.customer, feature.Code)
		}
		if err != nil {
			return nil, err
		}
		p.Hindsight, after = true, latest(after, last)
		if before := k.at.Add(-time.Microsecond); after.After(before) {
			after = before
		}
	}
	return p, p.settle(after, k.at)
}
