package service

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// Teller tells of what time causes, and of what changes of facts make different of what
// customers are entitled to: it writes the events that follow. Of each customer it is kept
// up to when all is told and when the next may be due, so that nothing has to be looked
// for. Its methods may run on several nodes at once and be cut off anywhere: what they
// leave undone the next call does, and nothing is written twice, as a customer's events
// are written with the move of its [event.Due], and each has its cause.
//
// Methods that tell up to an instant must not be given a later one than that of every
// change which may still be committed: the clock's time less what a transaction takes.
// Where a change comes later than that, what it makes different is still told, and what
// was told for its absence stands.
type Teller struct {
	Store Store
	// Resets and Holds are whether usage.reset and hold.expired are told, too.
	Resets, Holds bool

	// What the store said when it was looked at last, which need not be asked again. It is
	// of one caller of Waits, Walk and TellHolds.
	holdsOn time.Time // up to when no hold is left to be told of, if that is later than stored
	walked  bool
}

// How many customers are looked up at once and told of in one transaction, how many such
// transactions run beside each other, and how many moments of a customer one has at most.
const (
	tellBatch   = 256
	tellPart    = 64
	tellAtOnce  = 4
	tellMoments = 500
	// tellAttempts bounds how often customers are read again of whom another node has
	// told meanwhile.
	tellAttempts = 5
)

// errTelling is telling that is disturbed again and again.
var errTelling = errors.New("another node tells of the same customers")

// Begin notes when the telling began in this store, unless it is noted, and since when
// what is asked for is told. It reports whether it begins now: then what changes from now
// on is to be handed to [Teller.TellChanged]; of what was there [Teller.Walk] finds what is due.
func (t *Teller) Begin(ctx context.Context, now time.Time) (begins bool, err error) {
	now = now.UTC().Truncate(time.Microsecond)
	err = t.Store.Update(ctx, func(tx Tx) error {
		begins = false
		was, err := tx.Telling()
		if errors.Is(err, billing.ErrNotFound) {
			begins, err = tx.BeginTelling(t.asked(event.Telling{BegunOn: now}, now))
			return err
		}
		if err != nil {
			return err
		}
		if is := t.asked(was, now); is != was {
			_, err = tx.MoveTelling(was, is) // or another node says what it asks for
		}
		return err
	})
	return begins, err
}

// asked is a Telling with what is asked for. Where windows were not told of so far, no
// customer's due knows of them.
func (t *Teller) asked(of event.Telling, now time.Time) event.Telling {
	switch {
	case !t.Resets:
		of.ResetsOn = time.Time{}
	case of.ResetsOn.IsZero():
		of.ResetsOn, of.After, of.Walked = now, billing.CustomerID{}, false
	}
	switch {
	case !t.Holds:
		of.HoldsOn = time.Time{}
	case of.HoldsOn.IsZero():
		of.HoldsOn = now
	}
	return of
}

// Walk goes through some of the customers of before the telling began, so that what is due
// of each is known, and reports whether there are more. What changed of them since, or
// time caused, is told.
func (t *Teller) Walk(ctx context.Context, upTo time.Time) (more bool, err error) {
	var from event.Telling
	var asks []ask
	err = t.Store.View(ctx, func(r Reader) error {
		asks = nil
		if from, err = r.Telling(); err != nil || from.Walked {
			return err
		}
		ids, err := r.CustomerIDs(from.After, tellBatch)
		for _, id := range ids {
			asks = append(asks, ask{customer: id, anyway: true})
		}
		return err
	})
	if err != nil || from.Walked {
		return false, err
	}
	if err := t.tell(ctx, asks, upTo); err != nil {
		return false, err
	}
	to := from
	if to.Walked = len(asks) == 0; !to.Walked {
		to.After = asks[len(asks)-1].customer
	}
	err = t.Store.Update(ctx, func(tx Tx) error { _, err := tx.MoveTelling(from, to); return err })
	return !to.Walked, err
}

// Changed is a customer's change that is to be told of.
type Changed struct {
	Customer billing.CustomerID
	Rev      int64
}

