package billing

import (
	"maps"
	"slices"
)

// fallbacks checks the plan that each group falls back to. A plan that is one
// cannot stop being sold.
func (a *application) fallbacks(groups []PlanGroup) {
	stated := make(map[Code]int, len(groups))
	for i := range slices.Backward(groups) {
		stated[groups[i].Code] = i // of a group that is there twice, the first
	}
	for _, code := range slices.Sorted(maps.Keys(a.next.Groups)) {
		g := a.next.Groups[code]
		if g.Fallback == "" {
			continue
		}
		p := a.sold[g.Fallback]
		if plan := a.next.Plans[g.Fallback]; p == nil && plan != nil {
			p = &sold{Plan: plan, terms: &plan.Latest().Terms}
		}
		path, from := "", ""
		if p != nil {
			path, from = p.path, p.path
		}
		if i, ok := stated[code]; ok {
			path = element("plan_groups", i) + ".fallback"
		}
		if path == "" {
			continue // the spec has neither
		}
		if why := notFallback(code, p); why != "" {
			a.faultBy(from, path, "%s is the fallback of group %s and %s; name a published plan of the group that is not archived, or remove fallback", g.Fallback, code, why)
			continue
		}
		if slices.ContainsFunc(p.terms.Items, func(it Item) bool { return costs(&it) }) {
			a.warn(warnFallbackCosts, "plan %s, the fallback of group %s, costs something: who cancels another plan of the group is put on it and pays", g.Fallback, code)
		}
		if old := a.old.Groups[code]; old != nil && old.Fallback != g.Fallback {
			a.changes.Fallbacks = append(a.changes.Fallbacks, code)
		}
	}
}

// notFallback is why a plan cannot be the fallback of a group; "" if it can.
func notFallback(group Code, p *sold) string {
	switch {
	case p == nil:
		return "there is no such plan"
	case p.Group != group:
		return "is in group " + string(p.Group)
	case p.Kind == KindPack:
		return "is a pack"
	case p.Kind != KindPlan:
		return "is an add-on"
	case p.Status != Published:
		return "is a draft"
	case p.Archived:
		return "is archived"
	}
	return ""
}
