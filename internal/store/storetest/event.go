package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var eventTests = []test{
	{"an event is kept in every field, once for a cause", testEventRoundTrip},
	{"events get their places among the changes, by their instants", testEventOrder},
	{"happenings of one scope are found", testHappeningsOf},
	{"what is due comes in order, and moves once", testDues},
	{"how far the telling has come begins once, and moves from where it is", testTelling},
	{"holds that expired are found by their ends", testExpiredHolds},
	{"a mark is noted once, until it is taken back", testMarks},
}

func newEvent(customer int, cause string, at time.Time) event.Event {
	return event.Event{Scope: customerID(customer).Scope(), Cause: cause, Type: event.TrialEnded, On: at}
}

func appendEvents(t *testing.T, st service.Store, events ...event.Event) {
	t.Helper()
	update(t, st, func(tx service.Tx) error {
		for _, e := range events {
			if added, err := tx.AppendEvent(e); err != nil || !added {
				t.Errorf("append %q: %v, %v", e.Cause, added, err)
			}
		}
		return nil
	})
}

func getHappenings(scope billing.Scope, after int64) func(service.Reader) ([]event.Happening, error) {
	return func(r service.Reader) ([]event.Happening, error) { return r.Happenings(scope, after, 9) }
}

func getHappeningsBefore(scope billing.Scope, before int64) func(service.Reader) ([]event.Happening, error) {
	return func(r service.Reader) ([]event.Happening, error) { return r.HappeningsBefore(scope, before, 9) }
}

func testEventRoundTrip(t *testing.T, st Store) {
	limit := int64(5)
	full := event.Event{
		Scope: customerID(1).Scope(), Cause: "entitlements changed", Type: event.EntitlementsChanged, On: on(3), By: "client:a",
		Facts: map[string]string{"ä\"": "<\n>"},
		Features: []event.FeatureChange{
			{Feature: "seats", Before: event.FeatureState{Entitled: true, Limit: &limit, Soft: true}},
			{Feature: "region", After: event.FeatureState{Entitled: true, Value: `"eu"`}},
		},
	}
	bare := newEvent(1, "bare", on(4))
	appendEvents(t, st, full, bare)
	other := full
	other.On, other.Facts = on(9), nil
	update(t, st, func(tx service.Tx) error {
		if added, err := tx.AppendEvent(other); err != nil || added {
			t.Errorf("a second event of a cause: %v, %v", added, err)
		}
		return nil
	})
	sequence(t, st, 9)
	same(t, "happenings", read(t, st, getHappenings("", 0)), []event.Happening{{Seq: 1, Event: &full}, {Seq: 2, Event: &bare}})
	same(t, "happenings after 1", read(t, st, getHappenings("", 1)), []event.Happening{{Seq: 2, Event: &bare}})
	for seq, want := range map[int64]time.Time{1: on(0), 2: on(0)} {
		placed := read(t, st, func(r service.Reader) (time.Time, error) { return r.PlacedOn(seq) })
		same(t, "placed on", placed, want)
	}
}

func testEventOrder(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	appendEvents(t, st, newEvent(2, "b", on(5)), newEvent(2, "a", on(5)), newEvent(1, "c", on(7)), newEvent(1, "d", on(1)))
	caused := newEvent(1, "0", on(5))
	caused.By = "cli"
	appendEvents(t, st, caused)
	appendChanges(t, st, billing.Change{Scope: customerID(1).Scope(), On: on(5)}, billing.Change{Scope: customerID(2).Scope(), On: on(2)})
	one, two := customerID(1).Scope(), customerID(2).Scope()
	want := []feed.Entry{
		{Scope: one, Event: "d"}, {Scope: two, Rev: 1}, {Scope: two, Event: "a"}, {Scope: two, Event: "b"},
		{Scope: one, Rev: 1}, {Scope: one, Event: "0"}, {Scope: one, Event: "c"},
	}
	same(t, "without a place", read(t, st.ForFeed(), func(r feed.Reader) ([]feed.Entry, error) { return r.Unsequenced(9) }), want)
	for _, n := range []int{4, 3, 0} {
		if got := sequence(t, st, 4); got != n {
			t.Errorf("%d got a place, want %d", got, n)
		}
	}
	for i := range want {
		want[i].Seq = int64(i) + 1
	}
	same(t, "feed", read(t, st.ForFeed(), getFeed(0, 9)), want)
	appendEvents(t, st, newEvent(1, "e", on(0)))
	sequence(t, st, 9)
	same(t, "what comes late", read(t, st.ForFeed(), getFeed(7, 9)), []feed.Entry{{Seq: 8, Scope: one, Event: "e"}})
}

