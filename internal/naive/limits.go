package naive

import (
	"math/big"
	"strings"
)

// Override is a customer's own terms for a feature, in force in [from, until).
type Override struct {
	feature          string
	from, until      T // until: replaced, deleted or expired
	hasMax, noMax    bool
	max, add, least  int64
	hasAdd, hasLeast bool
	deny             bool
}

// part is a limit or a source's part of one.
type part struct {
	has, open bool // open: unlimited
	n         *big.Int
}

var million = big.NewInt(1_000_000)

func units(n int64) *big.Int { return new(big.Int).Mul(big.NewInt(n), million) }

func (p part) above(q part) bool {
	switch {
	case !p.has || q.open:
		return false
	case p.open || !q.has:
		return true
	}
	return p.n.Cmp(q.n) > 0
}

func (p part) exceededBy(n *big.Int) bool { return p.has && !p.open && n.Cmp(p.n) > 0 }

func (p part) String() string {
	if p.open {
		return "null"
	}
	return decimal(p.n)
}

// decimal writes millionths without needless zeros.
func decimal(n *big.Int) string {
	s := new(big.Rat).SetFrac(n, million).FloatString(6)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".")
}

// itemPart is what an agreement gives of a feature.
func itemPart(a *Agreement, feature string) part {
	it := a.plan.item(feature)
	if it == nil {
		return part{}
	}
	if it.Max == nil {
		return part{has: true, open: true}
	}
	n := units(*it.Max)
	if a.plan.addOn() || it.Per == "quantity" {
		n.Mul(n, big.NewInt(int64(a.quantity)))
	}
	return part{has: true, n: n}
}

// overrideAt is the override that counts: it does beside a plan.
func (m *Model) overrideAt(cu *Customer, feature string, t T) *Override {
	if m.planAt(cu, t) == nil {
		return nil
	}
	return m.overrideOf(cu, feature, t)
}

// overrideOf is the override that was set and has not ended.
func (m *Model) overrideOf(cu *Customer, feature string, t T) *Override {
	var last *Override
	for _, o := range cu.overrides {
		if o.feature == feature && o.from <= t && t < o.until {
			last = o
		}
	}
	return last
}

// merge joins the parts of plan, add-ons and override.
func merge(plan part, addOns []part, o *Override) part {
	sum := plan
	if o != nil {
		switch {
		case o.hasMax:
			sum = part{has: true, open: o.noMax, n: units(o.max)}
		case o.hasLeast:
			if least := (part{has: true, n: units(o.least)}); least.above(sum) {
				sum = least
			}
		}
	}
	add := func(p part) {
		switch {
		case !p.has:
		case !sum.has:
			sum = p
		case sum.open || p.open:
			sum = part{has: true, open: true}
		default:
			sum = part{has: true, n: new(big.Int).Add(sum.n, p.n)}
		}
	}
	for _, p := range addOns {
		add(p)
	}
	if o != nil && o.hasAdd {
		add(part{has: true, n: units(o.add)})
	}
	return sum
}

// limitAt is the limit at t, with p in the plan's place.
func (m *Model) limitAt(cu *Customer, feature string, t T, p part) part {
	var parts []part
	for _, a := range m.addOnsAt(cu, t) {
		parts = append(parts, itemPart(a, feature))
	}
	return merge(p, parts, m.overrideAt(cu, feature, t))
}

// rhythm is the window of a feature that contains t, by what is held at as. It is
// false if nothing is held then.
func (m *Model) rhythm(cu *Customer, feature string, as, t T) (span, bool) {
	plan := m.planAt(cu, as)
	if plan != nil {
		if it := plan.plan.item(feature); it != nil {
			return window(cu.zones, plan.anchorOn, m.cat.itemCycle(plan.plan, it, plan.plan), t), true
		}
	}
	for _, a := range m.addOnsAt(cu, as) {
		it := a.plan.item(feature)
		if it == nil {
			continue
		}
		if m.cat.reset(it).Unit == "cycle" && plan != nil {
			return window(cu.zones, plan.anchorOn, plan.plan.cycle(), t), true
		}
		return window(cu.zones, a.anchorOn, m.cat.itemCycle(a.plan, it, a.plan), t), true
	}
	o := m.overrideAt(cu, feature, as)
	if o == nil || o.deny {
		return span{}, false
	}
	// An override alone. Without a plan: months from the customer's anchor.
	of, anchor := &Plan{}, m.customerAnchor(cu)
	if plan != nil {
		of, anchor = plan.plan, plan.anchorOn
	}
	if anchor == 0 {
		return span{Always, Never}, true
	}
	return window(cu.zones, anchor, m.cat.itemCycle(of, &Item{Feature: feature}, of), t), true
}

// carried is the old plan's part that p's agreement still has at t, and until
// when. The part has nothing if none is carried.
func (m *Model) carried(p *Agreement, feature string, t T) (part, T, bool) {
	it := p.plan.item(feature)
	if it == nil || it.OverLimit == nil || it.OverLimit.Kind == "block" {
		return part{}, 0, false
	}
	old := m.heldBefore(p.customer, "", p.starts, p)
	if old == nil || !itemPart(old, feature).has {
		return part{}, 0, false
	}
	w := window(p.customer.zones, p.anchorOn, m.cat.itemCycle(p.plan, it, p.plan), p.starts)
	grace := it.OverLimit.Kind == "grace"
	until := w.to
	if grace {
		until = p.starts + T(it.OverLimit.Days)*day
	}
	if t >= until || !m.wasOver(p, feature, w) {
		return part{}, 0, false
	}
	keep := itemPart(old, feature)
	if more, ends, g := m.carried(old, feature, t); more.above(keep) {
		keep = more
		if ends < until {
			until, grace = ends, g
		}
	}
	return keep, until, grace
}

// wasOver tells whether the customer was over the new limit when p began.
func (m *Model) wasOver(p *Agreement, feature string, w span) bool {
	s := p.starts
	n := new(big.Int)
	for _, r := range p.customer.records {
		if r.feature == feature && w.has(r.counts) && r.counts < s {
			n.Add(n, r.delta)
		}
	}
	for _, h := range p.customer.holds {
		if h.feature == feature && w.has(h.at) && h.at < s {
			n.Add(n, h.openAt(s))
		}
	}
	return m.limitAt(p.customer, feature, s, itemPart(p, feature)).exceededBy(n)
}
