package storetest

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var counterTests = []test{
	{"a counter is kept by its window", testCounterRoundTrip},
	{"locking gives the counters of a span", testLockCounters},
	{"counters are read by instant", testCountersAt},
	{"locking makes the counter of all time", testLockMakesCounter},
	{"the counter of all time is the first", testAllTimeFirst},
}

// hours is the window [from, to).
func hours(from, to int) billing.Window {
	return billing.Window{Span: calendar.Span{Start: on(from), End: on(to)}}
}

// allTime is the window that never ends.
var allTime billing.Window

func newCounter(customer billing.CustomerID, feature billing.Code, w billing.Window, used billing.Units) usage.Counter {
	return usage.Counter{CustomerID: customer, Feature: feature, Window: w, Used: used}
}

// metering is an update under the lock of a feature's usage.
func metering(
	t *testing.T, st service.Store, customer billing.CustomerID, feature billing.Code, fn func(service.Tx) error,
) {
	t.Helper()
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCounters(customer, feature, on(0), on(0)); err != nil {
			return err
		}
		return fn(tx)
	})
}

func putCounters(t *testing.T, st service.Store, counters ...usage.Counter) {
	t.Helper()
	for _, c := range counters {
		metering(t, st, c.CustomerID, c.Feature, func(tx service.Tx) error { return tx.PutCounters(c) })
	}
}

func getCounter(id billing.CustomerID, f billing.Code, w billing.Window) func(service.Reader) (usage.Counter, error) {
	return func(r service.Reader) (usage.Counter, error) { return r.Counter(id, f, w) }
}

func testCounterRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one := customerID(1)
	want := []usage.Counter{
		newCounter(one, "b", allTime, math.MaxInt64),
		newCounter(one, "b", hours(0, 1), math.MinInt64),
		newCounter(one, "b", hours(0, 9), 9e18),
		newCounter(one, "b", hours(1, 2), -1),
		newCounter(one, "c", allTime, 0),
		newCounter(one, "c", hours(0, 1), 7),
	}
	want[0].ChangedOn, want[5].ChangedOn = on(3), on(4)
	for _, i := range []int{3, 5, 1, 0, 4, 2} { // any order but the right one
		putCounters(t, st, newCounter(one, want[i].Feature, want[i].Window, 5), want[i])
	}
	putCounters(t, st, newCounter(customerID(2), "b", hours(0, 1), 99))
	same(t, "counters", read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.Counters(one) }), want)
	for _, c := range want {
		same(t, "counter", read(t, st, getCounter(one, c.Feature, c.Window)), c)
	}
	for name, get := range map[string]func(service.Reader) (usage.Counter, error){
		"another start":    getCounter(one, "b", hours(0, 2)),
		"another end":      getCounter(one, "b", hours(1, 9)),
		"another feature":  getCounter(one, "c", hours(1, 2)),
		"another customer": getCounter(customerID(2), "b", hours(1, 2)),
	} {
		if err := readError(st, get); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", name, err)
		}
	}
}

func testLockCounters(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one := customerID(1)
	all, first, second, both := newCounter(one, "calls", allTime, 1), newCounter(one, "calls", hours(2, 4), 2),
		newCounter(one, "calls", hours(4, 6), 3), newCounter(one, "calls", hours(2, 6), 4)
	putCounters(t, st, all, first, second, both,
		newCounter(one, "other", hours(2, 6), 5), newCounter(customerID(2), "calls", hours(2, 6), 6))
	before := func(hour int) time.Time { return on(hour).Add(-time.Microsecond) }
	for _, test := range []struct {
		from, to time.Time
		want     []usage.Counter
	}{
		{on(0), before(2), []usage.Counter{all}},
		{on(0), on(2), []usage.Counter{all, first, both}}, // to is included
		{on(3), on(3), []usage.Counter{all, first, both}},
		{before(4), before(4), []usage.Counter{all, first, both}},
		{before(4), on(4), []usage.Counter{all, first, both, second}},
		{on(4), on(4), []usage.Counter{all, both, second}}, // an end is not
		{on(6), on(9), []usage.Counter{all}},
		{on(0), on(9), []usage.Counter{all, first, both, second}},
		{on(9), on(0), []usage.Counter{all, first, both, second}}, // of two clocks
	} {
		update(t, st, func(tx service.Tx) error {
			got, err := tx.LockCounters(one, "calls", test.from, test.to)
			same(t, test.from.String()+" to "+test.to.String(), got, test.want)
			return err
		})
	}
}

// Also of those that begin with it.
func testAllTimeFirst(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1)
	want := []usage.Counter{
		newCounter(one, "calls", allTime, 9), newCounter(one, "calls", billing.Window{Span: calendar.Span{End: on(6)}}, 7),
		newCounter(one, "calls", hours(2, 4), 2),
	}
	putCounters(t, st, want...)
	update(t, st, func(tx service.Tx) error {
		got, err := tx.LockCounters(one, "calls", on(2), on(3))
		same(t, "locked", got, want)
		return err
	})
	same(t, "all", read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.Counters(one) }), want)
}

func testCountersAt(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one := customerID(1)
	all, first, second := newCounter(one, "calls", allTime, 1), newCounter(one, "calls", hours(2, 4), 2), newCounter(one, "calls", hours(4, 6), 3)
	all.ChangedOn = on(5)
	putCounters(t, st, all, first, second, newCounter(one, "other", hours(2, 6), 5), newCounter(customerID(2), "calls", hours(2, 6), 6))
	for hour, want := range map[int][]usage.Counter{1: {all}, 2: {all, first}, 4: {all, second}, 6: {all}} {
		got := read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.CountersAt(one, "calls", on(hour)) })
		same(t, on(hour).String(), got, want)
	}
	if got := read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.CountersAt(one, "none", on(2)) }); len(got) != 0 {
		t.Errorf("of no usage: %v", got)
	}
}

func testLockMakesCounter(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1)
	want := []usage.Counter{newCounter(one, "calls", allTime, 0)}
	for range 2 {
		update(t, st, func(tx service.Tx) error {
			got, err := tx.LockCounters(one, "calls", on(0), on(1))
			same(t, "counters", got, want)
			return err
		})
	}
	same(t, "stored", read(t, st, getCounter(one, "calls", allTime)), want[0])
	err := st.Update(t.Context(), func(tx service.Tx) error {
		_, err := tx.LockCounters(customerID(2), "calls", on(0), on(1))
		return err
	})
	if err == nil {
		t.Error("usage of an unknown customer is locked")
	}
}
