package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

const (
	// momentsEvery is how often it is looked whether something is due: one row is read.
	momentsEvery = 400 * time.Millisecond
	// momentsMargin is how long a change may take from its instant to its commit, clocks
	// that differ included, without being late for what time causes.
	momentsMargin = 250 * time.Millisecond
	// momentsGather is how long changes gather that are told of together.
	momentsGather = 100 * time.Millisecond
)

// optionalEvents are told only if they are asked for.
var optionalEvents = []event.Type{event.UsageReset, event.HoldExpired}

// moments tells of what time causes. As a follower of the feed it tells of what changes
// make different, and finds out what is due next.
type moments struct {
	teller *service.Teller
	clock  func() time.Time
}

// Name implements [feed.Follower].
func (m *moments) Name() string { return event.Moments }

// Follow implements [feed.Follower].
func (m *moments) Follow(ctx context.Context, entries []feed.Entry) error {
	var changes []service.Changed
	for _, e := range entries {
		id, err := billing.ParseID[billing.CustomerID](string(e.Scope))
		if err != nil || e.Rev == 0 {
			continue // it is nobody's, or no change
		}
		changes = append(changes, service.Changed{Customer: id, Rev: e.Rev})
	}
	return m.teller.TellChanged(ctx, changes, m.upTo())
}

// upTo is the instant up to which all changes are known.
func (m *moments) upTo() time.Time { return m.clock().Add(-momentsMargin) }

// newMoments makes the follower, and begins it if that can be done now: what is changed once the
// server is asked is told. A database that nothing can be written to keeps no server from reading.
func (s *Server) newMoments(ctx context.Context, cfg Config) (m *moments, begun bool) {
	m = &moments{clock: cfg.Clock, teller: &service.Teller{
		Store:  s.place.store,
		Resets: slices.Contains(cfg.Events, string(event.UsageReset)), Holds: slices.Contains(cfg.Events, string(event.HoldExpired)),
	}}
	return m, s.beginMoments(ctx, m) == nil
}

// tellMoments tells of what time causes until ctx ends. Of several servers on one database
// one does it at a time.
func (s *Server) tellMoments(ctx context.Context, changes *feed.Feed, m *moments, begun bool) {
	tick := time.NewTicker(momentsEvery)
	defer tick.Stop()
	var follow sync.WaitGroup
	defer follow.Wait()
	following, failing := false, false
	for {
		err := error(nil)
		if !begun {
			err = s.beginMoments(ctx, m)
			begun = err == nil
		}
		if begun && !following {
			following = true
			follow.Go(func() { changes.Follow(ctx, m, momentsGather) })
		}
		if begun {
			err = s.tellDue(ctx, changes, m)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.log.Error("what time causes is not told", "error", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// beginMoments begins where the feed ends: what was changed before is not told. If it is
// cut off in between, the feed is followed from its beginning, to the same end.
func (s *Server) beginMoments(ctx context.Context, m *moments) error {
	begins, err := m.teller.Begin(ctx, m.clock())
	if err != nil || !begins {
		return err
	}
	return s.place.store.ForFeed().Update(ctx, func(tx feed.Tx) error {
		end, err := tx.FeedLength()
		if err != nil {
			return err
		}
		return tx.PutPlace(m.Name(), end)
	})
}

// tellDue tells of all that is due, unless another server does. It writes nothing if
// nothing is.
func (s *Server) tellDue(ctx context.Context, changes *feed.Feed, m *moments) error {
	waits, err := s.waits(ctx, m)
	if err != nil || !waits {
		return err
	}
	_, err = changes.Alone(ctx, m.Name(), func(ctx context.Context) error {
		for waits {
			if _, err := m.teller.TellDue(ctx, m.upTo()); err != nil {
				return err
			}
			if _, err := m.teller.Walk(ctx, m.upTo()); err != nil {
				return err
			}
			if _, err := m.teller.TellHolds(ctx, m.upTo()); err != nil {
				return err
			}
			if waits, err = s.waits(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// waits reports whether something is due, and shows for how long it has been.
func (s *Server) waits(ctx context.Context, m *moments) (bool, error) {
	waits, lag, err := m.teller.Waits(ctx, m.upTo())
	if err == nil {
		s.metrics.momentsLag.Set(lag.Seconds())
	}
	return waits, err
}
