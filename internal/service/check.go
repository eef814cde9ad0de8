package service

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// checkKnown is as [Service.Check], by facts that are kept in memory and one look at how
// usage stands, which says whether they are those of now. It is false where that does not
// suffice: then the store is asked for everything.
func (s *Service) checkKnown(ctx context.Context, customer billing.CustomerID, features []billing.Code, units billing.Units) ([]billing.Decision, bool) {
	ask := Ask{Customer: customer, At: s.now()}
	if len(features) == 1 {
		ask.Feature = features[0]
	}
	snap, st, ok := s.standsKnown(ctx, ask)
	if !ok {
		return nil, false
	}
	now := snap.Now(ask.At)
	for _, code := range features { // one instant for all, as [check] has
		if l := st.lane(code); l != nil {
			now = latest(now, l.ChangedOn)
		}
	}
	out := make([]billing.Decision, len(features))
	for i, code := range features {
		feature, ok := snap.Catalog.Features[code]
		if !ok {
			return nil, false
		}
		al := snap.Allowance(feature, now)
		used, held, ok := st.usage(&al, now)
		if !ok {
			return nil, false
		}
		out[i] = al.Decide(units, used, held)
		out[i].Revision = st.Revision
	}
	return out, true
}

// entitledKnown is as [Service.EntitlementsAt] of now, as checkKnown is as
// [Service.Check].
func (s *Service) entitledKnown(ctx context.Context, customer billing.CustomerID) (Standing, bool) {
	ask := Ask{Customer: customer, At: s.now()}
	snap, st, ok := s.standsKnown(ctx, ask)
	if !ok || snap.Catalog.HasPools() {
		return Standing{}, false
	}
	out, _, err := standing(snap, snap, snap.Now(ask.At), true, func(al *billing.Allowance, at time.Time) (stands, error) {
		used, held, ok := st.usage(al, at)
		if !ok {
			return stands{}, errUnkept
		}
		u := stands{used: used, held: held}
		if l := st.lane(al.Feature.Code); l != nil && al.Feature.Type == billing.Metered {
			u.last = l.ChangedOn
		}
		return u, nil
	})
	return out, err == nil
}

// standsKnown is how usage of a customer stands, with the facts that it stands by if they
// are kept in memory, or are from now on.
func (s *Service) standsKnown(ctx context.Context, ask Ask) (*billing.Snapshot, *UsageStanding, bool) {
	if s.Known == nil {
		return nil, nil, false
	}
	snap, err := s.Known(ctx, ask.Customer, billing.Revision{})
	if err != nil || snap.Catalog.Unfinished {
		return nil, nil, false
	}
	standings, err := s.Store.Standings(ctx, ask)
	if err != nil {
		return nil, nil, false
	}
	st := &standings[0]
	if snap.Revision() != st.Revision && !st.Deleted {
		snap, err = s.Known(ctx, ask.Customer, st.Revision)
	}
	return snap, st, err == nil && snap.Revision() == st.Revision && !st.Deleted
}

// lane is that of a feature; nil if there is none.
func (st *UsageStanding) lane(feature billing.Code) *LaneStanding {
	i, found := slices.BinarySearchFunc(st.Lanes, feature, func(l LaneStanding, code billing.Code) int { return cmp.Compare(l.Feature, code) })
	if !found {
		return nil
	}
	return &st.Lanes[i]
}

// usage is what is used and held of an allowance at an instant that is not before the one
// asked for, if the lane says so.
func (st *UsageStanding) usage(al *billing.Allowance, now time.Time) (used, held billing.Units, ok bool) {
	if al.Feature.Type != billing.Metered {
		return 0, 0, true
	}
	l := st.lane(al.Feature.Code)
	switch {
	case al.Grace != nil || al.Pooled || len(al.Caps) > 0:
		return 0, 0, false
	case l == nil:
		return 0, 0, true
	case l.Lane.Pooled || l.Lane.Window == nil || !exact(l.Used) || !exact(l.Lane.InWindow):
		return 0, 0, false
	case *l.Lane.Window == al.Window:
		return l.Lane.InWindow, l.Lane.Held.Plus(-l.Lapsed), l.tellsHeld(now) && (l.NextEnd.IsZero() || now.Before(l.NextEnd))
	}
	return 0, 0, begunAfter(al.Window, l.ChangedOn)
}

// tellsHeld reports whether what was held at HeldOn says what is held at an instant. Holds
// that are over for longer than one can last may be gone.
func (l *LaneStanding) tellsHeld(at time.Time) bool {
	return l.Lane.Held == 0 || at.Sub(l.Lane.HeldOn) <= usage.MaxHold
}

// begunAfter reports whether nothing can count, and no hold be made, in a window, because
// it began after all that was ever written of the feature.
func begunAfter(w billing.Window, changedOn time.Time) bool {
	return w.Start.After(changedOn.Add(billing.MaxAhead))
}
