package service_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// watched counts what a service asks of its store, and may spoil the answer of an Apply.
type watched struct {
	service.Store
	standings, applies, updates, views int
	spoil                              func(made []bool, err error) ([]bool, error)
}

func (s *watched) Standings(ctx context.Context, asks ...service.Ask) ([]service.UsageStanding, error) {
	s.standings++
	return s.Store.Standings(ctx, asks...)
}

func (s *watched) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) ([]bool, error) {
	s.applies++
	made, err := s.Store.Apply(ctx, catalog, changes)
	if s.spoil != nil {
		return s.spoil(made, err)
	}
	return made, err
}

func (s *watched) Update(ctx context.Context, fn func(service.Tx) error) error {
	s.updates++
	return s.Store.Update(ctx, fn)
}

func (s *watched) View(ctx context.Context, fn func(service.Reader) error) error {
	s.views++
	return s.Store.View(ctx, fn)
}

// keeper is a node that decides on what it keeps, beside the one of the world, which does
// not. It keeps facts for as long as it may.
type keeper struct {
	*service.Service
	*watched
	t  *testing.T
	id billing.CustomerID
}

func newKeeper(w *world) *keeper {
	k := &keeper{watched: &watched{Store: w.Store}, t: w.t}
	k.Service = &service.Service{Store: k.watched, Clock: w.Clock}
	facts := make(map[billing.CustomerID]*billing.Snapshot)
	k.Known = func(ctx context.Context, id billing.CustomerID, least billing.Revision) (*billing.Snapshot, error) {
		if s := facts[id]; s != nil && s.Revision().Customer >= least.Customer && s.Revision().Catalog >= least.Catalog {
			return s, nil
		}
		snap, _, err := w.Snapshot(ctx, id)
		facts[id] = snap
		return snap, err
	}
	w.apply(catalog())
	k.id = w.customer("pro")
	return k
}

func (k *keeper) count(fn func(*service.Work) error) error {
	return k.Count(context.Background(), "test", service.Counting{Customer: k.id, Features: []billing.Code{"seats"}, Records: 1}, fn)
}

func (k *keeper) consume(units billing.Units) (d billing.Decision) {
	k.t.Helper()
	if err := k.count(func(u *service.Work) (err error) {
		d, err = u.Consume(k.id, "seats", units)
		return err
	}); err != nil {
		k.t.Fatal(err)
	}
	return d
}

// asks are what the store is asked for by fn, as "standings applies updates".
func (k *keeper) asks(fn func()) string {
	before := *k.watched
	fn()
	return fmt.Sprint(k.standings-before.standings, k.applies-before.applies, k.updates-before.updates)
}

// want is a use of one seat that is allowed, and asks the store so.
func (k *keeper) want(what string, used int64, asks string) {
	k.t.Helper()
	var d billing.Decision
	if got := k.asks(func() { d = k.consume(billing.OneUnit) }); got != asks {
		k.t.Errorf("%s: standings, applies and updates: %s, want %s", what, got, asks)
	}
	if !d.Allowed || d.Used != billing.Units(used)*billing.OneUnit {
		k.t.Errorf("%s: allowed %t, used %s; want %d", what, d.Allowed, d.Used, used)
	}
}

// Of a feature that is in use, a use is one trip, which is the commit.
func TestUseIsDecidedInMemory(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	k.want("the first use makes the lane", 1, "1 0 1")
	k.want("the second reads it", 2, "1 1 0")
	for n := range int64(6) {
		k.want("the next ones know it", 3+n, "0 1 0")
	}
	w.now = w.now.AddDate(0, 2, 0)
	k.want("in a later month", 1, "0 1 0")
	k.want("and there", 2, "0 1 0")
	var windows []service.WindowUsage
	windows, _, _, _, err := w.Usage(t.Context(), k.id, service.UsageFilter{Feature: "seats", From: instant("2027-01-31T10:00:00Z")}, service.Page[string]{Size: 1})
	if got := fmt.Sprint(windows[0].Used, windows[len(windows)-1].Used, err); got != "8 2 <nil>" {
		t.Errorf("used in both months: %s", got)
	}
	if got := k.asks(func() {
		if _, err := k.Check(t.Context(), k.id, []billing.Code{"seats"}, billing.OneUnit); err != nil {
			t.Error(err)
		}
	}); got != "1 0 0" {
		t.Errorf("a check asks %s", got)
	}
	verifyClean(t, w)
}

func verifyClean(t *testing.T, w *world) {
	t.Helper()
	if _, _, err := w.Verify(t.Context(), func(d service.Drift) { t.Errorf("drift: %s", d.Message) }); err != nil {
		t.Error(err)
	}
}

