package billing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/calendar"
)

// element is the path of an element of a list.
func element(list string, i int) string { return fmt.Sprintf("%s[%d]", list, i) }

// surprises warns of what is right and a customer would still not expect.
func (a *application) surprises() {
	for _, code := range slices.Sorted(maps.Keys(a.sold)) {
		if p := a.sold[code]; p.Status == Published && !p.Archived {
			a.surprise(p)
		}
	}
	for _, code := range slices.Sorted(maps.Keys(a.next.Groups)) {
		plans, addOns := a.inGroup(code)
		unsold := func(p *sold) bool { return p.Status != Published || p.Archived }
		plans, addOns = slices.DeleteFunc(plans, unsold), slices.DeleteFunc(addOns, unsold)
		stated := func(p *sold) bool { return p.spec != nil }
		for _, feature := range a.metered(slices.Concat(plans, addOns)) {
			has := func(p *sold) bool { return p.item(feature) != nil }
			if with := keep(plans, has); slices.ContainsFunc(with, stated) {
				a.differently(code, feature, with)
			}
			for _, p := range keep(addOns, has) {
				if stated(p) || slices.ContainsFunc(keep(plans, has), stated) {
					a.lifts(p, feature, plans)
				}
			}
		}
	}
}

func keep[T any](list []T, is func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !is(v) })
}

// codes lists plans for a message.
func codes(plans []*sold) string {
	var all []string
	for _, p := range plans {
		all = append(all, string(p.Code))
	}
	return strings.Join(all, ", ")
}

// surprise warns of a plan by itself.
func (a *application) surprise(p *sold) {
	var never []string
	priced, free := false, !p.terms.AskForCard
	for i := range p.terms.Items {
		it := &p.terms.Items[i]
		switch a.next.Features[it.Feature].Type {
		case Metered:
			if it.Reset == ResetCycle {
				never = append(never, string(it.Feature))
			}
			if it.Max == nil && (it.Limit == Soft || it.OverLimit.Policy != Block) {
				a.warn("plan %s has no max for %s, so limit and over_limit mean nothing there", p.Code, it.Feature)
			}
		case Charge:
			free = free || it.FixedCharge == 0
			a.dear(p, it)
		}
		priced = priced || costs(it)
	}
	if p.Kind == KindPlan && p.terms.Cycle == calendar.None && len(never) > 0 {
		a.warn("plan %s has no cycle, so what resets with it never does: %s", p.Code, strings.Join(never, ", "))
	}
	if !priced && !free {
		a.warn("plan %s has no price and is not said to be free; add a charge (fixed_charge: 0 for free), or ask_for_card: false", p.Code)
	}
}

// dear warns of a year at once that costs more than the year by parts.
func (a *application) dear(p *sold, it *Item) {
	parts := map[calendar.Interval]int64{calendar.Day: 365, calendar.Week: 52, calendar.Month: 12}[it.Interval]
	if it.Annual != nil && parts > 0 && it.FixedCharge <= MaxAmount/parts && *it.Annual > parts*it.FixedCharge {
		a.warn("plan %s: a year of %s at once costs %d, and by the %s it is %d", p.Code, it.Feature, *it.Annual, it.Interval, parts*it.FixedCharge)
	}
}

// differently warns of plans of a group with different windows for a feature.
func (a *application) differently(group, feature Code, plans []*sold) {
	var ways []string
	of := make(map[string][]*sold)
	for _, p := range plans {
		way := p.terms.window(p.item(feature)).text()
		if of[way] == nil {
			ways = append(ways, way)
		}
		of[way] = append(of[way], p)
	}
	if len(ways) < 2 {
		return
	}
	for i, way := range ways {
		ways[i] = way + " in " + codes(of[way])
	}
	a.warn("plans of group %s reset %s differently: %s; who changes between them begins another window", group, feature, strings.Join(ways, "; "))
}

// lifts warns of an add-on without a max beside plans that have one.
func (a *application) lifts(p *sold, feature Code, plans []*sold) {
	limited := keep(plans, func(plan *sold) bool { it := plan.item(feature); return it != nil && it.Max != nil })
	if p.item(feature).Max == nil && len(limited) > 0 {
		a.warn("add-on %s has no max for %s: with it, the limit of %s is lifted", p.Code, feature, codes(limited))
	}
}
