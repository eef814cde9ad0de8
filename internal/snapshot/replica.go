package snapshot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/packed"
)

// A replica may be behind, by any time. It is asked for facts all the same, for
// that takes work from the store, by these rules:
//
//   - What was heard of a customer must be in the answer. While the replica's own
//     feed has not come to the place of the change, facts of that customer are
//     read from the store. So what is read from a replica is never older than
//     what is answered from memory.
//   - A customer that is not there is asked for in the store, and so is one of
//     whom a caller wants a state it knows of.
//   - The catalog is always the store's.
//   - A replica that cannot be read, or is too far behind, is not asked until
//     that is over.

// unpassedMost is how many changes the replica may be behind.
const unpassedMost = 100_000

// replica is how far the replica is.
type replica struct {
	usable atomic.Bool

	mu sync.Mutex
	// needed is the place in the feed that it must have come to before it can be
	// used.
	needed int64
	// unpassed are the changes heard of that it has not come to, in their order.
	unpassed []feed.Entry
}

// readNearest reads a customer's facts from the replica if that can be.
func (c *Cache) readNearest(ctx context.Context, id billing.CustomerID) (packed.Facts, error) {
	if c.replica.usable.Load() {
		text, err := c.read(ctx, id, c.options.Replica)
		if err == nil {
			c.replicaLoads.Add(1)
			return text, nil
		}
		if !errors.Is(err, billing.ErrNotFound) {
			c.replica.usable.Store(false) // until it can be followed again
		}
	}
	return c.read(ctx, id, c.options.Store)
}

// Replica is what is asked of a replica: facts, and how far it is.
type Replica interface {
	source
	ForFeed() feed.Store
}

// source is where facts are read.
type source interface {
	Packed(ctx context.Context, customer billing.CustomerID, at time.Time) (packed.Facts, error)
}

// WatchReplica finds out, until ctx ends, which of the changes heard of the
// replica has. Unless it runs the replica is not asked.
func (c *Cache) WatchReplica(ctx context.Context) {
	if !c.On() || c.options.Replica == nil {
		return
	}
	tick := time.NewTicker(feed.PollInterval)
	defer tick.Stop()
	for {
		place, err := feedPlace(ctx, c.options.Replica.ForFeed())
		if err != nil {
			place = never
		}
		c.passed(place)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func feedPlace(ctx context.Context, from feed.Store) (place int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, MaxLag)
	defer cancel()
	err = from.View(ctx, func(r feed.Reader) error {
		place, err = r.FeedLength()
		return err
	})
	return place, err
}

// await notes the changes that the replica must come to, which are the last ones
// up to a place. If some before them are missing, it must come to that place
// before it is used.
func (c *Cache) await(place int64, changes []feed.Entry, whole bool) {
	r := &c.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unpassed = append(r.unpassed, changes...)
	if !whole || len(r.unpassed) > unpassedMost {
		r.needed = place
		r.usable.Store(false)
		c.release(len(r.unpassed))
	}
}

// passed notes that the replica has come to a place.
func (c *Cache) passed(place int64) {
	r := &c.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	n, _ := slices.BinarySearchFunc(r.unpassed, place, func(e feed.Entry, place int64) int {
		return cmp.Compare(e.Seq, place+1)
	})
	c.release(n)
	r.usable.Store(place >= r.needed)
}

// release lets the customers of the first n changes be read from the replica,
// unless something newer was heard of them.
func (c *Cache) release(n int) {
	for _, e := range c.replica.unpassed[:n] {
		id, err := billing.ParseID[billing.CustomerID](string(e.Scope))
		if err != nil {
			continue
		}
		s := c.shard(id)
		s.mu.Lock()
		if s.unpassed[id] <= e.Rev {
			delete(s.unpassed, id)
		}
		s.mu.Unlock()
	}
	c.replica.unpassed = slices.Delete(c.replica.unpassed, 0, n)
}
