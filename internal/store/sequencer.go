package store

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	sequencerLease = 2 * time.Second
	// sequencerTick is how long a change of which nobody gave a hint may wait for
	// its place; half of what a revoked client may take to be heard of is left for
	// the feed's readers.
	sequencerTick  = 250 * time.Millisecond
	sequencerBatch = 1000
	// notifyTimeout bounds the wait for a hint to be sent.
	notifyTimeout = time.Second
)

// errNoWork rolls back a lease that was taken for nothing, so that an idle
// server does not write.
var errNoWork = errors.New("nothing to sequence")

// RunSequencer gives committed changes their place in the feed until ctx ends:
// at once after a commit of this Store or of another node that runs it, and
// within a moment after one of another process. On several nodes it runs on each;
// a lease lets one of them work, and another take over if that stops. The holder
// names this node; a node that keeps its name over a restart need not wait for
// its own lease to end.
//
// Hints go twice: from who commits to who has the lease, and from there, when the
// changes have their place, to all who read the feed.
//
// Faults are logged and tried again.
func (s *Store) RunSequencer(ctx context.Context, now func() time.Time, holder string, log *slog.Logger) {
	var told bell // rings when another node has told something
	heard := told.listen()
	if s.nodes != nil {
		var listening sync.WaitGroup
		defer listening.Wait()
		listening.Go(func() {
			s.nodes.Listen(ctx, func() {
				s.feed.ring()
				told.ring()
			})
		})
	}
	tick := time.NewTicker(sequencerTick)
	defer tick.Stop()
	for committed := true; ; {
		n, held, err := sequence(ctx, s, now, holder)
		if err != nil && ctx.Err() == nil {
			log.Error("changes are not sequenced", "err", err)
		}
		if n > 0 {
			s.feed.ring()
		}
		if n > 0 || committed && !held {
			s.notify(ctx)
		}
		committed = false
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				waiting = false
			// A hint is work for who has the lease; the others only see to it that
			// somebody has.
			case <-heard:
				waiting = !held
			case <-s.Committed():
				committed = held
				if waiting = !held; waiting {
					s.notify(ctx)
				}
			}
		}
	}
}

// notify tells the other nodes. If that fails they find out by themselves.
func (s *Store) notify(ctx context.Context) {
	if s.nodes == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	_ = s.nodes.Notify(ctx)
}

// sequence works until nothing is left, or another holds the lease. It returns
// how many changes got their place, and whether another did not hold the lease.
func sequence(ctx context.Context, st billing.Store, now func() time.Time, holder string) (total int, held bool, err error) {
	var waiting []billing.FeedEntry
	err = st.View(ctx, func(r billing.Reader) (err error) { // an idle server does not write
		waiting, err = r.Unsequenced(1)
		return err
	})
	if err != nil || len(waiting) == 0 {
		return 0, err == nil, err
	}
	for {
		var n int
		err := st.Update(ctx, func(tx billing.Tx) error {
			var err error
			n, held = 0, false
			t := now()
			if held, err = tx.Lease("sequencer", holder, t, t.Add(sequencerLease)); err != nil {
				return err
			}
			if held {
				n, err = tx.Sequence(sequencerBatch)
			}
			if err == nil && n == 0 {
				err = errNoWork
			}
			return err
		})
		if errors.Is(err, errNoWork) {
			return total, held, nil
		}
		if err != nil {
			return total, false, err
		}
		total += n
	}
}
