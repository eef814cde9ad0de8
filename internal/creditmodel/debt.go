package creditmodel

import (
	"slices"
	"time"
)

// debtOf is rule 8: of a voided grant that is clawed back, Σ of its draws − what was paid.
// It is below zero while a surplus waits to go back.
func (m *Model) debtOf(g Grant, now time.Time) Units {
	if !m.clawedBack(g.ID, now) {
		return 0
	}
	owed := m.drawn(g.Feature, g.ID)
	for _, p := range m.payments {
		if p.grant == g.ID {
			owed = sum(owed, -p.total())
		}
	}
	return owed
}

// debt is the debt of a feature's pool.
func (m *Model) debt(feature string, now time.Time) Units {
	var total Units
	for _, g := range m.allGrants(now) {
		if g.Feature == feature {
			total = sum(total, atLeastZero(m.debtOf(g, now)))
		}
	}
	return total
}

// settle writes what time alone brought since the last write, under its true instant, and
// then what can be paid now: a debt is paid at the first instant at which a source has
// something left (rule 8).
func (m *Model) settle(now time.Time) {
	if len(m.voids) == 0 || m.together {
		return
	}
	for _, at := range m.moments(now) {
		m.pay(at, now)
	}
	m.pay(now, now)
}

// moments are the instants after the last write and before now at which time alone may bring
// something: a grant's start, a window's start, terms that were set ahead, a hold's end.
func (m *Model) moments(now time.Time) []time.Time {
	last := Beginning
	if len(m.writes) > 0 {
		last = m.writes[len(m.writes)-1]
	}
	var all []time.Time
	add := func(t time.Time) {
		if t.After(last) && t.Before(now) {
			all = append(all, t)
		}
	}
	for feature := range m.features {
		for _, chain := range m.chains(feature) {
			for _, s := range m.segments(feature, chain, now) {
				add(s.start)
			}
			for _, c := range m.changes(feature, chain) {
				add(c)
			}
		}
	}
	for _, g := range m.allGrants(now) {
		add(g.Effective)
	}
	for _, h := range m.holds {
		if h.closed == nil {
			add(h.until())
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// pay returns surpluses and pays debts at one instant, from all sources then live, in burn
// order, `only` notwithstanding.
//
// READING: of several debts the one clawed back first is paid first. What a backdated grant
// brings pays at the grant's commit. A payment is not use: it is in no `used` and no
// overage, but takes from the allowance it came from. An unlimited allowance pays at once.
func (m *Model) pay(at, committed time.Time) {
	var debts []Grant
	for _, v := range m.voids {
		if v.clawBack && !v.committed.After(at) {
			if g, ok := m.findGrant(v.grant, at); ok {
				debts = append(debts, g)
			}
		}
	}
	for _, g := range debts {
		m.returnSurplus(g, at, committed)
	}
	for _, g := range debts {
		owed := m.debtOf(g, at)
		if owed <= 0 || m.features[g.Feature].Held {
			continue
		}
		p := payment{feature: g.Feature, grant: g.ID, at: at, committed: committed}
		sources := m.sources(g.Feature, at, at)
		if i := slices.IndexFunc(sources, func(s Source) bool { return s.Amount == nil }); i >= 0 {
			p.draws, owed = []Draw{{sources[i].Key, owed, sources[i].own}}, 0
		}
		for _, s := range sources {
			if take := min(owed, s.Remaining); take > 0 {
				p.draws = append(p.draws, Draw{s.Key, take, s.own})
				owed -= take
			}
		}
		if len(p.draws) > 0 {
			m.payments = append(m.payments, p)
		}
	}
}

// returnSurplus gives payments back in reverse order, when draws of the grant went back.
func (m *Model) returnSurplus(g Grant, at, committed time.Time) {
	surplus := -m.debtOf(g, at)
	for i := range slices.Backward(m.payments) {
		p := &m.payments[i]
		if p.grant != g.ID {
			continue
		}
		for d := range slices.Backward(p.draws) {
			if back := min(surplus, p.left(d)); back > 0 {
				p.back = append(p.back, payback{committed, d, back})
				surplus -= back
			}
		}
	}
}
