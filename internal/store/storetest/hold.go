package storetest

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var holdTests = []test{
	{"a hold is kept in every field", testHoldRoundTrip},
	{"old holds of all customers are swept", testSweepHolds},
	{"units held are summed", testHeldUnits},
	{"what was confirmed is not held", testUnconfirmedUnits},
	{"holds are listed", testListHolds},
}

func holdID(customer billing.CustomerID, n int) (id usage.HoldID) {
	copy(id[:], customer[:])
	binary.BigEndian.PutUint64(id[24:], uint64(n))
	return id
}

// newHold is one with every field set.
func newHold(customer billing.CustomerID, n int) usage.Hold {
	return usage.Hold{
		ID: holdID(customer, n), CustomerID: customer, Feature: "calls", Units: 9e18,
		MadeOn: on(1), ExpiresOn: on(9), State: usage.HoldOpen, By: "client:abc",
		Window: &billing.Window{Span: calendar.Span{Start: on(0), End: on(7)}},
	}
}

// newClosing is one with every field set.
func newClosing() *usage.Closing {
	return &usage.Closing{
		Counted: 7, Asked: usage.Confirm{Units: new(billing.Units(8)), Over: usage.OverAvailable},
		Answer: usage.Answer{
			Limit: billing.Limit{Max: new(int64(5)), Soft: true}, Granted: true, Used: 3, Held: math.MaxInt64, Remaining: new(billing.Units(2)),
			Window: billing.Window{Span: calendar.Span{Start: on(1), End: on(2)}},
			Caps: []billing.CapAt{
				{Cap: billing.Cap{Max: 9, Reset: "5 hour"}, Window: billing.Window{Span: calendar.Span{Start: on(1), End: on(3)}}, Used: 4, Held: 3, Remaining: 2},
				{Cap: billing.Cap{Max: 1, Reset: "never"}},
			},
			Included: new(int64(6)), Rate: &billing.Rate{Max: 3, Per: "second", Burst: new(int64(4))},
			Sources:    []billing.Source{{Kind: "plan", ID: "a", Plan: "pro", Max: new(int64(5)), Counts: true}, {Kind: "override", ID: "o"}},
			NextChange: &billing.NextChange{On: on(3), Why: "plan_ends"}, Revision: billing.Revision{Catalog: 1, Customer: 2},
			Pool: &billing.PoolCredit{
				Feature: "credits", Units: 1, Uses: 2, Available: 3, Overage: 4, Soft: true, OverageMax: new(int64(5)),
				Draws: []billing.CreditDraw{{Source: "grant_a", Class: billing.CreditPromotional, Units: 1}},
			},
			Draws: []billing.CreditDraw{
				{Source: "window", Class: billing.CreditAllowance, Window: billing.Window{Span: calendar.Span{Start: on(1), End: on(2)}}, Units: 6},
				{Source: "grant_b", Class: billing.CreditPaid, Units: 1},
			},
			Overage: 8, Uncovered: 9,
		},
	}
}

func getHold(id usage.HoldID) func(service.Reader) (usage.Hold, error) {
	return func(r service.Reader) (usage.Hold, error) { return r.Hold(id) }
}

func createHolds(t *testing.T, st service.Store, holds ...usage.Hold) {
	t.Helper()
	for _, h := range holds {
		metering(t, st, h.CustomerID, h.Feature, func(tx service.Tx) error { return tx.CreateHold(h) })
	}
}

func testHoldRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	full := newHold(customerID(1), 1)
	bare := usage.Hold{ID: holdID(customerID(1), 2), CustomerID: customerID(1)}
	createHolds(t, st, full, bare)
	same(t, "full hold", read(t, st, getHold(full.ID)), full)
	same(t, "bare hold", read(t, st, getHold(bare.ID)), bare)

	disregarded := full
	disregarded.ExpiresOn, disregarded.State = on(5), usage.HoldConfirmed
	disregarded.Units, disregarded.MadeOn, disregarded.By = 1, on(2), ""
	disregarded.Closing, disregarded.Window = newClosing(), nil
	full.ExpiresOn, full.State, full.Closing = on(5), usage.HoldConfirmed, newClosing()
	metering(t, st, customerID(1), "calls", func(tx service.Tx) error { return tx.UpdateHold(disregarded) })
	same(t, "updated hold", read(t, st, getHold(full.ID)), full)

	metering(t, st, customerID(1), "calls", func(tx service.Tx) error {
		if err := tx.CreateHold(newHold(customerID(1), 1)); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		if err := tx.UpdateHold(newHold(customerID(1), 3)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown hold: %v, want ErrNotFound", err)
		}
		return nil
	})
	for _, id := range []usage.HoldID{holdID(customerID(1), 3), holdID(customerID(2), 1)} {
		if err := readError(st, getHold(id)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%v: %v, want ErrNotFound", id, err)
		}
	}
}

