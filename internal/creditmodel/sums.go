package creditmodel

import "time"

// taken is what one record has taken from one pool, less what corrections gave back.
type taken struct {
	record record
	units  Units
	draws  []Draw
}

// takenOf nets one leg of a record.
func (m *Model) takenOf(r record, l leg, own bool) taken {
	t := taken{record: r, units: l.units}
	for i, d := range l.draws {
		for _, c := range m.corrections {
			if c.record != r.id {
				continue
			}
			back := c.pool
			if own {
				back = c.own
			}
			if i < len(back) {
				d.Units -= back[i]
				t.units -= back[i]
			}
		}
		t.draws = append(t.draws, d)
	}
	return t
}

// takenFrom is all that was taken from a pool: by the feature itself and by what burns it.
func (m *Model) takenFrom(pool string) []taken {
	var all []taken
	for _, r := range m.records {
		if r.own.pool == pool {
			all = append(all, m.takenOf(r, *r.own, true))
		}
		if r.pool != nil && r.pool.pool == pool {
			all = append(all, m.takenOf(r, *r.pool, false))
		}
	}
	return all
}

// usedIn is rule 15: what counts in a span, whatever paid for it. Of a pool that is what
// burns it as well.
func (m *Model) usedIn(feature string, w Window) Units {
	var total Units
	for _, t := range m.takenFrom(feature) {
		if w.contains(t.record.counted) {
			total = sum(total, t.units)
		}
	}
	return total
}

// restIn is the rest of a window's counter: what is not drawn from any other source.
func (m *Model) restIn(feature string, w Window) Units {
	var total Units
	for _, t := range m.takenFrom(feature) {
		if !w.contains(t.record.counted) {
			continue
		}
		for _, d := range t.draws {
			if d.rest {
				total = sum(total, d.Units)
			}
		}
	}
	return total
}

// paidIn is what payments within a span took from the allowance of the feature's own window,
// whatever window that was then: what was drawn stays drawn when a plan change brings another
// (rule 11), of a payment as of a use.
func (m *Model) paidIn(feature string, w Window) Units {
	var total Units
	for _, p := range m.payments {
		for i, d := range p.draws {
			if p.feature == feature && d.rest && w.contains(p.at) {
				total = sum(total, p.left(i))
			}
		}
	}
	return total
}

// drawn is what the stored draws of records and payments took from a source.
func (m *Model) drawn(feature, source string) Units {
	var total Units
	for _, t := range m.takenFrom(feature) {
		for _, d := range t.draws {
			if !d.rest && d.Source == source {
				total = sum(total, d.Units)
			}
		}
	}
	for _, p := range m.payments {
		for i, d := range p.draws {
			if p.feature == feature && !d.rest && d.Source == source {
				total = sum(total, p.left(i))
			}
		}
	}
	return total
}

// left is what of a payment's draw did not go back.
func (p payment) left(draw int) Units {
	u := p.draws[draw].Units
	for _, b := range p.back {
		if b.draw == draw {
			u -= b.units
		}
	}
	return u
}

// total is what a payment still pays.
func (p payment) total() Units {
	var total Units
	for i := range p.draws {
		total = sum(total, p.left(i))
	}
	return total
}

// until is when the hold ends by time, with its extensions.
func (h hold) until() time.Time { return h.expires[len(h.expires)-1].at }

// open says whether a hold counts at t: begun, not closed, not expired.
func (h hold) open(t time.Time) bool {
	return !t.Before(h.at) && h.closed == nil && t.Before(h.until())
}

// pins are the pins of open holds on a pool.
func (m *Model) pins(pool string, now time.Time) []taken {
	var all []taken
	for _, h := range m.holds {
		if !h.open(now) {
			continue
		}
		for _, l := range []*leg{h.own, h.pool} {
			if l != nil && l.pool == pool {
				r := record{id: h.id, feature: h.feature, counted: h.at}
				all = append(all, taken{r, l.units, l.draws})
			}
		}
	}
	return all
}

// heldOn is what open holds have pinned on a source.
func (m *Model) heldOn(pool, source string, now time.Time) Units {
	var total Units
	for _, p := range m.pins(pool, now) {
		for _, d := range p.draws {
			if d.Source == source {
				total = sum(total, d.Units)
			}
		}
	}
	return total
}

// heldIn is what open holds that belong to a window hold: a hold belongs to the window it
// was made in.
func (m *Model) heldIn(pool string, w Window, now time.Time) Units {
	var total Units
	for _, p := range m.pins(pool, now) {
		if w.contains(p.record.counted) {
			total = sum(total, p.units)
		}
	}
	return total
}

// heldAll is what all open holds hold of a pool.
func (m *Model) heldAll(pool string, now time.Time) Units {
	var total Units
	for _, p := range m.pins(pool, now) {
		total = sum(total, p.units)
	}
	return total
}
