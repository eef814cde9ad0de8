package billing

import (
	"maps"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/calendar"
)

// sold is a plan as it will be: as the spec states it, or as it is.
type sold struct {
	*Plan
	terms *Terms
	// Of one that the spec states: where, and its statement. Else nil.
	path string
	spec *PlanSpec
}

// assortment is what a group sells.
type assortment struct {
	plans, addOns []*sold // ascending by code
	// offers are who has each feature.
	offers map[Code]*offers
	// bare are the plans by how what resets with the cycle does there.
	bare map[window][]*sold
}

// offers are the plans and the add-ons that have a feature, ascending by code.
type offers struct{ plans, addOns []offer }

// offer is a plan with its item of a feature; nil if it has none.
type offer struct {
	*sold
	item *Item
}

// assortments are what the groups sell, by the group.
func (a *application) assortments() map[Code]*assortment {
	if a.ranges != nil {
		return a.ranges
	}
	all := copied(a.sold)
	for code, p := range a.next.Plans {
		if all[code] == nil {
			all[code] = &sold{Plan: p, terms: &p.Latest().Terms}
		}
	}
	a.ranges = make(map[Code]*assortment)
	for _, code := range slices.Sorted(maps.Keys(all)) {
		p := all[code]
		g := a.ranges[p.Group]
		if g == nil {
			g = &assortment{offers: make(map[Code]*offers), bare: make(map[window][]*sold)}
			a.ranges[p.Group] = g
		}
		g.add(p)
	}
	return a.ranges
}

func (g *assortment) add(p *sold) {
	switch p.Kind {
	case KindPack:
		return // nobody is on it
	case KindAddOn:
		g.addOns = append(g.addOns, p)
	default:
		g.plans = append(g.plans, p)
		w := p.terms.window(&Item{Reset: ResetCycle})
		g.bare[w] = append(g.bare[w], p)
	}
	for i := range p.terms.Items {
		it := &p.terms.Items[i]
		of := g.offers[it.Feature]
		if of == nil {
			of = new(offers)
			g.offers[it.Feature] = of
		}
		if p.Kind == KindAddOn {
			of.addOns = append(of.addOns, offer{p, it})
		} else {
			of.plans = append(of.plans, offer{p, it})
		}
	}
}

// metered are the metered features that a group sells, ascending.
func (a *application) metered(g *assortment) []Code {
	var all []Code
	for code := range g.offers {
		if f := a.next.Features[code]; f != nil && f.Type == Metered {
			all = append(all, code)
		}
	}
	slices.Sort(all)
	return all
}

// rhythms warns of items of add-ons that count in other windows than the plans beside
// them: what they give is an allowance of its own.
func (a *application) rhythms() {
	stated := func(p *sold) bool { return p.spec != nil }
	for _, code := range slices.Sorted(maps.Keys(a.next.Groups)) {
		g := a.assortments()[code]
		if g == nil || !slices.ContainsFunc(g.plans, stated) && !slices.ContainsFunc(g.addOns, stated) {
			continue
		}
		for _, feature := range a.metered(g) {
			if len(g.offers[feature].addOns) > 0 && !a.next.Features[feature].Held {
				a.rhythm(feature, g)
			}
		}
	}
}

// beats are the plans beside which add-ons may count a feature differently: of those
// that reset it alike the first. If there are no plans it is one that is none.
func (g *assortment) beats(feature Code) []offer {
	if len(g.plans) == 0 {
		return []offer{{}}
	}
	var first []offer
	has, seen := make(map[Code]bool), make(map[window]bool)
	for _, o := range g.offers[feature].plans {
		has[o.Code] = true
		if w := o.terms.window(o.item); !seen[w] {
			seen[w] = true
			first = append(first, o)
		}
	}
	for _, alike := range g.bare {
		if i := slices.IndexFunc(alike, func(p *sold) bool { return !has[p.Code] }); i >= 0 {
			first = append(first, offer{alike[i], nil})
		}
	}
	slices.SortFunc(first, func(x, y offer) int { return strings.Compare(string(x.Code), string(y.Code)) })
	return first
}

// goesBeside reports whether an add-on is sold beside a plan.
func (o offer) goesBeside(plan offer) bool {
	return o.terms.Beside == nil || plan.sold != nil && slices.Contains(o.terms.Beside, plan.Code)
}

// beside is the window of an add-on's item beside a plan: the plan's, where it
// resets with the cycle.
func (o offer) beside(plan offer, it *Item) window {
	if it.Reset != ResetCycle {
		return o.terms.window(it)
	}
	if plan.sold == nil { // whichever comes: the same for all
		return window{calendar.Interval(ResetCycle), it.Align}
	}
	with := plan.item
	if with == nil {
		with = &Item{Reset: ResetCycle}
	}
	w := plan.terms.window(with)
	if it.Align != "" && w.Every != calendar.None {
		w.Align = it.Align
	}
	return w
}

// rhythm looks at the add-ons' items of one feature beside the plans of the group.
func (a *application) rhythm(feature Code, g *assortment) {
	told := make(map[Code]bool)
	for _, plan := range g.beats(feature) {
		addOns := keep(g.offers[feature].addOns, func(o offer) bool { return o.goesBeside(plan) })
		if len(addOns) == 0 {
			continue
		}
		// Where the plan lacks the feature, the first add-on gives the rhythm.
		of, want := "add-on "+string(addOns[0].Code), addOns[0].beside(plan, addOns[0].item)
		if plan.item != nil {
			of, want = "plan "+string(plan.Code), plan.terms.window(plan.item)
		}
		for _, o := range addOns {
			if got := o.beside(plan, o.item); got != want && !told[o.Code] {
				told[o.Code] = true
				a.warn(warnAddOnRhythm, "add-on %s resets %s %s, and %s %s: what it gives is an allowance of its own, in windows of its own", o.Code, feature, got.text(), of, want.text())
			}
		}
	}
}
