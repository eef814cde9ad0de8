package storetest

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var holdTests = []test{
	{"a hold is kept in every field", testHoldRoundTrip},
	{"old holds of all customers are swept", testSweepHolds},
	{"units held are summed", testHeldUnits},
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
	full.ExpiresOn, full.State = on(5), usage.HoldConfirmed
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