func testHeldUnits(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	life := func(n, from, to int, units billing.Units) usage.Hold {
		h := newHold(customerID(1), n)
		h.MadeOn, h.ExpiresOn, h.Units = on(from), on(to), units
		return h
	}
	other := life(4, 2, 9, 1000)
	other.Feature = "other"
	createHolds(t, st, life(1, 2, 5, 1), life(2, 3, 9, 10), life(3, 4, 9, 100), other, newHold(customerID(2), 1))
	before := func(hour int) time.Time { return on(hour).Add(-time.Microsecond) }
	held := func(w billing.Window, at, madeBy time.Time) billing.Units {
		t.Helper()
		return read(t, st, func(r service.Reader) (billing.Units, error) {
			return r.HeldUnits(customerID(1), "calls", w, at, madeBy)
		})
	}
	for _, test := range []struct {
		window     billing.Window
		at, madeBy time.Time
		want       billing.Units
	}{
		{allTime, on(0), time.Time{}, 111}, // whenever made
		{allTime, before(5), time.Time{}, 111},
		{allTime, on(5), time.Time{}, 110},
		{allTime, on(9), time.Time{}, 0},
		{hours(2, 4), on(0), time.Time{}, 11},
		{hours(3, 5), on(0), time.Time{}, 110},
		{hours(5, 9), on(0), time.Time{}, 0},
		{allTime, on(0), before(2), 0},
		{allTime, on(0), on(2), 1},
		{allTime, on(0), before(4), 11},
		{hours(3, 9), on(5), on(4), 110},
	} {
		if got := held(test.window, test.at, test.madeBy); got != test.want {
			t.Errorf("%v at %v, made by %v: %d, want %d", test.window, test.at, test.madeBy, got, test.want)
		}
	}
	createHolds(t, st, life(5, 6, 9, 9e18), life(6, 6, 9, 9e18))
	if got := held(allTime, on(6), time.Time{}); got != math.MaxInt64 {
		t.Errorf("more than can be said: %d", got)
	}
}

func testSweepHolds(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	until := func(customer, n, hour int, state usage.HoldState) usage.Hold {
		h := newHold(customerID(customer), n)
		h.ExpiresOn, h.State = on(hour), state
		return h
	}
	holds := []usage.Hold{
		until(1, 1, 4, usage.HoldOpen), until(2, 1, 2, usage.HoldReleased), until(1, 2, 3, usage.HoldConfirmed),
		until(2, 2, 1, usage.HoldOpen), until(1, 3, 9, usage.HoldOpen),
	}
	createHolds(t, st, holds...)
	left := []int{0, 2, 4}
	for _, want := range []int{2, 1, 0} {
		update(t, st, func(tx service.Tx) error {
			n, err := tx.SweepHolds(on(4), 2)
			if n != want {
				t.Errorf("%d holds swept, want %d", n, want)
			}
			return err
		})
		for i, h := range holds {
			err := readError(st, getHold(h.ID))
			if there := err == nil; there != slices.Contains(left, i) {
				t.Errorf("hold %d: %v", i, err)
			}
		}
		left = []int{0, 4}
	}
}

// Of a hold that was closed after an instant, what was confirmed is among the records,
// and the rest was held.
func testUnconfirmedUnits(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for i, h := range []struct {
		state   usage.HoldState
		counted billing.Units
		kept    bool
	}{
		{usage.HoldOpen, 0, false},
		{usage.HoldReleased, 0, true},
		{usage.HoldConfirmed, 6, true},
		{usage.HoldConfirmed, 10, true},
		{usage.HoldConfirmed, 20, true}, // more than was held
		{usage.HoldConfirmed, 0, false}, // by a program that noted no amount
	} {
		hold := newHold(customerID(1), i)
		hold.Units, hold.MadeOn, hold.ExpiresOn = 10, on(i), on(20)
		createHolds(t, st, hold)
		if hold.State = h.state; h.kept {
			hold.Closing = &usage.Closing{Counted: h.counted}
		}
		metering(t, st, customerID(1), "calls", func(tx service.Tx) error { return tx.UpdateHold(hold) })
	}
	sum := func(w billing.Window, at time.Time) billing.Units {
		return read(t, st, func(r service.Reader) (billing.Units, error) {
			return r.UnconfirmedUnits(customerID(1), "calls", w, at)
		})
	}
	span := func(from, to int) billing.Window {
		return billing.Window{Span: calendar.Span{Start: on(from), End: on(to)}}
	}
	for _, c := range []struct {
		w    billing.Window
		at   time.Time
		want billing.Units
	}{
		{billing.Window{}, on(10), 10 + 10 + 4}, {billing.Window{}, on(1), 20}, {billing.Window{}, on(20), 0},
		{span(2, 9), on(10), 4}, {span(0, 2), on(10), 20},
	} {
		if got := sum(c.w, c.at); got != c.want {
			t.Errorf("in %v at %v: %d, want %d", c.w, c.at, got, c.want)
		}
	}
}

func testListHolds(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	var all []usage.HoldID
	for i := range 7 {
		h := newHold(customerID(1), i)
		if i%2 == 1 {
			h.Feature = "seats"
		}
		createHolds(t, st, h, newHold(customerID(2), i))
		all = append(all, h.ID)
	}
	for _, c := range []struct {
		feature billing.Code
		page    service.Page[usage.HoldID]
		want    []int
		more    bool
	}{
		{"", service.Page[usage.HoldID]{Size: 3}, []int{0, 1, 2}, true},
		{"", service.Page[usage.HoldID]{Size: 9, After: &all[4]}, []int{5, 6}, false},
		{"", service.Page[usage.HoldID]{Size: 2, Before: &all[4]}, []int{2, 3}, true},
		{"seats", service.Page[usage.HoldID]{Size: 2}, []int{1, 3}, true},
		{"seats", service.Page[usage.HoldID]{Size: 2, Before: &all[5]}, []int{1, 3}, false},
	} {
		err := st.View(t.Context(), func(r service.Reader) error {
			holds, more, err := r.Holds(customerID(1), c.feature, c.page)
			var got []int
			for _, h := range holds {
				got = append(got, slices.Index(all, h.ID))
			}
			if !slices.Equal(got, c.want) || more != c.more {
				t.Errorf("%+v: %v, more %v; want %v", c, got, more, c.want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
