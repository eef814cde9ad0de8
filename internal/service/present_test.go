package service_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
)

// asked counts what a service asks its store for.
type asked struct {
	service.Store
	views, standings, updates, sums atomic.Int64
	// hold, unless nil, is what an update does first.
	hold func(context.Context) error
}

type summing struct {
	service.UsageReader
	sums *atomic.Int64
}

func (r summing) SumUsage(id billing.CustomerID, code billing.Code, w billing.Window, by time.Time) (billing.Units, error) {
	r.sums.Add(1)
	return r.UsageReader.SumUsage(id, code, w, by)
}

func (s *asked) View(ctx context.Context, fn func(service.Reader) error) error {
	s.views.Add(1)
	return s.Store.View(ctx, func(r service.Reader) error {
		r.UsageReader = summing{r.UsageReader, &s.sums}
		return fn(r)
	})
}

func (s *asked) Update(ctx context.Context, fn func(service.Tx) error) error {
	s.updates.Add(1)
	if s.hold != nil {
		if err := s.hold(ctx); err != nil {
			return err
		}
	}
	return s.Store.Update(ctx, fn)
}

func (s *asked) Standings(ctx context.Context, asks ...service.Ask) ([]service.UsageStanding, error) {
	s.standings.Add(1)
	return s.Store.Standings(ctx, asks...)
}

// reset forgets what was counted.
func (s *asked) reset() {
	for _, n := range []*atomic.Int64{&s.views, &s.standings, &s.updates, &s.sums} {
		n.Store(0)
	}
}

// knowing makes a world's service one that keeps facts in memory, and counts what it reads
// beside them.
func knowing(w *world) *asked {
	plain := w.Service
	var mu sync.Mutex
	kept := make(map[billing.CustomerID]*billing.Snapshot)
	st := &asked{Store: plain.Store}
	w.Service = &service.Service{Store: st, Clock: plain.Clock}
	w.Known = func(ctx context.Context, id billing.CustomerID, least billing.Revision) (*billing.Snapshot, error) {
		mu.Lock()
		defer mu.Unlock()
		if snap := kept[id]; snap != nil && snap.Revision().Customer >= least.Customer && snap.Revision().Catalog >= least.Catalog {
			return snap, nil
		}
		snap, _, err := plain.Snapshot(ctx, id)
		if err == nil {
			kept[id] = snap
		}
		return snap, err
	}
	w.t.Cleanup(w.Close)
	return st
}

// rhythms sells pro by the month and weekly, which resets every week.
func rhythms() billing.CatalogSpec {
	spec := catalog()
	spec.Plans = append(spec.Plans, billing.PlanSpec{
		Code: "weekly", Name: "Weekly", Group: "teams", Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(20)), Reset: billing.Reset(calendar.Week)}},
	})
	return spec
}

// toAnotherRhythm is a customer that has used 3 seats and is on a plan of another rhythm since.
func toAnotherRhythm(w *world) billing.CustomerID {
	w.t.Helper()
	w.apply(rhythms())
	id := w.customer("pro")
	w.now = w.now.Add(time.Hour)
	w.consume(id, "3")
	w.now = w.now.Add(time.Minute)
	w.subscribe(id, billing.NewAgreement{Plan: "weekly"})
	return id
}

// A read that had to sum records, because the window asked for is not the lane's, is the
// last that has to: neither a check nor entitlements do again.
func TestWindowIsPresentAfterARead(t *testing.T) {
	entitlements := func(w *world, id billing.CustomerID) billing.Decision {
		s, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false)
		if err != nil || len(s.Features) != 1 {
			t.Fatal(s, err)
		}
		return s.Features[0]
	}
	for name, read := range map[string]func(*world, billing.CustomerID) billing.Decision{"check": (*world).check, "entitlements": entitlements} {
		w := newWorld(t)
		st := knowing(w)
		id := toAnotherRhythm(w)
		st.reset()
		first := read(w, id)
		w.Presented()
		if st.sums.Load() == 0 {
			t.Errorf("%s: the first sums no records", name)
		}
		st.reset()
		if second := read(w, id); second.Used != first.Used || second.Window != first.Window || second.Held != first.Held {
			t.Errorf("%s: %+v, then %+v", name, first, second)
		}
		w.Presented()
		if sums, views, updates := st.sums.Load(), st.views.Load(), st.updates.Load(); sums+views+updates > 0 {
			t.Errorf("%s: the second makes %d sums, %d views and %d updates", name, sums, views, updates)
		}
		w.verify()
	}
}

