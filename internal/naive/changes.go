package naive

// clearOwnEnd takes an own end back; of a running trial that ends, the end goes
// back to the trial's. It tells whether anything changed.
func (m *Model) clearOwnEnd(a *Agreement) bool {
	to := Never
	if a.thenEnd && a.trialEnds > m.now {
		to = a.trialEnds
	}
	if a.ownEnd == to {
		return false
	}
	a.ownEnd = to
	m.ownEndSet(a)
	return true
}

// setOwnEnd sets or clears (Never) an own end.
func (m *Model) setOwnEnd(a *Agreement, t T) string {
	if t == Never {
		m.clearOwnEnd(a)
		return ""
	}
	if t <= m.now || t <= a.starts || a.thenEnd && t > a.trialEnds {
		return fail(400, "EXPIRES_ON_INVALID")
	}
	if a.ownEnd != t {
		a.ownEnd = t
		m.ownEndSet(a)
	}
	return ""
}

// cancel is DELETE of an agreement.
func (m *Model) cancel(a *Agreement, c call) string {
	switch c.query["scheduled"] {
	case "", "keep", "drop":
	default:
		return fail(400, "SCHEDULED_INVALID")
	}
	to := m.now
	switch c.query["when"] {
	case "", "now":
	case "period_end":
		if m.state(a) == "live" {
			t, ok := m.periodEnd(a)
			if !ok {
				return fail(400, "WHEN_INVALID")
			}
			to = t
		}
	default:
		return fail(400, "WHEN_INVALID")
	}
	switch m.state(a) {
	case "live":
		if to < a.ownEnd {
			a.ownEnd = to
			m.ownEndSet(a)
		}
	case "scheduled":
		a.withdrawn = true
		for _, p := range m.slot(a.customer, "") {
			if a.origin == "fallback" && p.ownEnd == a.starts {
				p.fallback = "" // it is not wanted
			}
		}
	}
	n := 0
	if c.query["scheduled"] == "drop" {
		for _, b := range m.slot(a.customer, slotOf(a.plan)) {
			if b.starts > m.now && b.origin != "fallback" {
				b.withdrawn = true
				n++
			}
		}
	}
	m.settle()
	return m.answer(200, a, n, "")
}

// resume takes a scheduled end back, and the phase that begins there.
func (m *Model) resume(a *Agreement) string {
	if m.state(a) == "ended" {
		return fail(409, "AGREEMENT_ENDED")
	}
	old, n := a.ownEnd, 0
	there := m.end(a) == old // or another takes its place before
	if old != Never && m.clearOwnEnd(a) && there {
		for _, b := range m.slot(a.customer, slotOf(a.plan)) {
			if b.starts == old && b.starts > m.now && b != a {
				b.withdrawn = true
				n++
			}
		}
	}
	m.settle()
	return m.answer(200, a, n, "")
}

// patchAgreement is PATCH {trial_ends_on, expires_on}.
func (m *Model) patchAgreement(a *Agreement, c call) string {
	if m.state(a) == "ended" {
		if c.body.has("trial_ends_on") || c.body.has("expires_on") {
			return fail(409, "AGREEMENT_ENDED")
		}
		return m.answer(200, a, 0, "")
	}
	trial, expires := T(0), Never
	if c.body.has("trial_ends_on") {
		t, ok := c.body.time("trial_ends_on")
		if !ok || a.trialEnds <= m.now || t < m.now-tolerance {
			return fail(400, "TRIAL_ENDS_ON_INVALID")
		}
		trial = max(t, m.now)
		if trial <= a.starts {
			return fail(400, "TRIAL_ENDS_ON_INVALID")
		}
		// A phase that would move past its own end cannot be honoured.
		for _, b := range m.slot(a.customer, slotOf(a.plan)) {
			if b != a && b.atPeriod && b.starts == a.trialEnds && b.starts > m.now && b.ownEnd <= trial && !b.thenEnd {
				return fail(400, "TRIAL_ENDS_ON_INVALID")
			}
		}
	}
	if c.body.has("expires_on") && c.body["expires_on"] != nil {
		t, ok := c.body.time("expires_on")
		ends := a.trialEnds
		if trial != 0 {
			ends = trial
		}
		if !ok || t <= m.now || t <= a.starts || a.thenEnd && t > ends {
			return fail(400, "EXPIRES_ON_INVALID")
		}
		expires = t
	}
	if trial != 0 && trial != a.trialEnds {
		m.moveTrial(a, trial)
	}
	if c.body.has("expires_on") {
		m.setOwnEnd(a, expires)
	}
	m.settle()
	return m.answer(200, a, 0, "")
}

