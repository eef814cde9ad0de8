package billing

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/govalues/decimal"

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
	a.burnedAsBefore()
	for _, code := range slices.Sorted(maps.Keys(a.next.Groups)) {
		g := a.assortments()[code]
		if g == nil {
			continue
		}
		for _, feature := range a.metered(g) {
			a.besideEachOther(code, feature, g.offers[feature])
		}
	}
}

// burnedAsBefore warns of plans that are not in the file and go on with what a feature burned
// so far: what a version's items burn is fixed with it.
func (a *application) burnedAsBefore() {
	for _, code := range slices.Sorted(maps.Keys(a.old.Features)) {
		old, next := a.old.Features[code], a.next.Features[code]
		if next == nil || old.Burns.text() == next.Burns.text() {
			continue
		}
		var stay []string
		for _, plan := range slices.Sorted(maps.Keys(a.old.Plans)) {
			p := a.old.Plans[plan]
			if a.sold[plan] != nil && a.sold[plan].spec != nil {
				continue
			}
			if i := p.Latest().Find(code); i >= 0 && p.Kind != KindPack && p.Latest().Items[i].Burns.text() != next.Burns.text() {
				stay = append(stay, fmt.Sprintf("%s (%s)", plan, cmp.Or(p.Latest().Items[i].Burns.text(), "nothing")))
			}
		}
		if len(stay) > 0 {
			a.warn(warnBurnsAsBefore, "feature %s burns %s now; the plans that are not in the file go on with what they have: %s",
				code, cmp.Or(next.Burns.text(), "nothing"), listed(stay))
		}
	}
}

// besideEachOther warns of how plans and add-ons of a group have a feature.
func (a *application) besideEachOther(group, feature Code, of *offers) {
	onSale := func(o offer) bool { return o.Status == Published && !o.Archived }
	stated := func(o offer) bool { return o.spec != nil }
	plans, addOns := keep(of.plans, onSale), keep(of.addOns, onSale)
	isStated := slices.ContainsFunc(plans, stated)
	if isStated {
		a.differently(group, feature, plans)
	}
	limited := keep(plans, func(o offer) bool { return o.item.Max != nil })
	if len(limited) == 0 {
		return
	}
	lifted := codes(limited)
	for _, o := range addOns {
		if o.item.Max != nil || !isStated && !stated(o) {
			continue
		}
		of := lifted
		if o.terms.Beside != nil {
			of = codes(keep(limited, o.goesBeside))
		}
		if of != "" {
			a.warn(warnAddOnLiftsLimit, "add-on %s has no max for %s: with it, the limit of %s is lifted", o.Code, feature, of)
		}
	}
}

func keep[T any](list []T, is func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(list), func(v T) bool { return !is(v) })
}

// mostCodes is how many plans a message lists.
const mostCodes = 20

// codes lists plans for a message.
func codes(plans []offer) string {
	var all []string
	for _, p := range plans {
		all = append(all, string(p.Code))
	}
	return listed(all)
}