func testHappeningsOf(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	change := billing.Change{Scope: customerID(1).Scope(), Rev: 1, On: on(2), Kind: billing.AgreementCreated, After: map[string]string{"a": "b"}}
	appendChanges(t, st, change, billing.Change{Scope: customerID(2).Scope(), On: on(2)})
	mine := newEvent(1, "x", on(3))
	appendEvents(t, st, newEvent(2, "x", on(1)), mine)
	sequence(t, st, 9)
	same(t, "of customer 1", read(t, st, getHappenings(customerID(1).Scope(), 0)),
		[]event.Happening{{Seq: 2, Change: &change}, {Seq: 4, Event: &mine}})
	same(t, "of customer 1 before all", read(t, st, getHappeningsBefore(customerID(1).Scope(), 5)),
		[]event.Happening{{Seq: 4, Event: &mine}, {Seq: 2, Change: &change}})
	same(t, "of customer 1 before 4", read(t, st, getHappeningsBefore(customerID(1).Scope(), 4)), []event.Happening{{Seq: 2, Change: &change}})
	if got := read(t, st, getHappeningsBefore("", 4)); len(got) != 3 || got[0].Seq != 3 || got[2].Seq != 1 {
		t.Errorf("of all before 4: %v", got)
	}
	events := func(from, before int64) []event.Happening {
		return read(t, st, func(r service.Reader) ([]event.Happening, error) { return r.Events(from, before) })
	}
	same(t, "the last event", events(4, 5), []event.Happening{{Seq: 4, Event: &mine}})
	if got := events(1, 5); len(got) != 2 || got[1].Seq != 4 || got[0].Event == nil {
		t.Errorf("all events: %v", got)
	}
	if got := events(2, 3); len(got) != 0 {
		t.Errorf("events at the place of a change: %v", got)
	}
	same(t, "of customer 1 after 2", read(t, st, getHappenings(customerID(1).Scope(), 2)), []event.Happening{{Seq: 4, Event: &mine}})
	if got := read(t, st, getHappenings(customerID(3).Scope(), 0)); len(got) != 0 {
		t.Errorf("of nobody: %v", got)
	}
	if n := read(t, st, service.Reader.FeedLength); n != 4 {
		t.Errorf("the feed has %d places", n)
	}
}

