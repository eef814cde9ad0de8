package billing

import (
	"fmt"
	"slices"

	"github.com/allot-dev/allot/internal/calendar"
)

// breaches say what in the facts of a customer cannot be, whoever wrote them. The
// facts have all agreements and grants, ended ones and those set aside too.
func (f *Facts) breaches() (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	for i, z := range f.Customer.Zones {
		if calendar.CheckZone(z.Name) != nil {
			say("the time zone %q is none", z.Name)
		}
		if i > 0 && !z.From.After(f.Customer.Zones[i-1].From) {
			say("the time zones are not in the order of time")
		}
	}
	byStart := slices.Clone(f.Agreements)
	slices.SortStableFunc(byStart, func(a, b Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	last := make(map[Code]*Agreement)
	for i := range byStart {
		a := &byStart[i]
		if !a.ExpiresOn.IsZero() && a.ExpiresOn.Before(a.StartsOn) {
			say("agreement %s ends before it starts", a.ID)
		}
		if idMillis(a.ID) > f.Customer.LastAgreementMS {
			say("agreement %s was made after the last one of the customer", a.ID)
		}
		if a.AnchorOn.IsZero() != a.TermFrom.IsZero() {
			say("agreement %s has one of anchor and term without the other", a.ID)
		}
		if a.TrialThen != "" && (a.TrialEndsOn.IsZero() || !slices.Contains(trialEnds, a.TrialThen)) {
			say("agreement %s has a trial that turns into %q and ends never, or into what there is not", a.ID, a.TrialThen)
		}
		if a.Origin != "" && !slices.Contains(origins, a.Origin) {
			say("agreement %s has the origin %q, which there is not", a.ID, a.Origin)
		}
		if !a.ExpiresOn.IsZero() && !a.ExpiresOn.After(a.StartsOn) {
			continue // it was never live
		}
		if before := last[a.slot()]; before != nil && !before.Ended(a.StartsOn) {
			say("agreements %s and %s to %s live at the same time", before.ID, a.ID, a.Plan)
		}
		last[a.slot()] = a
	}
	for i := range f.Grants {
		g := &f.Grants[i]
		if g.Amount <= 0 || g.Amount >= maxRecord || g.Priority < 0 || g.Priority > maxPriority || !slices.Contains(grantKinds, g.Kind) {
			say("grant %s of %s has an amount, a priority or a kind that cannot be", g.ID, g.Amount)
		}
		if !g.ExpiresOn.IsZero() && !g.ExpiresOn.After(g.EffectiveOn) {
			say("grant %s ends before it begins", g.ID)
		}
		if g.EndedOn.IsZero() && !g.ClawedBackOn.IsZero() {
			say("grant %s is clawed back and not voided", g.ID)
		}
		if g.ID.Customer() != f.Customer.ID {
			say("grant %s has the id of another customer's", g.ID)
		}
	}
	return found
}
