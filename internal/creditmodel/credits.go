package creditmodel

import (
	"reflect"
	"slices"
	"time"
)

// knownAt is the customer as of a time as known then: by what was written at or before it
// (rule 12).
func (m *Model) knownAt(t time.Time) *Model {
	c := m.clone()
	late := func(at time.Time) bool { return at.After(t) }
	c.terms = slices.DeleteFunc(c.terms, func(f termsFact) bool { return late(f.committed) })
	c.flags = slices.DeleteFunc(c.flags, func(f flagFact) bool { return late(f.committed) })
	c.grants = slices.DeleteFunc(c.grants, func(f grantFact) bool { return late(f.committed) })
	c.agreements = slices.DeleteFunc(c.agreements, func(f agreementFact) bool { return late(f.committed) })
	c.ends = slices.DeleteFunc(c.ends, func(f endFact) bool { return late(f.committed) })
	c.voids = slices.DeleteFunc(c.voids, func(f voidFact) bool { return late(f.committed) })
	c.records = slices.DeleteFunc(c.records, func(r record) bool { return late(r.committed) })
	c.corrections = slices.DeleteFunc(c.corrections, func(r correction) bool { return late(r.committed) })
	c.holds = slices.DeleteFunc(c.holds, func(h hold) bool { return late(h.at) })
	for i := range c.holds {
		h := &c.holds[i]
		h.expires = slices.DeleteFunc(h.expires, func(e expiry) bool { return late(e.committed) })
		if h.closed != nil && late(h.closed.committed) {
			h.closed = nil
		}
	}
	c.payments = slices.DeleteFunc(c.payments, func(p payment) bool { return late(p.committed) })
	for i := range c.payments {
		c.payments[i].back = slices.DeleteFunc(c.payments[i].back, func(b payback) bool { return late(b.committed) })
	}
	c.writes = slices.DeleteFunc(c.writes, late)
	return c
}

// countedBy is the customer as of a time by what is known now (rule 12, `known=now`): facts
// that count at or before it, sources live then, corrections where their record stands, a
// debt from its void. Of a hold confirmed since, what was confirmed is used from the hold's
// instant and the rest held until it was closed.
//
// READING: terms, starts and ends that were set later for that time stand, too; what went
// back of a payment stands where the payment stands.
func (m *Model) countedBy(t time.Time) *Model {
	c := m.clone()
	late := func(at time.Time) bool { return at.After(t) }
	c.voids = slices.DeleteFunc(c.voids, func(f voidFact) bool { return late(f.committed) })
	c.holds = slices.DeleteFunc(c.holds, func(h hold) bool { return late(h.at) })
	for i := range c.holds {
		h := &c.holds[i]
		if h.closed == nil || !late(h.closed.committed) {
			continue
		}
		if h.closed.confirmed {
			r := m.findRecord(h.closed.record)
			h.own = unconfirmed(h.own, r.own)
			h.pool = unconfirmed(h.pool, r.pool)
		}
		h.closed = nil
	}
	c.records = slices.DeleteFunc(c.records, func(r record) bool { return late(r.counted) })
	c.payments = slices.DeleteFunc(c.payments, func(p payment) bool { return late(p.at) })
	return c
}

// unconfirmed is what of a hold's pins was not confirmed.
func unconfirmed(pins, confirmed *leg) *leg {
	if pins == nil {
		return nil
	}
	l := leg{pool: pins.pool}
	for _, d := range pins.draws {
		for _, used := range confirmed.draws {
			if used.Source == d.Source {
				d.Units -= min(d.Units, used.Units)
			}
		}
		if d.Units > 0 {
			l.draws = append(l.draws, d)
			l.units += d.Units
		}
	}
	return &l
}

// view is the customer to ask about a time: past, now or future (without further usage).
func (m *Model) view(now, at time.Time, knownNow bool) *Model {
	v := m.clone()
	if at.Before(now) {
		v = m.knownAt(at)
		if knownNow {
			v = m.countedBy(at)
		}
	}
	v.settle(at)
	return v
}

// Credits answers what is there of a feature at a time, as known then or, with knownNow,
// by what is known now.
func (m *Model) Credits(now, at time.Time, feature string, knownNow bool) Answer {
	if _, ok := m.features[feature]; !ok {
		return Answer{Code: "FEATURE_NOT_FOUND"}
	}
	c := m.view(now, at, knownNow).credits(at, feature)
	return Answer{Credits: &c}
}

// Entitled answers how a feature stands at a time as Credits does: what Check would say, but
// whether it allows anything.
func (m *Model) Entitled(now, at time.Time, feature string, knownNow bool) Decision {
	v := m.view(now, at, knownNow)
	return v.describe(at, feature, plan{burns: v.burns(feature, at)})
}

