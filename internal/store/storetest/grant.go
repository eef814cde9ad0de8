package storetest

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var grantTests = []test{
	{"a grant is kept in every field", testGrantRoundTrip},
	{"grants that were not set aside are listed", testGrantsAt},
	{"grants are paged in both directions", testGrantPages},
	{"the grants of a purchase are found by its external id", testGrantsByExternalID},
	{"what is personal of a grant is erased", testGrantErased},
}

// grantID has the customer in it, as every id of a grant.
func grantID(customer billing.CustomerID, n int) (id billing.GrantID) {
	copy(id[:], customer[:])
	binary.BigEndian.PutUint64(id[22:], uint64(n))
	return id
}

// newGrant is one with every field set.
func newGrant(customer billing.CustomerID, n int) billing.Grant {
	return billing.Grant{
		ID: grantID(customer, n), CustomerID: customer, Feature: "sso", Amount: 1e12*billing.OneUnit - 1, EffectiveOn: on(1), ExpiresOn: on(9),
		Priority: 100, Kind: billing.Promotional, Only: []billing.Code{"calls", "on"}, CostBasis: new(decimal.MustParse("0.000000000001")),
		Note: "agreed with Ö.", Pack: "bundle", Line: n, ExternalID: "pay_ö", Asked: "ab12", By: "client:abc", CreatedOn: on(2),
		EndedOn: on(3), ClawedBackOn: on(4), VoidedAs: "refund_ö", SetAsideOn: on(5),
	}
}

func getGrants(id billing.CustomerID, at time.Time) func(service.Reader) ([]billing.Grant, error) {
	return func(r service.Reader) ([]billing.Grant, error) { return r.Grants(id, at) }
}

func createGrants(t *testing.T, st service.Store, grants ...billing.Grant) {
	t.Helper()
	for _, g := range grants {
		locked(t, st, g.CustomerID, func(tx service.Tx) error { return tx.CreateGrant(g) })
	}
}

func grantIDs(grants []billing.Grant) []billing.GrantID {
	ids := make([]billing.GrantID, len(grants))
	for i, g := range grants {
		ids[i] = g.ID
	}
	return ids
}

func testGrantRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	full := newGrant(customerID(1), 1)
	bare := billing.Grant{ID: grantID(customerID(1), 2), CustomerID: customerID(1)}
	createGrants(t, st, full, bare, newGrant(customerID(2), 1))
	get := func(g billing.Grant) billing.Grant {
		return read(t, st, func(r service.Reader) (billing.Grant, error) { return r.Grant(g.ID) })
	}
	all := func() []billing.Grant { return read(t, st, getGrants(customerID(1), on(0))) }
	same(t, "grants", []billing.Grant{get(full), get(bare)}, []billing.Grant{full, bare})
	same(t, "all grants", all(), []billing.Grant{full, bare})
	for _, g := range []billing.Grant{newGrant(customerID(1), 1), {}} {
		disregarded := newGrant(customerID(1), 7)
		disregarded.ID, disregarded.EndedOn, disregarded.ClawedBackOn, disregarded.VoidedAs, disregarded.SetAsideOn =
			bare.ID, g.EndedOn, g.ClawedBackOn, g.VoidedAs, g.SetAsideOn
		locked(t, st, customerID(1), func(tx service.Tx) error { return tx.UpdateGrant(disregarded) })
		bare.EndedOn, bare.ClawedBackOn, bare.VoidedAs, bare.SetAsideOn = g.EndedOn, g.ClawedBackOn, g.VoidedAs, g.SetAsideOn
		same(t, "updated", all(), []billing.Grant{full, bare})
	}
	again := full
	again.ExternalID = ""
	locked(t, st, customerID(1), func(tx service.Tx) error {
		if err := tx.CreateGrant(again); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		if err := tx.UpdateGrant(newGrant(customerID(1), 9)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("an unknown grant: %v, want ErrNotFound", err)
		}
		return nil
	})
	if err := readError(st, func(r service.Reader) (billing.Grant, error) { return r.Grant(grantID(customerID(1), 9)) }); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("a grant that is not there: %v, want ErrNotFound", err)
	}
}

