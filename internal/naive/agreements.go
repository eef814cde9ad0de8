package naive

import "fmt"

const tolerance = 5 * 60 * second

// trialWish is what a request says of a trial.
type trialWish struct {
	none   bool
	days   int
	endsOn T
}

func (w trialWish) asks() bool { return w.days != 0 || w.endsOn != 0 }

// sellable finds the newest version of a plan that may be bought.
func (m *Model) sellable(cu *Customer, code string, unknown int) (*Plan, string) {
	p := m.cat.latest(code)
	switch {
	case p == nil:
		return nil, fail(unknown, "PLAN_NOT_FOUND")
	case p.Status == "draft":
		return nil, fail(400, "PLAN_NOT_PUBLISHED")
	case m.cat.group(p.Group).CustomerType != cu.kind || p.Archived:
		return nil, fail(400, "PLAN_NOT_AVAILABLE")
	}
	return p, ""
}

// add puts a into the lists and withdraws what is scheduled for the same
// instant in its slot. It returns how many it withdrew.
func (m *Model) add(a *Agreement) int {
	n := 0
	for _, b := range m.slot(a.customer, slotOf(a.plan)) {
		if b.starts == a.starts && b.starts > m.now {
			b.withdrawn = true
			n++
		}
	}
	a.seq, a.made = len(m.agreements), m.now
	m.agreements = append(m.agreements, a)
	a.customer.agreements = append(a.customer.agreements, a)
	return n
}

// hadTrial tells whether the customer had a trial of the group, or of the
// add-on, or has one scheduled.
func (m *Model) hadTrial(a *Agreement) bool {
	for _, b := range a.customer.agreements {
		same := !b.plan.addOn() && !a.plan.addOn() && b.plan.Group == a.plan.Group || b.plan.Code == a.plan.Code
		if b != a && !b.withdrawn && b.trialEnds != 0 && same && !(b.starts == a.starts && b.starts > m.now) && !(a.drops && b.starts > a.starts && b.starts > m.now && slotOf(b.plan) == slotOf(a.plan)) {
			return true
		}
	}
	return false
}

// setTrial gives a its trial; held is what it takes the place of.
func (m *Model) setTrial(a, held *Agreement, w trialWish) string {
	runs := held != nil && held.trialEnds > a.starts
	samePlan := held != nil && held.plan.Code == a.plan.Code
	set := func(ends T, thenEnd bool) { a.trialEnds, a.thenEnd = ends, thenEnd }
	ends := a.plan.Trial != nil && a.plan.Trial.Then == "end"
	switch {
	case w.none || a.origin != "":
	case runs && (!held.thenEnd || samePlan):
		if w.asks() {
			return fail(400, "TRIAL_INVALID")
		}
		set(held.trialEnds, held.thenEnd)
	case w.asks():
		if runs || m.hadTrial(a) {
			return fail(400, "TRIAL_INVALID")
		}
		if w.days != 0 {
			a.trialDays = w.days
			set(a.starts+T(w.days)*day, ends)
		} else {
			if w.endsOn <= a.starts || w.endsOn <= m.now {
				return fail(400, "TRIAL_INVALID")
			}
			set(w.endsOn, ends)
		}
	case runs: // a trial that ends: what is bought starts paid
	case a.plan.Trial != nil && !m.hadTrial(a):
		a.trialDays = a.plan.Trial.Days
		if a.trialDays == 0 {
			a.trialDays = 30
		}
		set(a.starts+T(a.trialDays)*day, ends)
	}
	if a.thenEnd {
		if a.ownEnd != Never && a.ownEnd > a.trialEnds {
			return fail(400, "EXPIRES_ON_INVALID")
		}
		a.ownEnd = min(a.ownEnd, a.trialEnds)
	}
	return ""
}

// ownEndSet notes the fallback of the group at the time an end is set.
func (m *Model) ownEndSet(a *Agreement) {
	a.fallback = ""
	if a.ownEnd != Never && !a.plan.addOn() {
		a.fallback = m.cat.group(a.plan.Group).Fallback
	}
}

// start makes a new agreement with its trial and anchors.
func (m *Model) start(a *Agreement, w trialWish) (int, string) {
	held := m.heldBefore(a.customer, slotOf(a.plan), a.starts, nil)
	kept := a.ownEnd
	if refusal := m.setTrial(a, held, w); refusal != "" {
		return 0, refusal
	}
	if a.ownEnd <= a.starts {
		return 0, fail(400, "EXPIRES_ON_INVALID")
	}
	if !a.keptEnd || a.ownEnd != kept { // an end that is kept is not set anew
		m.ownEndSet(a)
	}
	n := m.add(a)
	m.fix(a)
	return n, ""
}

