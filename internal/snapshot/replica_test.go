package snapshot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
)

// copied is a real store that has what another had when it was copied. It is
// only read.
type copied struct {
	service.Store // none
	from          *faulty
	copy          atomic.Pointer[faulty]
}

func newCopied(from service.Store) *copied {
	c := &copied{from: from.(*faulty)}
	c.copy.Store(c.from)
	return c
}

func (c *copied) View(ctx context.Context, fn func(service.Reader) error) error {
	return c.copy.Load().View(ctx, fn)
}

func (c *copied) ForFeed() feed.Store { return c.copy.Load().ForFeed() }

func (c *copied) Packed(ctx context.Context, id billing.CustomerID, at time.Time) (packed.Facts, error) {
	return c.copy.Load().Packed(ctx, id, at)
}

// catchUp copies the store's files.
func (c *copied) catchUp(t *testing.T) {
	t.Helper()
	from, to := strings.TrimPrefix(c.from.url, "sqlite:"), filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", "-wal"} {
		content, err := os.ReadFile(from + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	st := open(t, "sqlite:"+to)
	t.Cleanup(func() { st.close(t) })
	c.copy.Store(st)
}

// newReplicated is a world with a replica that has what was there at first.
func newReplicated(t *testing.T) (*world, *copied) {
	t.Helper()
	var replica *copied
	w := newWorld(t, func(o *Options) {
		replica = newCopied(o.Store)
		o.Replica = replica
	})
	replica.catchUp(t)
	w.followReplica(t)
	return w, replica
}

// followReplica finds out once how far the replica is.
func (w *world) followReplica(t *testing.T) {
	t.Helper()
	place, err := feedPlace(t.Context(), w.options.Replica.ForFeed())
	if err != nil {
		place = never
	}
	w.passed(place)
}

// asked tells who was asked for facts during something.
func (c *copied) asked(during func()) string {
	ours, theirs := c.from.facts.Load(), c.copy.Load().facts.Load()
	during()
	return fmt.Sprintf("store %d, replica %d", c.from.facts.Load()-ours, c.copy.Load().facts.Load()-theirs)
}

func TestColdReadsGoToTheReplica(t *testing.T) {
	w, replica := newReplicated(t)
	id := w.create("org_acme")
	w.read()
	replica.catchUp(t)
	w.followReplica(t)
	var got Reading
	if asked := replica.asked(func() { got = w.get(id) }); asked != "store 0, replica 1" {
		t.Error(asked)
	}
	if len(billing.Entitlements(got.Snapshot, got.Now)) != 20 || w.Stats().ReplicaLoads != 1 {
		t.Errorf("%+v", got.Snapshot.Facts)
	}
	if asked := replica.asked(func() { w.get(id) }); asked != "store 0, replica 0" {
		t.Errorf("what the replica answered is not kept: %s", asked)
	}
	want := got.Snapshot.Revision()
	want.Customer++
	if asked := replica.asked(func() { _, _ = w.Get(t.Context(), id, want) }); asked != "store 1, replica 0" {
		t.Errorf("asked for a state the caller knows of: %s", asked)
	}
}

func TestReplicaThatIsBehind(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *world, billing.CustomerID) int64{
		"of a change made here": func(t *testing.T, w *world, id billing.CustomerID) int64 {
			return w.rename(id, "new")
		},
		"of a change made elsewhere": func(t *testing.T, w *world, id billing.CustomerID) int64 {
			elsewhere := &world{Service: &service.Service{Store: w.store.elsewhere(t)}, t: t}
			rev := elsewhere.rename(id, "new")
			w.read()
			return rev
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, replica := newReplicated(t)
			id, other := w.create("org_acme"), w.create("org_other")
			w.read()
			replica.catchUp(t)
			w.followReplica(t)
			rev := change(t, w, id)
			w.followReplica(t)
			if got := w.get(id).Snapshot.Customer.Rev; got != rev {
				t.Errorf("revision %d, want %d", got, rev)
			}
			if asked := replica.asked(func() { w.get(other) }); asked != "store 0, replica 1" {
				t.Errorf("of a customer that has not changed: %s", asked)
			}

			w.read()
			replica.catchUp(t)
			w.followReplica(t)
			w.kept.Invalidate(id)
			var got int64
			if asked := replica.asked(func() { got = w.get(id).Snapshot.Customer.Rev }); asked != "store 0, replica 1" || got != rev {
				t.Errorf("the replica has caught up: %s, revision %d, want %d", asked, got, rev)
			}
			if n := len(w.shard(id).unpassed) + len(w.replica.unpassed); n != 0 {
				t.Errorf("%d changes are waited for still", n)
			}
		})
	}
}

