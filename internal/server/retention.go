package server

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	// tidyEvery is how often what has grown old is looked for.
	tidyEvery = 24 * time.Hour
	// tidyAfterAccepted is for how long nothing is taken away once somebody has said that the
	// clock is right: less than tidyEvery, so that it is done the next time.
	tidyAfterAccepted = 23 * time.Hour
	// holdRetention is for how long holds that are over are kept, unless usage
	// is kept for a time of its own.
	holdRetention = 30 * 24 * time.Hour
	// deliveryRetention is for how long deliveries to webhooks that are over are kept.
	deliveryRetention = 30 * 24 * time.Hour
	// leastRetention is for how long holds that are over are kept at least: what is held
	// is reckoned from those that ended within the longest time that one can last.
	leastRetention = 2 * usage.MaxHold
)

// tidy takes away what has grown old, at once and then every day, until ctx
// ends: usage records older than the retention (0: none) become a few for each day,
// answers to idempotency keys, holds and deliveries that are long over go. What is
// interrupted or fails goes on the next time. Of several servers on one database
// one does it at a time.
func (s *Server) tidy(ctx context.Context, changes *feed.Feed, clock func() time.Time, retention time.Duration) {
	tick := time.NewTicker(tidyEvery)
	defer tick.Stop()
	for {
		_, err := changes.Alone(ctx, "tidy", func(ctx context.Context) error {
			s.tidyOnce(ctx, clock, retention)
			return nil
		})
		if err != nil && ctx.Err() == nil {
			s.log.Error("not all that is old is taken away", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *Server) tidyOnce(ctx context.Context, clock func() time.Time, retention time.Duration) {
	if since := s.acceptedSince(ctx, clock()); since < tidyAfterAccepted {
		s.log.Info("nothing that is old is taken away yet: somebody said that the clock is right, which may be wrong", "for", tidyAfterAccepted-since)
		return
	}
	holds := holdRetention
	if retention > 0 {
		holds = max(retention, leastRetention)
		gone, err := s.billing.FoldUsage(ctx, clock().Add(-retention))
		s.tidied(ctx, "usage records folded", gone, err)
	}
	gone, err := s.billing.SweepHolds(ctx, clock().Add(-holds))
	s.tidied(ctx, "old holds removed", gone, err)
	gone, err = s.billing.SweepAnswers(ctx)
	s.tidied(ctx, "old answers removed", gone, err)
	gone, err = s.webhooks.Sweep(ctx, clock().Add(-deliveryRetention))
	s.tidied(ctx, "old deliveries removed", gone, err)
}

// acceptedSince is for how long it has been said that the clock is right: what is taken away by a
// wrong one no repair of the clock brings back.
func (s *Server) acceptedSince(ctx context.Context, now time.Time) time.Duration {
	var right time.Time
	err := s.place.store.Read(ctx, func(r *sqlstore.Reader) (err error) {
		right, err = r.ClockAccepted()
		return err
	})
	if err != nil {
		return 0 // nor can anything be taken away then
	}
	if right.IsZero() || right.After(now) { // or that was a repaired clock
		return tidyAfterAccepted
	}
	return now.Sub(right)
}

// tidied logs what was done, if anything was, and what kept the rest from it.
func (s *Server) tidied(ctx context.Context, what string, gone int, err error) {
	if gone > 0 {
		s.log.Info(what, "records", gone)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("not all "+what, "error", err)
	}
}
