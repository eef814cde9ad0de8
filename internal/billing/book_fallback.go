package billing

import (
	"slices"
	"time"
)

// fallBack puts the customer on the plan that its group falls back to, from each
// end on that an agreement was given with nothing to follow. What was so scheduled
// stays while its end does, and goes with it. An end that was there before, with
// nothing to follow, stays as it was.
func (b *Book) fallBack() error {
	var were []Agreement
	b.Agreements = slices.DeleteFunc(b.Agreements, func(a Agreement) bool {
		is := a.Origin == fromFallback && a.Scheduled(b.Now)
		if is {
			were = append(were, a)
		}
		return is
	})
	before := bareEnds(b.stored.Agreements, b.Now)
	then := slices.Clone(b.Agreements)
	settle(then, b.Now, b.goesBeside)
	for _, end := range bareEnds(then, b.Now) {
		if i := slices.IndexFunc(were, func(a Agreement) bool { return a.StartsOn.Equal(end.ExpiresOn) }); i >= 0 {
			b.Agreements = append(b.Agreements, were[i])
			continue
		}
		if slices.ContainsFunc(before, func(a Agreement) bool { return a.ExpiresOn.Equal(end.ExpiresOn) }) {
			continue
		}
		if err := b.makeFallback(&end); err != nil {
			return err
		}
	}
	return nil
}

// bareEnds are the agreements to plans, settled, that end by themselves now or later
// with nothing to follow but a fallback.
func bareEnds(agreements []Agreement, now time.Time) (out []Agreement) {
	for _, a := range agreements {
		if a.Kind != KindPlan || a.Origin == fromFallback || a.OwnEnd.IsZero() || a.OwnEnd.Before(now) || !a.ExpiresOn.Equal(a.OwnEnd) {
			continue
		}
		followed := slices.ContainsFunc(agreements, func(o Agreement) bool {
			return o.Kind == KindPlan && o.Origin != fromFallback && o.ID != a.ID && o.StartsOn.Equal(a.ExpiresOn)
		})
		if !followed {
			out = append(out, a)
		}
	}
	return out
}

// makeFallback makes the agreement that follows the end of another, if its group
// has a plan for that.
func (b *Book) makeFallback(ended *Agreement) error {
	code := b.Catalog.Groups[b.Catalog.Plans[ended.Plan].Group].Fallback
	plan := b.Catalog.Plans[code]
	if plan == nil || plan.Status != Published || code == ended.Plan || !b.Customer.DeletedOn.IsZero() {
		return nil
	}
	a := Agreement{
		CustomerID: b.Customer.ID, Plan: code, Version: plan.Latest().Number, Kind: KindPlan, Quantity: 1,
		CreatedOn: b.Now, StartsOn: ended.ExpiresOn, Origin: fromFallback,
	}
	if err := b.identify(&a, AgreementID{}); err != nil {
		return err
	}
	anchor, err := b.customerAnchor()
	if err != nil {
		return err
	}
	if !ended.StartsOn.Before(a.StartsOn) { // it never lived
		if ended, err = b.before("", a.StartsOn); err != nil {
			return err
		}
	}
	b.count(&a, chain{before: ended, anchor: anchor})
	b.Agreements = append(b.Agreements, a)
	return nil
}
