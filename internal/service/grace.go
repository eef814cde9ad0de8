package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// answerGrace answers the graces of an allowance, if it has some: whether the customer
// was over at their instants, by what counts before each, late use included, and what was
// held then. recordedBy is the instant by which usage was known; zero is now.
func answerGrace(r Reader, snap *billing.Snapshot, al *billing.Allowance, recordedBy time.Time) error {
	for g := al.Grace; g != nil; g = g.Less {
		over := true
		for _, on := range g.OverOn {
			then, used, held, err := usedBefore(r, snap, al.Feature, on, recordedBy)
			if err != nil {
				return err
			}
			over = g.Answer(&then, used, held) && over
		}
		if over {
			return nil // those with smaller limits do not count
		}
	}
	return nil
}

// usedBefore is what was used of a feature before an instant in the window that contains
// it, what was held then, and the allowance of then.
func usedBefore(
	r Reader, snap *billing.Snapshot, feature *billing.Feature, on, recordedBy time.Time,
) (then billing.Allowance, used, held billing.Units, err error) {
	past := *snap
	id := snap.Customer.ID
	if past.Agreements, err = r.Agreements(id, on); err != nil {
		return then, 0, 0, err
	}
	if past.Overrides, err = r.Overrides(id, on); err != nil {
		return then, 0, 0, err
	}
	then = past.Allowance(feature, on)
	before := then.Window
	before.End = on
	if used, err = r.SumUsage(id, feature.Code, before, recordedBy); err != nil {
		return then, 0, 0, err
	}
	held, err = r.UnconfirmedUnits(id, feature.Code, before, on)
	return then, used, held, err
}

// Graced is a snapshot with the earlier limits that hold on for who is over, for
// [billing.Entitlements]. It reads nothing where no grace runs, and gives the same
// snapshot where none is in force.
func (s *Service) Graced(ctx context.Context, snap *billing.Snapshot, now time.Time) (*billing.Snapshot, error) {
	if len(snap.Graced(now)) == 0 {
		return snap, nil
	}
	limits := make(map[billing.Code]billing.Limit)
	err := s.Store.View(ctx, func(r Reader) error {
		clear(limits)
		fresh, err := readSnapshot(r, snap.Customer.ID, now, nil)
		if err != nil {
			return err
		}
		for _, code := range fresh.Graced(now) {
			al := fresh.Allowance(fresh.Catalog.Features[code], now)
			if al.Grace == nil {
				continue
			}
			u, err := usageAt(r, fresh, &al, now)
			if err != nil {
				return err
			}
			limits[code] = u.decide(&al, 0).Limit
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return snap.InForce(limits), nil
}
