package server

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	// tidyEvery is how often what has grown old is looked for.
	tidyEvery = 24 * time.Hour
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

// tidied logs what was done, if anything was, and what kept the rest from it.
func (s *Server) tidied(ctx context.Context, what string, gone int, err error) {
	if gone > 0 {
		s.log.Info(what, "records", gone)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Error("not all "+what, "error", err)
	}
}
