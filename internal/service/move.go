package service

import (
	"context"

	"github.com/allot-dev/allot/internal/billing"
)

// How many customers are counted as moved at a time, and how many records one
// transaction moves under the locks of a customer's features.
const (
	moveCustomers = 100
	moveBatch     = 500
)

// MovingUsage reports whether records of usage are still to be moved: see
// [Service.MoveUsage].
func (s *Service) MovingUsage(ctx context.Context) (more bool, err error) {
	err = s.Store.View(ctx, func(r Reader) error {
		_, more, err = r.Moving()
		return err
	})
	return more, err
}

// MoveUsage puts the records of usage, once an upgrade is finished, where they are
// kept now, customer after customer, in short transactions. No answer changes. It goes
// on from where it was interrupted; several may be at it. progress, unless nil, is
// told how many customers are done by this call, which is also the answer.
func (s *Service) MoveUsage(ctx context.Context, progress func(customers int)) (done int, err error) {
	for {
		ids, more, err := s.toMove(ctx)
		if err != nil || !more {
			return done, err
		}
		var last billing.CustomerID
		for _, id := range ids {
			last = id
			if _, err := inBatches(ctx, s.Store, moveBatch, func(tx Tx) (int, error) { return tx.MoveUsage(id, moveBatch) }); err != nil {
				return done, err
			}
		}
		err = s.Store.Update(ctx, func(tx Tx) error { return tx.PutMoving(last, len(ids) > 0) })
		if err != nil {
			return done, err
		}
		if done += len(ids); progress != nil {
			progress(done)
		}
	}
}

// toMove are the next customers whose usage is to be moved, none after the last one.
func (s *Service) toMove(ctx context.Context) (ids []billing.CustomerID, more bool, err error) {
	err = s.Store.View(ctx, func(r Reader) error {
		var after billing.CustomerID
		if after, more, err = r.Moving(); err != nil || !more {
			return err
		}
		ids, err = r.CustomerIDs(after, moveCustomers)
		return err
	})
	return ids, more, err
}