// What is consumed while windows are made present is counted, to the limit and no further.
func TestConsumeWhileWindowIsMadePresent(t *testing.T) {
	w := newWorld(t)
	knowing(w)
	id := toAnotherRhythm(w)
	used := w.check(id).Used
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				if err := w.Count(t.Context(), "test", service.Counting{Customer: id, Features: []billing.Code{"seats"}}, consumeOne(id, &allowed)); err != nil {
					t.Error(err)
				}
			}
		})
		wg.Go(func() {
			for range 10 {
				if _, err := w.Check(t.Context(), id, []billing.Code{"seats"}, billing.OneUnit); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.Presented()
	if d := w.check(id); d.Used != 20*billing.OneUnit || used.Plus(billing.Units(allowed.Load())*billing.OneUnit) != d.Used {
		t.Errorf("%s were used, %d consumed, %s are", used, allowed.Load(), d.Used)
	}
	w.verify()
}

// One transaction makes a window present, however many reads ask for it meanwhile, none of
// which waits.
func TestPresentIsSingle(t *testing.T) {
	w := newWorld(t)
	st := knowing(w)
	id := toAnotherRhythm(w)
	st.reset()
	began, goOn := make(chan struct{}, 100), make(chan struct{})
	st.hold = func(context.Context) error {
		began <- struct{}{}
		<-goOn
		return nil
	}
	w.check(id)
	<-began
	for range 10 {
		w.check(id)
	}
	close(goOn)
	w.Presented()
	if n := st.updates.Load(); n != 1 {
		t.Errorf("%d updates", n)
	}
	w.verify()
}

// Close ends what is under way, waits for it, and lets nothing begin.
func TestPresentEnds(t *testing.T) {
	w := newWorld(t)
	st := knowing(w)
	id := toAnotherRhythm(w)
	st.reset()
	began, ended := make(chan struct{}), false
	st.hold = func(ctx context.Context) error {
		close(began) // once
		<-ctx.Done()
		for range 100 {
			runtime.Gosched()
		}
		ended = true
		return ctx.Err()
	}
	w.check(id)
	<-began
	w.Close()
	if !ended {
		t.Error("what was under way goes on")
	}
	w.check(id)
	w.Presented()
	if n := st.updates.Load(); n != 1 {
		t.Errorf("%d updates after all is closed", n)
	}
}

// What a customer is entitled to is asked with one statement, however many features it has,
// and is what the store says.
func TestEntitlementsOfManyFeatures(t *testing.T) {
	w := newWorld(t)
	plain := w.Service
	st := knowing(w)
	w.apply(wide())
	id := w.customer("many")
	for i := 1; i < 1000; i += 50 {
		must(w, func(u *service.Work) (billing.Decision, error) {
			return u.Consume(id, billing.Code(fmt.Sprintf("f%04d", i)), billing.OneUnit)
		})
	}
	w.check0(id)
	st.reset()
	got, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false)
	if err != nil {
		t.Fatal(err)
	}
	if standings, views := st.standings.Load(), st.views.Load(); standings != 1 || views != 0 {
		t.Errorf("%d standings, %d views", standings, views)
	}
	want, err := plain.EntitlementsAt(t.Context(), id, time.Time{}, false)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(billing.Allowance{}, billing.Decision{})); err != nil || diff != "" || len(got.Features) != 1000 {
		t.Errorf("%v; of the store and of one statement (-want +got):\n%s", err, diff)
	}
}

// check0 asks about one of many features, so that facts are kept.
func (w *world) check0(id billing.CustomerID) {
	w.t.Helper()
	if _, err := w.Check(w.t.Context(), id, []billing.Code{"f0000"}, billing.OneUnit); err != nil {
		w.t.Fatal(err)
	}
}