func (m *Model) subscribe(cu *Customer, c call) string {
	r := m.readRequest(cu, c)
	if r.refusal != "" {
		return r.refusal
	}
	slot := slotOf(r.plan)
	base := m.heldBefore(cu, slot, r.at, nil)
	if base != nil && (base.plan.Code != r.plan.Code || r.at <= m.now && !m.liveAt(base, m.now)) {
		base = nil // what has ended is not held
	}
	if p, refusal := m.sellable(cu, r.plan.Code, 404); refusal != "" && (base == nil || p != nil || !r.plan.Archived) {
		return refusal
	}
	if base != nil && m.state(base) != "ended" && r.fields.has("trial") {
		return fail(400, "TRIAL_INVALID")
	}
	if r.plan.addOn() && m.planAt(cu, r.at) == nil {
		return fail(400, "PLAN_NOT_AVAILABLE")
	}
	drop := func() int {
		n := 0
		if r.drop {
			for _, b := range m.slot(cu, slot) {
				if b.starts > r.at && b.starts > m.now && b.origin != "fallback" { // which goes by its own rule
					b.withdrawn = true
					n++
				}
			}
		}
		return n
	}
	held := base
	if held != nil && (r.at != m.now || !m.liveAt(held, m.now)) {
		held = nil
	}
	if held != nil && r.equals(held) && (r.anchor == "keep" || r.anchor != "start" && m.sameAnchor(held, r.anchor)) {
		if r.fields.has("expires_on") && r.expires != held.ownEnd {
			if refusal := m.setOwnEnd(held, r.expires); refusal != "" {
				return refusal
			}
		}
		n := drop()
		m.settle()
		return m.answer(200, held, n, "")
	}
	if r.at > m.now {
		for _, b := range m.slot(cu, slot) {
			if b.starts == r.at && b.plan.Code == r.plan.Code && r.equals(b) && m.sameAnchor(b, r.anchor) && !r.trial.asks() && !(r.trial.none && b.trialEnds != 0) &&
				(!r.fields.has("expires_on") || r.expires == b.ownEnd) {
				n := drop()
				m.settle()
				return m.answer(200, b, n, "")
			}
		}
	}

	a := &Agreement{label: c.label, customer: cu, plan: r.plan, quantity: 1, starts: r.at, ownEnd: r.expires, anchor: r.anchor, atPeriod: r.atPeriod}
	if base != nil {
		a.plan, a.quantity, a.annual = base.plan, base.quantity, base.annual
	}
	if base != nil && r.at >= m.now && base.ownEnd > r.at && !r.fields.has("expires_on") {
		a.ownEnd, a.fallback, a.keptEnd = base.ownEnd, base.fallback, true
	}
	if r.version != 0 {
		a.plan = m.cat.version(r.plan.Code, int(r.version))
	}
	if r.quantity != 0 {
		a.quantity = int(r.quantity)
	}
	if r.fields.has("annual") {
		a.annual = r.annual
	}
	if r.isImport {
		a.origin, a.importedEnd = "import", a.ownEnd
	}
	if !a.plan.quantityOK(a.quantity) {
		return fail(400, "QUANTITY_INVALID")
	}
	if a.annual && !a.plan.sellsYears() {
		return fail(400, "ANNUAL_INVALID")
	}
	a.drops = r.drop
	n, refusal := m.start(a, r.trial)
	if refusal != "" {
		return refusal
	}
	n += drop()
	warning := ""
	if a.starts < m.now && !r.isImport {
		warning = "STARTS_IN_PAST"
	}
	m.settle()
	return m.answer(201, a, n, warning)
}

// sameAnchor tells whether an agreement would be counted as it is with an anchor that
// is named.
func (m *Model) sameAnchor(b *Agreement, anchor string) bool {
	if anchor == "" {
		return true
	}
	again := *b
	again.anchor = anchor
	m.fix(&again)
	return again.anchorOn == b.anchorOn && again.termFrom == b.termFrom
}

// answer shows an agreement, and how many that were scheduled before the line are no
// more, whatever made them go.
func (m *Model) answer(status int, a *Agreement, _ int, warning string) string {
	withdrawn := 0
	for _, b := range m.pending {
		if b.withdrawn {
			withdrawn++
		}
	}
	s := fmt.Sprintf("%d %s", status, m.show(a))
	if warning != "" {
		s += " warnings: " + warning
	}
	if withdrawn > 0 {
		s += fmt.Sprintf(" withdrawn: %d", withdrawn)
	}
	return s
}

// kindeSubscribe is Kinde's POST /api/v1/billing/agreements.
func (m *Model) kindeSubscribe(c call) string {
	if c.body.text("customer_id") == "" {
		return fail(400, "CUSTOMER_ID_REQUIRED")
	}
	cu := m.customer(c.body.text("customer_id"))
	if cu == nil || cu.deleted <= m.now {
		return fail(400, "CUSTOMER_NOT_FOUND")
	}
	code := c.body.text("plan_code")
	if code == "" {
		return fail(400, "PLAN_CODE_REQUIRED")
	}
	plan := m.cat.latest(code)
	if plan == nil {
		return fail(400, "PLAN_NOT_FOUND")
	}
	var held *Agreement
	for _, a := range m.slot(cu, slotOf(plan)) {
		if m.liveAt(a, m.now) {
			held = a
		}
	}
	same := held != nil && held.plan.Code == code
	if _, refusal := m.sellable(cu, code, 400); refusal != "" && !same {
		return refusal
	}
	if plan.addOn() && m.planAt(cu, m.now) == nil {
		return fail(400, "PLAN_NOT_AVAILABLE")
	}
	for _, a := range m.slot(cu, slotOf(plan)) {
		if a.starts > m.now && a.origin != "fallback" {
			a.withdrawn = true
		}
	}
	if same {
		m.clearOwnEnd(held)
		return "ok"
	}
	m.start(&Agreement{customer: cu, plan: plan, quantity: 1, starts: m.now, ownEnd: Never}, trialWish{})
	return "ok"
}
