package snapshot

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
)

const (
	// entryBytes is what keeping a packed string costs beside its text: the
	// cache's node (64), its place in the table (some 30, as tables grow by
	// doubling) and what the allocator rounds up. A test measures it.
	entryBytes = 112

	// loadTimeout bounds a load, which others than its caller wait for.
	loadTimeout = 10 * time.Second

	shards = 64
)

// Options are what a cache is made with. What may be left out says so.
type Options struct {
	Store service.Store
	// Replica is a copy of Store that may lag behind, to load facts from. May be
	// nil. See replica.go for what is read there.
	Replica Replica
	// Clock tells the time. Nil: the system's.
	Clock func() time.Time
	// Bytes is how much memory the cache may take. 0: nothing is kept, and every
	// [Cache.Get] reads the store.
	Bytes int64
	// ServeStale is for how long, since all changes were last heard of, facts that are
	// kept may be answered from although the feed cannot be read. Up to [MaxLag]
	// they always are.
	ServeStale time.Duration
	// Log may be nil.
	Log *slog.Logger
}

// Cache keeps facts in memory. It is safe for concurrent use.
type Cache struct {
	options Options
	service *service.Service
	began   time.Time // when time began, for this cache

	kept    *otter.Cache[billing.CustomerID, packed.Facts]
	shards  [shards]shard
	catalog catalogs
	recent  [recentSlots]atomic.Pointer[recent]

	// heardAt is how long after it began the last reading was begun that all
	// changes until then were heard of by, also those with no place in the feed.
	heardAt atomic.Int64
	place   atomic.Int64 // the Seq of the last entry of the feed; never until it was read
	lost    bool         // it is said in the log that the feed is
	replica replica

	direct, stale, replicaLoads, failures, drops, clears atomic.Uint64
}

// shard is what is counted and locked for some of the customers.
type shard struct {
	mu sync.Mutex
	// loads are those under way that may be kept.
	loads map[billing.CustomerID]*load[packed.Facts]
	// unpassed are the revisions heard of that the replica may not have yet.
	unpassed     map[billing.CustomerID]int64
	hits, misses atomic.Uint64
	_            [64]byte // neighbours do not share a line of the processor's cache
}

// never is a time before any other.
const never = -1 << 62

// New makes a cache with nothing in it. Until it has followed the
// feed nothing is answered from it.
func New(o Options) *Cache {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Cache{options: o, service: &service.Service{Store: o.Store, Clock: o.Clock}, began: time.Now()}
	c.heardAt.Store(never)
	c.place.Store(never)
	for i := range c.shards {
		c.shards[i].loads = make(map[billing.CustomerID]*load[packed.Facts])
		c.shards[i].unpassed = make(map[billing.CustomerID]int64)
	}
	if c.On() {
		c.kept = otter.Must(&otter.Options[billing.CustomerID, packed.Facts]{
			MaximumWeight: uint64(o.Bytes),
			Weigher:       func(_ billing.CustomerID, text packed.Facts) uint32 { return uint32(len(text)) + entryBytes },
		})
	}
	return c
}

// On reports whether anything is kept.
func (c *Cache) On() bool { return c.options.Bytes > 0 }

// shard is that of a customer. No byte of an id need be random: callers give ids too.
func (c *Cache) shard(id billing.CustomerID) *shard {
	return &c.shards[maphash.Comparable(shardSeed, id)%shards]
}

var shardSeed = maphash.MakeSeed()

// Reading is what was read of a customer.
type Reading struct {
	// Snapshot is for all who ask the same: do not change it.
	Snapshot *billing.Snapshot
	// Now is the effective now to ask the snapshot at.
	Now time.Time
	// Stale is for how long changes made elsewhere may have gone unheard, if that
	// is longer than [MaxLag]; else it is 0.
	Stale time.Duration
}

// Get reads a customer's facts, of the state least or a later one if there is
// one. Everything that an Update of the store has returned from on this node is
// in it, and everything that one has returned from elsewhere more than [MaxLag] ago.
//
// The error is CUSTOMER_NOT_FOUND if there is no such customer or it is deleted;
// that is never answered from memory.
func (c *Cache) Get(ctx context.Context, id billing.CustomerID, least billing.Revision) (Reading, error) {
	lag := c.lag()
	if !c.On() || lag > max(MaxLag, c.options.ServeStale) {
		return c.ask(ctx, id)
	}
	text, ok := c.kept.GetIfPresent(id)
	// Read after the facts, so that it has all they name: a catalog is only ever
	// followed by one with more. The same with the clock: what was kept meanwhile
	// was not read for a later instant, unless the clock was set back.
	catalog := c.catalog.newest(least.Catalog)
	clock := c.options.Clock()
	ok = ok && text.Serves(least.Customer, clock)
	if lag > MaxLag {
		if !ok || catalog == nil {
			return c.ask(ctx, id)
		}
		c.stale.Add(1)
		return reading(c.unpack(id, text, catalog), clock, lag), nil
	}
	s := c.shard(id)
	if ok && catalog != nil {
		s.hits.Add(1)
		return reading(c.unpack(id, text, catalog), clock, 0), nil
	}
	s.misses.Add(1)
	var err error
	if !ok {
		if text, err = c.load(ctx, id, least.Customer); errors.Is(err, billing.ErrNotFound) {
			return c.ask(ctx, id)
		} else if err != nil {
			return Reading{}, err
		}
	}
	if catalog = c.catalog.newest(least.Catalog); catalog == nil {
		if catalog, err = c.catalog.load(ctx, c.options.Store); err != nil {
			return Reading{}, err
		}
	}
	return reading(c.unpack(id, text, catalog), c.options.Clock(), 0), nil
}