func testDues(t *testing.T, st Store) {
	due := func(customer int, told, due time.Time) event.Due {
		return event.Due{Customer: customerID(customer), ToldOn: told, DueOn: due}
	}
	never, soon, sooner := due(1, on(0), time.Time{}), due(2, on(0), on(5)), due(3, on(1), on(4))
	update(t, st, func(tx service.Tx) error {
		for _, d := range []event.Due{never, soon, sooner} {
			if made, err := tx.CreateDue(d); err != nil || !made {
				t.Errorf("create: %v, %v", made, err)
			}
		}
		if made, err := tx.CreateDue(due(2, on(7), on(8))); err != nil || made {
			t.Errorf("create again: %v, %v", made, err)
		}
		return nil
	})
	dues := func(at time.Time, limit int) []event.Due {
		return read(t, st, func(r service.Reader) ([]event.Due, error) { return r.Dues(at, limit) })
	}
	same(t, "due", dues(on(5), 9), []event.Due{sooner, soon})
	same(t, "the first", dues(on(5), 1), []event.Due{sooner})
	same(t, "due before", dues(on(4), 9), []event.Due{sooner})
	same(t, "of one", read(t, st, func(r service.Reader) (event.Due, error) { return r.Due(customerID(1)) }), never)
	moved := due(3, on(4), on(9))
	update(t, st, func(tx service.Tx) error {
		for i, want := range []bool{true, false} {
			if done, err := tx.MoveDue(sooner, moved); err != nil || done != want {
				t.Errorf("move %d: %v, %v", i, done, err)
			}
		}
		return nil
	})
	same(t, "after the move", dues(on(5), 9), []event.Due{soon})
	same(t, "later", dues(on(9), 9), []event.Due{soon, moved})
}

func testMarks(t *testing.T, st Store) {
	update(t, st, func(tx service.Tx) error {
		for i, want := range []bool{true, false} {
			if noted, err := tx.Mark(customerID(1), "seats", "80", on(i)); err != nil || noted != want {
				t.Errorf("mark %d: %v, %v", i, noted, err)
			}
		}
		if noted, err := tx.Mark(customerID(1), "seats", "100", on(1)); err != nil || !noted {
			t.Errorf("another mark: %v, %v", noted, err)
		}
		return nil
	})
	marks := func(customer int, feature billing.Code) string {
		return fmt.Sprint(read(t, st, func(r service.Reader) ([]string, error) { return r.Marks(customerID(customer), feature) }))
	}
	if got := marks(1, "seats") + marks(2, "seats") + marks(1, "calls"); got != "[100 80][][]" {
		t.Errorf("marked: %s", got)
	}
	update(t, st, func(tx service.Tx) error { return tx.Unmark(customerID(1), "seats", "80") })
	if got := marks(1, "seats"); got != "[100]" {
		t.Errorf("marked still: %s", got)
	}
}

func testTelling(t *testing.T, st Store) {
	getTelling := service.Reader.Telling
	if err := st.View(t.Context(), func(r service.Reader) error { _, err := r.Telling(); return err }); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("before it began: %v", err)
	}
	begun := event.Telling{BegunOn: on(1)}
	full := event.Telling{BegunOn: on(1), After: customerID(3), Walked: true, ResetsOn: on(2), HoldsOn: on(3)}
	update(t, st, func(tx service.Tx) error {
		for i, want := range []bool{true, false} {
			if did, err := tx.BeginTelling(event.Telling{BegunOn: on(1 + i)}); err != nil || did != want {
				t.Errorf("begin %d: %v, %v", i, did, err)
			}
		}
		return nil
	})
	same(t, "begun", read(t, st, getTelling), begun)
	update(t, st, func(tx service.Tx) error {
		for i, want := range []bool{true, false} {
			if did, err := tx.MoveTelling(begun, full); err != nil || did != want {
				t.Errorf("move %d: %v, %v", i, did, err)
			}
		}
		return nil
	})
	same(t, "moved", read(t, st, getTelling), full)
}

func testExpiredHolds(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	holds := make([]usage.Hold, 4)
	for i := range holds {
		holds[i] = newHold(customerID(1+i%2), i)
		holds[i].ExpiresOn = on(10 - i)
	}
	createHolds(t, st, holds...)
	found := func(after, upTo time.Time, limit int) (ends []time.Time) {
		t.Helper()
		for _, h := range read(t, st, func(r service.Reader) ([]usage.Hold, error) { return r.ExpiredHolds(after, upTo, limit) }) {
			ends = append(ends, h.ExpiresOn)
		}
		return ends
	}
	same(t, "those that ended", found(on(7), on(9), 9), []time.Time{on(8), on(9)})
	same(t, "the first", found(on(0), on(99), 1), []time.Time{on(7)})
}
