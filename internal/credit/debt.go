package credit

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Payment is what was paid of the debt of a voided grant, or, below 0, what of it goes back.
type Payment struct {
	On    time.Time
	Grant billing.GrantID
	Draws []usage.Draw // on the allowance of the window of On too
}

// debt is what is owed at an instant, after what is recorded as paid. What was paid too
// much, because of a later correction, does not pay for other grants.
func (p *Pool) debt(t time.Time) (sum billing.Units) {
	for _, g := range p.ClawedBack(t) {
		sum = sum.Plus(max(p.Owed(g), 0))
	}
	return sum
}

// Owed is what is owed for a grant that was clawed back: what was drawn of it, less what
// was paid; below 0 if that was too much.
func (p *Pool) Owed(g *billing.Grant) billing.Units {
	return p.Sums.Drawn[usage.SourceID(g.ID.String())].Plus(-p.Sums.Paid[g.ID])
}

// ClawedBack are the grants of the pool whose draws are a debt at an instant, the first
// first.
func (p *Pool) ClawedBack(t time.Time) (out []*billing.Grant) {
	for i := range p.Facts.Grants {
		if g := &p.Facts.Grants[i]; g.Feature == p.Feature.Code && !g.ClawedBackOn.IsZero() && !t.Before(g.ClawedBackOn) {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, compareGrants)
	return out
}

// Settle pays debts: at each instant after one and up to another at which a source has
// something left that had nothing before, and at that last instant. The payments are added to
// the sums, and returned to be stored.
func (p *Pool) Settle(after, to time.Time) ([]Payment, error) {
	if len(p.ClawedBack(to)) == 0 {
		return nil, nil
	}
	var all []Payment
	for _, on := range p.moments(after, to) {
		if p.debt(on) == 0 {
			continue
		}
		st, err := p.knownAt(on).At(on)
		if err != nil {
			return nil, err
		}
		for _, g := range p.ClawedBack(on) {
			owed := p.Owed(g)
			if owed <= 0 {
				continue
			}
			draws, _ := st.take(owed, func(*Source) bool { return true })
			if len(draws) > 0 {
				all = append(all, Payment{On: on, Grant: g.ID, Draws: draws})
				p.Sums.Add(on, 0, draws, &g.ID)
			}
		}
	}
	return all, nil
}

// knownAt is the pool by the facts of an instant: what was made or changed later pays
// nothing at it, but in hindsight.
func (p *Pool) knownAt(on time.Time) *Pool {
	known := *p
	known.last = nil
	if p.Hindsight {
		return &known
	}
	facts := *p.Facts
	facts.Grants = slices.DeleteFunc(slices.Clone(facts.Grants), func(g billing.Grant) bool { return g.CreatedOn.After(on) })
	known.Facts, known.Now = &facts, time.Time{}
	return &known
}

// moments are the instants at which there may be something to pay with.
func (p *Pool) moments(after, to time.Time) []time.Time {
	all := append(p.Facts.CreditMoments(p.Feature, after, to), to)
	add := func(t time.Time) {
		if t.After(after) && !t.After(to) {
			all = append(all, t)
		}
	}
	for i := range p.Pins {
		add(p.Pins[i].Ends)
	}
	for i := range p.Facts.Grants {
		if g := &p.Facts.Grants[i]; g.Feature == p.Feature.Code {
			add(g.CreatedOn)
			add(g.ClawedBackOn)
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// Surplus are payments that go back, because less was drawn of their grants in the end:
// the last that were paid, first. Paid is one payment for the grant, as it was made.
func (p *Pool) Surplus(g *billing.Grant, paid []usage.Draw) []usage.Draw {
	surplus := -p.Owed(g)
	if surplus <= 0 {
		return nil
	}
	return GiveBack(paid, 0, surplus)
}
