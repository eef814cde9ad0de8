package feed

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// followLease is how long one handing over to a follower may take.
	followLease = 30 * time.Second
	// followTick is how long a change of which no hint comes may wait to be
	// followed, and the pause after a follower has failed.
	followTick  = time.Second
	followBatch = 1000
)

// Follower does something because of changes.
type Follower interface {
	// Name is the follower's own, and stays the same: its place is kept under it.
	Name() string
	// Follow is handed the next changes, in the order of the feed.
	Follow(ctx context.Context, entries []Entry) error
}

// Errors of [Feed.Follow], which it logs.
var (
	// errTaken says that another node has taken over; the changes are handed to the
	// follower there, too.
	errTaken = errors.New("another node has taken over")
	// errAhead is a place that is not in this feed: the database was put together
	// from two states.
	errAhead = errors.New("its place is behind the end of the feed")
)

// Follow hands a follower all changes there ever were and will be, until ctx ends.
//
// It is at least once and in order: the place is kept after Follow has returned
// without an error, so what was handed over when a node died comes again, in
// batches that may begin and end elsewhere. What a follower does must therefore
// bear being done twice. Nothing is left out, however far the follower is behind:
// it is only late. That is also all that happens while the store cannot be read.
//
// One node does it, on several that run it; a lease lets it. Each batch must be
// done within 30 s, at which its ctx ends: after that another node may begin with
// it, as it may 30 s after this one has died. An error, or a panic, which counts as one, is logged when it begins and when
// it ends; the same changes come again after a second, and none behind them before.
// After some were handed over changes gather for so long: each handing over writes, and on
// SQLite the writers of changes wait for that. The first of a while is handed over at once.
func (f *Feed) Follow(ctx context.Context, to Follower, gather time.Duration) {
	heard := f.Heard()
	tick := time.NewTicker(followTick)
	defer tick.Stop()
	defer f.leave(ctx, to)
	failing := false
	for {
		n, err := f.follow(ctx, to)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			f.options.Log.Error("a follower of the feed stands still", "follower", to.Name(), "error", err)
		case err == nil && failing:
			f.options.Log.Info("a follower of the feed goes on", "follower", to.Name())
		}
		if failing = err != nil; n == followBatch && !failing {
			continue
		}
		if n > 0 && !pause(ctx, gather) {
			return
		}
		hint := heard
		if failing {
			hint = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-hint:
		case <-tick.C:
		}
	}
}

// leave gives up the lease, if this node has it, so that another node need not
// wait for its end. If it fails, that one waits.
func (f *Feed) leave(ctx context.Context, to Follower) {
	ctx, cancel := leaving(ctx)
	defer cancel()
	var holder string
	err := f.options.Store.View(ctx, func(r Reader) (err error) {
		holder, err = r.LeasedTo(leaseOf(to), f.options.Clock())
		return err
	})
	if err == nil && holder == f.options.Holder {
		_, _ = f.lease(ctx, leaseOf(to), 0)
	}
}

func leaseOf(to Follower) string { return "follower " + to.Name() }

// pause waits, and reports whether ctx has not ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// follow hands over one batch, if this node is the one to do it. It returns how many were
// in it.
func (f *Feed) follow(ctx context.Context, to Follower) (n int, err error) {
	name := leaseOf(to)
	after, entries, err := f.behind(ctx, to.Name(), name)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	held, err := f.lease(ctx, name, followLease)
	if err != nil || !held {
		return 0, err
	}
	batch, cancel := context.WithTimeout(ctx, followLease)
	defer cancel()
	if err := safely(func() error { return to.Follow(batch, entries) }); err != nil {
		return 0, err
	}
	last := entries[len(entries)-1].Seq
	err = f.options.Store.Update(ctx, func(tx Tx) error {
		// The lease comes first, and keeps other nodes away until the place is kept.
		now := f.options.Clock()
		held, err := tx.Lease(name, f.options.Holder, now, now.Add(followLease))
		if err != nil {
			return err
		}
		place, err := tx.Place(to.Name())
		if err != nil {
			return err
		}
		if !held || place != after {
			return errTaken
		}
		return tx.PutPlace(to.Name(), last)
	})
	if errors.Is(err, errTaken) {
		return 0, nil
	}
	return len(entries), err
}

// behind are the next entries that a follower has not had, and its place; none if
// another node has its lease.
func (f *Feed) behind(ctx context.Context, follower, lease string) (place int64, entries []Entry, err error) {
	err = f.options.Store.View(ctx, func(r Reader) error {
		entries = nil
		holder, err := r.LeasedTo(lease, f.options.Clock())
		if err != nil || holder != "" && holder != f.options.Holder {
			return err
		}
		if place, err = r.Place(follower); err != nil {
			return err
		}
		end, err := r.FeedLength()
		if err != nil || place == end {
			return err
		}
		if place > end {
			return fmt.Errorf("%w: %d of %d", errAhead, place, end)
		}
		entries, err = r.Feed(place, followBatch)
		return err
	})
	return place, entries, err
}
