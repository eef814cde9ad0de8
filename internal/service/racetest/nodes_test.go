package racetest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/usage"
)

// world is a database that nodes share, and the time that their clocks tell.
type world struct {
	t                testing.TB
	url              string
	now              time.Time
	*service.Service                  // of a node whose clock is right
	other            *service.Service // of another one
}

// node is a service on a store of its own, whose clock is off by some time.
func (w *world) node(off time.Duration) *service.Service {
	w.t.Helper()
	return &service.Service{Store: w.open(), Clock: func() time.Time { return w.now.Add(off) }}
}

func (w *world) open() *store.Store {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), store.Options{URL: w.url})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := st.Close(); err != nil {
			w.t.Error(err)
		}
	})
	return st
}

// node is what a server is to those who ask it: a service on a store of its own, and
// the facts that it keeps, which hear of its commits and follow the feed.
type node struct {
	*service.Service
	*snapshot.Cache
	stop func()
}

// serve starts a node.
func (w *world) serve(clock func() time.Time) *node {
	w.t.Helper()
	st, err := store.Open(w.t.Context(), store.Options{URL: w.url, Mode: store.Serve})
	if err != nil {
		w.t.Fatal(err)
	}
	n := &node{
		Service: &service.Service{Store: st, Clock: clock},
		Cache:   snapshot.New(snapshot.Options{Store: st, Clock: clock, Bytes: 1 << 20}),
	}
	n.Service.Known = n.Cache.Known
	st.OnCommit(n.Heard)
	changes := feed.New(feed.Options{Store: st.ForFeed(), Committed: st.Committed(), Nodes: st.Nodes(), Holder: rand.Text()})
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	var working sync.WaitGroup
	working.Go(func() { changes.Sequence(ctx) })
	working.Go(func() { changes.Watch(ctx, n.Cache) })
	n.stop = sync.OnceFunc(func() {
		cancel()
		working.Wait()
		n.Service.Close()
		if err := st.Close(); err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(n.stop)
	for _, lost := n.Lost(); lost; _, lost = n.Lost() { // until it has read the feed nothing is answered from memory
		runtime.Gosched()
	}
	return n
}

var noon = time.Date(2027, 3, 10, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB) *world {
	t.Helper()
	return worldOn(t, pgtest.URL(t))
}

func worldOn(t testing.TB, url string) *world {
	t.Helper()
	w := &world{t: t, url: url, now: noon.AddDate(-1, 0, 0)}
	w.Service, w.other = w.node(0), w.node(0)
	w.do(func(u *service.Work) error { _, err := u.ApplyCatalog(catalog()); return err })
	w.now = noon // tests also go back to before it: no use case runs before the catalog was changed
	return w
}

// catalog sells calls, 3 a month in free and 10 in pro, and by the year in
// yearly; bare has none, so that whoever is granted some by an override alone has
// them by the feature's own reset.
func catalog() billing.CatalogSpec {
	plan := func(code billing.Code, items ...billing.ItemSpec) billing.PlanSpec {
		return billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Cycle: calendar.Month, Items: items}
	}
	calls := func(max int64, reset billing.Reset) billing.ItemSpec {
		return billing.ItemSpec{Feature: "calls", Max: &max, Reset: reset}
	}
	other := billing.ItemSpec{Feature: "other", Max: new(int64(1_000_000)), Reset: billing.Reset(calendar.Month)}
	return billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{
			{Code: "calls", Name: "Calls", Type: billing.Metered, Reset: billing.Reset(calendar.Day)},
			{Code: "other", Name: "Other", Type: billing.Metered},
		},
		Groups: []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization}},
		Plans: []billing.PlanSpec{
			plan("bare", other), plan("free", calls(3, billing.Reset(calendar.Month)), other), plan("pro", calls(10, billing.Reset(calendar.Month)), other),
			plan("daily", calls(10, billing.Reset(calendar.Day))), plan("yearly", calls(10, billing.Reset(calendar.Year))),
			plan("most", calls(1_000_000, billing.Reset(calendar.Month)), other),
		},
	}
}

// resetting is a catalog that changes the reset of calls.
func resetting(reset billing.Reset) billing.CatalogSpec {
	return billing.CatalogSpec{Features: []billing.Feature{{Code: "calls", Name: "Calls", Type: billing.Metered, Reset: reset}}}
}

// do runs use cases on the node whose clock is right.
func (w *world) do(fn func(*service.Work) error) {
	w.t.Helper()
	if err := w.Do(context.Background(), "test", fn); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) customer(plan billing.Code) (id billing.CustomerID) {
	w.t.Helper()
	w.do(func(u *service.Work) error {
		c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: plan})
		id = c.ID
		return err
	})
	return id
}

func (w *world) subscribe(id billing.CustomerID, plan billing.Code) (a billing.AgreementAt) {
	w.t.Helper()
	w.do(func(u *service.Work) (err error) {
		out, _, err := u.Subscribe(id, billing.NewAgreement{Plan: plan})
		a = out.Agreement
		return err
	})
	return a
}

func (w *world) override(id billing.CustomerID, max int64) {
	w.t.Helper()
	w.do(func(u *service.Work) error {
		_, _, _, err := u.SetOverride(id, "calls", billing.NewOverride{HasMax: true, Max: &max})
		return err
	})
}

func (w *world) record(id billing.CustomerID, n int64) {
	w.t.Helper()
	w.do(func(u *service.Work) error {
		out, err := u.RecordUsage(id, []usage.Report{{Feature: "calls", Value: units(n)}})
		return errors.Join(err, out[0].Err)
	})
}

// verify checks that the store agrees with itself.
func (w *world) verify() {
	w.t.Helper()
	_, _, err := w.Verify(context.Background(), func(d service.Drift) { w.t.Errorf("drift of %v: %s", d.Customer, d.Message) })
	if err != nil {
		w.t.Error(err)
	}
}

func units(n int64) billing.Units { return billing.Units(n) * billing.OneUnit }

// said is an answer in words.
func said(d billing.Decision, err error) string {
	var refused *billing.Error
	switch {
	case errors.As(err, &refused):
		return refused.Code
	case err != nil:
		return err.Error()
	case d.Feature == nil:
		return "ok"
	}
	limit := "none"
	if d.Limit.Max != nil {
		limit = fmt.Sprint(*d.Limit.Max)
	}
	return fmt.Sprintf("%v %s: %s used, %s held of %s", d.Allowed, d.Reason, d.Used, d.Held, limit)
}
