package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// busyQueue starts a unit that waits in its queue, and returns what lets it go:
// until then all that comes gathers into one batch.
func busyQueue(w *world, id billing.CustomerID) (letGo func()) {
	w.t.Helper()
	began, gone := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		var once sync.Once
		done <- w.Count(context.Background(), "test", service.Counting{Customer: id, Records: 1}, func(*service.Work) error {
			once.Do(func() { close(began) })
			<-gone
			return nil
		})
	}()
	<-began
	return func() {
		w.t.Helper()
		close(gone)
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

// countAll runs units at once, in one batch, and returns their errors.
func countAll(w *world, id billing.CustomerID, fns ...func(*service.Work) error) []error {
	w.t.Helper()
	letGo := busyQueue(w, id)
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	for i, fn := range fns {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					errs[i] = fmt.Errorf("panic: %v", p)
				}
			}()
			errs[i] = w.Count(context.Background(), "test", service.Counting{Customer: id, Records: 1}, fn)
		})
		for w.Waiting(id) < i+1 { // in this order
			runtime.Gosched()
		}
	}
	letGo()
	wg.Wait()
	return errs
}

func consumeOne(id billing.CustomerID, allowed *atomic.Int64) func(*service.Work) error {
	return func(u *service.Work) error {
		d, err := u.Consume(id, "seats", billing.OneUnit)
		if err == nil && d.Allowed && allowed != nil {
			allowed.Add(1)
		}
		return err
	}
}

// Those who share a transaction decide one after the other on what is left, in
// the order in which they came, whoever they are for.
func TestBatchDecidesInOrder(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id, other := w.customer("pro"), w.customer("pro") // 10 seats each
	decisions := make([]billing.Decision, 24)
	fns := make([]func(*service.Work) error, len(decisions))
	for i := range decisions {
		whose := id
		if i%2 == 1 {
			whose = other
		}
		fns[i] = func(u *service.Work) (err error) {
			decisions[i], err = u.Consume(whose, "seats", billing.OneUnit)
			return err
		}
	}
	for i, err := range countAll(w, id, fns...) {
		if err != nil {
			t.Fatal(err)
		}
		nth := i/2 + 1
		want := min(nth, 10)
		if d := decisions[i]; d.Allowed != (nth <= 10) || d.Used != billing.Units(want)*billing.OneUnit {
			t.Errorf("caller %d: allowed %t, used %s; want %d", i, d.Allowed, d.Used, want)
		}
	}
	w.verify()
}

