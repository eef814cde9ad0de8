package store

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	sequencerLease = 2 * time.Second
	// sequencerTick is how long a change that another process committed may
	// wait for its place; half of what a revoked client may take to be heard of
	// is left for the feed's readers.
	sequencerTick  = 250 * time.Millisecond
	sequencerBatch = 1000
)

// errNoWork rolls back a lease that was taken for nothing, so that an idle
// server does not write.
var errNoWork = errors.New("nothing to sequence")

// RunSequencer gives committed changes their place in the feed until ctx ends:
// at once after a commit of this Store, and within a moment after one of another
// process. On several nodes it runs on each; a lease lets one of them work, and
// another take over if that stops. The holder names this node; a node that keeps
// its name over a restart need not wait for its own lease to end.
//
// Faults are logged and tried again.
func (s *Store) RunSequencer(ctx context.Context, now func() time.Time, holder string, log *slog.Logger) {
	tick := time.NewTicker(sequencerTick)
	defer tick.Stop()
	for {
		if err := sequence(ctx, s, now, holder); err != nil && ctx.Err() == nil {
			log.Error("changes are not sequenced", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.Committed():
		case <-tick.C:
		}
	}
}

// sequence works until nothing is left, or another holds the lease.
func sequence(ctx context.Context, st billing.Store, now func() time.Time, holder string) error {
	for {
		err := st.Update(ctx, func(tx billing.Tx) error {
			t := now()
			held, err := tx.Lease("sequencer", holder, t, t.Add(sequencerLease))
			if err != nil {
				return err
			}
			if !held {
				return errNoWork
			}
			n, err := tx.Sequence(sequencerBatch)
			if err == nil && n == 0 {
				err = errNoWork
			}
			return err
		})
		if errors.Is(err, errNoWork) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
