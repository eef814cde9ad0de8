package naive

import (
	"fmt"
	"math/rand"
	"strings"
)

var zones = []string{"UTC", "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe",
	"Africa/Casablanca", "Pacific/Kiritimati", "Pacific/Honolulu", "Asia/Kolkata"}

// writer writes a script. It runs a model beside, only to name things that are there.
type writer struct {
	r     *rand.Rand
	m     *Model
	d     *draft
	lines []string
	n     int
}

// Random writes a script of about length lines, the catalog first.
func Random(r *rand.Rand, length int) []string {
	w := &writer{r: r, m: New(), d: newDraft(r)}
	w.put("PUT /v1/catalog %s", w.d.text())
	for _, label := range []string{"a", "b", "c"}[:1+r.Intn(3)] {
		w.customer(label)
	}
	for len(w.lines) < length {
		w.step()
	}
	return w.lines
}

func (w *writer) put(form string, args ...any) {
	line := fmt.Sprintf(form, args...)
	w.lines = append(w.lines, line)
	w.m.Do(line)
}

func (w *writer) label(kind string) string {
	w.n++
	return fmt.Sprintf("%s%d", kind, w.n)
}

func (w *writer) one(in int) bool { return w.r.Intn(in) == 0 }

func (w *writer) plan() string { return pick(w.r, "free", "free", "pro", "team", "max") }

