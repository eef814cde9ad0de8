package feed

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	sequencerName  = "sequencer"
	sequencerLease = 2 * time.Second
	// sequencerTick is how long a change of which nobody gave a hint may wait for
	// its place; half of what a revoked client may take to be heard of is left for
	// the feed's readers.
	sequencerTick  = 250 * time.Millisecond
	sequencerBatch = 1000
	// chainBatch is how many places from before there were hashes get theirs in one
	// transaction, beside what waits for a place.
	chainBatch = 500
	// notifyTimeout bounds the wait for a hint to be sent.
	notifyTimeout = time.Second
)

// errNoWork rolls back a lease that was taken for nothing, so that an idle
// server does not write.
var errNoWork = errors.New("nothing to sequence")

// Sequence gives committed changes their place in the feed until ctx ends: at once
// after a commit of this node or of another that runs it, and within a moment
// after one of another process. On several nodes it runs on each; a lease lets one
// of them work, and another take over if that stops.
//
// Hints go twice: from who commits to who has the lease, and from there, when the
// changes have their place, to all who read the feed.
//
// Faults are logged when they begin and when they end, and tried again.
func (f *Feed) Sequence(ctx context.Context) {
	var told bell // rings when another node has told something
	heard := told.listen()
	if f.options.Nodes != nil {
		var listening sync.WaitGroup
		defer listening.Wait()
		listening.Go(func() {
			f.options.Nodes.Listen(ctx, func() {
				f.grown.ring()
				told.ring()
			})
		})
	}
	tick := time.NewTicker(sequencerTick)
	defer tick.Stop()
	failing := false
	for committed := true; ; {
		n, held, err := f.sequence(ctx)
		switch {
		case ctx.Err() != nil:
		case err != nil && !failing:
			f.options.Log.Error("changes are not sequenced", "error", err)
		case err == nil && failing:
			f.options.Log.Info("changes are sequenced again")
		}
		failing = err != nil
		if n > 0 {
			f.grown.ring()
		}
		if n > 0 || committed && !held {
			f.notify(ctx)
		}
		committed = false
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				waiting = f.watched()
			case <-f.waiting:
				waiting = false
			// A hint is work for who has the lease; the others only see to it that
			// somebody has.
			case <-heard:
				waiting = !held
			case <-f.options.Committed:
				committed = held
				if waiting = !held; waiting {
					f.notify(ctx)
				}
			}
		}
	}
}

// watched reports whether a watch of this node looks for changes that have no
// place anyway, and tells when there are some. On many nodes looking for nothing
// is most of what an idle store does.
func (f *Feed) watched() bool {
	return time.Since(f.began)-time.Duration(f.probed.Load()) < probeInterval+2*PollInterval
}

// notify tells the other nodes. If that fails they find out by themselves.
func (f *Feed) notify(ctx context.Context) {
	if f.options.Nodes == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, notifyTimeout)
	defer cancel()
	_ = f.options.Nodes.Notify(ctx)
}

// sequence works until nothing is left, or another holds the lease. It returns
// how many changes got their place, and whether another did not hold the lease.
func (f *Feed) sequence(ctx context.Context) (total int, held bool, err error) {
	var waiting []Entry
	var behind bool
	err = f.options.Store.View(ctx, func(r Reader) error { // an idle server does not write
		// The lease is one row. What waits is looked for among the changes of all
		// customers, which may be on many servers.
		holder, err := r.LeasedTo(sequencerName, f.options.Clock())
		waiting, behind, held = nil, false, holder == "" || holder == f.options.Holder
		if err != nil || !held {
			return err
		}
		if waiting, err = r.Unsequenced(1); err != nil {
			return err
		}
		behind, err = unchained(r)
		return err
	})
	if err != nil || len(waiting) == 0 && !behind {
		return 0, held && err == nil, err
	}
	for {
		var n, chained int
		err := f.options.Store.Update(ctx, func(tx Tx) error {
			var err error
			n, chained, held = 0, 0, false
			now := f.options.Clock()
			if held, err = tx.Lease(sequencerName, f.options.Holder, now, now.Add(sequencerLease)); err != nil {
				return err
			}
			if held {
				n, chained, err = order(tx, now)
			}
			if err == nil && n+chained == 0 {
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

// unchained reports whether there are places that have no hash yet.
func unchained(r Reader) (bool, error) {
	length, err := r.FeedLength()
	if err != nil {
		return false, err
	}
	chained, err := r.Chained()
	return chained < length, err
}

// order gives what waits places, and places from before there were hashes theirs.
func order(tx Tx, now time.Time) (placed, chained int, err error) {
	if placed, err = tx.Sequence(sequencerBatch, now); err != nil {
		return 0, 0, err
	}
	behind, err := unchained(tx)
	if err == nil && behind {
		chained, err = tx.Chain(chainBatch)
	}
	return placed, chained, err
}