// credits is rule 8: available = Σ live remaining − debt. Sources are those that have
// something left or held, in burn order.
//
// READING: suspension and deny change nothing of what is there; held is all that open holds
// have pinned of the pool, also of sources that ended; overage is the present window's.
func (m *Model) credits(at time.Time, feature string) Credits {
	if m.features[feature].Held {
		return m.heldCredits(at, feature)
	}
	c := Credits{
		Debt: m.debt(feature, at), Held: m.heldAll(feature, at), Overage: m.overageUsed(feature, at),
	}
	total := -c.Debt
	unlimited := false
	for _, s := range m.sources(feature, at, at) {
		unlimited = unlimited || s.Amount == nil
		total = sum(total, s.Remaining)
		if s.Amount == nil || s.Remaining > 0 || s.Held > 0 {
			c.Sources = append(c.Sources, s)
		}
	}
	if !unlimited {
		c.Available = &total
	}
	c.Next, c.Why = m.nextChange(feature, at)
	return c
}

// heldCredits answers for a held feature, of which nothing is drawn.
//
// READING: available is limit − used − held and may be below zero while over the limit;
// every live source is listed with all of its amount as remaining.
func (m *Model) heldCredits(at time.Time, feature string) Credits {
	c := Credits{Held: m.heldAll(feature, at), Overage: m.overageUsed(feature, at)}
	if limit := m.heldLimit(feature, at); limit != nil {
		left := sum(*limit, -m.usedIn(feature, Never.At(at)), -c.Held)
		c.Available = &left
	}
	for _, chain := range m.chains(feature) {
		if in := m.termsAt(feature, chain, at); in.Has {
			s := Source{Key: windowKey(allowance, chain, Never.At(at)), Kind: allowance, Amount: in.Amount, Ends: m.chainEnd(feature, chain, at), Priority: usualRank, chain: chain}
			if in.Amount != nil {
				s.Remaining = *in.Amount
			}
			c.Sources = append(c.Sources, s)
		}
	}
	for _, g := range m.allGrants(at) {
		if g.Feature == feature && m.live(g, at) {
			c.Sources = append(c.Sources, m.grantSource(g, at))
		}
	}
	slices.SortStableFunc(c.Sources, burnOrder)
	c.Next, c.Why = m.nextChange(feature, at)
	return c
}

// chainEnd is the instant at which a chain that is given at t is no longer.
func (m *Model) chainEnd(feature, chain string, t time.Time) time.Time {
	for _, c := range m.changes(feature, chain) {
		if c.After(t) && !m.termsAt(feature, chain, c).Has {
			return c
		}
	}
	return Forever
}

// whys are the causes of a next change, of several at once the first in this order.
var whys = []string{"plan_ends", "add_on_ends", "scheduled_change", "grant_starts", "grant_expires", "rollover_ends", "allowance_resets"}

// nextChange is the first instant after t at which the answer changes by itself.
//
// READING: the end of an open hold is not among them (contract 6 names it beside
// next_change); nor is the end of a grant or tail that has nothing left and nothing held.
func (m *Model) nextChange(feature string, t time.Time) (time.Time, string) {
	next, why := Forever, ""
	add := func(at time.Time, because string) {
		if !at.After(t) || at.After(next) || !at.Before(Forever) {
			return
		}
		if at.Before(next) || slices.Index(whys, because) < slices.Index(whys, why) {
			next, why = at, because
		}
	}
	for _, chain := range m.chains(feature) {
		m.nextOfChain(feature, chain, t, add)
	}
	for _, g := range m.allGrants(t) {
		if g.Feature != feature || m.voidedBy(g.ID, t) {
			continue
		}
		add(g.Effective, "grant_starts")
		if s := m.grantSource(g, t); m.live(g, t) && (s.Remaining > 0 || s.Held > 0) {
			add(m.grantEnds(g), "grant_expires")
		}
	}
	if m.features[feature].Held {
		return next, why
	}
	for _, s := range m.sources(feature, t, t) {
		switch {
		case s.Kind == allowance:
			add(s.Ends, "allowance_resets")
		case s.Kind == rollover && (s.Remaining > 0 || s.Held > 0):
			add(s.Ends, "rollover_ends")
		}
	}
	return next, why
}

func (m *Model) nextOfChain(feature, chain string, t time.Time, add func(time.Time, string)) {
	for _, c := range m.changes(feature, chain) {
		before := m.termsAt(feature, chain, c.Add(-instant))
		if !c.After(t) || reflect.DeepEqual(before, m.termsAt(feature, chain, c)) {
			continue
		}
		switch {
		case m.termsAt(feature, chain, c).Has:
			add(c, "scheduled_change")
		case chain == "":
			add(c, "plan_ends")
		default:
			add(c, "add_on_ends")
		}
	}
}