// listed are the first of some codes, and how many more there are.
func listed(codes []string) string {
	text := strings.Join(codes[:min(len(codes), mostCodes)], ", ")
	if more := len(codes) - mostCodes; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// surprise warns of a plan by itself.
func (a *application) surprise(p *sold) {
	var never []string
	priced, free := false, !p.terms.AskForCard
	for i := range p.terms.Items {
		it := &p.terms.Items[i]
		switch a.next.Features[it.Feature].Type {
		case Metered:
			if p.Kind == KindPack {
				break
			}
			if it.Reset == ResetCycle {
				never = append(never, string(it.Feature))
			}
			if it.Max == nil && (it.Limit == Soft || it.OverLimit.Policy != Block) {
				a.warn(warnLimitWithoutMax, "plan %s has no max for %s, so limit and over_limit mean nothing there", p.Code, it.Feature)
			}
			a.creditSurprise(p, it)
		case Charge:
			free = free || it.FixedCharge == 0
			a.dear(p, it)
		}
		priced = priced || costs(it)
	}
	if p.Kind == KindPlan && p.terms.Cycle == calendar.None && len(never) > 0 {
		a.warn(warnCycleNone, "plan %s has no cycle, so what resets with it never does: %s", p.Code, strings.Join(never, ", "))
	}
	if priced && p.Price != "" {
		a.warn(warnPriceHidden, "plan %s says price: %s, so the price list does not show the amounts that it has", p.Code, p.Price)
	}
	if !priced && !free && p.Price == "" {
		a.warn(warnPlanWithoutPrice, "plan %s has no price and is not said to be free; add a charge (fixed_charge: 0 for free), or ask_for_card: false", p.Code)
	}
}

// creditSurprise warns of what an item says of more than its limit.
func (a *application) creditSurprise(p *sold, it *Item) {
	f := a.next.Features[it.Feature]
	if it.Max == nil && len(it.Grants) > 0 {
		a.warn(warnGrantsUnused, "plan %s has no max for %s: an unlimited allowance pays for all, and its grants are never used; add max: 0 for grants alone", p.Code, it.Feature)
	}
	if it.Max != nil && it.Included != nil && *it.Included > *it.Max {
		a.warn(warnIncludedAboveMax, "plan %s includes %d of %s, and use stops at %d", p.Code, *it.Included, it.Feature, *it.Max)
	}
	if it.Max == nil && it.Included == nil && it.Thresholds != nil && !slices.Equal(it.Thresholds, f.Thresholds) {
		a.warn(warnThresholdsWithoutLimit, "plan %s has thresholds of %s, and neither max nor included that they could be percents of", p.Code, it.Feature)
	}
	if b := it.Burns; b != nil && p.Kind == KindPlan && p.terms.Find(b.Feature) < 0 {
		a.warn(warnPoolMissing, "plan %s has %s, which burns %s, and not %s itself: without an add-on or grants of that nothing can be used", p.Code, it.Feature, b.Feature, b.Feature)
	}
	if p.terms.Cycle == calendar.None && slices.ContainsFunc(it.Grants, func(g ItemGrant) bool { return g.At == AtTerm || g.Lasts == LastsTerm }) {
		a.warn(warnTermWithoutCycle, "plan %s has no cycle, so a term of it never ends: what is granted of %s with each comes once", p.Code, it.Feature)
	}
	for _, c := range it.Caps {
		if it.Max != nil && p.terms.every(c.Reset) == p.terms.every(it.Reset) && c.Max >= *it.Max {
			a.warn(warnCapNeverBinds, "plan %s caps %s at %d by %s, which max is in the same windows", p.Code, it.Feature, c.Max, c.Reset)
		}
	}
	parts := map[calendar.Interval]int64{calendar.Day: 365, calendar.Week: 52, calendar.Month: 12}[p.terms.Cycle]
	if it.AnnualUnitAmount != nil && parts > 0 {
		if year, err := it.UnitAmount.Mul(decimal.MustNew(parts, 0)); err == nil && it.AnnualUnitAmount.Cmp(year) > 0 {
			a.warn(warnAnnualDearer, "plan %s: a year of a unit of %s at once costs %s, and by the %s it is %s", p.Code, it.Feature, it.AnnualUnitAmount, p.terms.Cycle, year)
		}
	}
}

// dear warns of a year at once that costs more than the year by parts.
func (a *application) dear(p *sold, it *Item) {
	parts := map[calendar.Interval]int64{calendar.Day: 365, calendar.Week: 52, calendar.Month: 12}[it.Interval]
	if it.Annual != nil && parts > 0 && it.FixedCharge <= MaxAmount/parts && *it.Annual > parts*it.FixedCharge {
		a.warn(warnAnnualDearer, "plan %s: a year of %s at once costs %d, and by the %s it is %d", p.Code, it.Feature, *it.Annual, it.Interval, parts*it.FixedCharge)
	}
}

// differently warns of plans of a group with different windows for a feature.
func (a *application) differently(group, feature Code, plans []offer) {
	var ways []string
	of := make(map[string][]offer)
	for _, p := range plans {
		way := p.terms.window(p.item).text()
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
	a.warn(warnPlansResetDifferently, "plans of group %s reset %s differently: %s; who changes between them begins another window", group, feature, strings.Join(ways, "; "))
}
