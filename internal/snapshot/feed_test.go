package snapshot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

// How often it is looked for changes that have no place, and how much of the feed
// is read at a time. See package feed.
const (
	probeInterval = 250 * time.Millisecond
	readBatch     = 1000
)

// watched is a world whose feed is watched, within a bubble of time, and a
// service of another node.
func watched(t *testing.T, configure ...func(*Options)) (w *world, elsewhere *world) {
	w = newWorld(t, configure...)
	other := w.store.elsewhere(t)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Watch(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	synctest.Wait()
	return w, &world{Service: &service.Service{Store: other}, store: w.store, t: t}
}

func TestChangeElsewhereIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, elsewhere := watched(t)
		changed, other := w.create("org_acme"), w.create("org_other")
		w.get(changed)
		w.get(other)
		rev := elsewhere.rename(changed, "new")
		sequence(t, w.store)
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()
		if got := w.get(changed).Snapshot.Customer.Rev; got != rev {
			t.Errorf("revision %d, want %d", got, rev)
		}
		if n := w.loads(func() { w.get(other) }); n != 0 {
			t.Error("another customer was dropped too")
		}
		elsewhere.apply(99)
		sequence(t, w.store)
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()
		if got := w.get(other).Snapshot.Catalog.Rev; got != 2 {
			t.Errorf("catalog %d, want 2", got)
		}
	})
}

// A change that is given no place in the feed is heard of too, only later.
func TestFeedThatNobodyWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, elsewhere := watched(t)
		id := w.create("org_acme")
		w.get(id)
		rev := elsewhere.rename(id, "new")
		time.Sleep(probeInterval + feed.PollInterval + 1)
		synctest.Wait()
		if got := w.get(id).Snapshot.Customer.Rev; got != rev {
			t.Errorf("revision %d, want %d", got, rev)
		}
	})
}

// What has no place in the feed yet is looked for less often than what has one is
// read. So the feed may be lost with such a change unheard, long before it was read
// last; no answer is older than MaxLag all the same.
func TestFeedIsLostWithChangesNotInIt(t *testing.T) {
	const step, period = feed.PollInterval / 2, probeInterval + feed.PollInterval
	synctest.Test(t, func(t *testing.T) {
		w, elsewhere := watched(t)
		id := w.create("org_acme")
		for change := time.Duration(0); change < period; change += step {
			for loss := time.Duration(0); loss < period; loss += step {
				time.Sleep(change)
				synctest.Wait()
				w.get(id)
				rev := elsewhere.rename(id, fmt.Sprint(change, loss))
				time.Sleep(loss)
				synctest.Wait()
				w.store.down.Store(true)
				time.Sleep(MaxLag - loss + 1)
				got, err := w.Get(t.Context(), id, billing.Revision{})
				if err == nil && got.Snapshot.Customer.Rev < rev {
					t.Fatalf("lost %v after a change, which is not in an answer %v after it", loss, MaxLag+1)
				}
				w.store.down.Store(false)
				time.Sleep(period)
				synctest.Wait()
			}
		}
	})
}

// hints are hints from other nodes, as a test gives them.
type hints chan struct{}

func (h hints) Notify(context.Context) error { return nil }

func (h hints) Listen(ctx context.Context, heard func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h:
			heard()
		}
	}
}

func TestHintIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, elsewhere := watched(t)
		ctx, stop := context.WithCancel(t.Context())
		var sequencing sync.WaitGroup
		sequencing.Go(func() { w.feed.Sequence(ctx) })
		defer sequencing.Wait()
		defer stop()
		id := w.create("org_acme")
		w.get(id)
		synctest.Wait()
		rev := elsewhere.rename(id, "new")
		began := time.Now()
		w.hints <- struct{}{}
		synctest.Wait()
		if got := w.get(id).Snapshot.Customer.Rev; got != rev || time.Since(began) > 0 {
			t.Errorf("revision %d after %v, want %d", got, time.Since(began), rev)
		}
	})
}

func TestFeedThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		w, elsewhere := watched(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		changed, other := w.create("org_acme"), w.create("org_other")
		w.get(changed)
		w.get(other)
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()

		w.store.down.Store(true)
		time.Sleep(MaxLag - feed.PollInterval - 1)
		if n := w.loads(func() { w.get(changed) }); n != 0 {
			t.Error("the feed is not lost yet, and the store was asked")
		}
		rev := elsewhere.rename(changed, "new")
		time.Sleep(MaxLag)
		synctest.Wait()
		if lag, lost := w.Lost(); !lost || lag <= MaxLag || lag > 3*MaxLag {
			t.Errorf("lost: %v, for %v", lost, lag)
		}
		if _, err := w.Get(t.Context(), changed, billing.Revision{}); !errors.Is(err, errDown) {
			t.Errorf("with the feed lost and the store down: %v", err)
		}
		// Its facts can be read before its feed can.
		ctx := t.Context()
		w.service.Store = w.store.Store
		if got, err := w.Get(ctx, changed, billing.Revision{}); err != nil || got.Snapshot.Customer.Rev != rev || got.Stale != 0 {
			t.Errorf("with the feed lost: %+v, %v; want revision %d of the store", got, err, rev)
		}

		sequence(t, w.store.Store)
		w.store.down.Store(false)
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()
		if _, lost := w.Lost(); lost {
			t.Error("the feed is read again, and is said to be lost")
		}
		if n := w.loads(func() { w.get(other) }); n != 0 {
			t.Error("a customer that has not changed was dropped")
		}
		if got := w.get(changed).Snapshot.Customer.Rev; got != rev {
			t.Errorf("revision %d, want %d: what was missed was not made up for", got, rev)
		}
		if got := log.String(); strings.Count(got, "cannot be read") != 1 || strings.Count(got, "is read again") != 1 {
			t.Errorf("the log says:\n%s", got)
		}
	})
}

func TestServeStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := watched(t, func(o *Options) { o.ServeStale = 10 * time.Second })
		id, unread := w.create("org_acme"), w.create("org_other")
		want := w.get(id).Snapshot.Customer.Rev
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()
		w.store.down.Store(true)
		time.Sleep(5 * time.Second)
		got := w.get(id)
		if got.Snapshot.Customer.Rev != want || got.Stale < 4*time.Second || got.Stale > 6*time.Second {
			t.Errorf("after 5 s: revision %d, stale for %v", got.Snapshot.Customer.Rev, got.Stale)
		}
		if _, err := w.Get(t.Context(), unread, billing.Revision{}); !errors.Is(err, errDown) {
			t.Errorf("a customer that is not in memory: %v", err)
		}
		if _, err := w.Get(t.Context(), id, billing.Revision{Customer: want + 1}); !errors.Is(err, errDown) {
			t.Errorf("a state that is not in memory: %v", err)
		}
		time.Sleep(6 * time.Second)
		if _, err := w.Get(t.Context(), id, billing.Revision{}); !errors.Is(err, errDown) {
			t.Errorf("after 11 s: %v", err)
		}
		if s := w.Stats(); s.Stale != 1 {
			t.Errorf("stats: %+v", s)
		}
		w.store.down.Store(false)
		time.Sleep(feed.PollInterval + 1)
		synctest.Wait()
		if got := w.get(id); got.Stale != 0 {
			t.Errorf("stale for %v, and the feed is read again", got.Stale)
		}
	})
}

// A feed of which something was missed, or another one.
func TestFeedBeginsAgain(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.get(id)
	w.Reset(3)
	if n := w.loads(func() { w.get(id) }); n != 1 {
		t.Error("what was kept before was answered from")
	}
	if s := w.Stats(); s.Clears != 2 { // the first was at the start
		t.Errorf("stats: %+v", s)
	}
}

// The feed is read in batches, to its end.
func TestLongFeed(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	elsewhere := &world{Service: &service.Service{Store: w.store.elsewhere(t)}, t: t}
	var rev int64
	elsewhere.do(func(u *service.Work) error {
		for i := range readBatch + 1 {
			c, err := u.UpdateCustomer(id, billing.CustomerUpdate{Name: new(fmt.Sprint(i))})
			if err != nil {
				return err
			}
			rev = c.Rev
		}
		return nil
	})
	sequence(t, w.store)
	w.get(id)
	rev = elsewhere.rename(id, "last")
	w.read()
	if got := w.get(id).Snapshot.Customer.Rev; got != rev {
		t.Errorf("revision %d, want %d", got, rev)
	}
	if s := w.Stats(); s.Clears != 1 || s.Drops != 1 {
		t.Errorf("stats: %+v", s)
	}
}
