package service

import (
	"context"
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
	Held      billing.Units
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
		if at.Before(now) && !at.IsZero() {
			c, err = creditsPast(r, snap, feature, at, knownNow)
		} else {
			now = latest(now, at)
			c, err = readCredits(r, snap, feature, now, now)
		}
		if err == nil {
			out = creditsAt(snap, feature, c)
		}
		return err
	})
	return out, err
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
		Debt: st.Debt, Held: st.Held,
	}
	if st.Soft() {
		out.Overage = st.Overage
	}
	for _, source := range st.Sources {
		if source.Left > 0 || source.Held > 0 {
			out.Sources = append(out.Sources, source)
		}
		out.Unlimited = out.Unlimited || source.Unlimited()
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
	return all.Lane.Pooled, err
}

// withPools is a snapshot with its history, if anything in the catalog depends on it.
func withPools(r Reader, snap *billing.Snapshot, at time.Time) (*billing.Snapshot, error) {
	if !snap.Catalog.HasPools() {
		return snap, nil
	}
	return history(r, snap, at)
}

// GrantAt is how a grant stands at an instant.
type GrantAt struct {
	billing.Grant
	// Drawn is what was drawn of it, Held what open holds have set aside, Remaining what can
	// still be drawn, now or once it has begun: 0 once it has ended.
	Drawn, Held, Remaining billing.Units
	// Debt is what is owed for it, once it was voided with claw-back. Refundable is what of
	// one that was voided was neither drawn nor is held.
	Debt, Refundable billing.Units
}

// grantsAt are how grants of one customer stand now. They may be set aside.
func grantsAt(r Reader, snap *billing.Snapshot, grants []billing.Grant, now time.Time) ([]GrantAt, error) {
	out := make([]GrantAt, len(grants))
	pools := make(map[billing.Code]*pool)
	for i, g := range grants {
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
		at, err := p.grantAt(r, &g, now)
		if err != nil {
			return nil, err
		}
		out[i] = at
	}
	return out, nil
}

// grantAt is how a grant of the pool stands.
func (p *pool) grantAt(r Reader, g *billing.Grant, now time.Time) (GrantAt, error) {
	id := usage.SourceID(g.ID.String())
	out := GrantAt{Grant: *g, Drawn: p.sums[id], Held: p.HeldOf(id, now)}
	if !p.has(id) {
		draws, err := r.SumDrawsOf(p.customer, g.Feature, []usage.SourceID{id}, billing.Window{}, time.Time{})
		if err != nil {
			return GrantAt{}, err
		}
		for _, d := range draws {
			out.Drawn = out.Drawn.Plus(d.Units)
		}
	}
	left := max(g.Amount-out.Drawn-out.Held, 0)
	if g.Live(now) || g.EndedOn.IsZero() && now.Before(g.EffectiveOn) {
		out.Remaining = left
	}
	if !g.EndedOn.IsZero() {
		out.Refundable = left
	}
	if !g.ClawedBackOn.IsZero() {
		out.Debt = max(out.Drawn-p.sums[usage.PaysSum(id)], 0)
	}
	return out, nil
}

// Ledger is a page of what a pool of a customer was drawn by, ascending by when it counts.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED.
func (s *Service) Ledger(ctx context.Context, customer billing.CustomerID, code billing.Code, page Page[DrawCursor]) ([]usage.Drawn, bool, billing.Revision, error) {
	var out []usage.Drawn
	var more bool
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		if _, err := (&facts{snap: snap}).meteredFeature(code); err != nil {
			return err
		}
		rev = snap.Revision()
		out, more, err = r.DrawsOf(customer, code, "", page)
		return err
	})
	return out, more, rev, err
}
