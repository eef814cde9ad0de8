package naive

import (
	"fmt"
	"math/big"
)

func (w *writer) subscribe(cu *Customer, live *Agreement) {
	code := w.plan()
	same := live != nil && w.one(3)
	if same {
		code = live.plan.Code
	}
	f := []string{fmt.Sprintf(`"plan_code":%q`, code)}
	plan := w.m.cat.latest(code)
	if same && live != nil {
		plan = live.plan
	}
	if plan.Quantity != nil && w.one(2) {
		f = append(f, fmt.Sprintf(`"quantity":%d`, 1+w.r.Intn(5)))
	}
	if plan.sellsYears() && w.one(3) {
		f = append(f, fmt.Sprintf(`"annual":%t`, !w.one(4)))
	}
	if plan.Version > 1 && w.one(4) && w.m.cat.version(code, 1).quantityOK(1) {
		f = append(f, fmt.Sprintf(`"version":%d`, 1+w.r.Intn(plan.Version)))
	}
	later := int64(0)
	switch n := w.r.Intn(10); {
	case n < 2 && live != nil:
		if _, ok := w.m.periodEnd(live); ok || w.one(8) {
			f = append(f, `"when":"period_end"`)
			later = int64(60 * 86400)
		}
	case n < 4:
		later = pick[int64](w.r, 60, 3600, 86400, 864000, 2678400)
		f = append(f, fmt.Sprintf(`"starts_on":"@+%d"`, later))
	case n == 4 && live == nil && len(cu.agreements) == 0:
		f = append(f, fmt.Sprintf(`"starts_on":"@-%d","import":true`, pick(w.r, 86400, 864000, 5000000)))
	case n == 5 && live == nil:
		f = append(f, fmt.Sprintf(`"starts_on":"@-%d"`, pick(w.r, 10, 299, 3600, 86400)))
	}
	if w.one(6) {
		f = append(f, fmt.Sprintf(`"expires_on":"@+%d"`, later+pick[int64](w.r, 3600, 86400, 864000, 4000000)))
	}
	if !same && w.one(8) {
		f = append(f, pick(w.r, `"trial":false`, `"trial":{"days":2}`, fmt.Sprintf(`"trial":{"ends_on":"@+%d"}`, later+500000)))
	}
	if w.one(8) {
		f = append(f, pick(w.r, `"anchor":"keep"`, `"anchor":"start"`, `"anchor":"@-5000"`, `"anchor":"@2027-01-31T00:00:00Z"`))
	}
	if w.one(6) {
		f = append(f, pick(w.r, `"scheduled":"drop"`, `"scheduled":"keep"`))
	}
	w.put("%s = POST /v1/customers/$%s/agreements %s", w.label("A"), cu.label, jsonBody(f...))
}

func (w *writer) addOn(cu *Customer) {
	f := []string{fmt.Sprintf(`"plan_code":%q`, pick(w.r, "extra", "pack"))}
	if w.one(2) {
		f = append(f, fmt.Sprintf(`"quantity":%d`, 1+w.r.Intn(3)))
	}
	switch w.r.Intn(6) {
	case 0:
		f = append(f, `"when":"period_end"`)
	case 1:
		f = append(f, fmt.Sprintf(`"expires_on":"@+%d"`, pick(w.r, 3600, 864000)))
	}
	w.put("%s = POST /v1/customers/$%s/agreements %s", w.label("A"), cu.label, jsonBody(f...))
}