// TellChanged tells of customers that were changed, whatever was told of them before, and
// finds out what is due of them next.
func (t *Teller) TellChanged(ctx context.Context, changes []Changed, upTo time.Time) error {
	first := map[billing.CustomerID]int64{}
	for _, c := range changes {
		if rev, ok := first[c.Customer]; !ok || c.Rev < rev {
			first[c.Customer] = c.Rev
		}
	}
	asks := make([]ask, 0, len(first))
	for id, rev := range first {
		asks = append(asks, ask{id, rev, true})
	}
	return t.tell(ctx, asks, upTo)
}

// TellDue tells of customers of whom something is due by an instant, the first due first,
// a batch of them. It answers how many, which is none if nothing is.
func (t *Teller) TellDue(ctx context.Context, upTo time.Time) (int, error) {
	var asks []ask
	err := t.Store.View(ctx, func(r Reader) error {
		asks = nil
		dues, err := r.Dues(upTo, tellBatch)
		for _, d := range dues {
			asks = append(asks, ask{customer: d.Customer})
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(asks), t.tell(ctx, asks, upTo)
}

// Waits reports whether something is to be told by an instant, and for how long that has
// been due. It reads a row or two, and writes nothing.
func (t *Teller) Waits(ctx context.Context, upTo time.Time) (waits bool, lag time.Duration, err error) {
	err = t.Store.View(ctx, func(r Reader) error {
		waits, lag = false, 0
		dues, err := r.Dues(upTo, 1)
		if err != nil {
			return err
		}
		if len(dues) > 0 {
			waits, lag = true, upTo.Sub(dues[0].DueOn)
		}
		if t.walked && !t.Holds {
			return nil
		}
		told, err := r.Telling()
		if err != nil {
			return err
		}
		t.walked = told.Walked
		if waits = waits || !told.Walked; waits || told.HoldsOn.IsZero() {
			return nil
		}
		holds, err := r.ExpiredHolds(latest(told.HoldsOn, t.holdsOn), upTo, 1)
		waits = len(holds) > 0
		return err
	})
	return waits, lag, err
}

// ask is of whom to tell: of all that is not told yet.
type ask struct {
	customer billing.CustomerID
	rev      int64 // and again from this change of it on; 0: there is none
	anyway   bool  // also if nothing is known to be due
}

// tell tells of some customers up to an instant, or as far as their changes go.
func (t *Teller) tell(ctx context.Context, asks []ask, upTo time.Time) error {
	upTo = upTo.UTC().Truncate(time.Microsecond)
	slices.SortFunc(asks, func(a, b ask) int { return bytes.Compare(a.customer[:], b.customer[:]) })
	parts := slices.Collect(slices.Chunk(asks, tellPart))
	errs := make([]error, min(tellAtOnce, len(parts)))
	var next atomic.Int64
	var telling sync.WaitGroup
	for n := range errs {
		telling.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(parts) && errs[n] == nil; i = int(next.Add(1)) - 1 {
				errs[n] = t.tellPart(ctx, parts[i], upTo)
			}
		})
	}
	telling.Wait()
	return errors.Join(errs...)
}

// tellPart tells of a few customers in one transaction, those aside of whom another node
// tells meanwhile.
func (t *Teller) tellPart(ctx context.Context, asks []ask, upTo time.Time) error {
	for range tellAttempts {
		all := make([]telling, len(asks))
		err := t.Store.View(ctx, func(r Reader) error {
			begun, err := r.Telling()
			for i := 0; err == nil && i < len(asks); i++ {
				all[i], err = t.read(r, &begun, asks[i], upTo)
			}
			return err
		})
		if err != nil {
			return err
		}
		if asks, err = t.write(ctx, asks, all); err != nil || len(asks) == 0 {
			return err
		}
	}
	return errTelling
}

// write writes what is to be told of some customers in one transaction, and answers of
// whom another node has told meanwhile, who are to be read again. Who moves the due of a
// customer writes its events.
func (t *Teller) write(ctx context.Context, asks []ask, all []telling) (again []ask, err error) {
	err = t.Store.Update(ctx, func(tx Tx) error {
		again = nil
		for i := range all {
			told := &all[i]
			var moved bool
			var err error
			switch {
			case told.none:
				continue
			case told.known:
				moved, err = tx.MoveDue(told.from, told.to)
			default:
				moved, err = tx.CreateDue(told.to)
			}
			if err != nil {
				return err
			}
			if !moved {
				again = append(again, asks[i])
				continue
			}
			for _, e := range told.events {
				if _, err := tx.AppendEvent(e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return again, err
}
