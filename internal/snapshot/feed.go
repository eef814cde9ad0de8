package snapshot

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
)

// MaxLag is for how long facts that are kept are answered from after all changes
// were last heard of.
const MaxLag = feed.MaxLag

// A cache hears of changes made elsewhere by following the feed. Nothing is
// answered from memory unless it is among what [feed.Feed.Watch] is given.
//
// While the feed cannot be read what is kept stays where it is: it is not
// answered from, and once the feed is read again, from where it was left, what
// has changed meanwhile is dropped. So a store that comes back is not met by the
// load of an empty cache.
var _ feed.Mirror = (*Cache)(nil)

// lag is for how long a change may have gone unheard.
func (c *Cache) lag() time.Duration {
	return time.Since(c.began) - time.Duration(c.heardAt.Load())
}

// Heard drops what is older than some changes, wherever they were made. It is
// for the store to call with those it has committed, before their writer has its
// answer; their Seq is not used.
func (c *Cache) Heard(changes []feed.Entry) {
	if !c.On() {
		return
	}
	for _, e := range changes {
		if e.Scope == billing.ScopeCatalog {
			if c.catalog.heard(e.Rev) {
				c.drops.Add(1)
			}
		} else if id, err := billing.ParseID[billing.CustomerID](string(e.Scope)); err == nil {
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
	if text, ok := c.kept.GetEntryQuietly(id); ok && text.Value.Rev() < rev {
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

// Name implements [feed.Follower].
func (c *Cache) Name() string { return "cache of facts" }

// Follow implements [feed.Follower]: what is older than the changes is dropped.
func (c *Cache) Follow(_ context.Context, entries []feed.Entry) error {
	c.Heard(entries)
	if c.options.Replica == nil {
		return nil
	}
	placed := entries
	for len(placed) > 0 && placed[len(placed)-1].Seq == 0 {
		placed = placed[:len(placed)-1]
	}
	if n := len(placed); n > 0 {
		c.await(placed[n-1].Seq, placed, true)
	}
	return nil
}

// Reset implements [feed.Mirror]: everything is dropped.
func (c *Cache) Reset(place int64) {
	c.clear()
	if c.options.Replica != nil {
		c.await(place, nil, false)
	}
}

// Looked implements [feed.Mirror]. It logs that the feed is lost, and found again.
func (c *Cache) Looked(look feed.Look) {
	if look.Err == nil {
		c.place.Store(look.Place)
	}
	if look.All {
		c.heardAt.Store(int64(look.Began.Sub(c.began)))
	}
	c.tell(look.Err)
}

// tell logs that the feed is lost, or found again.
func (c *Cache) tell(err error) {
	lost := err != nil && c.lag() > MaxLag
	switch {
	case lost && !c.lost:
		c.options.Log.Warn("the change feed cannot be read: answers come from the database, not from memory", "error", err)
	case !lost && c.lost:
		c.options.Log.Info("the change feed is read again")
	}
	c.lost = lost
}
