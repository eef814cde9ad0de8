package service_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// happen appends events of a customer each, and gives them their places now.
func (w *world) happen(n int, t event.Type, scope billing.Scope) {
	w.t.Helper()
	st := w.Store.(*store.Store)
	err := st.Update(context.Background(), func(tx service.Tx) error {
		for i := range n {
			e := event.Event{Scope: scope, Cause: fmt.Sprint(t, w.now.UnixNano(), " ", i, " of ", n), Type: t, On: w.now}
			if _, err := tx.AppendEvent(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = st.ForFeed().Update(context.Background(), func(tx feed.Tx) error { _, err := tx.Sequence(n+100, w.now); return err })
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

const (
	one = billing.Scope("customer_01a202b2c50070008000000000000001")
	two = billing.Scope("customer_01a202b2c50070008000000000000002")
)

// However few of many places are asked for, one read is bounded, and those that follow it
// find all of them.
func TestFeedIsReadInBoundedSteps(t *testing.T) {
	w := newWorld(t)
	w.happen(6000, event.UsageReset, one)
	w.happen(3, event.LimitReached, two)
	w.happen(2000, event.UsageReset, one)
	f := &service.EventFeed{Store: w.Store, Clock: w.Clock}
	for name, test := range map[string]struct {
		query service.FeedQuery
		want  []int64 // places found
		steps []int64 // where each read ends
	}{
		"a type":               {service.FeedQuery{Types: []event.Type{event.LimitReached}, Limit: 100}, []int64{6001, 6002, 6003}, []int64{5000, 8003}},
		"few of a type":        {service.FeedQuery{Types: []event.Type{event.LimitReached}, Limit: 2, After: 5500}, []int64{6001, 6002, 6003}, []int64{6002, 8003}},
		"exactly all":          {service.FeedQuery{Types: []event.Type{event.LimitReached}, Limit: 3, After: 5500}, []int64{6001, 6002, 6003}, []int64{6003, 8003}},
		"a customer":           {service.FeedQuery{Scope: two, Limit: 2}, []int64{6001, 6002, 6003}, []int64{6002, 8003}},
		"a customer's type":    {service.FeedQuery{Scope: two, Types: []event.Type{event.UsageReset}, Limit: 2}, nil, []int64{8003}},
		"the last":             {service.FeedQuery{Limit: 100, After: 8000}, []int64{8001, 8002, 8003}, []int64{8003}},
		"as many as there are": {service.FeedQuery{Limit: 3, After: 8000}, []int64{8001, 8002, 8003}, []int64{8003}},
		"behind all":           {service.FeedQuery{Limit: 3, FromEnd: true, After: 7}, nil, []int64{8003}},
	} {
		t.Run(name, func(t *testing.T) {
			q := test.query
			var got, steps []int64
			for more := true; more; {
				page, err := f.Read(t.Context(), q)
				if err != nil || page.Next < q.After || len(page.Happenings) > q.Limit {
					t.Fatalf("after %d it goes on after %d with %d: %v", q.After, page.Next, len(page.Happenings), err)
				}
				for _, h := range page.Happenings {
					got = append(got, h.Seq)
				}
				steps = append(steps, page.Next)
				q.After, q.FromEnd, more = page.Next, false, page.More
			}
			if !slices.Equal(got, test.want) || !slices.Equal(steps, test.steps) {
				t.Errorf("it finds %v in steps to %v, want %v to %v", got, steps, test.want, test.steps)
			}
		})
	}
	if _, err := f.Read(t.Context(), service.FeedQuery{After: 8004, Limit: 1}); code(err) != "AFTER_INVALID" {
		t.Errorf("behind the end it is %v", err)
	}
}

// Going back, each read is bounded too, and those that follow it find all that was given out.
func TestFeedIsReadBack(t *testing.T) {
	w := newWorld(t)
	w.happen(2000, event.UsageReset, one)
	w.happen(3, event.LimitReached, two)
	w.happen(6000, event.UsageReset, one)
	f := &service.EventFeed{Store: w.Store, Clock: w.Clock}
	for name, test := range map[string]struct {
		query service.FeedQuery
		want  []int64 // places found, as they are found
		steps []int64 // where each read ends
	}{
		"a type":               {service.FeedQuery{BeforeEnd: true, Types: []event.Type{event.LimitReached}, Limit: 2}, []int64{2002, 2003, 2001}, []int64{3004, 2002, 1}},
		"a customer":           {service.FeedQuery{BeforeEnd: true, Scope: two, Limit: 2}, []int64{2002, 2003, 2001}, []int64{2002, 1}},
		"a customer's type":    {service.FeedQuery{BeforeEnd: true, Scope: two, Types: []event.Type{event.UsageReset}, Limit: 2}, nil, []int64{1}},
		"from a place":         {service.FeedQuery{Before: 4, Limit: 2}, []int64{2, 3, 1}, []int64{2, 1}},
		"exactly all":          {service.FeedQuery{Before: 3, Limit: 2}, []int64{1, 2}, []int64{1}},
		"before the first":     {service.FeedQuery{Before: 1, Limit: 2}, nil, []int64{1}},
		"from behind the last": {service.FeedQuery{Before: 1 << 40, Scope: two, Limit: 9}, []int64{2001, 2002, 2003}, []int64{1}},
		"a type, as far back":  {service.FeedQuery{Before: 1 << 40, Types: []event.Type{event.LimitReached}, Limit: 9}, []int64{2001, 2002, 2003}, []int64{3004, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			q := test.query
			var got, steps []int64
			for more := true; more; {
				page, err := f.Read(t.Context(), q)
				if err != nil || len(page.Happenings) > q.Limit || len(steps) > 9 {
					t.Fatalf("before %d it goes on before %d with %d: %v", q.Before, page.Next, len(page.Happenings), err)
				}
				for _, h := range page.Happenings {
					got = append(got, h.Seq)
				}
				steps = append(steps, page.Next)
				q.Before, q.BeforeEnd, more = page.Next, false, page.More
			}
			if !slices.Equal(got, test.want) || !slices.Equal(steps, test.steps) {
				t.Errorf("it finds %v in steps to %v, want %v to %v", got, steps, test.want, test.steps)
			}
		})
	}
	f.Retention = time.Hour
	w.now = w.now.Add(2 * time.Hour)
	w.happen(2, event.LimitReached, two)
	if page, err := f.Read(t.Context(), service.FeedQuery{BeforeEnd: true, Scope: two, Limit: 9}); err != nil || len(page.Happenings) != 2 || page.More || page.Next != 8004 {
		t.Errorf("what is too old is given out: %d, before %d, %v", len(page.Happenings), page.Next, err)
	}
}

// What is found of some types is what is found of all, less what was not asked for: among
// changes and events, forwards and back, in steps of any size.
func TestFeedOfTypes(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	for i := range 20 {
		w.now = w.now.Add(time.Second)
		w.customer("forever")
		w.happen(i*i%7, event.LimitReached, one) // gives places to the changes before, too
		w.happen(i%3, event.PoolLow, two)
	}
	w.happen(100, event.UsageReset, two)
	f := &service.EventFeed{Store: w.Store, Clock: w.Clock}
	walk := func(q service.FeedQuery) (found []int64, kinds []event.Type) {
		back := q.BeforeEnd
		for more := true; more; {
			page, err := f.Read(t.Context(), q)
			if err != nil || len(found) > 1000 {
				t.Fatal(len(found), err)
			}
			for _, h := range page.Happenings {
				kind, _ := h.Type()
				found, kinds = append(found, h.Seq), append(kinds, kind)
			}
			if q.BeforeEnd, more = false, page.More; back {
				q.Before = page.Next
			} else {
				q.After = page.Next
			}
		}
		return found, kinds
	}
	all, kinds := walk(service.FeedQuery{Limit: 1000})
	for _, types := range [][]event.Type{
		{event.LimitReached}, {event.PoolLow}, {event.LimitReached, event.PoolLow}, {event.CustomerCreated},
		{event.CustomerCreated, event.PoolLow}, {event.AgreementEnded}, {event.UsageReset, event.LimitReached},
	} {
		var want []int64
		for i, kind := range kinds {
			if slices.Contains(types, kind) {
				want = append(want, all[i])
			}
		}
		for _, limit := range []int{1, 2, 7, 1000} {
			for _, back := range []bool{false, true} {
				got, _ := walk(service.FeedQuery{Types: types, Limit: limit, BeforeEnd: back})
				if slices.Sort(got); !slices.Equal(got, want) {
					t.Errorf("%v, %d at a time, back %t: places %v, want %v", types, limit, back, got, want)
				}
			}
		}
	}
	if len(all) < 150 || !slices.Contains(kinds, event.CustomerCreated) {
		t.Errorf("the feed has %d places: %v", len(all), kinds)
	}
}

func code(err error) string {
	if e, ok := errors.AsType[*billing.Error](err); ok {
		return e.Code
	}
	return fmt.Sprint(err)
}

// Who waits sees what another has seen a moment ago, and no less than there was before.
func TestFeedPassed(t *testing.T) {
	w := newWorld(t)
	w.happen(2, event.UsageReset, one)
	f := &service.EventFeed{Store: w.Store, Clock: w.Clock}
	for place, want := range map[int64]bool{0: true, 1: true, 2: false, 3: false} {
		for range 2 {
			if got, err := f.Passed(t.Context(), place); got != want || err != nil {
				t.Errorf("behind place %d there is more: %t, %v", place, got, err)
			}
		}
	}
	w.happen(3, event.UsageReset, one)
	for began := time.Now(); ; runtime.Gosched() {
		if got, err := f.Passed(t.Context(), 2); err != nil || time.Since(began) > 20*time.Second {
			t.Fatalf("what is new is not seen: %v", err)
		} else if got {
			break
		}
	}
}

// What was not given out once does not come back, though the place is looked for only now
// and then.
func TestFeedRetention(t *testing.T) {
	w := newWorld(t)
	f := &service.EventFeed{Store: w.Store, Clock: w.Clock, Retention: 100 * time.Hour}
	read := func(after int64) (service.FeedPage, string) {
		page, err := f.Read(t.Context(), service.FeedQuery{After: after, Limit: 1000})
		return page, code(err)
	}
	if page, _ := read(0); page.Next != 0 || page.More {
		t.Errorf("an empty feed goes on after %d", page.Next)
	}
	start := w.now
	for hour := range 150 {
		w.now = start.Add(time.Duration(hour) * time.Hour)
		w.happen(1+hour%3, event.UsageReset, one)
		first := int64(0) // the places given before what is given out
		for h := range hour - 100 {
			first += int64(1 + h%3)
		}
		page, _ := read(0)
		if page.From != first || len(page.Happenings) == 0 || page.Happenings[0].Seq != first+1 {
			t.Fatalf("in hour %d it begins after %d, want %d", hour, page.From, first)
		}
		if _, got := read(first - 1); first > 1 && got != service.CodeCursorTooOld {
			t.Errorf("in hour %d the cursor before is %s", hour, got)
		}
		if _, got := read(first); got != "<nil>" {
			t.Errorf("in hour %d the oldest cursor is %s", hour, got)
		}
	}
	before, _ := read(0)
	w.now = w.now.Add(-50 * time.Hour) // a clock that is set back
	if page, _ := read(0); page.From != before.From {
		t.Errorf("with a clock set back it begins after %d, and did after %d", page.From, before.From)
	}
	w.now = start.Add(1000 * time.Hour)
	if page, got := read(0); page.From == 0 || page.Next != page.From || got != "<nil>" {
		t.Errorf("of a feed that is too old as a whole it is %v, %s", page, got)
	}
}