// By its feed alone a replica is known to have a change.
func TestReplicaThatDoesNotSayWhatItHas(t *testing.T) {
	w, replica := newReplicated(t)
	id := w.create("org_acme")
	replica.catchUp(t) // before the change has a place in the feed
	w.read()
	w.followReplica(t)
	if asked := replica.asked(func() { w.get(id) }); asked != "store 1, replica 0" {
		t.Error(asked)
	}
}

func TestWatchFollowsTheReplica(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var replica *copied
		w, _ := watched(t, func(o *Options) {
			replica = newCopied(o.Store)
			o.Replica = replica
		})
		id := w.create("org_acme")
		replica.catchUp(t)
		sequence(t, w.store)
		time.Sleep(feed.PollInterval + 1)
		if asked := replica.asked(func() { w.get(id) }); asked != "store 1, replica 0" {
			t.Errorf("behind: %s", asked)
		}
		replica.catchUp(t)
		time.Sleep(feed.PollInterval + 1)
		w.kept.Invalidate(id)
		if asked := replica.asked(func() { w.get(id) }); asked != "store 0, replica 1" {
			t.Errorf("caught up: %s", asked)
		}
	})
}

func TestCustomerThatTheReplicaDoesNotHave(t *testing.T) {
	w, replica := newReplicated(t)
	elsewhere := &world{Service: &service.Service{Store: w.store.elsewhere(t)}, t: t}
	id := elsewhere.create("org_new") // and not heard of
	if asked := replica.asked(func() { w.get(id) }); asked != "store 1, replica 1" {
		t.Error(asked)
	}
}

func TestReplicaThatCannotBeRead(t *testing.T) {
	w, replica := newReplicated(t)
	one, two := w.create("org_one"), w.create("org_two")
	w.read()
	replica.catchUp(t)
	w.followReplica(t)
	replica.copy.Load().down.Store(true)
	w.get(one)
	if asked := replica.asked(func() { w.get(two) }); asked != "store 1, replica 0" {
		t.Errorf("a replica that failed: %s", asked)
	}
	replica.copy.Load().down.Store(false)
	w.followReplica(t)
	w.kept.Invalidate(two)
	if asked := replica.asked(func() { w.get(two) }); asked != "store 0, replica 1" {
		t.Errorf("a replica that is back: %s", asked)
	}
}

// Of a replica that is far behind no more is remembered than where it must come to.
func TestReplicaThatIsFarBehind(t *testing.T) {
	w, _ := newReplicated(t)
	id := w.create("org_acme")
	changes := make([]feed.Entry, unpassedMost+1)
	last := w.place.Load() + int64(len(changes))
	for i := range changes {
		changes[i] = feed.Entry{Seq: w.place.Load() + int64(i) + 1, Scope: id.Scope(), Rev: int64(i)}
	}
	w.Heard(changes)
	w.await(last, changes, true)
	if n := len(w.shard(id).unpassed) + len(w.replica.unpassed); n != 0 {
		t.Errorf("%d changes are remembered", n)
	}
	w.passed(last - 1)
	if w.replica.usable.Load() {
		t.Error("the replica is used, and is behind")
	}
	w.passed(last)
	if !w.replica.usable.Load() {
		t.Error("the replica has caught up, and is not used")
	}
}
