package naive

// request is the body of POST …/agreements, read.
type request struct {
	plan     *Plan
	version  int64
	quantity int64
	annual   bool
	expires  T
	anchor   string
	trial    trialWish
	at       T
	atPeriod bool
	fields   fields
	drop     bool
	isImport bool
	refusal  string
}

func (m *Model) readRequest(cu *Customer, c call) (r request) {
	f := c.body
	r.fields = f
	no := func(code string) request { r.refusal = fail(400, code); return r }
	if f.text("plan_code") == "" {
		return no("PLAN_CODE_REQUIRED")
	}
	r.plan = m.cat.latest(f.text("plan_code"))
	if r.plan == nil {
		r.refusal = fail(404, "PLAN_NOT_FOUND")
		return r
	}
	if f.has("version") {
		n, ok := f.whole("version")
		if !ok || m.cat.version(r.plan.Code, int(n)) == nil {
			return no("VERSION_INVALID")
		}
		r.version = n
	}
	if f.has("quantity") {
		n, ok := f.whole("quantity")
		if !ok || n < 1 {
			return no("QUANTITY_INVALID")
		}
		r.quantity = n
	}
	r.annual, _ = f["annual"].(bool)
	r.isImport, _ = f["import"].(bool)
	r.expires = Never
	if f.has("expires_on") && f["expires_on"] != nil {
		t, ok := f.time("expires_on")
		if !ok {
			return no("EXPIRES_ON_INVALID")
		}
		r.expires = t
	}
	if r.anchor = f.text("anchor"); r.anchor != "" && r.anchor != "keep" && r.anchor != "start" {
		if _, ok := parseTime(r.anchor); !ok {
			return no("ANCHOR_INVALID")
		}
	}
	switch f.text("scheduled") {
	case "", "keep":
	case "drop":
		r.drop = true
	default:
		return no("SCHEDULED_INVALID")
	}
	switch w := f["trial"].(type) {
	case nil:
	case bool:
		if w {
			return no("TRIAL_INVALID")
		}
		r.trial.none = true
	case map[string]any:
		if n, ok := fields(w).whole("days"); ok && n >= 1 && len(w) == 1 {
			r.trial.days = int(n)
		} else if t, ok := fields(w).time("ends_on"); ok && len(w) == 1 {
			r.trial.endsOn = t
		} else {
			return no("TRIAL_INVALID")
		}
	}
	return m.readInstant(cu, r)
}

// readInstant finds the instant of a request.
func (m *Model) readInstant(cu *Customer, r request) request {
	no := func(code string) request { r.refusal = fail(400, code); return r }
	slot := slotOf(r.plan)
	r.at = m.now
	switch r.fields.text("when") {
	case "", "now":
	case "period_end":
		if r.fields.has("starts_on") {
			return no("WHEN_INVALID")
		}
		live := m.planAt(cu, m.now)
		for _, a := range m.addOnsAt(cu, m.now) {
			if slotOf(a.plan) == slot {
				live = a
			}
		}
		if live == nil {
			return no("WHEN_INVALID")
		}
		t, ok := m.periodEnd(live)
		if !ok {
			return no("WHEN_INVALID")
		}
		r.at, r.atPeriod = t, true
	default:
		return no("WHEN_INVALID")
	}
	if r.fields.has("starts_on") && r.fields["starts_on"] != nil {
		t, ok := r.fields.time("starts_on")
		if !ok {
			return no("STARTS_ON_INVALID")
		}
		switch {
		case t >= m.now-tolerance:
			r.at = max(t, m.now)
		default:
			// Nothing of the slot may be held from then to now, or to the end that is named.
			to := m.now
			if e, ok := r.fields.time("expires_on"); ok {
				to = min(to, e)
			}
			for _, a := range m.slot(cu, slot) {
				if e := m.end(a); a.starts < to && e > t && e > a.starts {
					return no("STARTS_ON_INVALID")
				}
			}
			r.at = t
		}
	}
	if r.isImport && r.trial.asks() {
		return no("TRIAL_INVALID")
	}
	if r.isImport && r.at > m.now {
		return no("STARTS_ON_INVALID")
	}
	return r
}

// equals tells whether all that is named of a request is so in a.
func (r request) equals(a *Agreement) bool {
	return (!r.fields.has("version") || int(r.version) == a.plan.Version) &&
		(!r.fields.has("quantity") || int(r.quantity) == a.quantity) &&
		(!r.fields.has("annual") || r.annual == a.annual)
}
