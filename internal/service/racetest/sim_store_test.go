package racetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// errCut is what a node is told whose way to the store was cut, before what it sent got
// there or after.
var errCut = errors.New("the connection was cut")

// simulated is the store as one node of a simulation has it. At each call others may come
// between, before it gets there and before its answer is back, and the way may be cut.
type simulated struct {
	*store.Store
	sim  *simulation
	node int
}

// reach is a call of the store. What reads may be cut as well, which changes nothing.
func (s *simulated) reach(writes bool, call func() error) error {
	s.sim.between(s.node, writes)
	if s.sim.happens(s.sim.cuts) {
		return fmt.Errorf("%w on its way there", errCut)
	}
	err := call()
	if err == nil && writes && s.sim.happens(s.sim.cuts) {
		s.sim.unknown++
		if s.sim.fault == faultRunAgain {
			err = call()
		}
		if err == nil {
			err = fmt.Errorf("%w on its way back", errCut)
		}
	}
	s.sim.between(s.node, writes)
	return err
}

func (s *simulated) View(ctx context.Context, fn func(service.Reader) error) error {
	return s.reach(false, func() error { return s.Store.View(ctx, fn) })
}

func (s *simulated) Packed(ctx context.Context, customer billing.CustomerID, at time.Time) (facts packed.Facts, err error) {
	err = s.reach(false, func() error {
		facts, err = s.Store.Packed(ctx, customer, at)
		return err
	})
	return facts, err
}

func (s *simulated) Standings(ctx context.Context, asks ...service.Ask) (standings []service.UsageStanding, err error) {
	err = s.reach(false, func() error {
		standings, err = s.Store.Standings(ctx, asks...)
		return err
	})
	return standings, err
}

func (s *simulated) Update(ctx context.Context, fn func(service.Tx) error) error {
	return s.reach(true, func() error { return s.Store.Update(ctx, fn) })
}

func (s *simulated) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) (made []bool, err error) {
	err = s.reach(true, func() error {
		if s.sim.fault == faultUnfenced {
			if err := s.unfence(ctx, &catalog, changes); err != nil {
				return err
			}
		}
		made, err = s.Store.Apply(ctx, catalog, changes)
		return err
	})
	if err != nil {
		made = nil
	}
	return made, err
}

// unfence makes a decision look as if it were by what is there now.
func (s *simulated) unfence(ctx context.Context, catalog *int64, changes []service.LaneChange) error {
	for i := range changes {
		lane := &changes[i].Lane
		standings, err := s.Store.Standings(ctx, service.Ask{Customer: lane.CustomerID, Feature: lane.Feature, At: lane.ChangedOn})
		if err != nil {
			return err
		}
		*catalog = standings[0].Revision.Catalog
		if len(standings[0].Lanes) > 0 {
			lane.Lane.Version, lane.Lane.Facts = standings[0].Lanes[0].Lane.Version, standings[0].Lanes[0].Lane.Facts
		}
	}
	return nil
}

// simulatedFeed is the store as the feed of a node has it.
type simulatedFeed struct {
	feed.Store
	sim  *simulation
	node int
}

func (s *simulatedFeed) View(ctx context.Context, fn func(feed.Reader) error) error {
	if s.sim.happens(s.sim.cuts) {
		return errCut
	}
	return s.Store.View(ctx, func(r feed.Reader) error {
		if s.sim.fault == faultTwoLeases {
			r = free{r}
		}
		return fn(r)
	})
}

func (s *simulatedFeed) Update(ctx context.Context, fn func(feed.Tx) error) error {
	if s.sim.happens(s.sim.cuts) {
		return errCut
	}
	err := s.Store.Update(ctx, func(tx feed.Tx) error {
		if s.sim.fault == faultTwoLeases {
			tx = granting{tx}
		}
		return fn(tx)
	})
	if err == nil && s.sim.happens(s.sim.cuts) {
		err = errCut
	}
	return err
}

// free says that nobody has a lease, and granting gives one to whoever asks.
type (
	free     struct{ feed.Reader }
	granting struct{ feed.Tx }
)

func (free) LeasedTo(string, time.Time) (string, error)                   { return "", nil }
func (granting) LeasedTo(string, time.Time) (string, error)               { return "", nil }
func (granting) Lease(string, string, time.Time, time.Time) (bool, error) { return true, nil }