func (m *Model) moveTrial(a *Agreement, to T) {
	old := a.trialEnds
	a.trialEnds, a.trialDays = to, 0
	if a.anchorOn == old {
		a.anchorOn = to
	}
	if a.termFrom == old {
		a.termFrom = to
	}
	if a.ownEnd == old || a.thenEnd && a.ownEnd > to {
		a.ownEnd = to
		m.ownEndSet(a)
	}
	for _, b := range m.slot(a.customer, slotOf(a.plan)) {
		if b != a && b.starts > m.now && b.starts < old && b.trialEnds == old { // it goes on with the trial
			if b.ownEnd == old {
				b.ownEnd = to
				m.ownEndSet(b)
			}
			from := to
			if b.trialEnds = to; to <= b.starts {
				from, b.trialEnds, b.thenEnd = b.starts, 0, false
			}
			if b.anchorOn == old {
				b.anchorOn = from
			}
			if b.termFrom == old {
				b.termFrom = from
			}
			continue
		}
		if b == a || !b.atPeriod || b.starts != old || b.starts <= m.now {
			continue
		}
		for _, other := range m.slot(a.customer, slotOf(a.plan)) {
			if other.starts == to && to > m.now && other != b {
				other.withdrawn = true
			}
		}
		b.starts = to
		if b.trialDays != 0 {
			was := b.trialEnds
			b.trialEnds = to + T(b.trialDays)*day
			if b.thenEnd && b.ownEnd == was {
				b.ownEnd = b.trialEnds
			}
		}
		m.fix(b)
	}
}

// migrate moves customers to another version of their plan.
func (m *Model) migrate(code string, c call) string {
	target := m.cat.latest(code)
	if target == nil {
		return fail(404, "PLAN_NOT_FOUND")
	}
	if c.body.has("to_version") {
		n, _ := c.body.whole("to_version")
		if target = m.cat.version(code, int(n)); target == nil {
			return fail(400, "TO_VERSION_INVALID")
		}
	}
	when := c.body.text("when")
	if when != "" && when != "now" && when != "period_end" {
		return fail(400, "WHEN_INVALID")
	}
	for _, cu := range m.customers {
		if cu.deleted > m.now {
			m.migrateCustomer(cu, target, when == "period_end")
		}
	}
	return "ok"
}

func (m *Model) migrateCustomer(cu *Customer, target *Plan, atPeriod bool) {
	for _, a := range m.slot(cu, slotOf(target)) {
		if a.plan.Code != target.Code || a.plan.Version >= target.Version {
			continue
		}
		b := *a // keeps quantity, annual, own end, anchors, trial
		b.label, b.plan, b.frozen = "", target, 0
		switch m.state(a) {
		case "scheduled":
			m.add(&b)
		case "live":
			b.starts, b.atPeriod = m.now, false
			if b.origin == "import" { // what is moved now is no history
				b.origin = ""
			}
			if atPeriod {
				t, ok := m.periodEnd(a)
				if !ok || t <= m.now || m.end(a) <= t {
					continue
				}
				b.starts, b.atPeriod = t, true
			}
			if b.trialEnds <= b.starts {
				b.trialEnds, b.thenEnd, b.trialDays = 0, false, 0
			}
			m.add(&b)
		}
	}
}

// settle brings what follows from facts up to now: fallbacks, and ends that
// have passed stay where they were.
func (m *Model) settle() {
	for _, cu := range m.customers {
		if cu.deleted > m.now {
			m.settleFallbacks(cu)
		}
	}
	for _, a := range m.agreements {
		// An add-on that no plan would be beside is not scheduled any more.
		if a.plan.addOn() && a.starts > m.now && m.end(a) <= a.starts {
			a.withdrawn = true
		}
		if e := m.end(a); a.frozen == 0 && !a.withdrawn && e <= m.now {
			a.frozen = e
		}
	}
}

// settleFallbacks makes and withdraws scheduled fallbacks.
func (m *Model) settleFallbacks(cu *Customer) {
	for _, f := range m.slot(cu, "") {
		if f.origin != "fallback" || f.starts <= m.now {
			continue
		}
		keep := false
		for _, p := range m.slot(cu, "") {
			if p != f && p.ownEnd == f.starts && m.end(p) == f.starts && p.frozen == 0 && m.next(p) == f {
				keep = true
			}
		}
		f.withdrawn = !keep
	}
	for _, p := range m.slot(cu, "") {
		// An end before now belongs to an agreement that was made as history.
		if p.frozen != 0 || p.ownEnd == Never || p.ownEnd < m.now || p.fallback == "" || p.origin == "fallback" || p.plan.Code == p.fallback {
			continue
		}
		if n := m.next(p); n != nil && n.starts <= p.ownEnd {
			continue
		}
		plan := m.cat.latest(p.fallback)
		if plan == nil || plan.Status == "draft" {
			continue
		}
		m.start(&Agreement{customer: cu, plan: plan, quantity: 1, starts: p.ownEnd, ownEnd: Never, origin: "fallback"}, trialWish{})
	}
}