// What another node does is seen by the next use, whatever was known before.
func TestKeptUsageIsHeldAgainstTheStore(t *testing.T) {
	seat := billing.OneUnit
	for name, test := range map[string]struct {
		before, meanwhile func(w *world, id billing.CustomerID)
		allowed           bool
		used              int64
	}{
		"used elsewhere": {
			meanwhile: func(w *world, id billing.CustomerID) { consumeOn(w, id, 8*seat) },
			allowed:   false, used: 10,
		},
		"corrected elsewhere": {
			before:    func(w *world, id billing.CustomerID) { consumeOn(w, id, 7*seat) },
			meanwhile: func(w *world, id billing.CustomerID) { record(w, id, -4*seat) },
			allowed:   true, used: 7,
		},
		"given less": {
			meanwhile: func(w *world, id billing.CustomerID) { override(w, id, 2) },
			allowed:   false, used: 2,
		},
		"given more": {
			before:    func(w *world, id billing.CustomerID) { consumeOn(w, id, 7*seat) },
			meanwhile: func(w *world, id billing.CustomerID) { override(w, id, 20) },
			allowed:   true, used: 11,
		},
		"held elsewhere": {
			meanwhile: func(w *world, id billing.CustomerID) { holdOn(w, id, 8*seat) },
			allowed:   false, used: 2,
		},
		"suspended": {
			meanwhile: func(w *world, id billing.CustomerID) {
				if err := w.update(id, billing.CustomerUpdate{Status: new(billing.Suspended)}); err != nil {
					w.t.Fatal(err)
				}
			},
			allowed: false, used: 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			k := newKeeper(w)
			k.consume(seat)
			k.consume(seat)
			if test.before != nil {
				test.before(w, k.id)
				k.consume(seat) // from now on it knows
			}
			test.meanwhile(w, k.id)
			d := k.consume(seat)
			if d.Allowed != test.allowed || d.Used != billing.Units(test.used)*seat {
				t.Errorf("allowed %t, used %s; want %t, %d", d.Allowed, d.Used, test.allowed, test.used)
			}
			verifyClean(t, w)
		})
	}
}

// A commit of which nobody knows whether it came to pass is not made twice, and nothing is
// decided on what it may have written.
func TestUnknownApplyIsForgotten(t *testing.T) {
	unknown := errors.New("the connection ended")
	for _, written := range []bool{true, false} {
		w := newWorld(t)
		k := newKeeper(w)
		k.consume(billing.OneUnit)
		k.consume(billing.OneUnit)
		k.spoil = func([]bool, error) ([]bool, error) { return nil, unknown }
		real := k.watched.Store
		if !written {
			k.watched.Store = noApply{real}
		}
		got := k.asks(func() {
			if err := k.count(func(u *service.Work) error { _, err := u.Consume(k.id, "seats", billing.OneUnit); return err }); !errors.Is(err, unknown) {
				t.Errorf("written %t: the answer is %v", written, err)
			}
		})
		if got != "0 1 0" {
			t.Errorf("written %t: it asked %s", written, got)
		}
		k.spoil, k.watched.Store = nil, real
		used := int64(3)
		if written {
			used++
		}
		k.want(fmt.Sprintf("written %t: the next use looks", written), used, "1 1 0")
		verifyClean(t, w)
	}
}

// noApply loses what is to be applied.
type noApply struct{ service.Store }

func (noApply) Apply(context.Context, int64, []service.LaneChange) ([]bool, error) { return nil, nil }

// Of twins under one key in one batch one is decided; one that comes later is answered
// the same.
func TestKeyIsUsedOnceInMemory(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	k.consume(billing.OneUnit)
	k.consume(billing.OneUnit)
	once := service.Once{
		Customer: k.id, Features: []billing.Code{"seats"}, Records: 1, Key: "key", Fingerprint: []byte("asked"),
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false },
	}
	for n := range 3 {
		a, replayed, err := k.Once(t.Context(), "test", once, func(u *service.Work) (service.Answer, error) {
			d, err := u.Consume(k.id, "seats", billing.OneUnit)
			return service.Answer{Status: 200, Body: []byte(d.Used.String())}, err
		})
		if err != nil || string(a.Body) != "3" || replayed != (n > 0) {
			t.Errorf("time %d: %q, replayed %t, %v", n, a.Body, replayed, err)
		}
	}
	k.want("then", 4, "1 1 0")
}

func consumeOn(w *world, id billing.CustomerID, units billing.Units) {
	w.t.Helper()
	must(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", units) })
}

func record(w *world, id billing.CustomerID, units billing.Units) {
	w.t.Helper()
	must(w, func(u *service.Work) ([]service.UsageOutcome, error) {
		return u.RecordUsage(id, []usage.Report{{Feature: "seats", Value: units}})
	})
}

func holdOn(w *world, id billing.CustomerID, units billing.Units) {
	w.t.Helper()
	must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(id, "seats", units, time.Hour)
		return h, err
	})
}

func override(w *world, id billing.CustomerID, most int64) {
	w.t.Helper()
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{HasMax: true, Max: &most})
		return o.Override, err
	})
}