// One that fails, is refused or panics takes nothing from those it shares a
// transaction with, and leaves nothing of its own.
func TestBatchKeepsUnitsApart(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	fault := errors.New("fault")
	var allowed atomic.Int64
	one := consumeOne(id, &allowed)
	half := func(u *service.Work) error { // written, then refused
		if err := one(u); err != nil {
			return err
		}
		_, err := u.Consume(id, "nothing", billing.OneUnit)
		return err
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_ = gone
	ran := 0
	errs := countAll(w, id,
		consumeOne(id, nil),
		func(u *service.Work) error { _, err := u.Consume(id, "nothing", billing.OneUnit); return err },
		half,
		func(u *service.Work) error { return errors.Join(consumeOne(id, nil)(u), fault) },
		consumeOne(id, nil),
	)
	for i, want := range []string{"", "FEATURE_NOT_FOUND", "FEATURE_NOT_FOUND", "fault", ""} {
		if got := fmt.Sprint(errs[i]); (errs[i] == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%d: %v, want %q", i, errs[i], want)
		}
	}
	if d := w.check(id); d.Used != 2*billing.OneUnit {
		t.Errorf("used %s, want the 2 of those that passed", d.Used)
	}
	errs = countAll(w, id,
		consumeOne(id, nil),
		func(*service.Work) error { ran++; panic("out") },
		consumeOne(id, nil),
	)
	for i, want := range []string{"", "panic: out", ""} {
		if got := fmt.Sprint(errs[i]); (errs[i] == nil) != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%d: %v, want %q", i, errs[i], want)
		}
	}
	if d := w.check(id); ran == 0 || d.Used != 4*billing.OneUnit {
		t.Errorf("used %s after a panic, %d runs", d.Used, ran)
	}
	if err := w.Count(t.Context(), "test", service.Counting{Customer: id, Records: 1}, consumeOne(id, nil)); err != nil {
		t.Errorf("after a panic: %v", err)
	}
	if err := w.Count(gone, "test", service.Counting{Customer: id, Records: 1}, consumeOne(id, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("one that has gone: %v", err)
	}
	w.verify()
}

// panicking is a store that wants a transaction for each customer, and panics in
// the first but one.
type panicking struct {
	service.Store
	updates atomic.Int64
}

func (*panicking) Batching() service.Batching { return service.Batching{Queues: 1} }

func (p *panicking) Update(ctx context.Context, fn func(service.Tx) error) error {
	if p.updates.Add(1) == 2 {
		panic("out")
	}
	return p.Store.Update(ctx, fn)
}

// Nobody waits for ever, or is told that it has passed, behind a transaction
// that panicked.
func TestBatchEndsWhenStorePanics(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id, other := w.customer("pro"), w.customer("pro")
	w.Service = &service.Service{Store: &panicking{Store: w.Store}, Clock: w.Clock}
	letGo := busyQueue(w, id)
	panicked, told := make(chan any, 1), make(chan error, 1)
	go func() {
		defer func() { panicked <- recover() }()
		_ = w.Count(context.Background(), "test", service.Counting{Customer: id, Records: 1}, consumeOne(id, nil))
	}()
	for w.Waiting(id) < 1 {
		runtime.Gosched()
	}
	go func() {
		told <- w.Count(context.Background(), "test", service.Counting{Customer: other, Records: 1}, consumeOne(other, nil))
	}()
	for w.Waiting(id) < 2 {
		runtime.Gosched()
	}
	letGo()
	if p := <-panicked; p != "out" {
		t.Errorf("the one that leads: %v", p)
	}
	if err := <-told; err == nil {
		t.Error("one is told that it has passed, behind one that panicked")
	}
	if err := w.Count(t.Context(), "test", service.Counting{Customer: other, Records: 1}, consumeOne(other, nil)); err != nil {
		t.Errorf("the next: %v", err)
	}
	w.verify()
}

// No transaction is for more records than a batch may have, but for one unit that
// has more by itself.
func TestBatchIsBounded(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	st := &counting{Store: w.Store}
	w.Store = st
	letGo := busyQueue(w, id)
	var wg sync.WaitGroup
	for i, records := range []int{1000, 1000, 1, 5000} {
		wg.Go(func() {
			what := service.Counting{Customer: id, Records: records}
			if err := w.Count(context.Background(), "test", what, func(*service.Work) error { return nil }); err != nil {
				t.Error(err)
			}
		})
		for w.Waiting(id) < i+1 {
			runtime.Gosched()
		}
	}
	letGo()
	wg.Wait()
	if want := 1 + 3; st.updates != want { // the one that was busy; 2000, 1 and 5000
		t.Errorf("%d transactions, want %d", st.updates, want)
	}
}

// Twins under one key in one batch do the work once.
func TestBatchReplaysTwins(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	once := service.Once{Customer: id, Records: 1, Key: "key", Fingerprint: []byte{1},
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false }}
	letGo := busyQueue(w, id)
	var wg sync.WaitGroup
	var done, replayed atomic.Int64
	for range 8 {
		wg.Go(func() {
			a, again, err := w.Once(t.Context(), "test", once, func(u *service.Work) (service.Answer, error) {
				d, err := u.Consume(id, "seats", billing.OneUnit)
				return service.Answer{Status: 200, Body: []byte(d.Used.String())}, err
			})
			if err != nil || string(a.Body) != "1" {
				t.Errorf("%s, %v", a.Body, err)
			}
			if again {
				replayed.Add(1)
			} else {
				done.Add(1)
			}
		})
	}
	letGo()
	wg.Wait()
	if d := w.check(id); d.Used != billing.OneUnit || done.Load() != 1 || replayed.Load() != 7 {
		t.Errorf("used %s, done %d, replayed %d", d.Used, done.Load(), replayed.Load())
	}
	w.verify()
}

// Many callers of many customers, with records of their own ids among them that
// are sent twice, and changes of plan and holds beside them.
func TestCountUnderRace(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	var ids []billing.CustomerID
	for range 5 {
		ids = append(ids, w.customer("max")) // 100 seats
	}
	recorded := make([]atomic.Int64, len(ids))
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(i)))
			for n := range 30 {
				c := r.IntN(len(ids))
				id := ids[c]
				var err error
				switch r.IntN(4) {
				case 0:
					err = w.Count(t.Context(), "test", service.Counting{Customer: id, Records: 1}, consumeOne(id, nil))
				case 1:
					var out []service.UsageOutcome
					err = w.Count(t.Context(), "test", service.Counting{Customer: id, Records: 2}, func(u *service.Work) (err error) {
						// Another worker has the same id, with the same content.
						name := fmt.Sprintf("r%d-%d", i/2, n)
						one := usage.Report{ID: name, Feature: "seats", Value: billing.OneUnit, Stamp: w.now}
						out, err = u.RecordUsage(id, []usage.Report{one, one})
						return err
					})
					for _, o := range out {
						if o.Err != nil {
							t.Error(o.Err)
						} else if !o.Duplicate {
							recorded[c].Add(1)
						}
					}
				case 2:
					_, err = w.trySubscribe(id, billing.NewAgreement{Plan: []billing.Code{"max", "pro"}[r.IntN(2)]})
				case 3:
					err = w.Do(t.Context(), "test", func(u *service.Work) error {
						h, d, err := u.Hold(id, "seats", billing.OneUnit, 3600e9)
						if err == nil && d.Allowed {
							_, _, err = u.ReleaseHold(h.ID)
						}
						return err
					})
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	w.verify()
}
