package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var laneTests = []test{
	{"a lane has one window", testLaneWindow},
	{"the version of a lane rises with every writer", testLaneVersion},
	{"a change of facts is told to all lanes", testLaneFacts},
	{"a customer is locked before its first lane", testLaneLock},
}

// lane is the counter of all time of calls of customer 1.
func lane(t *testing.T, st Store) usage.Counter {
	t.Helper()
	return read(t, st, getCounter(customerID(1), "calls", allTime))
}

func testLaneWindow(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1)
	first, second, other := hours(2, 4), hours(4, 6), hours(0, 9)
	putCounters(t, st, newCounter(one, "calls", first, 5), newCounter(one, "calls", other, 7))
	put := func(w *billing.Window, used billing.Units, others ...usage.Counter) {
		t.Helper()
		metering(t, st, one, "calls", func(tx service.Tx) error {
			all := newCounter(one, "calls", allTime, 9)
			all.ChangedOn = on(3)
			all.Lane = usage.Lane{Window: w, InWindow: used, Held: 2, HeldOn: on(3), Facts: 4}
			return tx.PutCounters(append(others, all)...)
		})
	}
	have := func(what string, want ...usage.Counter) {
		t.Helper()
		got := read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.Counters(one) })
		for i := range got {
			got[i].Lane, got[i].ChangedOn = usage.Lane{}, want[min(i, len(want)-1)].ChangedOn
		}
		same(t, what, got, want)
	}
	all := newCounter(one, "calls", allTime, 9)

	put(&first, 6) // in the place of the 5 that it had by itself
	have("with a window", all, newCounter(one, "calls", other, 7), newCounter(one, "calls", first, 6))
	same(t, "one window", read(t, st, getCounter(one, "calls", first)), newCounter(one, "calls", first, 6))
	want := usage.Lane{Window: &first, InWindow: 6, Held: 2, HeldOn: on(3), Facts: 4}
	same(t, "lane", lane(t, st).Lane, want)
	for hour, want := range map[int]int{1: 2, 2: 3, 4: 2} {
		got := read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.CountersAt(one, "calls", on(hour)) })
		if len(got) != want {
			t.Errorf("in hour %d there are %d counters, want %d: %v", hour, len(got), want, got)
		}
	}

	put(&second, 1, newCounter(one, "calls", first, 6))
	have("with the next", all, newCounter(one, "calls", other, 7), newCounter(one, "calls", first, 6), newCounter(one, "calls", second, 1))

	put(&allTime, 9, newCounter(one, "calls", second, 1))
	have("with all time", all, newCounter(one, "calls", other, 7), newCounter(one, "calls", first, 6), newCounter(one, "calls", second, 1))
}

func testLaneVersion(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1)
	metering(t, st, one, "calls", func(service.Tx) error { return nil }) // makes it
	last := lane(t, st).Lane.Version
	if last < 1 {
		t.Errorf("a new lane has version %d", last)
	}
	for range 3 { // with one and the same counter, all of them
		putCounters(t, st, newCounter(one, "calls", allTime, 9))
		v := lane(t, st).Lane.Version
		if v <= last {
			t.Errorf("version %d was followed by %d", last, v)
		}
		last = v
	}
}

func testLaneFacts(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one := customerID(1)
	putCounters(t, st, newCounter(one, "calls", allTime, 1), newCounter(one, "other", allTime, 1),
		newCounter(one, "calls", hours(2, 4), 1), newCounter(customerID(2), "calls", allTime, 1))
	before := lane(t, st).Lane.Version
	var rev int64
	update(t, st, func(tx service.Tx) (err error) {
		if _, err = tx.LockCustomer(one); err == nil {
			rev, err = tx.AppendChange(billing.Change{Scope: one.Scope(), On: on(1), By: "test", Kind: billing.AgreementCreated})
		}
		return err
	})
	if got := lane(t, st).Lane; got.Version <= before || got.Facts != rev {
		t.Errorf("version %d was followed by %d, told of facts %d, want %d", before, got.Version, got.Facts, rev)
	}
	if got := read(t, st, getCounter(one, "other", allTime)).Lane.Facts; got != rev {
		t.Errorf("the other lane was told of facts %d, want %d", got, rev)
	}
	if got := read(t, st, getCounter(customerID(2), "calls", allTime)).Lane.Facts; got != 0 {
		t.Errorf("another customer's lane was told of facts %d", got)
	}
}

// testLaneLock has no lane made behind the back of who changes the customer's facts.
func testLaneLock(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1)
	metering(t, st, one, "calls", func(service.Tx) error { return nil })
	err := st.Update(context.Background(), func(tx service.Tx) error {
		if _, err := tx.LockCounters(one, "calls", on(0), on(0)); err != nil {
			return err
		}
		_, err := tx.LockCounters(one, "other", on(0), on(0))
		return err
	})
	serial := st.Batching().Serial
	if want := service.ErrLockCustomer; errors.Is(err, want) == serial || serial && err != nil {
		t.Errorf("a lane beside one that is locked: %v", err)
	}
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCustomer(one); err != nil {
			return err
		}
		for _, code := range []billing.Code{"calls", "other"} {
			if _, err := tx.LockCounters(one, code, on(0), on(0)); err != nil {
				return err
			}
		}
		return nil
	})
}
