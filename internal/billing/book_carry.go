package billing

import (
	"slices"
	"time"
)

// carry works out what an agreement to a plan that begins where another ends carries
// of that: where its terms have an over_limit policy for the feature, the other's part
// of the limit if that was larger, for who is over the new one when it begins. What
// the other itself still carries goes on. An agreement that began earlier, or was made
// before there was OverOn, keeps what it has.
func (b *Book) carry() error {
	slices.SortStableFunc(b.Agreements, func(x, y Agreement) int { return x.StartsOn.Compare(y.StartsOn) })
	for i := range b.Agreements {
		a := &b.Agreements[i]
		old := b.storedAgreement(a.ID)
		begins := a.Scheduled(b.Now) || a.StartsOn.Equal(b.Now) && (old == nil || !old.StartsOn.Equal(a.StartsOn))
		if a.Kind != KindPlan || !begins || old != nil && old.TermFrom.IsZero() {
			continue
		}
		replaced, err := b.before("", a.StartsOn)
		if err != nil {
			return err
		}
		if a.Carried = nil; replaced != nil {
			a.Carried = b.carried(a, replaced)
		}
	}
	return nil
}

// carried are the limits that an agreement carries of the one it takes the place of.
// What that one carried itself goes on no longer than it would have.
func (b *Book) carried(a, replaced *Agreement) (out []Carry) {
	terms, was := b.Terms(a), b.Terms(replaced)
	for i := range terms.Items {
		item := &terms.Items[i]
		if !item.OverLimit.carries() {
			continue
		}
		is, until := a.part(item), b.carriesUntil(a, item)
		if j := was.Find(item.Feature); j >= 0 {
			if part := replaced.part(&was.Items[j]); larger(part, is) {
				out = append(out, Carry{Feature: item.Feature, Max: part, OverOn: []time.Time{a.StartsOn}, Until: until})
			}
		}
		for _, c := range replaced.Carried {
			if c.Feature != item.Feature || !c.holds(a.StartsOn) || !larger(c.Max, is) {
				continue
			}
			if c.ifOver() {
				c.Until = earlier(c.Until, until)
				c.OverOn = append(slices.Clip(c.OverOn), a.StartsOn)
			}
			out = append(out, c)
		}
	}
	return out
}

// carriesUntil is how long an item's policy lets an earlier limit hold on; the zero
// time for ever.
func (b *Book) carriesUntil(a *Agreement, item *Item) time.Time {
	if item.OverLimit.Policy == Grace {
		return a.StartsOn.Add(time.Duration(item.OverLimit.GraceDays) * 24 * time.Hour)
	}
	return b.Allowance(b.Catalog.Features[item.Feature], a.StartsOn).Window.End
}

// carries reports whether the policy lets an earlier limit hold on.
func (o OverLimit) carries() bool { return o.Policy == Grace || o.Policy == Allow }
