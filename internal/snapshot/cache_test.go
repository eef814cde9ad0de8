package snapshot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
)

func TestGetAnswersAsTheStoreDoes(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.do(func(u *service.Work) error {
		_, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: 3, Note: "as agreed"})
		return err
	})
	stored, now, err := w.Snapshot(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	text, err := packed.Pack(&stored.Facts, now)
	if err != nil {
		t.Fatal(err)
	}
	kept := text.Snapshot(id, nil).Facts
	want := billing.Entitlements(stored, now)
	for _, what := range []string{"loaded", "from memory"} {
		got := w.get(id)
		if diff := cmp.Diff(kept, got.Snapshot.Facts); diff != "" {
			t.Errorf("%s (-store +cache)\n%s", what, diff)
		}
		if diff := cmp.Diff(want, billing.Entitlements(got.Snapshot, got.Now)); diff != "" {
			t.Errorf("%s (-store +cache)\n%s", what, diff)
		}
	}
}

func TestHitsAskNothing(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.get(id)
	views, facts := w.store.views.Load(), w.store.facts.Load()
	for range 100 {
		w.get(id)
	}
	if v, f := w.store.views.Load()-views, w.store.facts.Load()-facts; v != 0 || f != 0 {
		t.Errorf("100 hits took %d views and %d loads", v, f)
	}
	if s := w.Stats(); s.Hits != 100 || s.Misses != 1 || s.Entries != 1 {
		t.Errorf("stats: %+v", s)
	}
}

func TestOffKeepsNothing(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Bytes = 0 })
	id := w.create("org_acme")
	views := w.store.views.Load()
	for range 3 {
		w.get(id)
	}
	if n := w.store.views.Load() - views; n != 3 {
		t.Errorf("3 readings took %d views of the store", n)
	}
	if _, lost := w.Lost(); lost {
		t.Error("a cache that is off says the feed is lost")
	}
}

func TestUnknownCustomersAreAskedForEachTime(t *testing.T) {
	w := newWorld(t)
	deleted := w.create("org_acme")
	w.get(deleted)
	w.do(func(u *service.Work) error {
		_, err := u.DeleteCustomer(deleted, false)
		return err
	})
	for name, id := range map[string]billing.CustomerID{"deleted": deleted, "never there": {1}} {
		for range 2 {
			n := w.loads(func() {
				_, err := w.Get(t.Context(), id, billing.Revision{})
				if e, ok := errors.AsType[*billing.Error](err); !ok || e.Code != "CUSTOMER_NOT_FOUND" {
					t.Errorf("%s: %v", name, err)
				}
			})
			if n == 0 {
				t.Errorf("%s: the store was not asked", name)
			}
		}
	}
	if n := w.kept.EstimatedSize(); n != 0 {
		t.Errorf("%d customers are kept", n)
	}
}

func TestChangeHereIsSeenAtOnce(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	for range 5 {
		w.get(id)
		rev := w.rename(id, fmt.Sprint(time.Now()))
		if got := w.get(id).Snapshot.Customer.Rev; got != rev {
			t.Fatalf("revision %d, want %d", got, rev)
		}
	}
	w.apply(50)
	got := w.get(id)
	if rev := got.Snapshot.Catalog.Rev; rev != 2 {
		t.Errorf("catalog of revision %d, want 2", rev)
	}
}

// What the feed says of a change that was heard of before drops nothing.
func TestOwnChangeIsNotDroppedTwice(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.rename(id, "one")
	w.get(id)
	w.read()
	if n := w.loads(func() { w.get(id) }); n != 0 {
		t.Error("the customer was dropped again")
	}
}

func TestLoadsAreShared(t *testing.T) { synctest.Test(t, testLoadsAreShared) }

func testLoadsAreShared(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	began, goOn := make(chan struct{}), make(chan struct{})
	reading := func() {
		close(began)
		<-goOn
	}
	w.store.reading.Store(&reading)
	n := w.loads(func() {
		var all sync.WaitGroup
		all.Go(func() { w.get(id) })
		<-began
		for range 20 {
			all.Go(func() { w.get(id) })
		}
		synctest.Wait()
		close(goOn)
		all.Wait()
	})
	if n != 1 {
		t.Errorf("21 readings at once took %d loads", n)
	}
}

// A load that was begun before a change is not kept, and not given to those who
// came after the change.
func TestLoadThatIsOvertaken(t *testing.T) { synctest.Test(t, testLoadThatIsOvertaken) }

func testLoadThatIsOvertaken(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	began, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	reading := func() {
		once.Do(func() {
			close(began)
			<-goOn
		})
	}
	w.store.reading.Store(&reading)
	var all sync.WaitGroup
	var before, after Reading
	all.Go(func() { before = w.get(id) })
	<-began
	rev := w.rename(id, "new") // the load has read, and not returned
	all.Go(func() { after = w.get(id) })
	synctest.Wait()
	close(goOn)
	all.Wait()
	if got := before.Snapshot.Customer.Rev; got != rev-1 {
		t.Errorf("who came before the change got revision %d: the load was not overtaken", got)
	}
	if got := after.Snapshot.Customer.Rev; got != rev {
		t.Errorf("who came after the change got revision %d, want %d", got, rev)
	}
	if got := w.get(id).Snapshot.Customer.Rev; got != rev {
		t.Errorf("revision %d was kept, want %d", got, rev)
	}
}

