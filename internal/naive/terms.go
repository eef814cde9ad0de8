package naive

import "sort"

// slotOf names the slot of a plan: "" for all of kind plan, the code of an add-on.
func slotOf(p *Plan) string {
	if p.addOn() {
		return p.Code
	}
	return ""
}

// slot lists what was not withdrawn from a slot, in the order of starts.
func (m *Model) slot(cu *Customer, slot string) []*Agreement {
	var list []*Agreement
	for _, a := range cu.agreements {
		if !a.withdrawn && slotOf(a.plan) == slot {
			list = append(list, a)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return before(list[i], list[j]) })
	return list
}

func before(a, b *Agreement) bool {
	return a.starts < b.starts || a.starts == b.starts && a.seq < b.seq
}

// next is the agreement of the slot that begins after a, nil for none.
func (m *Model) next(a *Agreement) *Agreement {
	for _, b := range m.slot(a.customer, slotOf(a.plan)) {
		if before(a, b) && (b.frozen == 0 || b.frozen > b.starts) { // what ended as it began never lived
			return b
		}
	}
	return nil
}

// end is where a ends as known now.
func (m *Model) end(a *Agreement) T {
	if a.withdrawn {
		return a.starts
	}
	if a.frozen != 0 {
		return a.frozen
	}
	e := a.ownEnd
	if b := m.next(a); b != nil {
		e = min(e, b.starts)
	}
	if a.plan.addOn() {
		e = min(e, m.gap(a.customer, a.starts))
	}
	return min(e, max(a.customer.deleted, a.starts))
}

// gap is the first instant from t on at which no plan is held.
func (m *Model) gap(cu *Customer, t T) T {
	for {
		p := m.planAt(cu, t)
		if p == nil {
			return t
		}
		if t = m.end(p); t == Never {
			return Never
		}
	}
}

func (m *Model) liveAt(a *Agreement, t T) bool {
	return !a.withdrawn && a.starts <= t && t < m.end(a)
}

// planAt is the agreement of kind plan that is live at t.
func (m *Model) planAt(cu *Customer, t T) *Agreement {
	for _, a := range m.slot(cu, "") {
		if m.liveAt(a, t) {
			return a
		}
	}
	return nil
}

// addOnsAt lists the live add-ons by code.
func (m *Model) addOnsAt(cu *Customer, t T) []*Agreement {
	var list []*Agreement
	for _, a := range cu.agreements {
		if a.plan.addOn() && m.liveAt(a, t) {
			list = append(list, a)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].plan.Code < list[j].plan.Code })
	return list
}

// heldBefore is the agreement of the slot that is live just before t, or ends
// exactly there, other than a itself and what comes after it.
func (m *Model) heldBefore(cu *Customer, slot string, t T, a *Agreement) *Agreement {
	var last *Agreement
	for _, b := range m.slot(cu, slot) {
		if b == a || b.starts > t || a != nil && !before(b, a) {
			continue
		}
		if b.starts == t && (a != nil || b.starts > m.now) {
			continue // what begins at t is not held before t
		}
		if e := m.end(b); e >= t {
			last = b
		}
	}
	return last
}

// everLive tells whether an agreement of the customer was ever live.
func (m *Model) everLive(cu *Customer) bool {
	for _, a := range cu.agreements {
		if !a.withdrawn && a.starts <= m.now && m.end(a) > a.starts {
			return true
		}
	}
	return false
}

// customerAnchor is anchor_on of the customer, 0 for none.
func (m *Model) customerAnchor(cu *Customer) T {
	if cu.given != 0 {
		return cu.given
	}
	var live, planned T
	for _, a := range cu.agreements {
		if a.withdrawn {
			continue
		}
		if a.starts > m.now {
			if planned == 0 || a.starts < planned {
				planned = a.starts
			}
		} else if m.end(a) > a.starts && (live == 0 || a.starts < live) {
			live = a.starts
		}
	}
	if live != 0 {
		return live
	}
	return planned
}

// first tells whether the customer had no plan before a, which is one.
func (m *Model) first(a *Agreement) bool {
	if a.plan.addOn() {
		return false
	}
	for _, b := range a.customer.agreements {
		if b != a && !b.plan.addOn() && !b.withdrawn && before(b, a) && m.end(b) > b.starts {
			return false
		}
	}
	return true
}

// fix sets anchor_on and term_from of an agreement. It must be among
// the customer's agreements already.
func (m *Model) fix(a *Agreement) {
	before := m.heldBefore(a.customer, slotOf(a.plan), a.starts, a)
	own := a.starts
	if a.trialEnds > a.starts {
		own = a.trialEnds
	}
	customers := m.customerAnchor(a.customer)
	if customers == 0 {
		customers = a.starts
	}
	said, isTime := parseTime(a.anchor)
	cycle := a.plan.cycle()

	switch {
	case isTime:
		a.anchorOn = said
	case a.anchor == "start":
		a.anchorOn = a.starts
	case a.anchor == "keep" || cycle.never():
		a.anchorOn = customers
		if before != nil {
			a.anchorOn = before.anchorOn
		}
	case before != nil && before.plan.cycle() == cycle:
		a.anchorOn = before.anchorOn
	case before != nil:
		a.anchorOn = own
	case cycle.Unit == "year" && !m.first(a):
		a.anchorOn = own
	default:
		a.anchorOn = customers
	}

	switch {
	case a.trialEnds > a.starts:
		a.termFrom = a.trialEnds
	case isTime:
		a.termFrom = said
	case a.anchor == "start":
		a.termFrom = a.starts
	case a.anchor == "keep":
		a.termFrom = customers
		if before != nil {
			a.termFrom = before.termFrom
		}
	case a.annual && before != nil && before.annual:
		a.termFrom = before.termFrom
	case a.annual && before == nil && m.first(a):
		a.termFrom = customers
	case a.annual:
		a.termFrom = a.starts
	case before != nil && !before.annual && before.plan.cycle() == cycle && before.termFrom <= a.starts:
		a.termFrom = before.termFrom
	default:
		a.termFrom = a.anchorOn
	}
}

// term is what was agreed for at t.
func (m *Model) term(a *Agreement, t T) (span, bool) {
	t = max(t, a.starts)
	if t < a.trialEnds {
		return span{a.starts, a.trialEnds}, true
	}
	c := a.plan.cycle()
	if a.annual {
		c = Cycle{N: 1, Unit: "year", Align: c.Align}
	}
	if c.never() {
		return span{}, false
	}
	return window(a.customer.zones, a.termFrom, c, t), true
}

// periodEnd is the end of the term that contains now.
func (m *Model) periodEnd(a *Agreement) (T, bool) {
	w, ok := m.term(a, m.now)
	if !ok && a.plan.addOn() {
		if p := m.planAt(a.customer, max(m.now, a.starts)); p != nil {
			t, ok := m.periodEnd(p)
			return min(t, a.ownEnd), ok
		}
	}
	if !ok {
		return a.ownEnd, a.ownEnd != Never
	}
	return min(w.to, a.ownEnd), true
}
