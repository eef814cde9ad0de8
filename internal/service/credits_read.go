package service

import (
	"context"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// CreditsAt is how a metered feature of a customer stands at an instant, source by source.
type CreditsAt struct {
	At        time.Time
	Revision  billing.Revision
	Feature   *billing.Feature
	Allowance billing.Allowance
	// Available is what all live sources have left less what is owed; it may be below 0.
	// Unlimited says that it has no bound.
	Available billing.Units
	Unlimited bool
	Debt      billing.Units
	Held      billing.Units // by all open holds, in whatever window they were made
	Overage   billing.Units
	// Sources are those that have something left or held, in the order in which they burn.
	Sources []credit.Source
}

// Credits answers what a customer can pay use of a metered feature with at an instant (zero:
// now), as [Service.EntitlementsAt] does.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED.
func (s *Service) Credits(ctx context.Context, customer billing.CustomerID, code billing.Code, at time.Time, knownNow bool) (CreditsAt, error) {
	var out CreditsAt
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		feature, err := (&facts{snap: snap}).meteredFeature(code)
		if err != nil {
			return err
		}
		now, err := readNow(r, snap, clock, code)
		if err != nil {
			return err
		}
		var c *credits
		past := at.Before(now) && !at.IsZero()
		if past {
			c, err = creditsPast(r, snap, feature, at, knownNow)
		} else {
			now = latest(now, at)
			c, err = readCredits(r, snap, feature, now, now)
		}
		if err != nil {
			return err
		}
		out = creditsAt(snap, feature, c)
		out.Held, err = heldAt(r, customer, code, out.At, past, knownNow)
		return err
	})
	return out, err
}

// heldAt is all that open holds have set aside of a feature at an instant, in whatever window
// they were made: each belongs to its own, and is there until it is over.
func heldAt(r Reader, customer billing.CustomerID, code billing.Code, at time.Time, past, knownNow bool) (billing.Units, error) {
	switch {
	case past && knownNow:
		return r.UnconfirmedUnits(customer, code, billing.Window{}, at)
	case past:
		return r.HeldUnits(customer, code, billing.Window{}, at, at)
	}
	return r.HeldUnits(customer, code, billing.Window{}, at, time.Time{})
}

func creditsPast(r Reader, now *billing.Snapshot, feature *billing.Feature, at time.Time, knownNow bool) (*credits, error) {
	read := readThen
	if knownNow {
		read = readPast
	}
	snap, err := read(r, now, at)
	if err != nil {
		return nil, err
	}
	return readCreditsPast(r, snap, feature, pastAt(at, knownNow))
}

func creditsAt(snap *billing.Snapshot, feature *billing.Feature, c *credits) CreditsAt {
	st := &c.ownState
	out := CreditsAt{
		At: st.At, Revision: snap.Revision(), Feature: feature, Allowance: st.Allowance, Available: st.Balance(),
		Debt: st.Debt, Unlimited: st.Endless(),
	}
	if st.Soft() {
		out.Overage = st.Overage
	}
	for _, source := range st.Sources {
		if source.Left > 0 || source.Held > 0 {
			out.Sources = append(out.Sources, source)
		}
	}
	return out
}

// pastAt is an instant of the past as it was known then, or is known now.
func pastAt(at time.Time, knownNow bool) pastOf {
	if knownNow {
		return pastOf{at: at, until: at}
	}
	return pastOf{at: at, by: at}
}

// wasPooled reports whether a feature is decided on by its sources, or once was.
func wasPooled(r Reader, customer billing.CustomerID, al *billing.Allowance) (bool, error) {
	if al.Pooled || al.Feature.Type != billing.Metered {
		return al.Pooled, nil
	}
	all, err := r.Counter(customer, al.Feature.Code, billing.Window{})
	if isNotFound(err) {
		return false, nil
	}
	return isPooled(al, &all.Lane), err
}

// withPools is a snapshot with its history, if anything in the catalog depends on it.
func withPools(r Reader, snap *billing.Snapshot, at time.Time) (*billing.Snapshot, error) {
	if !snap.Catalog.HasPools() {
		return snap, nil
	}
	return history(r, snap, at)
}

// grantsAt are grants of one customer as they stand at an instant, or the later one that
// usage of one of their features was last written at: a lagging clock does not see again
// what was given away, or what was given back, by one that is ahead. They may be set aside,
// and the customer deleted.
func grantsAt(r Reader, snap *billing.Snapshot, clock time.Time, grants ...billing.Grant) ([]billing.GrantStanding, error) {
	features := make([]billing.Code, len(grants))
	for i := range grants {
		features[i] = grants[i].Feature
	}
	now, err := readNow(r, snap, clock, features...)
	if err != nil {
		return nil, err
	}
	out := make([]billing.GrantStanding, len(grants))
	pools := make(map[billing.Code]*pool)
	for i := range grants {
		g := &grants[i]
		if g.CustomerID != snap.Customer.ID {
			return nil, fmt.Errorf("grant %v is not one of %v", g.ID, snap.Customer.ID)
		}
		p := pools[g.Feature]
		if p == nil {
			all, err := history(r, snap, now)
			if err != nil {
				return nil, err
			}
			if p, err = readPool(r, all, snap.Catalog.Features[g.Feature], now, nil); err != nil {
				return nil, err
			}
			pools[g.Feature] = p
		}
		state, err := p.stateOf(r, g, now)
		if err != nil {
			return nil, err
		}
		out[i] = billing.GrantStanding{Grant: *g, State: state, Now: now}
	}
	return out, nil
}

// stateOf is how a grant of the pool stands.
func (p *pool) stateOf(r Reader, g *billing.Grant, now time.Time) (billing.CreditState, error) {
	id := usage.SourceID(g.ID.String())
	state := g.Unused(now)
	state.Drawn, state.Held = p.sums[id], p.HeldOf(id, now)
	if !p.has(id) {
		draws, err := r.SumDrawsOf(p.customer, g.Feature, []usage.SourceID{id}, billing.Window{}, time.Time{})
		if err != nil {
			return billing.CreditState{}, err
		}
		for _, d := range draws {
			state.Drawn = state.Drawn.Plus(d.Units)
		}
	}
	left := max(g.Amount-state.Drawn-state.Held, 0)
	state.Remaining, state.Refundable = min(state.Remaining, left), min(state.Refundable, left)
	if !g.ClawedBackOn.IsZero() {
		paid, ok := p.sums[usage.PaysSum(id)]
		if !ok {
			var err error
			if paid, err = r.SumPaid(p.customer, g.Feature, id, billing.Window{}, time.Time{}); err != nil {
				return billing.CreditState{}, err
			}
		}
		state.Debt = max(state.Drawn-paid, 0)
	}
	return state, nil
}
