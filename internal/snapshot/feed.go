package snapshot

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	// PollInterval is how often the feed is read when nothing hints at a change.
	PollInterval = 100 * time.Millisecond
	// MaxLag is for how long facts that are kept are answered from after all changes
	// were last heard of.
	MaxLag = time.Second

	// probeInterval is how often it is looked for changes that have no place in the
	// feed yet: should nobody give them one, they are heard of all the same. Only
	// then is it known that nothing has gone unheard, so it is a part of MaxLag; what
	// is left of that is how long the feed may take to be read.
	probeInterval = 250 * time.Millisecond

	feedBatch = 1000
	// feedJump is how many entries are too many to be read one by one: dropping
	// everything is quicker.
	feedJump = 10_000
)

// feed is how far the feed was read. Only Watch uses it.
type feed struct {
	read   time.Duration // when it was read last
	probed time.Duration // when it was looked for changes beside the feed
	place  atomic.Int64  // the Seq of the last entry; [never] until it was read
	lost   bool          // it is said in the log
}

// lag is for how long a change may have gone unheard.
func (c *Cache) lag() time.Duration {
	return time.Since(c.began) - time.Duration(c.heardAt.Load())
}

// Heard drops what is older than some changes, wherever they were made. It is
// for the store to call with those it has committed, before their writer has its
// answer; their Seq is not used.
func (c *Cache) Heard(changes []billing.FeedEntry) {
	if !c.on() {
		return
	}
	for _, e := range changes {
		if e.Scope == billing.ScopeCatalog {
			if c.catalog.heard(e.Rev) {
				c.drops.Add(1)
			}
		} else if id, err := billing.ParseCustomerID(string(e.Scope)); err == nil {
			c.heard(id, e.Rev)
		} // else it is about what is not kept here
	}
}

func (c *Cache) heard(id billing.CustomerID, rev int64) {
	s := c.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.loads[id]; l != nil {
		l.least = max(l.least, rev)
	}
	if c.options.Replica != nil {
		s.unpassed[id] = max(s.unpassed[id], rev)
	}
	if text, ok := c.kept.GetEntryQuietly(id); ok && text.Value.rev() < rev {
		c.kept.Invalidate(id)
		c.drops.Add(1)
	}
}

// clear drops everything, also what is being loaded.
func (c *Cache) clear() {
	c.clears.Add(1)
	for i := range c.shards {
		c.shards[i].mu.Lock()
		defer c.shards[i].mu.Unlock()
		clear(c.shards[i].loads)
	}
	c.kept.InvalidateAll()
	c.catalog.clear()
}

// Watch reads the feed until ctx ends, and drops what is older than what it
// hears of. Nothing is answered from memory unless it runs. A fault is logged
// when it begins and when it ends.
//
// While the feed cannot be read what is kept stays where it is: it is not
// answered from, and once the feed is read again, from where it was left, what
// has changed meanwhile is dropped. So a store that comes back is not met by the
// load of an empty cache.
func (c *Cache) Watch(ctx context.Context) {
	if !c.on() {
		return
	}
	if c.options.Replica != nil {
		var watching sync.WaitGroup
		defer watching.Wait()
		watching.Go(func() { c.watchReplica(ctx) })
	}
	tick := time.NewTicker(PollInterval)
	defer tick.Stop()
	for {
		err := c.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		c.tell(err)
		select {
		case <-ctx.Done():
			return
		case <-c.options.Hint:
		case <-tick.C:
		}
	}
}

// tell logs that the feed is lost, or found again.
func (c *Cache) tell(err error) {
	lost := err != nil && c.lag() > MaxLag
	switch {
	case lost && !c.feed.lost:
		c.options.Log.Warn("the change feed cannot be read: answers come from the database, not from memory", "error", err)
	case !lost && c.feed.lost:
		c.options.Log.Info("the change feed is read again")
	}
	c.feed.lost = lost
}

// follow reads what is new in the feed.
func (c *Cache) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, MaxLag)
	defer cancel()
	began, after := time.Since(c.began), c.feed.place.Load()
	probe := began-c.feed.probed >= probeInterval
	place, changes, waiting, err := readFeed(ctx, c.options.Store, after, probe)
	if err != nil {
		return err
	}
	whole := place-int64(len(changes)) == after && len(waiting) < feedJump
	if whole {
		c.Heard(changes)
		c.Heard(waiting)
	} else {
		c.clear()
	}
	if c.options.Replica != nil {
		c.await(place, changes, whole)
	}
	c.feed.place.Store(place)
	if probe {
		c.feed.probed = began
		c.heardAt.Store(int64(began))
	}
	if c.options.FeedRead != nil && c.feed.read != never {
		c.options.FeedRead(time.Since(c.began) - c.feed.read)
	}
	c.feed.read = began
	return nil
}

// readFeed reads the feed from a place on, to its end. The entries do not reach
// back to the place if that is too far, or is not in this feed. With probe it
// reads the changes that wait for a place, too.
func readFeed(ctx context.Context, from billing.Store, after int64, probe bool) (place int64, changes, waiting []billing.FeedEntry, err error) {
	err = from.View(ctx, func(r billing.Reader) error {
		if probe {
			if waiting, err = r.Unsequenced(feedJump); err != nil {
				return err
			}
		}
		if place, err = r.FeedLength(); err != nil || after > place || after < place-feedJump {
			return err
		}
		for next := after; next < place; next = after + int64(len(changes)) {
			batch, err := r.Feed(next, feedBatch)
			if err != nil {
				return err
			}
			if len(batch) == 0 {
				return errFeedShort
			}
			changes = append(changes, batch...)
		}
		return nil
	})
	return place, changes, waiting, err
}

var errFeedShort = errors.New("the feed is shorter than it says")
