package feed

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Options are what a feed is made of.
type Options struct {
	Store Store
	// Committed receives when changes were committed here that have no place yet.
	// Nil: they are found by looking.
	Committed <-chan struct{}
	// Nodes carries hints to the other nodes and from them. Nil: there are none.
	Nodes Nodes
	// Clock tells the time by which leases are held.
	Clock func() time.Time
	// Holder names this node among those that share the store. A node that keeps
	// its name over a restart need not wait for its own leases to end.
	Holder string
	Log    *slog.Logger
	// Read is told, each time a watch has read the feed, for how long a change in
	// it may have gone unheard before. May be nil.
	Read func(gap time.Duration)
}

// Nodes are the nodes that share a store, as a way for hints. A hint may be lost.
type Nodes interface {
	// Notify tells the others that there is something to read.
	Notify(ctx context.Context) error
	// Listen calls heard when another tells, until ctx ends. heard waits for
	// nobody.
	Listen(ctx context.Context, heard func())
}

// Feed is the order of changes as one node sees it. It is safe for concurrent
// use.
type Feed struct {
	options Options
	began   time.Time // when time began, for this feed
	grown   bell      // rings when the feed may have grown

	// probed is how long after it began a watch last looked for changes that have
	// no place; waiting receives when it has found some.
	probed  atomic.Int64
	waiting chan struct{}
}

// never is a time before any other.
const never = -1 << 62

// New makes a feed of which nothing was read.
func New(o Options) *Feed {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Feed{options: o, began: time.Now(), waiting: make(chan struct{}, 1)}
	f.probed.Store(never)
	return f
}

// Heard returns a channel, one for each call, that receives when the feed may
// have grown, on this node or another; several times may be one receipt. It is a
// hint: it needs [Feed.Sequence] to run, another process that shares a SQLite file
// gives none, and one may be lost, so who must not miss anything also looks by
// himself now and then.
func (f *Feed) Heard() <-chan struct{} { return f.grown.listen() }

// Grown is [Feed.Heard] for who waits once: it returns a channel that is closed when the
// feed may have grown since. Nothing is left of one that is not waited for any more.
func (f *Feed) Grown() <-chan struct{} { return f.grown.once() }
