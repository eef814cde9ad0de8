package naive

import (
	"fmt"
	"math/big"
	"strings"
)

// view is what is true of a customer and a feature at an instant.
type view struct {
	entitled, metered, suspended bool
	limit                        part
	used, held                   *big.Int
	soft                         bool
	window                       span
	next                         T
	why                          string
	sources                      []string
}

// whyOrder: of several at once the first.
var whyOrder = strings.Fields("trial_ends plan_ends add_on_ends scheduled_change override_expires grace_ends")

// event offers a next change; the earliest, and of those the first in order, stays.
func (v *view) event(at, now T, why string) {
	rank := func(w string) int {
		for i, o := range whyOrder {
			if o == w {
				return i
			}
		}
		return len(whyOrder)
	}
	if at <= now || at == Never {
		return
	}
	if v.why == "" || at < v.next || at == v.next && rank(why) < rank(v.why) {
		v.next, v.why = at, why
	}
}

var mostUnits = big.NewInt(9223372036854775807)

// used sums what counts in a window as of t; from now on nothing is added.
func (m *Model) used(cu *Customer, feature string, w span, t T) *big.Int {
	n := new(big.Int)
	for _, r := range cu.records {
		if r.feature == feature && w.has(r.counts) && (t >= m.now || r.counts <= t) {
			n.Add(n, r.delta)
		}
	}
	if n.Sign() < 0 {
		return new(big.Int)
	}
	if n.Cmp(mostUnits) > 0 {
		return mostUnits
	}
	return n
}

// held sums the holds of a window that are open at t.
func (m *Model) held(cu *Customer, feature string, w span, t T) *big.Int {
	n := new(big.Int)
	for _, h := range cu.holds {
		if h.feature == feature && w.has(h.at) && h.at <= t {
			n.Add(n, h.openAt(t))
		}
	}
	if n.Cmp(mostUnits) > 0 {
		return mostUnits
	}
	return n
}

// look answers for a feature at t, by the facts that the model has.
func (m *Model) look(cu *Customer, feature string, t T) view {
	f := m.cat.feature(feature)
	v := view{metered: f.Type == "metered", used: new(big.Int), held: new(big.Int), suspended: m.suspendedAt(cu, t)}
	if cu.deleted <= t {
		v.suspended = false
		return v
	}
	plan, o := m.planAt(cu, t), m.overrideAt(cu, feature, t)
	var own part
	items := 0
	soft := true
	source := func(a *Agreement) {
		it := a.plan.item(feature)
		if it == nil {
			return
		}
		items++
		soft = soft && it.Limit == "soft"
		max := "null"
		if v.metered {
			max = itemPart(a, feature).String()
		}
		kind := "plan"
		if a.plan.addOn() {
			kind = "add_on"
		}
		v.sources = append(v.sources, kind+" "+a.plan.Code+" "+max)
	}
	if plan != nil {
		own = itemPart(plan, feature)
		source(plan)
	}
	for _, a := range m.addOnsAt(cu, t) {
		source(a)
	}
	if o != nil {
		v.sources = append(v.sources, "override - "+o.shown(own))
		v.event(o.until, t, "override_expires")
	}
	v.entitled = (items > 0 || o != nil && v.metered) && (o == nil || !o.deny)
	if !v.entitled {
		if o == nil || !o.deny {
			for _, a := range cu.agreements {
				if !a.withdrawn && a.starts > t && m.end(a) > a.starts && (a.plan.item(feature) != nil || m.waits(cu, feature, a)) {
					v.event(a.starts, t, "scheduled_change")
				}
			}
		}
		return v
	}
	m.changes(cu, feature, t, &v)
	if !v.metered {
		return v
	}
	v.soft = soft && items > 0
	v.window, _ = m.rhythm(cu, feature, t, t)
	v.used = m.used(cu, feature, v.window, t)
	v.held = m.held(cu, feature, v.window, t)
	v.limit = m.limitAt(cu, feature, t, own)
	if plan != nil {
		old, until, _ := m.carried(plan, feature, t)
		if old.has && v.limit.exceededBy(new(big.Int).Add(v.used, v.held)) {
			if l := m.limitAt(cu, feature, t, old); l.above(v.limit) {
				v.limit = l
				v.event(until, t, "grace_ends")
			}
		}
	}
	return v
}

