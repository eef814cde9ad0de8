package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// ClockBehindError is a clock that shows an earlier time than stands in the database.
type ClockBehindError struct{ Now, Seen time.Time }

func (e *ClockBehindError) Error() string {
	return fmt.Sprintf("the clock says %s, and the newest time in the database is %s: one of them is wrong",
		e.Now.UTC().Format(time.RFC3339), e.Seen.UTC().Format(time.RFC3339))
}

// AcceptClock says to the servers on the database that the clock of this machine is right: each
// of them whose clock shows the same, and which does not believe it because it jumped, believes
// it within two seconds. It is no use against what is stamped later than that: that is a
// [*ClockBehindError].
func (i *Installation) AcceptClock(ctx context.Context) (now time.Time, err error) {
	c := i.clock
	if c == nil {
		c = &commandClock{i.store, time.Now}
	}
	now = c.now().UTC().Truncate(time.Microsecond)
	if _, err := c.apart(ctx, now); err != nil {
		return now, err
	}
	var seen time.Time
	err = i.store.Read(ctx, func(r *sqlstore.Reader) (err error) {
		seen, err = r.LastSeen()
		return err
	})
	if err != nil {
		return now, err
	}
	if seen.Sub(now) > DefaultMaxClockSkew {
		return now, &ClockBehindError{now, seen}
	}
	return now, i.store.Write(ctx, func(t *sqlstore.Tx) error { return t.AcceptClock(now) })
}

// ClockRepair is what [Installation.RepairClock] did.
type ClockRepair = service.ClockRepair

// ErrServers are servers that run on a database that is to be repaired.
var ErrServers = store.ErrServers

// RepairClock has all that is stamped after a time count from it on: see
// [service.Service.RepairClock]. No server may run on the database, nor start meanwhile.
func (i *Installation) RepairClock(ctx context.Context, to time.Time, dry bool, progress func(customers int)) (done ClockRepair, err error) {
	release, err := i.store.Unserved(ctx)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, release()) }()
	if !dry {
		if err := i.place(ctx); err != nil {
			return done, err
		}
	}
	s := service.Service{Store: i.store}
	return s.RepairClock(ctx, commandLine, to, dry, progress)
}

// place gives all that was committed its place in the feed: places go by instants, and a
// repair's are before those that it repairs.
func (i *Installation) place(ctx context.Context) error {
	const batch = 1000
	for n := batch; n == batch; {
		err := i.store.ForFeed().Update(ctx, func(tx feed.Tx) (err error) {
			n, err = tx.Sequence(batch, time.Now())
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
