package billing

import (
	"slices"
	"time"
)

// carry works out which limits of the plan before hold on for a while under a
// plan that begins now or later, by the over_limit policies of its terms. What
// was itself carried goes on no longer than it would have.
func (b *Book) carry() {
	s := &b.Snapshot
	for i := range b.Agreements {
		a := &b.Agreements[i]
		if a.Kind != KindPlan || a.Ended(a.StartsOn) {
			continue
		}
		// What was held before: of a change made now, what was read; of one that
		// is scheduled, what will be held just before it.
		old, before := s, a.StartsOn.Add(-time.Microsecond)
		if b.isNew(a.ID) && a.StartsOn.Equal(b.Now) {
			old, before = &Snapshot{Catalog: b.Catalog, Facts: Facts{b.Customer, b.stored.Agreements, b.Overrides}}, b.Now
		} else if !a.StartsOn.After(b.Now) {
			continue
		}
		a.Carried = nil
		replaced := old.plan(before)
		if replaced == nil || !slices.ContainsFunc(s.Terms(a).Items, func(it Item) bool { return it.OverLimit.carries() }) {
			continue
		}
		then, next := old.parts(before), s.parts(a.StartsOn)
		for _, item := range s.Terms(a).Items {
			if !item.OverLimit.carries() {
				continue
			}
			feature := b.Catalog.Features[item.Feature]
			granted, was := baseLimit(feature, then[item.Feature], old.override(item.Feature, before), before)
			_, is := baseLimit(feature, next[item.Feature], s.override(item.Feature, a.StartsOn), a.StartsOn)
			if granted && larger(was.Max, is.Max) {
				until := s.rhythm(feature, next[item.Feature], a.StartsOn).window(a.StartsOn).End // of Allow
				if item.OverLimit.Policy == Grace {
					until = a.StartsOn.Add(time.Duration(item.OverLimit.GraceDays) * 24 * time.Hour)
				}
				a.Carried = append(a.Carried, Carry{Feature: item.Feature, Max: was.Max, Until: until})
			}
			for _, c := range replaced.Carried {
				if c.Feature == item.Feature && c.holds(a.StartsOn) && larger(c.Max, is.Max) {
					a.Carried = append(a.Carried, c)
				}
			}
		}
	}
}

// carries reports whether the policy lets an earlier limit hold on.
func (o OverLimit) carries() bool { return o.Policy == Grace || o.Policy == Allow }

func sameCarry(a, b Carry) bool {
	return a.Feature == b.Feature && equalLimit(a.Max, b.Max) && a.Until.Equal(b.Until)
}
