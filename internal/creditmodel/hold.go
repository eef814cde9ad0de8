package creditmodel

import (
	"cmp"
	"slices"
	"time"
)

// Hold is rule 6: it pins its sources by the burn order at its start, of a burning feature
// u·R of the pool rounded up, until it is confirmed, released or expired.
func (m *Model) Hold(now time.Time, feature string, units Units, lasts time.Duration) Answer {
	if a, bad := m.refused(feature, units); bad {
		return a
	}
	m.begin(now)
	p := m.decide(now, feature, units, true)
	var id string
	if p.allowed {
		id = m.nextID("h")
		m.holds = append(m.holds, hold{
			id: id, feature: feature, at: now, units: units, own: p.own, pool: p.pool, rate: p.rate,
			window: m.windowOf(feature, now), expires: []expiry{{now, now.Add(lasts)}},
		})
	}
	d := m.describe(now, feature, p)
	return Answer{ID: id, Decision: &d}
}

func (m *Model) findHold(id string) *hold {
	for i := range m.holds {
		if m.holds[i].id == id {
			return &m.holds[i]
		}
	}
	return nil
}

// closedCode is the conflict of a hold that is no longer open.
func (h *hold) closedCode(now time.Time) string {
	switch {
	case h.closed != nil && h.closed.confirmed:
		return "HOLD_CONFIRMED"
	case h.closed != nil:
		return "HOLD_RELEASED"
	case !now.Before(h.until()):
		return "HOLD_EXPIRED"
	}
	return ""
}

// Release gives all that a hold pinned back to its own sources (rule 6). Again it answers
// as before.
func (m *Model) Release(now time.Time, id string) Answer {
	m.begin(now)
	h := m.findHold(id)
	if h == nil {
		return Answer{Code: "HOLD_NOT_FOUND"}
	}
	if code := h.closedCode(now); code != "" {
		if code == "HOLD_RELEASED" {
			return h.closed.outcome
		}
		return Answer{Code: code}
	}
	h.closed = &closing{committed: now, outcome: Answer{ID: id, Status: "released"}}
	m.settle(now)
	return h.closed.outcome
}

// Extend moves the end of an open hold to now and so long.
func (m *Model) Extend(now time.Time, id string, lasts time.Duration) Answer {
	m.begin(now)
	h := m.findHold(id)
	if h == nil {
		return Answer{Code: "HOLD_NOT_FOUND"}
	}
	if code := h.closedCode(now); code != "" {
		return Answer{Code: code}
	}
	h.expires = append(h.expires, expiry{now, now.Add(lasts)})
	return Answer{ID: id, Status: "extended"}
}

// Confirm is rule 6: it counts at the hold's instant and draws by rule 9, never more than
// was pinned; what is not confirmed goes back to its own source. More than held: over is
// "reject" (or empty), "available" or "record".
func (m *Model) Confirm(now time.Time, id string, units Units, over string) Answer {
	over = cmp.Or(over, "reject")
	m.begin(now)
	h := m.findHold(id)
	if h == nil {
		return Answer{Code: "HOLD_NOT_FOUND"}
	}
	if code := h.closedCode(now); code != "" {
		if code == "HOLD_CONFIRMED" && h.closed.units == units && h.closed.over == over {
			return h.closed.outcome
		}
		return Answer{Code: code}
	}
	if units <= 0 { // READING: a confirm of nothing is a release, and is refused
		return Answer{Code: "UNITS_INVALID"}
	}
	asked := units
	if units > h.units {
		switch over {
		case "available":
			if m.flagged("", now) || m.flagged(h.feature, now) || !m.access(h.feature, now) {
				units = h.units // READING: decided now, when nothing may be used
				break
			}
			units = m.mostConfirmed(now, h, units)
		case "record":
		default:
			return Answer{Code: "HOLD_EXCEEDED"}
		}
	}
	r, left := m.confirmed(now, h, units)
	r.id = m.nextID("r")
	m.records = append(m.records, r)
	h.closed = &closing{committed: now, confirmed: true, units: asked, over: over, record: r.id}
	m.settle(now)
	d := m.describeConfirm(now, h, r, left)
	h.closed.outcome = Answer{ID: r.id, Status: "confirmed", Decision: &d, Uncovered: d.Uncovered}
	return h.closed.outcome
}

