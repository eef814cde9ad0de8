package service

import (
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
	if s.Known == nil {
		return nil, false
	}
	snap, err := s.Known(ctx, customer, billing.Revision{})
	if err != nil || snap.Catalog.Unfinished {
		return nil, false
	}
	ask := Ask{Customer: customer, At: s.now()}
	if len(features) == 1 {
		ask.Feature = features[0]
	}
	standings, err := s.Store.Standings(ctx, ask)
	if err != nil {
		return nil, false
	}
	st := &standings[0]
	if st.Deleted {
		return nil, false
	}
	if snap.Revision() != st.Revision {
		if snap, err = s.Known(ctx, customer, st.Revision); err != nil || snap.Revision() != st.Revision {
			return nil, false
		}
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

// lane is that of a feature; nil if there is none.
func (st *UsageStanding) lane(feature billing.Code) *LaneStanding {
	i := slices.IndexFunc(st.Lanes, func(l LaneStanding) bool { return l.Feature == feature })
	if i < 0 {
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
	case al.Grace != nil:
		return 0, 0, false
	case l == nil:
		return 0, 0, true
	case l.Lane.Window == nil || !exact(l.Used) || !exact(l.Lane.InWindow):
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