// waits tells whether an override of a feature begins to count with a plan.
func (m *Model) waits(cu *Customer, feature string, a *Agreement) bool {
	for _, o := range cu.overrides {
		if o.feature == feature && !o.deny && !a.plan.addOn() && m.cat.feature(feature).Type == "metered" && o.from <= a.starts && a.starts < o.until {
			return true
		}
	}
	return false
}

// changes offers what agreements bring to a feature that is held.
func (m *Model) changes(cu *Customer, feature string, t T, v *view) {
	for _, a := range cu.agreements {
		if a.withdrawn || m.end(a) <= a.starts || a.plan.addOn() && a.plan.item(feature) == nil {
			continue
		}
		if a.starts > t {
			v.event(a.starts, t, "scheduled_change")
			continue
		}
		e := m.end(a)
		if e <= t {
			continue
		}
		if a.trialEnds > t {
			v.event(a.trialEnds, t, "trial_ends")
		}
		ends := "plan_ends"
		if a.plan.addOn() {
			ends = "add_on_ends"
		}
		if n := m.next(a); n != nil && n.starts == e && a.ownEnd != e {
			ends = "scheduled_change"
		}
		v.event(e, t, ends)
	}
}

// shown is what an override gives of the limit beside the plan's own part.
func (o *Override) shown(own part) string {
	switch {
	case o.hasMax && o.noMax, o.deny:
		return "null"
	case o.hasMax:
		return fmt.Sprint(o.max + o.add)
	case o.hasLeast && (part{has: true, n: units(o.least)}).above(own):
		return fmt.Sprint(o.least + o.add)
	case o.hasLeast && o.add == 0:
		return fmt.Sprint(o.least)
	}
	return fmt.Sprint(o.add)
}

// rest is what the limit leaves, not below 0; nil for no limit.
func (v view) rest() *big.Int {
	if v.limit.open {
		return nil
	}
	n := new(big.Int).Sub(v.limit.n, v.used)
	n.Sub(n, v.held)
	if n.Sign() < 0 {
		n = new(big.Int)
	}
	return n
}

// decide tells whether units more are allowed, and why.
func (v view) decide(n *big.Int) (bool, string) {
	switch {
	case v.suspended:
		return false, "suspended"
	case !v.entitled:
		return false, "not_entitled"
	case !v.metered:
		return true, "unmetered"
	case v.limit.open:
		return true, "unlimited"
	}
	sum := new(big.Int).Add(v.used, v.held)
	switch {
	case !v.limit.exceededBy(sum.Add(sum, n)):
		return true, "within_limit"
	case v.soft:
		return true, "over_soft_limit"
	}
	return false, "limit_reached"
}

func (v view) nextText() string {
	if v.why == "" {
		return "next=-"
	}
	return fmt.Sprintf("next=%s(%s)", v.next, v.why)
}

func (v view) numbers() string {
	rest := "null"
	if r := v.rest(); r != nil {
		rest = decimal(r)
	}
	return fmt.Sprintf("limit=%s used=%s held=%s remaining=%s soft=%t resets=%s", v.limit, decimal(v.used), decimal(v.held), rest, v.soft, v.window.to)
}

// body is a decision's text after ALLOWED and REASON.
func (v view) body() string {
	s := v.nextText() + " sources=[" + strings.Join(v.sources, ",") + "]"
	if v.metered {
		s = v.numbers() + " " + s
	}
	return s
}

func (v view) text(allowed bool, reason string) string {
	s := fmt.Sprintf("%t %s", allowed, reason)
	switch reason {
	case "suspended":
		return s
	case "not_entitled":
		return s + " " + v.nextText()
	}
	return s + " " + v.body()
}
