package storetest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

var holdTests = []test{
	{"a hold is kept in every field", testHoldRoundTrip},
	{"holds are listed as they were at an instant", testHoldsAt},
}

func holdID(customer billing.CustomerID, n int) (id billing.HoldID) {
	copy(id[:], customer[:])
	binary.BigEndian.PutUint64(id[24:], uint64(n))
	return id
}

// newHold is one with every field set.
func newHold(customer billing.CustomerID, n int) billing.Hold {
	return billing.Hold{
		ID: holdID(customer, n), CustomerID: customer, Feature: "calls", Units: 9e18,
		MadeOn: on(1), ExpiresOn: on(9), State: billing.HoldOpen, By: "client:abc",
	}
}

func getHold(id billing.HoldID) func(billing.Reader) (billing.Hold, error) {
	return func(r billing.Reader) (billing.Hold, error) { return r.Hold(id) }
}

func getHolds(id billing.CustomerID, at time.Time) func(billing.Reader) ([]billing.Hold, error) {
	return func(r billing.Reader) ([]billing.Hold, error) { return r.Holds(id, at) }
}

func createHolds(t *testing.T, st billing.Store, holds ...billing.Hold) {
	t.Helper()
	for _, h := range holds {
		metering(t, st, h.CustomerID, h.Feature, func(tx billing.Tx) error { return tx.CreateHold(h) })
	}
}

func testHoldRoundTrip(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1))
	full := newHold(customerID(1), 1)
	bare := billing.Hold{ID: holdID(customerID(1), 2), CustomerID: customerID(1)}
	createHolds(t, st, full, bare)
	same(t, "full hold", read(t, st, getHold(full.ID)), full)
	same(t, "bare hold", read(t, st, getHold(bare.ID)), bare)

	disregarded := full
	disregarded.ExpiresOn, disregarded.State = on(5), billing.HoldConfirmed
	disregarded.Units, disregarded.MadeOn, disregarded.By = 1, on(2), ""
	full.ExpiresOn, full.State = on(5), billing.HoldConfirmed
	metering(t, st, customerID(1), "calls", func(tx billing.Tx) error { return tx.UpdateHold(disregarded) })
	same(t, "updated hold", read(t, st, getHold(full.ID)), full)

	metering(t, st, customerID(1), "calls", func(tx billing.Tx) error {
		if err := tx.CreateHold(newHold(customerID(1), 1)); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		if err := tx.UpdateHold(newHold(customerID(1), 3)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown hold: %v, want ErrNotFound", err)
		}
		return nil
	})
	for _, id := range []billing.HoldID{holdID(customerID(1), 3), holdID(customerID(2), 1)} {
		if err := readError(st, getHold(id)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%v: %v, want ErrNotFound", id, err)
		}
	}
}

func testHoldsAt(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	life := func(n, from, to int, state billing.HoldState) billing.Hold {
		h := newHold(customerID(1), n)
		h.MadeOn, h.ExpiresOn, h.State = on(from), on(to), state
		return h
	}
	open, released := life(3, 2, 8, billing.HoldOpen), life(2, 2, 5, billing.HoldReleased)
	confirmed, empty := life(1, 4, 7, billing.HoldConfirmed), life(4, 3, 3, billing.HoldReleased)
	other := life(5, 4, 6, billing.HoldOpen)
	other.Feature = "other"
	createHolds(t, st, open, released, confirmed, empty, other, newHold(customerID(2), 1))
	before := func(hour int) time.Time { return on(hour).Add(-time.Microsecond) }
	for _, test := range []struct {
		at   time.Time
		want []billing.Hold
	}{
		{before(2), []billing.Hold{released, open, empty, confirmed, other}},
		{before(3), []billing.Hold{released, open, empty, confirmed, other}},
		{on(3), []billing.Hold{released, open, confirmed, other}},
		{on(4), []billing.Hold{released, open, confirmed, other}},
		{before(5), []billing.Hold{released, open, confirmed, other}},
		{on(5), []billing.Hold{open, confirmed, other}},
		{on(6), []billing.Hold{open, confirmed}},
		{on(7), []billing.Hold{open}},
		{before(8), []billing.Hold{open}},
		{on(8), nil},
	} {
		same(t, "at "+test.at.String(), read(t, st, getHolds(customerID(1), test.at)), test.want)
	}
}
