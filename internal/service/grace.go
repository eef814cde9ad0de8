package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// answerGrace answers the grace of an allowance, if it has one: whether the customer was
// over when it began, by what counts before that instant, late use included, and what
// was held then. recordedBy is the instant by which usage was known; zero is now.
func answerGrace(r Reader, snap *billing.Snapshot, al *billing.Allowance, recordedBy time.Time) error {
	g := al.Grace
	if g == nil {
		return nil
	}
	past := *snap
	id, code := snap.Customer.ID, al.Feature.Code
	var err error
	if past.Agreements, err = r.Agreements(id, g.Since); err != nil {
		return err
	}
	if past.Overrides, err = r.Overrides(id, g.Since); err != nil {
		return err
	}
	then := past.Allowance(al.Feature, g.Since)
	before := then.Window
	before.End = g.Since
	used, err := r.SumUsage(id, code, before, recordedBy)
	if err != nil {
		return err
	}
	held, err := r.UnconfirmedUnits(id, code, before, g.Since)
	if err != nil {
		return err
	}
	g.Answer(&then, used, held)
	return nil
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
			used, held, _, err := usageAt(r, fresh, &al, now)
			if err != nil {
				return err
			}
			limits[code] = al.Decide(0, used, held).Limit
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return snap.InForce(limits), nil
}
