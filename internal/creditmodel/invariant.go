package creditmodel

import (
	"fmt"
	"time"
)

// Faults checks all that must always hold, and answers the first fault or nil.
func (m *Model) Faults(now time.Time) error {
	v := m.clone()
	v.settle(now)
	for feature := range v.features {
		if err := v.faultsOf(feature, now); err != nil {
			return fmt.Errorf("%s at %s: %w", feature, stamp(now), err)
		}
	}
	return v.faultsOfRecords()
}

func (m *Model) faultsOf(feature string, now time.Time) error {
	if m.features[feature].Held {
		return nil
	}
	// Rule 4: always, per source, Σ draws + held ≤ amount.
	for _, g := range m.allGrants(now) {
		if g.Feature != feature {
			continue
		}
		s := m.grantSource(g, now)
		if s.Drawn < 0 || s.Held < 0 || sum(s.Drawn, s.Held) > g.Amount {
			return fmt.Errorf("grant %s of %s: drawn %s, held %s", g.ID, g.Amount, s.Drawn, s.Held)
		}
		if owed := m.debtOf(g, now); owed < 0 {
			return fmt.Errorf("grant %s: surplus %s was not returned", g.ID, -owed)
		}
	}
	var left Units
	for _, s := range m.sources(feature, now, now) {
		if s.Drawn < 0 || s.Held < 0 || s.Remaining < 0 {
			return fmt.Errorf("%s: drawn %s, held %s, remaining %s", s.Key, s.Drawn, s.Held, s.Remaining)
		}
		if s.Amount != nil && s.Remaining > 0 && sum(s.Drawn, s.Held, s.Remaining) > *s.Amount {
			return fmt.Errorf("%s of %s: drawn %s, held %s, remaining %s", s.Key, *s.Amount, s.Drawn, s.Held, s.Remaining)
		}
		left = sum(left, s.Remaining)
		if s.Amount == nil {
			left = mostUnits
		}
	}
	// Rule 8: a debt is paid at the first instant at which a source has something left.
	if debt := m.debt(feature, now); debt > 0 && left > 0 {
		return fmt.Errorf("a debt of %s while %s are left", debt, left)
	}
	return m.faultsOfWindows(feature, now)
}

// faultsOfWindows is rule 3: draws inside a window and in its tail never pass the amount.
// Inside is counted without what is beyond the allowance.
func (m *Model) faultsOfWindows(feature string, now time.Time) error {
	for _, chain := range m.chains(feature) {
		segments := m.segments(feature, chain, now)
		for _, s := range segments {
			if !s.has || s.start.After(now) {
				continue
			}
			a, ok := m.allowanceAt(feature, chain, segments, s.start, now)
			if !ok || a.Amount == nil {
				continue
			}
			tail := m.tailTaken(feature, chain, s.window, now)
			if a.Remaining > 0 && sum(a.Drawn, a.Held, a.Remaining, tail) > *a.Amount {
				return fmt.Errorf("%s of %s: drawn %s, held %s, left %s, tail %s", a.Key, *a.Amount, a.Drawn, a.Held, a.Remaining, tail)
			}
		}
	}
	return nil
}

// faultsOfRecords holds each record against its draws: they are all of its units, and none
// has given back more than it took.
func (m *Model) faultsOfRecords() error {
	for _, r := range m.records {
		for i, l := range []*leg{r.own, r.pool} {
			if l == nil {
				continue
			}
			net := m.takenOf(r, *l, i == 0)
			var drawn Units
			for _, d := range net.draws {
				if d.Units < 0 {
					return fmt.Errorf("record %s: %s of %s", r.id, d.Units, d.Source)
				}
				drawn = sum(drawn, d.Units)
			}
			if drawn != net.units {
				return fmt.Errorf("record %s: %s drawn of %s", r.id, drawn, net.units)
			}
		}
	}
	return nil
}