// Known is a customer's facts of the state least or a later one, as they are kept or are
// from now on. They may be outdated: whoever decides by them holds their revision against
// the store. See [service.Known].
func (c *Cache) Known(ctx context.Context, id billing.CustomerID, least billing.Revision) (*billing.Snapshot, error) {
	if c.On() {
		text, ok := c.kept.GetIfPresent(id)
		catalog := c.catalog.newest(least.Catalog) // after the facts, as Get does
		if ok && catalog != nil && text.Serves(least.Customer, c.options.Clock()) {
			return c.unpack(id, text, catalog), nil
		}
	}
	r, err := c.Get(ctx, id, least)
	return r.Snapshot, err
}

func reading(snap *billing.Snapshot, clock time.Time, stale time.Duration) Reading {
	return Reading{snap, snap.Now(clock.UTC().Truncate(time.Microsecond)), stale}
}

// ask reads the store and keeps nothing.
func (c *Cache) ask(ctx context.Context, id billing.CustomerID) (Reading, error) {
	c.direct.Add(1)
	snap, now, err := c.service.Snapshot(ctx, id)
	return Reading{snap, now, 0}, err
}

// load reads a customer's facts and keeps them, of a revision or a later one if
// there is one. Calls at one time share a load. The error is [billing.ErrNotFound]
// if the customer is not there or no longer.
func (c *Cache) load(ctx context.Context, id billing.CustomerID, least int64) (packed.Facts, error) {
	s := c.shard(id)
	s.mu.Lock()
	l, others := s.loads[id]
	if !others {
		l = newLoad[packed.Facts]()
		s.loads[id] = l
	}
	least = max(least, l.least)
	_, unpassed := s.unpassed[id]
	s.mu.Unlock()
	if others {
		text, err := l.wait(ctx)
		if err != nil || text.Rev() >= least {
			return text, err
		}
		// It was begun before a change that this caller knows of.
		return c.read(ctx, id, c.options.Store)
	}
	defer func() {
		s.mu.Lock()
		if s.loads[id] == l {
			delete(s.loads, id)
			if l.err == nil && l.value.Rev() >= l.least {
				c.kept.Set(id, l.value)
			}
		}
		s.mu.Unlock()
		close(l.done)
	}()
	// Others wait for it, so it does not end with one request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	if least > 0 || unpassed {
		l.value, l.err = c.read(ctx, id, c.options.Store)
	} else {
		l.value, l.err = c.readNearest(ctx, id)
	}
	return l.value, l.err
}

// read reads a customer's facts.
func (c *Cache) read(ctx context.Context, id billing.CustomerID, from source) (packed.Facts, error) {
	now := c.options.Clock().Truncate(time.Microsecond)
	text, err := from.Packed(ctx, id, now)
	if err != nil {
		if !errors.Is(err, billing.ErrNotFound) {
			c.failures.Add(1)
		}
		return "", err
	}
	// What is kept can be answered from with any catalog from now on. One that
	// others have begun to read may be too old, but not the next.
	catalog := c.catalog.newest(0)
	facts := text.Snapshot(id, nil).Facts
	for try := 0; catalog == nil || !complete(catalog, &facts); try++ {
		if try == 2 {
			return "", fmt.Errorf("%v has an agreement, an override or a grant that names what is not in the catalog of revision %d", id, catalog.Rev)
		}
		if catalog, err = c.catalog.load(ctx, c.options.Store); err != nil {
			return "", err
		}
	}
	return text, nil
}

// complete reports whether a catalog has all that facts name.
func complete(catalog *billing.Catalog, f *billing.Facts) bool {
	for i := range f.Agreements {
		a := &f.Agreements[i]
		if plan := catalog.Plans[a.Plan]; plan == nil || plan.Version(a.Version) == nil {
			return false
		}
	}
	for i := range f.Overrides {
		if catalog.Features[f.Overrides[i].Feature] == nil {
			return false
		}
	}
	for i := range f.Grants {
		if catalog.Features[f.Grants[i].Feature] == nil {
			return false
		}
	}
	return true
}

// load is one reading of the store that several wait for.
type load[T any] struct {
	done  chan struct{}
	least int64 // the revision last heard of, under the lock of who keeps it
	value T
	err   error
}

// errInterrupted is what those who wait are told of a load that panicked.
var errInterrupted = errors.New("reading the store was interrupted")

func newLoad[T any]() *load[T] {
	return &load[T]{done: make(chan struct{}), err: errInterrupted}
}

func (l *load[T]) wait(ctx context.Context) (value T, err error) {
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		return value, ctx.Err()
	}
}