// describeConfirm answers a confirm: reason held, and the hold's own window.
func (m *Model) describeConfirm(now time.Time, h *hold, r record, left Units) Decision {
	p := plan{allowed: true, reason: "held", own: r.own, pool: r.pool, rate: h.rate}
	if r.pool != nil {
		p.burns = &Burns{Pool: r.pool.pool, Rate: h.rate}
		p.cost = r.pool.units
	}
	d := m.describe(now, h.feature, p)
	w := m.windowOf(h.feature, h.at)
	d.Used, d.Held, d.Resets = m.usedIn(h.feature, w), m.heldIn(h.feature, w, now), w.End
	pool := h.feature
	if r.pool != nil {
		pool = r.pool.pool
	}
	if !m.soft(pool, h.at, now) {
		d.Uncovered = left
	}
	return d
}

// confirmed is the record of a confirm: what was pinned first, then, beyond what was held,
// what is left now in the sources that were live at the hold's instant (as late usage).
// It also gives what nothing covers.
//
// READING: the rate and the pool are those of the hold's start.
func (m *Model) confirmed(now time.Time, h *hold, units Units) (record, Units) {
	r := record{
		feature: h.feature, counted: h.at, committed: now, units: units,
		rate: h.rate, window: h.window,
	}
	own, left := m.confirmLeg(now, h, *h.own, units)
	r.own = &own
	if h.pool != nil {
		cost := Priced(m.running(h.feature, h.at, h.rate), units, h.rate)
		if units <= h.units {
			cost = min(cost, h.pool.units)
		}
		pool, uncoveredPool := m.confirmLeg(now, h, *h.pool, cost)
		r.pool = &pool
		left = max(left, uncoveredPool)
	}
	return r, left
}

// confirmLeg takes units from a hold's pins in their order and then from what is left.
func (m *Model) confirmLeg(now time.Time, h *hold, pins leg, units Units) (leg, Units) {
	l := leg{pool: pins.pool, units: units}
	left := units
	for _, d := range pins.draws {
		take := min(d.Units, left)
		if take > 0 {
			d.Units = take
			l.draws = append(l.draws, d)
			left -= take
		}
	}
	if left == 0 {
		return l, 0
	}
	if m.features[pins.pool].Held {
		l.draws = append(l.draws, Draw{"", left, true})
		return l, 0
	}
	more, without := m.cover(pins.pool, h.feature, h.at, now, left)
	l.draws = joinDraws(l.draws, more.draws)
	return l, without
}

// joinDraws adds draws to draws; those of one source become one, what nothing covers is last.
func joinDraws(first, more []Draw) []Draw {
	for _, d := range more {
		i := slices.IndexFunc(first, func(f Draw) bool { return f.Source == d.Source })
		if i >= 0 {
			first[i].Units += d.Units
			continue
		}
		first = append(first, d)
	}
	if i := slices.IndexFunc(first, func(d Draw) bool { return d.Source == uncovered }); i >= 0 {
		last := first[i]
		first = append(slices.Delete(first, i, i+1), last)
	}
	return first
}

// mostConfirmed is over: available, the most between what was held and what is asked that
// limit, caps and pool allow.
//
// READING: by the sources live at the hold's instant with what is left now; on a soft
// allowance overage up to overage_max is there as well.
func (m *Model) mostConfirmed(now time.Time, h *hold, asked Units) Units {
	low, high := h.units, asked // low fits, as it was held
	for low < high {
		middle := low + (high-low+1)/2
		if m.confirmFits(now, h, middle) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

func (m *Model) confirmFits(now time.Time, h *hold, units Units) bool {
	if m.overCap(h.feature, h.at, now, units-h.units) {
		return false
	}
	if m.features[h.feature].Held {
		left := m.remaining(h.feature, now, nil)
		return left == nil || m.soft(h.feature, now, now) || units-h.units <= *left
	}
	if !m.legFits(now, h, *h.own, units) {
		return false
	}
	if h.pool == nil {
		return true
	}
	cost := Priced(m.running(h.feature, h.at, h.rate), units, h.rate)
	return !m.overCap(h.pool.pool, h.at, now, cost-h.pool.units) && m.legFits(now, h, *h.pool, cost)
}

func (m *Model) legFits(now time.Time, h *hold, pins leg, units Units) bool {
	if units <= pins.units {
		return true
	}
	_, left := m.confirmLeg(now, h, pins, units)
	if left == 0 {
		return true
	}
	if !m.soft(pins.pool, h.at, now) {
		return false
	}
	most := m.base(pins.pool, h.at, now).OverageMax
	return most == nil || sum(m.overageAt(pins.pool, h.at, now), left) <= *most
}