// jsonBody writes fields in the order given.
func jsonBody(fields ...string) string {
	var list []string
	for _, f := range fields {
		if f != "" {
			list = append(list, f)
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

func (w *writer) customer(label string) {
	plan, anchor, z := "", "", ""
	if !w.one(3) {
		plan = fmt.Sprintf(`"plan_code":%q`, w.plan())
	} else if w.one(3) {
		plan = `"plan_code":null`
	}
	if w.one(3) {
		anchor = fmt.Sprintf(`"anchor_on":%q`, pick(w.r, "@-86400", "@-2678400", "@2026-12-31T23:59:59Z", "@2024-02-29T00:00:00Z", "@2026-11-01T05:30:00.25Z"))
	}
	if !w.one(3) {
		z = fmt.Sprintf(`"time_zone":%q`, pick(w.r, zones...))
	}
	w.put("%s = POST /v1/customers %s", label, jsonBody(`"type":"organization"`, plan, anchor, z))
}

func (w *writer) step() {
	var there []*Customer
	for _, cu := range w.m.customers {
		if cu.deleted == Never {
			there = append(there, cu)
		}
	}
	if len(there) == 0 || len(w.m.customers) < 5 && w.one(60) {
		w.customer(w.label("k"))
		return
	}
	cu := there[w.r.Intn(len(there))]
	live := w.m.planAt(cu, w.m.now)
	if live == nil && w.one(2) {
		w.subscribe(cu, nil)
		return
	}
	switch n := w.r.Intn(100); {
	case n < 22:
		w.clock(cu)
	case n < 26 && live != nil:
		w.downgrade(cu)
	case n < 34:
		w.use(cu)
	case n < 42:
		w.usage(cu)
	case n < 51:
		w.hold(cu)
	case n < 65:
		w.subscribe(cu, live)
	case n < 69 && live != nil:
		w.addOn(cu)
	case n < 77 && live != nil:
		w.change(cu, live)
	case n < 80:
		w.put(`POST /api/v1/billing/agreements {"customer_id":"$%s","plan_code":%q}`, cu.label, w.plan())
	case n < 87:
		w.override(cu)
	case n < 89:
		w.d.change()
		w.put("PUT /v1/catalog %s", w.d.text())
	case n < 92:
		when := pick(w.r, "", "", `"when":"now"`, `"when":"period_end"`)
		w.put("POST /v1/plans/%s/migrate %s", pick(w.r, "free", "pro", "team", "max", "extra", "pack"), jsonBody(when))
	case n < 97:
		w.entitlements(cu)
	default:
		w.patch(cu)
	}
}

// clock moves the clock; often to just where something happens.
func (w *writer) clock(cu *Customer) {
	var marks []T
	for _, a := range cu.agreements {
		if w.m.state(a) == "ended" {
			continue
		}
		marks = append(marks, a.starts, w.m.end(a), a.trialEnds)
		if p, ok := w.m.term(a, w.m.now); ok {
			marks = append(marks, p.to)
		}
	}
	for _, code := range w.m.listed() {
		v := w.m.look(cu, code, w.m.now)
		marks = append(marks, v.window.to, v.next)
	}
	for _, h := range cu.holds {
		marks = append(marks, h.expires)
	}
	var ahead []T
	for _, t := range marks {
		if t > w.m.now && t < w.m.now+70*day {
			ahead = append(ahead, t)
		}
	}
	if len(ahead) > 0 && w.one(2) {
		by := pick(w.r, ahead...) - w.m.now + pick[T](w.r, 0, 0, -1, 1, 30*second)
		if by > 0 {
			w.put("clock +%d.%06d", by/second, by%second)
			return
		}
	}
	w.put("clock +%s", pick(w.r, "1", "60", "0.000001", "3600", "3600", "20000", "86400", "86400", "172800.5", "604800", "1300000", "2678400"))
}

func (w *writer) metered() string { return pick(w.r, "api", "api", "seats", "runs", "jobs") }

// held is a metered feature that the customer has, mostly.
func (w *writer) held(cu *Customer) string {
	for range 4 {
		if f := w.metered(); w.m.look(cu, f, w.m.now).entitled {
			return f
		}
	}
	return w.metered()
}

func (w *writer) units() string {
	return pick(w.r, "1", "1", "2", "3", "0.5", "0.000001", "7", "10", "25.25", "90")
}

func (w *writer) use(cu *Customer) {
	f, n := w.held(cu), w.units()
	if v := w.m.look(cu, f, w.m.now); v.entitled && v.metered && w.one(3) {
		if rest := v.rest(); rest != nil && rest.Sign() > 0 {
			n = decimal(rest) // all that is left
		}
	}
	w.put(`POST /v1/consume {"customer_id":"$%s","feature_code":%q,"units":%q}`, cu.label, f, n)
}

func (w *writer) usage(cu *Customer) {
	if live := w.m.planAt(cu, w.m.now); live != nil && w.one(4) {
		kind := ""
		if w.one(3) {
			kind = `"meter_type_code":"absolute"`
		}
		w.put("POST /api/v1/billing/meter_usage %s", jsonBody(fmt.Sprintf(`"customer_agreement_id":"$%s.live","billing_feature_code":%q,"meter_value":%q`, cu.label, w.held(cu), w.units()), kind))
		return
	}
	var records []string
	for range 1 + w.r.Intn(3) {
		to := cu
		if w.one(5) {
			to = pick(w.r, w.m.customers...)
		}
		id, stamp, kind, value := "", "", "", w.units()
		if w.one(2) {
			id = fmt.Sprintf(`"id":"r%d"`, w.r.Intn(200))
		}
		if w.one(3) {
			stamp = fmt.Sprintf(`"timestamp":%q`, pick(w.r, "@-1", "@-60", "@-3600", "@-86400", "@-604800"))
		}
		switch w.r.Intn(6) {
		case 0:
			kind = `"type":"absolute"`
		case 1:
			value = "-" + pick(w.r, "0.5", "1", "0.000001")
		}
		records = append(records, jsonBody(id, fmt.Sprintf(`"customer_id":"$%s","feature_code":%q,"value":%q`, to.label, w.held(to), value), kind, stamp))
	}
	w.put(`POST /v1/usage {"records":[%s]}`, strings.Join(records, ","))
}

func (w *writer) hold(cu *Customer) {
	var open []*Hold
	for _, h := range cu.holds {
		if h.closed == 0 && h.expires > w.m.now {
			open = append(open, h)
		}
	}
	if len(open) == 0 && len(cu.holds) > 0 && w.one(8) {
		open = cu.holds
	}
	if len(open) == 0 || w.one(3) {
		w.put(`%s = POST /v1/holds {"customer_id":"$%s","feature_code":%q,"units":%q,"expires_in":%d}`, w.label("H"), cu.label, w.held(cu), w.units(), pick(w.r, 60, 3600, 86400))
		return
	}
	h := pick(w.r, open...)
	switch w.r.Intn(6) {
	case 0:
		w.put("POST /v1/holds/$%s/release", h.label)
	case 1:
		w.put(`POST /v1/holds/$%s/extend {"expires_in":%d}`, h.label, pick(w.r, 60, 7200, 86400))
	case 2:
		w.put(`POST /v1/holds/$%s/confirm {"units":%q,"over":%q}`, h.label, w.units(), pick(w.r, "available", "record"))
	case 3:
		w.put(`POST /v1/holds/$%s/confirm {"units":"0.5"}`, h.label)
	default:
		w.put("POST /v1/holds/$%s/confirm {}", h.label)
	}
}
