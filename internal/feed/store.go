package feed

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Entry is the place of a committed change, or of an event, in the one order of all. Seq
// ascends without gap in the order of the feed; of the changes of one scope, revisions
// ascend too.
type Entry struct {
	Seq   int64
	Scope billing.Scope
	Rev   int64  // of a change; an event has none
	Event string // the cause of an event; "" is a change
}

// Store keeps the feed. View and Update promise what those of [service.Store] do.
type Store interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Reader reads one consistent state.
type Reader interface {
	// Feed is the order of changes with Seq > after, ascending, at most limit.
	Feed(after int64, limit int) ([]Entry, error)
	// FeedLength is the Seq of the last entry of the feed; 0 if there is none.
	FeedLength() (int64, error)
	// Unsequenced are changes and events, at most limit, that have no place in the feed
	// yet; their Seq is 0.
	Unsequenced(limit int) ([]Entry, error)

	// Places are the places of the feed with Seq > after, ascending, at most limit, each
	// with what it names.
	Places(after int64, limit int) ([]Place, error)
	// Chained is the Seq of the last place that has a hash; all before it have one.
	Chained() (int64, error)

	// Place is the Seq of the last entry that a follower is done with; 0 if there
	// is none.
	Place(follower string) (int64, error)
	// LeasedTo is who holds the lease of a name at now; "" if nobody does.
	LeasedTo(name string, now time.Time) (holder string, err error)
}

// Tx is a transaction that may write. It reads what it has written.
type Tx interface {
	Reader

	// Sequence takes up to limit changes and events that have no place in the feed yet
	// and gives them the next ones, by their instants. It returns how many. now is kept
	// with the places. They have their hashes at once, unless others wait for theirs.
	Sequence(limit int, now time.Time) (int, error)
	// Chain gives up to limit places, those behind the last that has a hash, theirs. It
	// returns how many.
	Chain(limit int) (int, error)
	// PutPlace keeps the place that a follower has come to.
	PutPlace(follower string, place int64) error
	// Lease takes or renews the lease of a name for a holder until an instant.
	// It reports false if another holds it at now.
	Lease(name, holder string, now, until time.Time) (bool, error)
}
