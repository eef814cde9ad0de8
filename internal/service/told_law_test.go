package service_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

// told are the events of a customer that are stored, by their instants.
func (w *world) told(id billing.CustomerID) []event.Event {
	w.t.Helper()
	err := w.Store.(interface{ ForFeed() feed.Store }).ForFeed().Update(w.t.Context(), func(tx feed.Tx) error {
		_, err := tx.Sequence(1<<20, w.now)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []event.Event
	err = w.Store.View(w.t.Context(), func(r service.Reader) error {
		out = nil
		all, err := r.Happenings(id.Scope(), 0, 1<<20)
		for _, h := range all {
			if h.Event != nil {
				out = append(out, *h.Event)
			}
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return inOrder(out)
}

func inOrder(all []event.Event) []event.Event {
	slices.SortFunc(all, func(a, b event.Event) int {
		if n := a.On.Compare(b.On); n != 0 {
			return n
		}
		return slices.Compare([]byte(a.Cause), []byte(b.Cause))
	})
	return slices.CompactFunc(all, func(a, b event.Event) bool { return a.Cause == b.Cause })
}

// listener tells of the changes of a customer as a follower of the feed does.
type listener struct {
	w      *world
	teller *service.Teller
	heard  map[billing.CustomerID]int64
}

// hear tells of the changes that were not heard of. The last one comes again, as it may.
func (l *listener) hear(id billing.CustomerID) error {
	var changes []service.Changed
	last := l.heard[id]
	err := l.w.Store.View(l.w.t.Context(), func(r service.Reader) error {
		changes = nil
		all, err := r.Changes(id.Scope(), max(last-1, 0), 1<<20)
		for _, c := range all {
			changes = append(changes, service.Changed{Customer: id, Rev: c.Rev})
			last = c.Rev
		}
		return err
	})
	if err == nil {
		err = l.teller.TellChanged(l.w.t.Context(), changes, l.w.now)
	}
	if err == nil {
		l.heard[id] = last
	}
	return err
}

// due tells of all that is due.
func (w *world) due(teller *service.Teller) error {
	for {
		if n, err := teller.TellDue(w.t.Context(), w.now); err != nil || n == 0 {
			return err
		}
	}
}

func (w *world) begin(teller *service.Teller) *listener {
	w.t.Helper()
	if begins, err := teller.Begin(w.t.Context(), w.now.Add(-time.Microsecond)); err != nil || !begins {
		w.t.Fatal(begins, err)
	}
	return &listener{w, teller, map[billing.CustomerID]int64{}}
}

// Whenever it is told, and however time is cut, the events of a customer are the same:
// by who runs all the time, by who comes at the end, and by who comes now and then. And
// who follows entitlements.changed knows at every instant what was answered then.
func TestEventsOfTimeAreTheSameWheneverTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	teller := &service.Teller{Store: w.Store}
	l := w.begin(teller)
	kinds := map[event.Type]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w.now = w.now.Add(24 * time.Hour).Truncate(time.Hour)
		made := w.now
		id := w.customer(rapid.SampledFrom([]billing.Code{"pro", "trial", "ending", "free"}).Draw(rt, "plan"))
		var did []string
		for range rapid.IntRange(2, 10).Draw(rt, "steps") {
			pass := time.Duration(rapid.Int64Range(1, 20*24*3600).Draw(rt, "seconds")) * time.Second
			if rapid.Bool().Draw(rt, "told between") {
				w.now = w.now.Add(pass / 2).Truncate(time.Microsecond)
				if err := w.due(teller); err != nil {
					rt.Fatal(err)
				}
			}
			w.now = w.now.Add(pass)
			what, err := historyStep(w, rt, id, nil)
			did = append(did, fmt.Sprint(w.now.Format(time.RFC3339), " ", what, " ", err))
			w.now = w.now.Add(time.Microsecond)
			if rapid.Bool().Draw(rt, "heard") {
				if err := l.hear(id); err != nil {
					rt.Fatal(err)
				}
			}
		}
		w.now = w.now.AddDate(0, 3, 0)
		if err := errors.Join(l.hear(id), w.due(teller)); err != nil {
			rt.Fatal(err)
		}
		live := w.told(id)
		between := func(from, to time.Time) []event.Event {
			out, err := teller.Between(t.Context(), id, from, to)
			if err != nil {
				rt.Fatal(err)
			}
			return out
		}
		begin := made.Add(-time.Microsecond)
		if diff := cmp.Diff(live, inOrder(between(begin, w.now))); diff != "" {
			rt.Fatalf("told at the end it is otherwise: %s\nafter %q", diff, did)
		}
		var cut []event.Event
		for from := begin; from.Before(w.now); {
			to := from.Add(time.Duration(rapid.Int64Range(1, 30*24*3600*1e6).Draw(rt, "span")) * time.Microsecond)
			cut = append(cut, between(from, to)...)
			from = to
		}
		if diff := cmp.Diff(live, inOrder(cut)); diff != "" {
			rt.Fatalf("told in other spans it is otherwise: %s\nafter %q", diff, did)
		}
		for _, e := range live {
			kinds[e.Type]++
		}
		w.followed(rt, id, live, made, did)
	})
	t.Logf("%v", kinds)
}

// followed holds what a follower knows against what was answered.
func (w *world) followed(rt *rapid.T, id billing.CustomerID, told []event.Event, made time.Time, did []string) {
	instants := []time.Time{made, w.now}
	for _, e := range told {
		instants = append(instants, e.On.Add(-time.Microsecond), e.On)
	}
	for range 5 {
		instants = append(instants, made.Add(time.Duration(rapid.Int64Range(0, w.now.Sub(made).Microseconds()).Draw(rt, "at"))*time.Microsecond))
	}
	slices.SortFunc(instants, time.Time.Compare)
	known := map[billing.Code]event.FeatureState{}
	for _, at := range instants {
		if at.Before(made) {
			continue
		}
		for len(told) > 0 && !told[0].On.After(at) {
			for _, c := range told[0].Features {
				if was := known[c.Feature]; !cmp.Equal(was, c.Before) {
					rt.Fatalf("%s: before it was %+v, and not %+v", told[0].Cause, was, c.Before)
				}
				if known[c.Feature] = c.After; !c.After.Entitled {
					delete(known, c.Feature)
				}
			}
			told = told[1:]
		}
		answered := map[billing.Code]event.FeatureState{}
		s, err := w.EntitlementsAt(w.t.Context(), id, at, false)
		if err != nil {
			rt.Fatal(err)
		}
		for _, d := range s.Features {
			answered[d.Feature.Code] = event.FeatureState{Entitled: true, Limit: d.Limit.Max, Soft: d.Limit.Soft}
		}
		if !maps.EqualFunc(known, answered, func(a, b event.FeatureState) bool { return cmp.Equal(a, b) }) {
			rt.Fatalf("at %s a follower knows %s\nafter %q", at, cmp.Diff(answered, known), did)
		}
	}
}
