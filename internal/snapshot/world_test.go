package snapshot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// world is a real store with a cache before it, as a server wires them.
type world struct {
	*service.Service
	*Cache
	store *faulty
	feed  *feed.Feed
	hints hints // of other nodes to the feed
	look  func(context.Context) error
	t     testing.TB
}

// Watch runs what hears of changes, as a server does.
func (w *world) Watch(ctx context.Context) {
	var replica sync.WaitGroup
	defer replica.Wait()
	replica.Go(func() { w.WatchReplica(ctx) })
	w.feed.Watch(ctx, w.Cache)
}

// faulty is a real store that fails or waits when a test says so, and counts what
// it is asked.
type faulty struct {
	*store.Store
	url          string
	down         atomic.Bool
	views, facts atomic.Int64
	// reading, if it is set, runs within Packed, after they were read.
	reading atomic.Pointer[func()]
}

var errDown = errors.New("the store is down")

func (f *faulty) View(ctx context.Context, fn func(service.Reader) error) error {
	if f.down.Load() {
		return errDown
	}
	f.views.Add(1)
	return f.Store.View(ctx, fn)
}

func (f *faulty) ForFeed() feed.Store { return faultyFeed{f.Store.ForFeed(), f} }

type faultyFeed struct {
	feed.Store
	of *faulty
}

func (f faultyFeed) View(ctx context.Context, fn func(feed.Reader) error) error {
	if f.of.down.Load() {
		return errDown
	}
	f.of.views.Add(1)
	return f.Store.View(ctx, fn)
}

func (f *faulty) Packed(ctx context.Context, id billing.CustomerID, at time.Time) (packed.Facts, error) {
	if f.down.Load() {
		return "", errDown
	}
	f.facts.Add(1)
	facts, err := f.Store.Packed(ctx, id, at)
	if reading := f.reading.Load(); reading != nil {
		(*reading)()
	}
	return facts, err
}

func openStore(t testing.TB) *faulty {
	t.Helper()
	return open(t, "sqlite:"+filepath.Join(t.TempDir(), "allot.db"))
}

func open(t testing.TB, url string) *faulty {
	t.Helper()
	st, err := store.Open(context.Background(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return &faulty{Store: st, url: url}
}

// elsewhere is the same store as another node has it open.
func (f *faulty) elsewhere(t testing.TB) service.Store {
	t.Helper()
	st := open(t, f.url)
	t.Cleanup(func() { st.close(t) })
	return st
}

func (f *faulty) close(t testing.TB) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// newWorld is a world with a catalog and a cache that has read the feed once. It
// does not watch it: [world.read] does.
func newWorld(t testing.TB, configure ...func(*Options)) *world {
	t.Helper()
	w := worldOn(t, openStore(t), configure...)
	t.Cleanup(func() { w.store.close(t) })
	if w.On() {
		w.read()
	}
	return w
}

func worldOn(t testing.TB, st *faulty, configure ...func(*Options)) *world {
	t.Helper()
	o := Options{Store: st, Bytes: 1 << 20}
	for _, f := range configure {
		f(&o)
	}
	w := &world{Service: &service.Service{Store: st, Clock: o.Clock}, Cache: New(o), store: st, hints: make(hints), t: t}
	w.feed = feed.New(feed.Options{Store: st.ForFeed(), Committed: st.Committed(), Nodes: w.hints, Log: o.Log})
	w.look = w.feed.Looks(w.Cache)
	st.OnCommit(w.Heard)
	w.apply(20)
	return w
}

// read orders what was committed and reads the feed once. All counts as heard of
// from then on, however slow the test is, until it is read again.
func (w *world) read() {
	w.t.Helper()
	sequence(w.t, w.store)
	if err := w.look(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.heardAt.Store(math.MaxInt64)
}

func sequence(t testing.TB, st interface{ ForFeed() feed.Store }) {
	t.Helper()
	err := st.ForFeed().Update(context.Background(), func(tx feed.Tx) error {
		_, err := tx.Sequence(1000, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// apply publishes plans of some seats, and 19 other features.
func (w *world) apply(seats int64) {
	w.t.Helper()
	spec := billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
		Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
	}
	items := []billing.ItemSpec{{Feature: "seats", Max: &seats}}
	for i := range 19 {
		code := billing.Code(fmt.Sprintf("feature_%d", i))
		spec.Features = append(spec.Features, billing.Feature{Code: code, Name: string(code), Type: billing.Unmetered})
		items = append(items, billing.ItemSpec{Feature: code})
	}
	for _, code := range []billing.Code{"professional", "business"} {
		spec.Plans = append(spec.Plans, billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Items: items})
	}
	w.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(spec)
		return err
	})
}

func (w *world) do(fn func(*service.Work) error) {
	w.t.Helper()
	if err := w.Do(context.Background(), "test", fn); err != nil {
		w.t.Fatal(err)
	}
}

// create makes a customer on the plan professional.
func (w *world) create(org string) billing.CustomerID {
	w.t.Helper()
	var id billing.CustomerID
	w.do(func(u *service.Work) error {
		c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, OrgCode: org, Name: "Acme", Email: "pay@acme.example", Plan: "professional"})
		id = c.ID
		return err
	})
	return id
}

// rename is a change of a customer that makes its next revision.
func rename(ctx context.Context, s *service.Service, id billing.CustomerID, name string) (rev int64, err error) {
	err = s.Do(ctx, "test", func(u *service.Work) error {
		c, err := u.UpdateCustomer(id, billing.CustomerUpdate{Name: &name})
		rev = c.Rev
		return err
	})
	return rev, err
}

func (w *world) rename(id billing.CustomerID, name string) (rev int64) {
	w.t.Helper()
	rev, err := rename(context.Background(), w.Service, id, name)
	if err != nil {
		w.t.Fatal(err)
	}
	return rev
}

func (w *world) get(id billing.CustomerID) Reading {
	w.t.Helper()
	r, err := w.Get(context.Background(), id, billing.Revision{})
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// loads is how often the store was asked for facts during something.
func (w *world) loads(during func()) int64 {
	before := w.store.facts.Load()
	during()
	return w.store.facts.Load() - before
}
