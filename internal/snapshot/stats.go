package snapshot

import "time"

// Stats are counts since the cache was made, and how it stands.
type Stats struct {
	Hits   uint64 // answered from memory
	Misses uint64 // loaded, or waited for another's load
	Direct uint64 // answered from the store and not kept: off, the feed lost, or no such customer
	Stale  uint64 // answered from memory while the feed was lost

	ReplicaLoads uint64 // loads that the replica answered
	Failures     uint64 // loads that failed
	Drops        uint64 // of what was kept, because something newer was heard of
	Clears       uint64 // of everything, because changes were missed

	Entries int
	Bytes   uint64        // as far as it counts against [Options].Bytes
	Lag     time.Duration // since all changes were last heard of
	Lost    bool          // as [Cache.Lost] has it
	Place   int64         // the Seq of the last entry of the feed that was read
}

// Stats tells how the cache does.
func (c *Cache) Stats() Stats {
	out := Stats{
		Direct: c.direct.Load(), Stale: c.stale.Load(), ReplicaLoads: c.replicaLoads.Load(),
		Failures: c.failures.Load(), Drops: c.drops.Load(), Clears: c.clears.Load(),
	}
	for i := range c.shards {
		out.Hits += c.shards[i].hits.Load()
		out.Misses += c.shards[i].misses.Load()
	}
	if c.On() {
		out.Entries, out.Bytes = c.kept.EstimatedSize(), c.kept.WeightedSize()
		out.Lag, out.Lost = c.Lost()
		out.Place = max(c.place.Load(), 0)
	}
	return out
}

// Lost reports whether answers come from the store because the feed cannot be
// read, or was never read, and for how long not. A cache that is off misses
// nothing.
func (c *Cache) Lost() (time.Duration, bool) {
	if c.heardAt.Load() == never {
		return time.Since(c.began), c.On()
	}
	lag := c.lag()
	return lag, c.On() && lag > MaxLag
}
