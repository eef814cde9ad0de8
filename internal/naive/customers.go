package naive

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

func (m *Model) createCustomer(c call) string {
	cu := &Customer{label: c.label, kind: c.body.text("type"), made: m.now, deleted: Never}
	z := "UTC"
	if c.body.has("time_zone") {
		z = c.body.text("time_zone")
		if _, err := time.LoadLocation(z); err != nil || z == "" || z == "Local" {
			return fail(400, "TIME_ZONE_INVALID")
		}
	}
	cu.zones = []zoneFact{{Always, z}}
	if c.body.has("anchor_on") && c.body["anchor_on"] != nil {
		t, ok := c.body.time("anchor_on")
		if !ok {
			return fail(400, "ANCHOR_ON_INVALID")
		}
		cu.given = t
	}
	var plan *Plan
	if c.body.has("plan_code") {
		if code := c.body.text("plan_code"); code != "" {
			p, refusal := m.sellable(cu, code, 404)
			if refusal != "" {
				return refusal
			}
			plan = p
			if plan.addOn() {
				return fail(400, "PLAN_NOT_AVAILABLE")
			}
		}
	} else {
		for _, p := range m.cat.Versions {
			g := m.cat.group(p.Group)
			if p.Default && !p.Archived && p.Status == "published" && g.CustomerType == cu.kind && g.Default {
				plan = m.cat.latest(p.Code)
			}
		}
	}
	m.customers = append(m.customers, cu)
	if plan != nil {
		m.start(&Agreement{customer: cu, plan: plan, quantity: 1, starts: m.now, ownEnd: Never}, trialWish{})
	}
	m.settle()
	return "201 " + m.showCustomer(cu)
}

func (m *Model) patchCustomer(cu *Customer, c call) string {
	var zone, status string
	var anchor T
	if c.body.has("time_zone") {
		zone = c.body.text("time_zone")
		if _, err := time.LoadLocation(zone); err != nil || zone == "" {
			return fail(400, "TIME_ZONE_INVALID")
		}
	}
	if c.body.has("status") {
		status = c.body.text("status")
		if status != "active" && status != "suspended" {
			return fail(400, "STATUS_INVALID")
		}
	}
	if c.body.has("anchor_on") {
		t, ok := c.body.time("anchor_on")
		if !ok || m.everLive(cu) {
			return fail(400, "ANCHOR_ON_INVALID")
		}
		anchor = t
	}
	if zone != "" && zone != zoneAt(cu.zones, m.now) {
		cu.zones = append(cu.zones, zoneFact{m.now, zone})
	}
	if status != "" {
		cu.suspended = append(cu.suspended, toggle{m.now, status == "suspended"})
	}
	if anchor != 0 {
		cu.given = anchor
	}
	return "ok"
}

func (m *Model) deleteCustomer(cu *Customer) string {
	for _, a := range cu.agreements {
		if a.starts > m.now {
			a.withdrawn = true
		}
	}
	cu.deleted = m.now
	return "ok"
}

func (m *Model) suspendedAt(cu *Customer, t T) bool {
	on := false
	for _, s := range cu.suspended {
		if s.from <= t {
			on = s.on
		}
	}
	return on
}

func (m *Model) showCustomer(cu *Customer) string {
	state := "active"
	if m.suspendedAt(cu, m.now) {
		state = "suspended"
	}
	if cu.deleted <= m.now {
		state = "deleted"
	}
	var shown []*Agreement
	for _, a := range cu.agreements {
		if s := m.state(a); s == "live" || s == "scheduled" {
			shown = append(shown, a)
		}
	}
	sort.SliceStable(shown, func(i, j int) bool {
		a, b := shown[i], shown[j]
		return a.starts < b.starts || a.starts == b.starts && a.plan.Code < b.plan.Code
	})
	s := fmt.Sprintf("customer %s %s %s", state, zoneAt(cu.zones, m.now), m.customerAnchor(cu))
	for _, a := range shown {
		s += " | " + m.show(a)
	}
	return s
}

// state is scheduled, live or ended.
func (m *Model) state(a *Agreement) string {
	switch {
	case a.withdrawn || m.end(a) <= m.now:
		return "ended"
	case a.starts > m.now:
		return "scheduled"
	}
	return "live"
}

// show is an agreement as text.
func (m *Model) show(a *Agreement) string {
	annual, origin := "-", "-"
	if a.annual {
		annual = "annual"
	}
	if a.origin != "" {
		origin = a.origin
	}
	period := "-..-"
	if s := m.state(a); s != "ended" {
		if w, ok := m.term(a, m.now); ok {
			period = w.from.String() + ".." + w.to.String()
		}
	}
	return strings.Join([]string{"agreement", a.plan.Code, "v" + strconv.Itoa(a.plan.Version), "x" + strconv.Itoa(a.quantity),
		annual, origin, a.starts.String(), m.end(a).String(), a.trialEnds.String(), a.anchorOn.String(), period, m.state(a)}, " ")
}
