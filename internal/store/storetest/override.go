package storetest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var overrideTests = []test{
	{"an override is kept in every field", testOverrideRoundTrip},
	{"overrides that have not ended are listed", testOverridesAt},
}

func overrideID(n int) (id billing.OverrideID) {
	binary.BigEndian.PutUint64(id[6:], uint64(n))
	return id
}

// newOverride is one with every field set.
func newOverride(customer billing.CustomerID, n int) billing.Override {
	return billing.Override{
		ID: overrideID(n), CustomerID: customer, Feature: "calls", HasMax: true, Max: new(int64(billing.MaxAmount)),
		Add: billing.MaxAmount, Deny: true, Note: "agreed with Ö.", By: "client:abc", StartsOn: on(1), ExpiresOn: on(9),
	}
}

func getOverrides(id billing.CustomerID, at time.Time) func(service.Reader) ([]billing.Override, error) {
	return func(r service.Reader) ([]billing.Override, error) { return r.Overrides(id, at) }
}

func createOverrides(t *testing.T, st service.Store, overrides ...billing.Override) {
	t.Helper()
	for _, o := range overrides {
		locked(t, st, o.CustomerID, func(tx service.Tx) error { return tx.CreateOverride(o) })
	}
}

func overrideIDs(overrides []billing.Override) []billing.OverrideID {
	ids := make([]billing.OverrideID, len(overrides))
	for i, o := range overrides {
		ids[i] = o.ID
	}
	return ids
}

func testOverrideRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	full := newOverride(customerID(1), 1)
	bare := billing.Override{ID: overrideID(2), CustomerID: customerID(1), StartsOn: on(2)}
	unlimited := billing.Override{ID: overrideID(3), CustomerID: customerID(1), HasMax: true, StartsOn: on(3)}
	createOverrides(t, st, full, bare, unlimited)
	same(t, "overrides", read(t, st, getOverrides(customerID(1), on(0))), []billing.Override{full, bare, unlimited})

	createCustomers(t, st, newCustomer(2))
	valued := func(n int, v billing.Value) billing.Override {
		return billing.Override{ID: overrideID(n), CustomerID: customerID(2), Feature: "days", Value: &v, StartsOn: on(n)}
	}
	values := []billing.Override{
		valued(1, billing.Value{}), valued(2, billing.Value{Text: "Ö <&>\u2028"}), valued(3, billing.Value{Number: new(decimal.MustParse("0.1234567890123456"))}),
		valued(4, billing.Value{Flag: true}), valued(5, billing.Value{List: []string{"de", "en"}}),
	}
	createOverrides(t, st, values...)
	same(t, "values", read(t, st, getOverrides(customerID(2), on(0))), values)
	facts := read(t, st, func(r service.Reader) (billing.Facts, error) { return r.Facts(customerID(2), on(0)) })
	same(t, "values among the facts", facts.Overrides, values)

	for _, expires := range []time.Time{on(5), {}} {
		disregarded := bare
		disregarded.Deny, disregarded.StartsOn, disregarded.ExpiresOn = true, on(4), expires
		locked(t, st, customerID(1), func(tx service.Tx) error { return tx.UpdateOverride(disregarded) })
		bare.ExpiresOn = expires
		same(t, "updated", read(t, st, getOverrides(customerID(1), on(0))), []billing.Override{full, bare, unlimited})
	}

	locked(t, st, customerID(1), func(tx service.Tx) error {
		if err := tx.CreateOverride(full); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		if err := tx.UpdateOverride(newOverride(customerID(1), 9)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown override: %v, want ErrNotFound", err)
		}
		return nil
	})
}

func testOverridesAt(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	life := func(n, from, to int) billing.Override {
		o := newOverride(customerID(1), n)
		o.StartsOn, o.ExpiresOn = on(from), time.Time{}
		if to > 0 {
			o.ExpiresOn = on(to)
		}
		return o
	}
	createOverrides(t, st, life(4, 5, 0), life(3, 1, 5), life(2, 9, 12), life(1, 5, 8), newOverride(customerID(2), 9))
	for _, test := range []struct {
		at   time.Time
		want []int
	}{
		{time.Time{}, []int{3, 1, 4, 2}},
		{on(5).Add(-time.Microsecond), []int{3, 1, 4, 2}},
		{on(5), []int{1, 4, 2}},
		{on(8), []int{4, 2}},
		{day.AddDate(5000, 0, 0), []int{4}},
	} {
		got := read(t, st, getOverrides(customerID(1), test.at))
		same(t, "at "+test.at.String(), overrideIDs(got), numbered(overrideID, test.want...))
	}
}