// What is kept is bounded, and takes what operations.md says.
func TestKeptTakesLittle(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	month := billing.Window{Span: calendar.Span{Start: instant("2027-01-01T00:00:00Z"), End: instant("2027-02-01T00:00:00Z")}}
	s := new(service.Service)
	before := heap()
	s.KeepLanes(service.MaxKept, month)
	each := (heap() - before) / service.MaxKept
	t.Logf("a lane that is kept takes %d bytes", each)
	if each > 450 {
		t.Errorf("a lane that is kept takes %d bytes, want at most 450", each)
	}
	s.KeepLanes(3*service.MaxKept, month)
	if grown := (heap() - before) / service.MaxKept; grown > 500 {
		t.Errorf("after three times as many they take %d bytes for each that may be kept", grown)
	}
	runtime.KeepAlive(s)
}

// apart is a store whose customers are on different machines. It notes whose changes are
// applied together.
type apart struct {
	service.Store
	together map[int]int // how many customers → how often
}

func (s *apart) Batching() service.Batching {
	b := s.Store.Batching()
	b.Apart = true
	return b
}

func (s *apart) Apply(ctx context.Context, catalog int64, changes []service.LaneChange) ([]bool, error) {
	of := make(map[billing.CustomerID]bool)
	for i := range changes {
		of[changes[i].Lane.CustomerID] = true
	}
	s.together[len(of)]++
	return s.Store.Apply(ctx, catalog, changes)
}

// Where customers are on different machines, a commit is of one of them.
func TestApplyIsOfOneCustomerApart(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	st := &apart{k.watched.Store, map[int]int{}}
	k.Service.Store = st
	ids := []billing.CustomerID{k.id, w.customer("pro"), w.customer("pro")}
	for range 2 { // the second time from memory
		letGo := busyQueue(&world{Service: k.Service, t: t}, k.id)
		var wg sync.WaitGroup
		for i, id := range ids {
			wg.Go(func() {
				err := k.Count(t.Context(), "test", service.Counting{Customer: id, Features: []billing.Code{"seats"}, Records: 1}, consumeOne(id, nil))
				if err != nil {
					t.Error(err)
				}
			})
			for k.Waiting(id) < i+1 {
				runtime.Gosched()
			}
		}
		letGo()
		wg.Wait()
	}
	if len(st.together) != 1 || st.together[1] != len(ids) {
		t.Errorf("customers in one commit: %v, want 1, %d times", st.together, len(ids))
	}
}

// A report that is repeated is the duplicate that it is, also when it would be refused now.
func TestRepeatedReportIsDuplicate(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	report := func(in ...usage.Report) (out []service.UsageOutcome) {
		t.Helper()
		if err := k.count(func(u *service.Work) (err error) {
			out, err = u.RecordUsage(k.id, in)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := usage.Report{ID: "a", Feature: "seats", Value: billing.OneUnit}
	report(first)
	snap, _, err := w.Snapshot(t.Context(), k.id)
	if err != nil {
		t.Fatal(err)
	}
	w.cancel(snap.Agreements[0].ID, billing.WhenNow)
	w.now = w.now.Add(time.Hour)
	other := first
	other.Value++
	gone := usage.Report{ID: "b", Feature: "gone", Value: billing.OneUnit}
	out := report(first, other, gone, usage.Report{ID: "a", Feature: "gone", Value: billing.OneUnit})
	for i, want := range []string{"true <nil>", "true ID_REUSED", "false FEATURE_NOT_FOUND", "true ID_REUSED"} {
		code := "<nil>"
		if e, ok := errors.AsType[*billing.Error](out[i].Err); ok {
			code = e.Code
		}
		if got := fmt.Sprint(out[i].Duplicate, " ", code); got != want {
			t.Errorf("report %d: %s, want %s", i, got, want)
		}
	}
	verifyClean(t, w)
}

// A correction may stand before what it corrects, but nothing passes a reading.
func TestReadingIsPassedByNothing(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	for in, want := range map[string]billing.Units{"10 -1 =7": 7, "-1 10 =7": 7, "=7 -1 2": 8, "-1 =7 2 -3 4": 10, "-2 10": 8} {
		id := w.customer("max")
		var reports []usage.Report
		for word := range strings.FieldsSeq(in) {
			r := usage.Report{Feature: "seats", Kind: usage.Delta}
			if rest, ok := strings.CutPrefix(word, "="); ok {
				r.Kind, word = usage.Absolute, rest
			}
			n, err := strconv.Atoi(word)
			if err != nil {
				t.Fatal(err)
			}
			r.Value = billing.Units(n) * billing.OneUnit
			reports = append(reports, r)
		}
		must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, reports) })
		d, err := w.Check(t.Context(), id, []billing.Code{"seats"}, billing.OneUnit)
		if err != nil || d[0].Used != want*billing.OneUnit {
			t.Errorf("%s: used %s, %v; want %d", in, d[0].Used, err, want)
		}
	}
}
