package creditmodel

import "time"

// Use is rule 5: a use that has happened at an instant and is told now. It is not gated. It
// draws from the sources that were live then, with what is left of them now; what none
// covers is uncovered on a hard pool and overage of that window on a soft one.
func (m *Model) Use(now, at time.Time, feature string, units Units) Answer {
	if a, bad := m.refused(feature, units); bad {
		return a
	}
	if at.After(now) {
		return Answer{Code: "TIMESTAMP_INVALID"}
	}
	m.begin(now)
	return m.use(now, at, feature, units)
}

// use is Use after what time alone brought.
//
// READING: what was held at an instant is what check would have let in by its access then;
// suspension and deny do not stop a record.
func (m *Model) use(now, at time.Time, feature string, units Units) Answer {
	if !m.access(feature, at) {
		return Answer{Code: "TIMESTAMP_INVALID"}
	}
	r := record{
		id: m.nextID("r"), feature: feature, counted: at, committed: now, units: units,
		window: m.windowOf(feature, at),
	}
	if m.features[feature].Held {
		return m.useHeld(now, r)
	}
	own, left := m.cover(feature, feature, at, now, units)
	r.own = &own
	if m.soft(feature, at, now) {
		left = 0
	}
	if b := m.burns(feature, at); b != nil {
		cost := Priced(m.running(feature, at, b.Rate), units, b.Rate)
		pool, without := m.cover(b.Pool, feature, at, now, cost)
		r.pool, r.rate = &pool, b.Rate
		if without > 0 && !m.soft(b.Pool, at, now) {
			// READING: uncovered of a burning feature is told in the pool's units where
			// the pool did not cover, else in its own.
			left = without
		}
	}
	m.records = append(m.records, r)
	m.settle(now)
	return Answer{Status: "recorded", ID: r.id, Uncovered: left}
}

// useHeld records a late use of a held feature: nothing is drawn.
//
// READING: uncovered is what it adds above the limit of its instant, unless that is soft.
func (m *Model) useHeld(now time.Time, r record) Answer {
	r.own = &leg{pool: r.feature, units: r.units, draws: []Draw{{"", r.units, true}}}
	limit := m.heldLimit(r.feature, r.counted)
	used := sum(m.usedIn(r.feature, Never.At(now)), m.heldAll(r.feature, now))
	m.records = append(m.records, r)
	a := Answer{Status: "recorded", ID: r.id}
	if limit != nil && !m.soft(r.feature, r.counted, now) {
		a.Uncovered = min(r.units, atLeastZero(sum(used, r.units, -*limit)))
	}
	return a
}

// Absolute is a reading: it sets the usage of the window of its stamp, at its commit. The
// difference is a late use (up) or an unnamed correction (down). One stamped before the
// newest reading of its window changes nothing and is superseded.
func (m *Model) Absolute(now, at time.Time, feature string, value Units) Answer {
	if a, bad := m.refused(feature, One); bad {
		return a
	}
	if value < 0 {
		return Answer{Code: "UNITS_INVALID"}
	}
	if at.After(now) || !m.access(feature, at) {
		return Answer{Code: "TIMESTAMP_INVALID"}
	}
	m.begin(now)
	w := m.windowOf(feature, at)
	for _, r := range m.readings {
		if r.feature == feature && w.contains(r.stamp) && at.Before(r.stamp) {
			return Answer{Status: "superseded"}
		}
	}
	used := m.usedIn(feature, w)
	var a Answer
	switch {
	case value > used:
		a = m.use(now, at, feature, value-used)
	case value < used:
		a = m.correctNewest(now, at, feature, used-value)
	default:
		a = Answer{Status: "recorded"}
	}
	if a.Code == "" {
		m.readings = append(m.readings, reading{now, at, feature})
	}
	return a
}
