package server

import (
	"context"
	"time"
)

// foldEvery is how often usage records that have grown old are looked for.
const foldEvery = time.Hour

// foldUsage folds usage records older than the retention, at once and then every
// hour, until ctx ends. What is interrupted or fails goes on the next time. Of
// several servers on one database each may do it: what is folded is not folded
// again.
func (s *Server) foldUsage(ctx context.Context, clock func() time.Time, retention time.Duration) {
	tick := time.NewTicker(foldEvery)
	defer tick.Stop()
	for {
		gone, err := s.billing.FoldUsage(ctx, clock().Add(-retention))
		if gone > 0 {
			s.log.Info("usage records folded", "records", gone, "older_than", retention.String())
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("usage records are not folded", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
