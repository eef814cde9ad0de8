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

// rhythms refuses the items of add-ons that would count in other windows than the
// plans beside them. What is published stays, with a warning.
func (a *application) rhythms() {
	for _, code := range slices.Sorted(maps.Keys(a.next.Groups)) {
		plans, addOns := a.inGroup(code)
		if !slices.ContainsFunc(slices.Concat(plans, addOns), func(p *sold) bool { return p.spec != nil }) {
			continue
		}
		for _, feature := range a.metered(addOns) {
			a.rhythm(feature, plans, addOns)
		}
	}
}

// inGroup are the plans and the add-ons of a group, ascending by code.
func (a *application) inGroup(group Code) (plans, addOns []*sold) {
	all := copied(a.sold)
	for code, p := range a.next.Plans {
		if all[code] == nil {
			all[code] = &sold{Plan: p, terms: &p.Latest().Terms}
		}
	}
	for _, code := range slices.Sorted(maps.Keys(all)) {
		switch p := all[code]; {
		case p.Group != group:
		case p.Kind == KindAddOn:
			addOns = append(addOns, p)
		default:
			plans = append(plans, p)
		}
	}
	return plans, addOns
}

// metered are the metered features that some of the plans have, ascending.
func (a *application) metered(plans []*sold) []Code {
	var all []Code
	for _, p := range plans {
		for _, it := range p.terms.Items {
			if f := a.next.Features[it.Feature]; f != nil && f.Type == Metered {
				all = append(all, it.Feature)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// item is the plan's item of a feature, or nil.
func (p *sold) item(feature Code) *Item {
	if i := p.terms.Find(feature); i >= 0 {
		return &p.terms.Items[i]
	}
	return nil
}

// beside is the window of an add-on's item beside a plan: the plan's, where it
// resets with the cycle.
func (p *sold) beside(plan *sold, it *Item) window {
	if it.Reset != ResetCycle {
		return p.terms.window(it)
	}
	if plan == nil { // whichever comes: the same for all
		return window{calendar.Interval(ResetCycle), it.Align}
	}
	with := &Item{Reset: ResetCycle}
	if its := plan.item(it.Feature); its != nil {
		with = its
	}
	w := plan.terms.window(with)
	if it.Align != "" && w.Every != calendar.None {
		w.Align = it.Align
	}
	return w
}

// rhythm checks the add-ons' items of one feature beside each plan of the group.
func (a *application) rhythm(feature Code, plans, addOns []*sold) {
	addOns = slices.DeleteFunc(slices.Clone(addOns), func(p *sold) bool { return p.item(feature) == nil })
	if len(plans) == 0 {
		plans = []*sold{nil}
	}
	told := make(map[Code]bool)
	for _, plan := range plans {
		var want window
		var of, from string
		if plan != nil && plan.item(feature) != nil {
			want, of, from = plan.terms.window(plan.item(feature)), "plan "+string(plan.Code), plan.path
		} else {
			lead := a.leads(feature, plan, addOns)
			want, of, from = lead.beside(plan, lead.item(feature)), "add-on "+string(lead.Code), lead.path
		}
		for _, p := range addOns {
			if got := p.beside(plan, p.item(feature)); got != want && !told[p.Code] {
				told[p.Code] = true
				a.offBeat(p, feature, got, want, of, from)
			}
		}
	}
}

// leads is the add-on that gives the rhythm where the plan lacks the feature: one
// that is published so, else one that resets it as the feature says, else the first.
func (a *application) leads(feature Code, plan *sold, addOns []*sold) *sold {
	like := &Item{Feature: feature, Reset: a.next.Features[feature].Reset}
	for _, is := range []func(*sold) bool{
		func(p *sold) bool { return p.spec == nil || a.published(p.Code, p.terms, p.item(feature)) },
		func(p *sold) bool { return p.beside(plan, p.item(feature)) == p.beside(plan, like) },
	} {
		if i := slices.IndexFunc(addOns, is); i >= 0 {
			return addOns[i]
		}
	}
	return addOns[0]
}

// offBeat refuses an item in another rhythm, or warns of a published one.
func (a *application) offBeat(p *sold, feature Code, got, want window, of, from string) {
	if p.spec == nil || a.published(p.Code, p.terms, p.item(feature)) {
		a.warn("add-on %s resets %s %s, and %s %s; it goes on as it was published, but allowances in another rhythm come with credits: its next version must reset %s",
			p.Code, feature, got.text(), of, want.text(), want.text())
		return
	}
	key, right := ".reset", "give reset: cycle, with which it follows the plan"
	if strings.HasPrefix(of, "add-on") {
		right = "give both the same reset"
	} else if p.item(feature).Reset == ResetCycle {
		key, right = ".align", "remove align, and it follows the plan"
	}
	i := slices.IndexFunc(p.spec.Items, func(it ItemSpec) bool { return it.Feature == feature })
	a.faultBy(from, element(p.path+".items", i)+key, "%s resets %s here and %s in %s, and allowances in another rhythm come with credits; %s",
		feature, got.text(), want.text(), of, right)
}
