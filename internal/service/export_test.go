package service

import (
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/usage"
)

// MaxKept is how many lanes are kept at most.
const MaxKept = maxKept

// KeepLanes keeps the lanes of so many customers, as reading them does.
func (s *Service) KeepLanes(n int, w billing.Window) {
	for i := range n {
		id := billing.CustomerID{12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
		at := time.Unix(int64(i), 0).UTC()
		lane := usage.Lane{Version: 1, Facts: 1, Window: new(w), InWindow: 1, HeldOn: at}
		s.memory.all().Set(meter{id, "feature"}, &kept{counter: usage.Counter{CustomerID: id, Feature: "feature", ChangedOn: at, Lane: lane}})
	}
	s.memory.all().CleanUp()
}

// Waiting is how many units wait in the lane of a customer.
func (s *Service) Waiting(id billing.CustomerID) int {
	l := s.batching().of(id)
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Presented waits until no window waits to be made present.
func (s *Service) Presented() { s.presenting.working.Wait() }

// SetGrantAside sets a grant aside, or takes it out again, as a use that empties it and a
// correction do.
func (u *Work) SetGrantAside(id billing.GrantID, aside bool) (billing.Revision, error) {
	b, stored, err := u.openGrant(id)
	if err != nil || !b.SetAside(stored, aside) {
		return billing.Revision{}, err
	}
	return u.write(b)
}

// Between are the events of time of a customer after an instant and up to another, as they
// are told by whoever comes that late.
func (t *Teller) Between(ctx context.Context, customer billing.CustomerID, from, to time.Time) (out []event.Event, err error) {
	err = t.Store.View(ctx, func(r Reader) error {
		facts, err := r.Facts(customer, from)
		if err != nil {
			return err
		}
		w := &walk{r: r, teller: t, begun: &event.Telling{}}
		if err := w.open(facts, from); err != nil {
			return err
		}
		told, _, err := w.run(from, to)
		if out = w.events; err == nil && told.Before(to) {
			err = errors.New("too many moments")
		}
		return err
	})
	return out, err
}
