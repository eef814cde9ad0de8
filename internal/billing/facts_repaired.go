package billing

import (
	"maps"
	"slices"
	"time"
)

// Repaired is the entry of the log that says what a repair of the clock made of a customer: all
// rows before it and after it, named as by [AdoptCustomer]. What the log says of the customer
// before it counts no more.
func Repaired(before, after Facts, on time.Time, by Actor) Change {
	c := AdoptCustomer(after, on, by)
	c.Kind, c.Before = ClockRepaired, AdoptCustomer(before, on, by).After
	delete(c.Before, adoptedRev)
	delete(c.After, adoptedRev)
	return c
}

// Image is the entry that says, of facts that a change has just left, those that have not ended:
// see [AdoptCustomer].
func (f *Facts) Image(on time.Time, by Actor) Change { return f.image(on, by) }

// Untangle puts the ends of agreements right after a repair of the clock, which changes what came
// first: one that would end before it begins was never live, and one is over where the next one of
// its place begins. It returns the agreements that became others.
func (f *Facts) Untangle() (changed []Agreement) {
	byStart := make([]*Agreement, len(f.Agreements))
	was := slices.Clone(f.Agreements)
	for i := range f.Agreements {
		a := &f.Agreements[i]
		byStart[i] = a
		if !a.ExpiresOn.IsZero() && a.ExpiresOn.Before(a.StartsOn) {
			a.ExpiresOn = a.StartsOn
		}
	}
	slices.SortStableFunc(byStart, func(a, b *Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	next := map[Code]*Agreement{}
	for _, a := range slices.Backward(byStart) {
		if !a.ExpiresOn.IsZero() && !a.ExpiresOn.After(a.StartsOn) {
			continue
		}
		if n := next[a.slot()]; n != nil && !a.Ended(n.StartsOn) {
			a.ExpiresOn = n.StartsOn
		}
		next[a.slot()] = a
	}
	for i := range f.Agreements {
		if !f.Agreements[i].ExpiresOn.Equal(was[i].ExpiresOn) {
			changed = append(changed, f.Agreements[i])
		}
	}
	return changed
}

// redoRepair does a repair again: the rows after it are all there are.
func (f *Facts) redoRepair(rows map[string]string) error {
	f.Agreements, f.Overrides, f.Grants = nil, nil, nil
	return f.redoImage(&Change{After: rows})
}

// repair takes in the rows that a repair left.
func (im *images) repair(c *Change) {
	im.customer = rowsOf(c.After, "customer")[""]
	im.agreements, im.overrides, im.grants = rowsOf(c.After, "agreement"), rowsOf(c.After, "override"), rowsOf(c.After, "grant")
	im.gaps = false
}

// PublishedBy is the catalog with no version published later than at an instant, as a repair of
// the clock leaves it.
func (c *Catalog) PublishedBy(to time.Time) *Catalog {
	next := *c
	next.Plans = maps.Clone(c.Plans)
	for code, p := range c.Plans {
		late := func(v *PlanVersion) bool { return v.PublishedOn.After(to) }
		if !slices.ContainsFunc(p.Versions, late) {
			continue
		}
		plan := *p
		plan.Versions = slices.Clone(p.Versions)
		for i, v := range plan.Versions {
			if late(v) {
				version := *v
				version.PublishedOn = to
				plan.Versions[i] = &version
			}
		}
		next.Plans[code] = &plan
	}
	return &next
}