// They are listed by when they were set aside, whatever their life is, and facts have the
// same.
func testGrantsAt(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	aside := func(n, hour int) billing.Grant {
		g := newGrant(customerID(1), n)
		if g.SetAsideOn = on(hour); hour == 0 {
			g.SetAsideOn = time.Time{}
		}
		return g
	}
	createGrants(t, st, aside(4, 3), aside(2, 0), aside(3, 6), newGrant(customerID(2), 1), aside(1, 5))
	for _, test := range []struct {
		at   time.Time
		want []int
	}{
		{time.Time{}, []int{1, 2, 3, 4}},
		{on(5).Add(-time.Microsecond), []int{1, 2, 3}},
		{on(5), []int{2, 3}},
		{day.AddDate(5000, 0, 0), []int{2}},
	} {
		want := numbered(func(n int) billing.GrantID { return grantID(customerID(1), n) }, test.want...)
		same(t, "at "+test.at.String(), grantIDs(read(t, st, getGrants(customerID(1), test.at))), want)
		facts := read(t, st, func(r service.Reader) (billing.Facts, error) { return r.Facts(customerID(1), test.at) })
		same(t, "facts at "+test.at.String(), grantIDs(facts.Grants), want)
	}
}

func testGrantPages(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	for n := range 6 {
		for customer := range 2 {
			g := newGrant(customerID(customer+1), 10*n)
			if n > 0 {
				createGrants(t, st, g)
			}
		}
	}
	of := func(n int) *billing.GrantID {
		if n == 0 {
			return nil
		}
		return new(grantID(customerID(1), n))
	}
	for _, test := range pageTests {
		var more bool
		got := read(t, st, func(r service.Reader) (found []billing.Grant, err error) {
			found, more, err = r.GrantHistory(customerID(1), service.Page[billing.GrantID]{Size: test.size, After: of(test.after), Before: of(test.before)})
			return found, err
		})
		same(t, "page", grantIDs(got), numbered(func(n int) billing.GrantID { return grantID(customerID(1), n) }, test.want...))
		same(t, "more", more, test.more)
	}
}

func testGrantsByExternalID(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	named := func(customer, n, line int, external string) billing.Grant {
		g := newGrant(customerID(customer), n)
		g.Line, g.ExternalID = line, external
		return g
	}
	bought := []billing.Grant{named(1, 5, 0, "pay"), named(1, 3, 1, "pay"), named(1, 4, 2, "pay")}
	other := named(2, 1, 0, "pay") // another customer's may have the same
	createGrants(t, st, slices.Concat([]billing.Grant{other, named(1, 1, 0, ""), named(1, 2, 0, "")}, bought)...)
	find := func(id billing.CustomerID, external string) []billing.Grant {
		return read(t, st, func(r service.Reader) ([]billing.Grant, error) { return r.GrantsByExternalID(id, external) })
	}
	same(t, "a purchase", find(customerID(1), "pay"), bought)
	same(t, "another customer's", find(customerID(2), "pay"), []billing.Grant{other})
	same(t, "none", find(customerID(2), "pax"), nil)
	same(t, "no external id", find(customerID(1), ""), nil)
	locked(t, st, customerID(1), func(tx service.Tx) error {
		if err := tx.CreateGrant(named(1, 9, 1, "pay")); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a line that is taken: %v, want ErrExists", err)
		}
		return nil
	})
}

func testGrantErased(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	erased, left := newGrant(customerID(1), 1), newGrant(customerID(2), 1)
	createGrants(t, st, erased, left)
	locked(t, st, customerID(1), func(tx service.Tx) error { return tx.EraseCustomer(customerID(1)) })
	erased.Note, erased.ExternalID, erased.Asked, erased.VoidedAs = "", "", "", ""
	same(t, "erased", read(t, st, getGrants(customerID(1), on(0))), []billing.Grant{erased})
	same(t, "left", read(t, st, getGrants(customerID(2), on(0))), []billing.Grant{left})
}
