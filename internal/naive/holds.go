package naive

import (
	"fmt"
	"math/big"
	"sort"
	"strings"
)

func seconds(f fields) (T, bool) {
	n, ok := f.whole("expires_in")
	return T(n) * second, ok && n >= 1 && n <= 86400
}

func (m *Model) hold(c call) string {
	cu, feature, n, refusal := m.asked(c)
	if refusal != "" {
		return refusal
	}
	in, ok := seconds(c.body)
	if !ok {
		return fail(400, "EXPIRES_IN_INVALID")
	}
	if m.cat.feature(feature).Type != "metered" {
		return fail(400, "FEATURE_NOT_METERED")
	}
	v := m.look(cu, feature, m.now)
	allowed, reason := v.decide(n)
	if !allowed {
		return "200 " + v.text(false, reason)
	}
	sum := new(big.Int).Add(v.used, v.held)
	if sum.Add(sum, n).Cmp(mostWindow) > 0 {
		return fail(400, "UNITS_INVALID")
	}
	h := &Hold{label: c.label, customer: cu, feature: feature, at: m.now, expires: m.now + in, units: n, window: v.window}
	cu.holds = append(cu.holds, h)
	m.holds = append(m.holds, h)
	return "201 " + m.look(cu, feature, m.now).text(true, reason)
}

func (m *Model) closeHold(ref, verb string, c call) string {
	var h *Hold
	for _, o := range m.holds {
		if o.label != "" && "$"+o.label == ref {
			h = o
		}
	}
	if h == nil || h.customer.deleted <= m.now {
		return fail(404, "HOLD_NOT_FOUND")
	}
	// What is asked is read before what became of the hold.
	n, over := h.units, c.body.text("over")
	if verb == "confirm" {
		if c.body.has("units") {
			got, ok := amount(c.body["units"])
			if !ok || got.Sign() <= 0 {
				return fail(400, "UNITS_INVALID")
			}
			n = got
		}
		switch over {
		case "":
			over = "reject"
		case "reject", "available", "record":
		default:
			return fail(400, "OVER_INVALID")
		}
	}
	asked := decimal(n) + " " + over
	in, ok := seconds(c.body)
	if verb == "extend" && !ok {
		return fail(400, "EXPIRES_IN_INVALID")
	}
	switch {
	case h.confirmed != nil && verb == "confirm" && h.asked == asked:
		return h.answer
	case h.confirmed != nil:
		return fail(409, "HOLD_CONFIRMED")
	case h.closed != 0 && verb == "release":
		return "ok"
	case h.closed != 0:
		return fail(409, "HOLD_RELEASED")
	case h.expires <= m.now:
		return fail(409, "HOLD_EXPIRED")
	}
	switch verb {
	case "extend":
		h.expires = m.now + in
		return "ok"
	case "release":
		h.closed = m.now
		return "ok"
	}
	return m.confirm(h, n, over, asked)
}

func (m *Model) confirm(h *Hold, n *big.Int, over, asked string) string {
	cu := h.customer
	v := m.look(cu, h.feature, m.now)
	v.window = h.window
	v.used, v.held = m.used(cu, h.feature, v.window, m.now), m.held(cu, h.feature, v.window, m.now)
	if n.Cmp(h.units) > 0 {
		switch over {
		case "reject":
			return fail(400, "UNITS_INVALID")
		case "available":
			there := new(big.Int).Set(h.units)
			if v.entitled && !v.suspended {
				if r := v.rest(); r == nil || v.soft {
					there = n
				} else if r.Add(r, h.units); r.Cmp(there) > 0 {
					there = r
				}
			}
			if there.Cmp(n) < 0 {
				n = there
			}
		}
	}
	if new(big.Int).Add(m.total(cu, h.feature, v.window), n).Cmp(mostWindow) > 0 {
		return fail(400, "UNITS_INVALID")
	}
	h.closed, h.confirmed, h.asked = m.now, n, asked
	cu.records = append(cu.records, &Record{feature: h.feature, counts: h.at, delta: n})
	v.used, v.held = m.used(cu, h.feature, v.window, m.now), m.held(cu, h.feature, v.window, m.now)
	if v.entitled {
		h.answer = "200 true held " + v.numbers()
	} else {
		h.answer = fmt.Sprintf("200 true held used=%s held=%s resets=%s", decimal(v.used), decimal(v.held), v.window.to)
	}
	return h.answer
}

// override is PUT and DELETE of a customer's own terms.
func (m *Model) override(cu *Customer, feature string, c call) string {
	f := m.cat.feature(feature)
	if f == nil {
		return fail(404, "FEATURE_NOT_FOUND")
	}
	old := m.overrideOf(cu, feature, m.now)
	if c.method == "DELETE" {
		if old == nil {
			return fail(404, "OVERRIDE_NOT_FOUND")
		}
		old.until = m.now
		return "ok"
	}
	o := &Override{feature: feature, from: m.now, until: Never}
	var bad []string
	read := func(k string, has *bool, n *int64) {
		if !c.body.has(k) {
			return
		}
		i, ok := c.body.whole(k)
		if !ok || i < 0 || f.Type != "metered" {
			bad = append(bad, strings.ToUpper(k)+"_INVALID")
		}
		*has, *n = true, i
	}
	if c.body.has("max") && c.body["max"] == nil {
		o.hasMax, o.noMax = true, true
	} else {
		read("max", &o.hasMax, &o.max)
	}
	read("at_least", &o.hasLeast, &o.least)
	read("add", &o.hasAdd, &o.add)
	o.deny, _ = c.body["deny"].(bool)
	if o.hasLeast && (o.hasMax || o.deny) {
		bad = append(bad, "AT_LEAST_INVALID")
	} else if o.deny && (o.hasMax || o.hasAdd) {
		bad = append(bad, "DENY_INVALID")
	} else if !o.hasMax && !o.hasLeast && !o.hasAdd && !o.deny {
		bad = append(bad, "MAX_INVALID")
	}
	if c.body.has("expires_on") && c.body["expires_on"] != nil {
		t, ok := c.body.time("expires_on")
		if !ok || t <= m.now {
			bad = append(bad, "EXPIRES_ON_INVALID")
		}
		o.until = t
	}
	if bad != nil {
		return fail(400, bad...)
	}
	if old != nil {
		old.until = m.now
	}
	cu.overrides = append(cu.overrides, o)
	return "ok"
}

// listed is every feature that entitlements may show.
func (m *Model) listed() []string {
	var codes []string
	for _, f := range m.cat.Features {
		if f.Type != "charge" {
			codes = append(codes, f.Code)
		}
	}
	sort.Strings(codes)
	return codes
}
