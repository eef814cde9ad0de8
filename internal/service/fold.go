package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// foldBatch and sweepBatch bound how many records one transaction takes away.
const (
	foldBatch  = 1000
	sweepBatch = 1000
)

// unfolded is a feature of a customer with records to fold.
type unfolded struct {
	customer billing.CustomerID
	feature  billing.Code
	anchor   time.Time
}

// day is the one that contains an instant, by the time of day of the anchor: as
// all windows of the customer begin at that time, each day is wholly in or
// wholly out of every window, also of plans that are yet to come.
func (f unfolded) day(at time.Time) calendar.Span {
	c, _ := calendar.Grid{Anchor: f.anchor, Every: calendar.Day}.At(at)
	return c
}

// FoldUsage puts one record in the place of all those of a feature that count on
// one day, for every customer and each of its days that is over at an instant,
// and answers how many are gone. No counter and no window's sum changes. It may
// be interrupted and started again; where there is nothing to fold it takes no
// lock.
func (s *Service) FoldUsage(ctx context.Context, before time.Time) (int, error) {
	const batch = 200
	gone := 0
	for after := (billing.CustomerID{}); ; {
		var ids []billing.CustomerID
		var found []unfolded
		err := s.Store.View(ctx, func(r Reader) error {
			var err error
			found = nil
			if ids, err = r.CustomerIDs(after, batch); err != nil {
				return err
			}
			for _, id := range ids {
				own, err := unfoldedOf(r, id, before)
				if err != nil {
					return err
				}
				found = append(found, own...)
			}
			return nil
		})
		if err != nil || len(ids) == 0 {
			return gone, err
		}
		after = ids[len(ids)-1]

		for _, f := range found {
			n, err := s.fold(ctx, f, before)
			gone += n
			if err != nil {
				return gone, err
			}
		}
	}
}

func unfoldedOf(r Reader, id billing.CustomerID, before time.Time) ([]unfolded, error) {
	customer, err := r.Customer(id)
	if err != nil || customer.AnchorOn.IsZero() { // who never signed up has no usage
		return nil, err
	}
	of := unfolded{customer: id, anchor: customer.AnchorOn}
	features, err := r.UnfoldedFeatures(id, of.day(before).Start)
	if err != nil {
		return nil, err
	}
	found := make([]unfolded, len(features))
	for i, code := range features {
		found[i] = of
		found[i].feature = code
	}
	return found, nil
}

func (s *Service) fold(ctx context.Context, f unfolded, before time.Time) (int, error) {
	before = f.day(before).Start
	return inBatches(ctx, s.Store, foldBatch, func(tx Tx) (int, error) {
		if _, err := tx.LockCounters(f.customer, f.feature, before, before); err != nil {
			return 0, err
		}
		return tx.FoldUsage(f.customer, f.feature, before, f.day, foldBatch)
	})
}

// SweepAnswers removes the answers that are older than [AnswerLifetime], and
// answers how many.
func (s *Service) SweepAnswers(ctx context.Context) (int, error) {
	before := s.now().Add(-AnswerLifetime)
	return inBatches(ctx, s.Store, sweepBatch, func(tx Tx) (int, error) { return tx.SweepAnswers(before, sweepBatch) })
}

// SweepHolds removes the holds that were over, closed or expired, before an
// instant, and answers how many. What was held at an instant before is forgotten
// with them.
func (s *Service) SweepHolds(ctx context.Context, before time.Time) (int, error) {
	return inBatches(ctx, s.Store, sweepBatch, func(tx Tx) (int, error) { return tx.SweepHolds(before, sweepBatch) })
}

// inBatches runs a transaction that takes some records away, until one takes
// fewer than a whole batch, and answers how many are gone.
func inBatches(ctx context.Context, st Store, batch int, take func(Tx) (int, error)) (gone int, err error) {
	for {
		n := 0
		err := st.Update(ctx, func(tx Tx) error {
			var err error
			n, err = take(tx)
			return err
		})
		if err != nil {
			return gone, err
		}
		if gone += n; n < batch {
			return gone, nil
		}
	}
}
