package storetest

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var fieldTests = []test{{"every field of everything is kept", testEveryField}}

// testEveryField is the one that a new field fails until it is stored.
func testEveryField(t *testing.T, st Store) {
	catalog := filledCatalog()
	putCatalog(t, st, on(1), catalog)
	catalog.Rev, catalog.ChangedOn = 1, on(1)
	same(t, "catalog", read(t, st, service.Reader.Catalog), catalog)

	var c billing.Customer
	Fill(1, &c)
	rev, changed, deleted := c.Rev, c.ChangedOn, c.DeletedOn
	createCustomers(t, st, c)
	locked(t, st, c.ID, func(tx service.Tx) error { // all at once is only what was deleted
		c.DeletedOn = deleted
		return tx.UpdateCustomer(c)
	})
	locked(t, st, c.ID, func(tx service.Tx) error {
		for range rev { // the store counts the changes, and notes when
			if _, err := tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: changed, Kind: "customer.updated"}); err != nil {
				return err
			}
		}
		return nil
	})
	same(t, "customer", read(t, st, func(r service.Reader) (billing.Customer, error) { return r.Customer(c.ID) }), c)

	var a billing.Agreement
	Fill(2, &a)
	a.CustomerID, a.Version = c.ID, 1
	for code := range catalog.Plans {
		a.Plan = code
	}
	createAgreements(t, st, a)
	same(t, "agreement", read(t, st, func(r service.Reader) (billing.Agreement, error) { return r.Agreement(c.ID, a.ID) }), a)

	var o billing.Override
	Fill(3, &o)
	o.CustomerID = c.ID
	createOverrides(t, st, o)
	same(t, "overrides", read(t, st, getOverrides(c.ID, on(0))), []billing.Override{o})

	var g billing.Grant
	Fill(4, &g)
	g.CustomerID = c.ID
	copy(g.ID[:], c.ID[:])
	createGrants(t, st, g)
	same(t, "grants", read(t, st, getGrants(c.ID, on(0))), []billing.Grant{g})

	facts := read(t, st, func(r service.Reader) (billing.Facts, error) { return r.Facts(c.ID, on(0)) })
	same(t, "facts", facts, billing.Facts{Customer: c, Agreements: []billing.Agreement{a}, Overrides: []billing.Override{o}, Grants: []billing.Grant{g}})
}

// filledCatalog has one of everything, each with every field set.
func filledCatalog() *billing.Catalog {
	c := emptyCatalog()
	var f billing.Feature
	var g billing.PlanGroup
	var p billing.Plan
	Fill(1, &f)
	Fill(2, &g)
	Fill(3, &p)
	p.Versions[0].Plan, p.Versions[0].Number = p.Code, 1
	c.Currency = "usd"
	c.Features[f.Code], c.Groups[g.Code], c.Plans[p.Code] = &f, &g, &p
	return c
}
