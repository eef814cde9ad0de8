package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// ClockRepair is what a repair of the clock did, or would do.
type ClockRepair struct {
	Customers int // whose stamps moved
	Rows      int // that became others
	Scopes    int // that got an entry in the log
}

// errTried rolls back what was done to see what would be.
var errTried = errors.New("tried")

// RepairClock has all that is stamped after an instant count from it on, in its order: changes,
// usage, holds, answers, and the times that follow from them. It loses nothing. What it made of
// each customer, of the catalog, of clients and keys stands in the log under clock.repaired, over
// the entries of before, which stay. Nobody else may write meanwhile. With dry nothing is
// written. It may be run again, as after an interruption.
func (s *Service) RepairClock(ctx context.Context, by billing.Actor, to time.Time, dry bool, progress func(customers int)) (done ClockRepair, err error) {
	to = to.UTC().Truncate(time.Microsecond)
	update := func(fn func(tx Tx) (ClockRepair, error)) error {
		var step ClockRepair
		err := s.Store.Update(ctx, func(tx Tx) (err error) {
			if step, err = fn(tx); err == nil && dry {
				err = errTried
			}
			return err
		})
		if errors.Is(err, errTried) {
			err = nil
		}
		done = ClockRepair{done.Customers + step.Customers, done.Rows + step.Rows, done.Scopes + step.Scopes}
		return err
	}
	seen := 0
	for after := (billing.CustomerID{}); ; {
		var ids []billing.CustomerID
		err := s.Store.View(ctx, func(r Reader) (err error) {
			ids, err = r.CustomerIDs(after, verifyBatch)
			return err
		})
		if err != nil {
			return done, err
		}
		if len(ids) == 0 {
			break
		}
		for _, id := range ids {
			if err := update(func(tx Tx) (ClockRepair, error) { return repairCustomer(tx, id, to, by) }); err != nil {
				return done, err
			}
			if seen++; progress != nil {
				progress(seen)
			}
		}
		after = ids[len(ids)-1]
	}
	return done, update(func(tx Tx) (ClockRepair, error) { return repairShared(tx, to, by) })
}

func repairCustomer(tx Tx, id billing.CustomerID, to time.Time, by billing.Actor) (done ClockRepair, err error) {
	if _, err := tx.LockCustomer(id); err != nil {
		return done, err
	}
	r := tx.Reader()
	before, err := allFacts(r, id)
	if err != nil {
		return done, err
	}
	last, rows, err := tx.MoveStamps(id, to)
	if err != nil || last.IsZero() {
		return ClockRepair{Rows: rows}, err
	}
	after, err := allFacts(r, id)
	if err != nil {
		return done, err
	}
	for _, a := range after.Untangle() {
		if err := tx.UpdateAgreement(a); err != nil {
			return done, err
		}
	}
	change := billing.Repaired(before, after, last.Add(time.Microsecond), by)
	said, err := tx.ChangesBefore(id.Scope(), before.Customer.Rev+1, 1)
	if err != nil {
		return done, err
	}
	if len(said) == 1 && said[0].Purges() {
		change.After["purged"] = "true"
	}
	if after.Customer.Rev, err = tx.AppendChange(change); err != nil {
		return done, err
	}
	return ClockRepair{1, rows, 1}, tx.PutImage(after.Image(change.On, by))
}

func repairShared(tx Tx, to time.Time, by billing.Actor) (done ClockRepair, err error) {
	before, err := tx.LockCatalog()
	if err != nil {
		return done, err
	}
	rows, was, is, err := tx.MoveShared(to)
	if err != nil {
		return done, err
	}
	done.Rows = rows
	for _, scope := range slices.Sorted(maps.Keys(was)) {
		change := billing.Change{Scope: scope, On: to, By: by, Kind: billing.ClockRepaired, Before: was[scope], After: is[scope]}
		if scope == billing.ScopeCatalog {
			rowsBefore, rowsAfter, err := before.PublishedBy(to).RowFacts(before, tx.TermsDigest)
			if err != nil {
				return done, err
			}
			maps.Copy(change.Before, rowsBefore)
			maps.Copy(change.After, rowsAfter)
		}
		if _, err := tx.AppendChange(change); err != nil {
			return done, err
		}
		done.Scopes++
	}
	return done, nil
}
