package creditmodel

import (
	"slices"
	"time"
)

func (m *Model) findRecord(id string) *record {
	for i := range m.records {
		if m.records[i].id == id {
			return &m.records[i]
		}
	}
	return nil
}

// correctedOf is how many units of a record were corrected so far.
func (m *Model) correctedOf(id string) Units {
	var total Units
	for _, c := range m.corrections {
		if c.record == id {
			total = sum(total, c.units)
		}
	}
	return total
}

// Correct is rule 7: units of a record are taken back, at the record's instant. Overage is
// returned first, then the record's draws in reverse order, to the same sources.
//
// READING: more than the record has left is refused, nothing is corrected.
func (m *Model) Correct(now time.Time, record string, units Units) Answer {
	m.begin(now)
	r := m.findRecord(record)
	if r == nil {
		return Answer{Code: "RECORD_NOT_FOUND"}
	}
	if units <= 0 {
		return Answer{Code: "UNITS_INVALID"}
	}
	if units > r.units-m.correctedOf(record) {
		return Answer{Code: "CORRECTION_TOO_LARGE"}
	}
	m.correct(now, *r, units)
	m.settle(now)
	return Answer{Status: "recorded", ID: record}
}

// CorrectNewest is a correction without a name: the newest records of the window first.
//
// READING: newest is by the instant they count at, then by commit; only the feature's own
// records, not what burned it. More than they have left is refused.
func (m *Model) CorrectNewest(now, at time.Time, feature string, units Units) Answer {
	if a, bad := m.refused(feature, units); bad {
		return a
	}
	m.begin(now)
	if at.After(now) || !m.access(feature, at) {
		return Answer{Code: "TIMESTAMP_INVALID"}
	}
	return m.correctNewest(now, at, feature, units)
}

func (m *Model) correctNewest(now, at time.Time, feature string, units Units) Answer {
	w := m.windowOf(feature, at)
	var newest []record
	var there Units
	for _, r := range m.records {
		if r.feature == feature && w.contains(r.counted) {
			newest = append(newest, r)
			there = sum(there, r.units, -m.correctedOf(r.id))
		}
	}
	if units > there {
		return Answer{Code: "CORRECTION_TOO_LARGE"}
	}
	slices.Reverse(newest) // the later committed first
	slices.SortStableFunc(newest, func(a, b record) int { return b.counted.Compare(a.counted) })
	for _, r := range newest {
		take := min(units, r.units-m.correctedOf(r.id))
		if take > 0 {
			m.correct(now, r, take)
			units -= take
		}
	}
	m.settle(now)
	return Answer{Status: "recorded"}
}

// correct logs one correction of a record: of its own leg the units, of the pool's so many
// that in all p − round(p·(u − c)/u) have gone back.
func (m *Model) correct(now time.Time, r record, units Units) {
	c := correction{record: r.id, committed: now, units: units}
	c.own = m.giveBack(now, r, *r.own, true, units)
	if r.pool != nil {
		net := m.takenOf(r, *r.pool, false)
		all := givenBack(r.pool.units, r.units, sum(m.correctedOf(r.id), units))
		c.pool = m.giveBack(now, r, *r.pool, false, all-(r.pool.units-net.units))
	}
	m.corrections = append(m.corrections, c)
}

// giveBack says what goes back to which of a leg's draws: overage first, then in reverse.
//
// READING: overage is that of the record's window as it is now (on a hard one what is
// uncovered), at most what the record itself has not drawn from other sources.
func (m *Model) giveBack(now time.Time, r record, l leg, own bool, units Units) []Units {
	net := m.takenOf(r, l, own).draws
	back := make([]Units, len(net))
	var over Units
	if !m.features[l.pool].Held {
		over = m.overflow(l.pool, r.counted, now)
	}
	take := func(i int, most Units) {
		n := min(net[i].Units-back[i], most, units)
		back[i] += n
		units -= n
	}
	for i := range slices.Backward(net) { // what nothing covered stands last
		if net[i].rest {
			before := units
			take(i, over)
			over -= before - units
		}
	}
	for i := range slices.Backward(net) {
		take(i, units)
	}
	return back
}