// After a writer has its answer, nobody reads an earlier state.
func TestNoReaderIsBehindAnAnsweredWrite(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var answered atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				least := answered.Load()
				r, err := w.Get(ctx, id, billing.Revision{})
				if ctx.Err() != nil {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if got := r.Snapshot.Customer.Rev; got < least {
					t.Errorf("read revision %d after %d was answered", got, least)
				}
			}
		})
	}
	all.Go(func() { // as Watch does, but never late
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.store.Committed():
			}
			sequence(t, w.store)
			if err := w.look(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	for i := range 200 {
		answered.Store(w.rename(id, fmt.Sprint(i)))
	}
	stop()
	all.Wait()
	if s := w.Stats(); s.Hits == 0 || s.Drops == 0 {
		t.Errorf("the cache was not in the way: %+v", s)
	}
}

func TestLeastRevision(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	old := w.get(id).Snapshot.Revision()
	other := &service.Service{Store: w.store.elsewhere(t)}
	rev, err := rename(t.Context(), other, id, "new")
	if err != nil {
		t.Fatal(err)
	}
	if got := w.get(id).Snapshot.Revision(); got != old {
		t.Fatalf("a change made elsewhere is seen before it is heard of: %v", got)
	}
	want := billing.Revision{Catalog: old.Catalog, Customer: rev}
	for least, loads := range map[billing.Revision]int64{
		old:  0,
		want: 1,
	} {
		n := w.loads(func() {
			got, err := w.Get(t.Context(), id, least)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Snapshot.Revision().Covers(least) {
				t.Errorf("got %v, want at least %v", got.Snapshot.Revision(), least)
			}
		})
		if n > loads {
			t.Errorf("%v took %d loads", least, n)
		}
	}
	if got := w.get(id).Snapshot.Revision(); got != want {
		t.Errorf("what was read is not kept: %v, want %v", got, want)
	}
	// One that nobody has is not waited for here.
	got, err := w.Get(t.Context(), id, billing.Revision{Catalog: 1, Customer: 99})
	if err != nil || got.Snapshot.Revision() != want {
		t.Errorf("%v, %v", got, err)
	}
}

func TestLeastRevisionOfTheCatalog(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.get(id)
	elsewhere := &world{Service: &service.Service{Store: w.store.elsewhere(t)}, t: t}
	elsewhere.apply(99)
	if got := w.get(id).Snapshot.Catalog.Rev; got != 1 {
		t.Fatalf("catalog %d is seen before it is heard of", got)
	}
	got, err := w.Get(t.Context(), id, billing.Revision{Catalog: 2})
	if err != nil || got.Snapshot.Catalog.Rev != 2 {
		t.Errorf("%v, %v; want catalog 2", got, err)
	}
}

// Facts can name what was published elsewhere a moment ago.
func TestFactsThatAreNewerThanTheCatalog(t *testing.T) {
	w := newWorld(t)
	w.get(w.create("org_acme")) // the catalog is kept
	elsewhere := &world{Service: &service.Service{Store: w.store.elsewhere(t)}, t: t}
	elsewhere.apply(99)
	id := elsewhere.create("org_new")
	got := w.get(id)
	if version := got.Snapshot.Agreements[0].Version; version != 2 || got.Snapshot.Catalog.Rev != 2 {
		t.Errorf("version %d, catalog %d", version, got.Snapshot.Catalog.Rev)
	}
	if all := billing.Entitlements(got.Snapshot, got.Now); len(all) != 20 || *all[0].LimitMax != 99 {
		t.Errorf("%d entitlements", len(all))
	}
}

// What had ended when facts were read is not in them, so they do not serve a
// clock that was set back behind that.
func TestClockThatIsSetBack(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	now := noon
	w := newWorld(t, func(o *Options) { o.Clock = func() time.Time { return now } })
	id := w.create("org_acme")
	w.do(func(u *service.Work) error {
		_, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: 3, ExpiresOn: noon.Add(time.Hour)})
		return err
	})
	limit := func() int64 {
		r := w.get(id)
		return *billing.Entitlements(r.Snapshot, r.Now)[0].LimitMax
	}
	for _, step := range []struct {
		now  time.Time
		want int64
	}{{noon, 23}, {noon.Add(2 * time.Hour), 20}, {noon, 23}} {
		now = step.now
		if got := limit(); got != step.want {
			t.Errorf("at %v the limit is %d, want %d", now, got, step.want)
		}
		w.clear() // so that the next is read at its own time
		if got := limit(); got != step.want {
			t.Errorf("at %v the limit is %d when read anew, want %d", now, got, step.want)
		}
	}
	if n := w.loads(func() { w.get(id) }); n != 0 {
		t.Error("what was read at this time is not kept")
	}
}

func TestFailedLoadIsNotKept(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_acme")
	w.store.down.Store(true)
	if _, err := w.Get(t.Context(), id, billing.Revision{}); !errors.Is(err, errDown) {
		t.Errorf("got %v, want that the store is down", err)
	}
	w.store.down.Store(false)
	w.get(id)
}

func BenchmarkGet(b *testing.B) {
	w := newWorld(b)
	ids := make([]billing.CustomerID, 100)
	for i := range ids {
		ids[i] = w.create(fmt.Sprintf("org_%d", i))
		w.get(ids[i])
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := w.Get(b.Context(), ids[i%len(ids)], billing.Revision{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(w.Stats().Misses), "misses")
}