// change cancels, resumes and patches.
func (w *writer) change(cu *Customer, live *Agreement) {
	ref := cu.label + ".live"
	a := live
	if list := w.m.addOnsAt(cu, w.m.now); len(list) > 0 && w.one(3) {
		a = pick(w.r, list...)
		ref = cu.label + ".live." + a.plan.Code
	} else if next := w.m.agreement("$" + cu.label + ".next"); next != nil && w.one(3) {
		a, ref = next, cu.label+".next"
	}
	_, hasTerm := w.m.periodEnd(a)
	switch n := w.r.Intn(10); {
	case a.ownEnd != Never && n < 4:
		w.put("POST /v1/agreements/$%s/resume", ref)
	case a.trialEnds > w.m.now && n < 7:
		at := max(a.starts-w.m.now, 0)/second + pick[T](w.r, 3600, 200000, 1000000, 3000000)
		if a == live && w.one(4) {
			at = 0
		}
		w.put(`PATCH /v1/agreements/$%s {"trial_ends_on":"@+%d"}`, ref, at)
	case n < 5 && hasTerm:
		w.put("DELETE /v1/agreements/$%s?when=period_end%s", ref, pick(w.r, "", "", "&scheduled=drop"))
	case n < 7:
		w.put("DELETE /v1/agreements/$%s%s", ref, pick(w.r, "", "?when=now", "?scheduled=drop"))
	case n == 7:
		w.put(`PATCH /v1/agreements/$%s {"expires_on":null}`, ref)
	default:
		at := max(a.starts-w.m.now, 0)/second + pick[T](w.r, 60, 86400, 900000, 5000000)
		w.put(`PATCH /v1/agreements/$%s {"expires_on":"@+%d"}`, ref, at)
	}
}

func (w *writer) override(cu *Customer) {
	f := w.metered()
	if w.m.overrideAt(cu, f, w.m.now) != nil && w.one(2) {
		w.put("DELETE /v1/customers/$%s/overrides/%s", cu.label, f)
		return
	}
	ends := ""
	if w.one(3) {
		ends = fmt.Sprintf(`"expires_on":"@+%d"`, pick(w.r, 60, 86400, 864000))
	}
	terms := pick(w.r, `"max":50`, `"max":4`, `"max":null`, `"at_least":15`, `"add":5`, `"at_least":8,"add":2`, `"max":6,"add":1`, `"deny":true`)
	w.put("PUT /v1/customers/$%s/overrides/%s %s", cu.label, f, jsonBody(terms, ends))
}

func (w *writer) entitlements(cu *Customer) {
	w.put("GET /v1/customers/$%s/entitlements%s", cu.label, pick(w.r, "", "?at=@+86400", "?at=@+3000000", "?at=@-1", "?at=@-3600", "?at=@-864000",
		"?at=@-3600&known=now", "?at=@-864000&known=now"))
}

func (w *writer) patch(cu *Customer) {
	switch w.r.Intn(8) {
	case 0, 1, 2:
		// Only where no anchor lies ahead: what a change of zone does to windows
		// counted from a later instant is not settled by what is promised.
		for _, a := range cu.agreements {
			if !a.withdrawn && (a.anchorOn > w.m.now || a.termFrom > w.m.now) {
				return
			}
		}
		w.put(`PATCH /v1/customers/$%s {"time_zone":%q}`, cu.label, pick(w.r, zones...))
	case 3, 4:
		w.put(`PATCH /v1/customers/$%s {"status":"suspended"}`, cu.label)
		w.put("clock +%d", pick(w.r, 1, 3600))
		w.put(`PATCH /v1/customers/$%s {"status":"active"}`, cu.label)
	case 5:
		if len(w.m.customers) > 2 {
			w.put("DELETE /v1/customers/$%s", cu.label)
		}
	case 6:
		if !w.m.everLive(cu) {
			w.put(`PATCH /v1/customers/$%s {"anchor_on":"@-500000"}`, cu.label)
		}
	}
}

// downgrade uses more than a plan with over_limit allows, then buys that plan.
func (w *writer) downgrade(cu *Customer) {
	for range 20 {
		p, f := w.m.cat.latest(w.plan()), w.metered()
		it, v := p.item(f), w.m.look(cu, f, w.m.now)
		if it == nil || it.OverLimit == nil || it.Max == nil || !v.entitled || v.suspended {
			continue
		}
		more := new(big.Int).Sub(units(*it.Max+1), v.used)
		if more.Sign() > 0 {
			if ok, _ := v.decide(more); !ok {
				continue
			}
			w.put(`POST /v1/consume {"customer_id":"$%s","feature_code":%q,"units":%q}`, cu.label, f, decimal(more))
		}
		if !w.one(5) {
			w.put("clock +%d", pick(w.r, 1, 60))
		}
		w.put(`%s = POST /v1/customers/$%s/agreements {"plan_code":%q}`, w.label("A"), cu.label, p.Code)
		return
	}
}
