package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/usage"
)

// TellHolds tells of holds that expired by an instant, if that is asked for, and reports
// whether there may be more. Holds are in no feed, so they are found by their ends.
func (t *Teller) TellHolds(ctx context.Context, upTo time.Time) (more bool, err error) {
	if !t.Holds {
		return false, nil
	}
	upTo = upTo.UTC().Truncate(time.Microsecond)
	var from event.Telling
	var holds []usage.Hold
	var told time.Time
	err = t.Store.View(ctx, func(r Reader) error {
		if from, err = r.Telling(); err != nil || from.HoldsOn.IsZero() {
			return err
		}
		holds, told, err = expired(r, latest(from.HoldsOn, t.holdsOn), upTo)
		return err
	})
	if err != nil || from.HoldsOn.IsZero() {
		return false, err
	}
	var events []event.Event
	for i := range holds {
		if h := &holds[i]; h.State == usage.HoldOpen && h.Of == (usage.HoldID{}) { // a twin is part of its hold
			events = append(events, event.Expired(h))
		}
	}
	if len(events) > 0 {
		err = t.Store.Update(ctx, func(tx Tx) error {
			for _, e := range events {
				if _, err := tx.AppendEvent(e); err != nil {
					return err
				}
			}
			to := from
			to.HoldsOn = told
			_, err := tx.MoveTelling(from, to) // or another node has, and they are told twice as once
			return err
		})
	}
	if err == nil {
		t.holdsOn = told // where none had expired nothing is written
	}
	return told.Before(upTo), err
}

// expired are the holds that ended after an instant and by another, or the first of them,
// and the instant by which they are all.
func expired(r Reader, after, upTo time.Time) ([]usage.Hold, time.Time, error) {
	for limit := tellBatch; ; limit *= 2 {
		holds, err := r.ExpiredHolds(after, upTo, limit)
		if err != nil || len(holds) < limit {
			return holds, latest(upTo, after), err
		}
		last := holds[limit-1].ExpiresOn // of which there may be more
		n := limit
		for n > 0 && holds[n-1].ExpiresOn.Equal(last) {
			n--
		}
		if n > 0 {
			return holds[:n], last.Add(-time.Microsecond), nil
		}
	}
}
