package storetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

var customerTests = []test{
	{"a customer is kept in every field", testCustomerRoundTrip},
	{"a customer id is used once", testCustomerIDOnce},
	{"a pair of codes has one customer", testCodesUnique},
	{"codes are freed by change and deletion", testCodesFreed},
	{"an external id has one customer", testExternalIDUnique},
	{"an external id is freed by change and deletion", testExternalIDFreed},
	{"what an older version deleted frees its external id", testExternalIDLeft},
	{"a failed creation leaves nothing, even if committed", testCreateExists},
	{"what is not there is not found", testNotFound},
}

func getCustomer(id billing.CustomerID) func(service.Reader) (billing.Customer, error) {
	return func(r service.Reader) (billing.Customer, error) { return r.Customer(id) }
}

func byCodes(org, user string) func(service.Reader) (billing.CustomerID, error) {
	return func(r service.Reader) (billing.CustomerID, error) { return r.CustomerByCodes(org, user) }
}

func byExternalID(id string) func(service.Reader) (billing.CustomerID, error) {
	return func(r service.Reader) (billing.CustomerID, error) { return r.CustomerByExternalID(id) }
}

func testCustomerRoundTrip(t *testing.T, st Store) {
	full := newCustomer(1)
	bare := billing.Customer{ID: customerID(2)}
	created := full
	created.Rev, created.ChangedOn = 7, on(7) // are not taken from here
	createCustomers(t, st, created, bare)
	same(t, "full customer", read(t, st, getCustomer(full.ID)), full)
	same(t, "bare customer", read(t, st, getCustomer(bare.ID)), bare)

	full.Type, full.OrgCode, full.UserID, full.ExternalID = billing.User, "", "kp_x", "cus_x"
	full.Name, full.Email, full.Status = "Name", "a@b.example", billing.Suspended
	full.AnchorOn, full.Metadata, full.CreatedOn = on(8), map[string]string{"": ""}, on(3)
	full.LastAgreementMS = 5
	full.Rev, full.ChangedOn = 9, on(9)
	locked(t, st, full.ID, func(tx service.Tx) error { return tx.UpdateCustomer(full) })
	full.Rev, full.ChangedOn = 0, bare.ChangedOn
	same(t, "updated customer", read(t, st, getCustomer(full.ID)), full)

	emptied := billing.Customer{ID: full.ID}
	locked(t, st, full.ID, func(tx service.Tx) error { return tx.UpdateCustomer(emptied) })
	same(t, "emptied customer", read(t, st, getCustomer(full.ID)), emptied)

	bare.DeletedOn = on(5)
	locked(t, st, bare.ID, func(tx service.Tx) error { return tx.UpdateCustomer(bare) })
	same(t, "deleted customer", read(t, st, getCustomer(bare.ID)), bare)

	update(t, st, func(tx service.Tx) error {
		c, err := tx.LockCustomer(bare.ID)
		same(t, "locked customer", c, bare)
		return err
	})
}

func testCustomerIDOnce(t *testing.T, st Store) {
	first := newCustomer(1)
	createCustomers(t, st, first)
	again := newCustomer(1)
	again.OrgCode, again.UserID = "another", ""
	for range 2 { // also once it is deleted
		err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(again) })
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		first.DeletedOn = on(5)
		locked(t, st, first.ID, func(tx service.Tx) error { return tx.UpdateCustomer(first) })
	}
	same(t, "the first customer", read(t, st, getCustomer(first.ID)), first)
}

func testCodesUnique(t *testing.T, st Store) {
	pairs := []struct{ org, user string }{
		{"a", ""}, {"", "a"}, {"a", "a"}, {"A", ""}, {"a ", ""}, {"ab", "c"}, {"a", "bc"}, {"é", ""}, {"e\u0301", ""},
	}
	for i, pair := range pairs {
		c := newCustomer(i)
		c.OrgCode, c.UserID = pair.org, pair.user
		createCustomers(t, st, c)
	}
	for i, pair := range pairs {
		if id := read(t, st, byCodes(pair.org, pair.user)); id != customerID(i) {
			t.Errorf("%q is %v, want %v", pair, id, customerID(i))
		}
		c := newCustomer(100 + i)
		c.Type, c.OrgCode, c.UserID = billing.User, pair.org, pair.user
		err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(c) })
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("creating with %q taken: %v, want ErrExists", pair, err)
		}
		other := newCustomer((i + 1) % len(pairs))
		other.OrgCode, other.UserID = pair.org, pair.user
		err = st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(other.ID); err != nil {
				return err
			}
			return tx.UpdateCustomer(other)
		})
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("updating to %q taken: %v, want ErrExists", pair, err)
		}
	}
	for i := range 2 { // no codes are no pair
		c := newCustomer(200 + i)
		c.OrgCode, c.UserID = "", ""
		createCustomers(t, st, c)
	}
	if err := readError(st, byCodes("", "")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("no codes: %v, want ErrNotFound", err)
	}
}

func testCodesFreed(t *testing.T, st Store) {
	c := newCustomer(1)
	createCustomers(t, st, c)
	moved := c
	moved.OrgCode = "moved"
	locked(t, st, c.ID, func(tx service.Tx) error { return tx.UpdateCustomer(moved) })
	if err := readError(st, byCodes(c.OrgCode, c.UserID)); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("codes that were left: %v, want ErrNotFound", err)
	}
	if id := read(t, st, byCodes("moved", c.UserID)); id != c.ID {
		t.Errorf("the new codes are %v", id)
	}
	next := newCustomer(2)
	next.OrgCode, next.UserID = c.OrgCode, c.UserID
	createCustomers(t, st, next)

	moved.DeletedOn = on(5)
	locked(t, st, c.ID, func(tx service.Tx) error { return tx.UpdateCustomer(moved) })
	if err := readError(st, byCodes("moved", c.UserID)); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("codes of a deleted customer: %v, want ErrNotFound", err)
	}
	third := newCustomer(3)
	third.OrgCode, third.UserID = moved.OrgCode, moved.UserID
	createCustomers(t, st, third)

	// The record of the deleted one may still change, and takes nothing back.
	moved.Name = ""
	locked(t, st, c.ID, func(tx service.Tx) error { return tx.UpdateCustomer(moved) })
	if id := read(t, st, byCodes("moved", c.UserID)); id != third.ID {
		t.Errorf("the codes are of %v, want %v", id, third.ID)
	}
}

func testExternalIDUnique(t *testing.T, st Store) {
	names := []string{"a", "A", "a ", "é", "e\u0301", "cus/1", "org_code:a", "%2F"}
	for i, name := range names {
		c := newCustomer(i)
		c.ExternalID = name
		createCustomers(t, st, c)
	}
	for i, name := range names {
		same(t, name, read(t, st, byExternalID(name)), customerID(i))
		c := newCustomer(100 + i)
		c.ExternalID = name
		err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(c) })
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("creating with %q taken: %v, want ErrExists", name, err)
		}
		other := newCustomer((i + 1) % len(names))
		other.ExternalID = name
		err = st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(other.ID); err != nil {
				return err
			}
			return tx.UpdateCustomer(other)
		})
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("updating to %q taken: %v, want ErrExists", name, err)
		}
	}
	for i := range 2 { // none is no name
		c := newCustomer(200 + i)
		c.ExternalID = ""
		createCustomers(t, st, c)
	}
}

func testExternalIDFreed(t *testing.T, st Store) {
	first := newCustomer(1)
	createCustomers(t, st, first)
	first.ExternalID = "moved"
	locked(t, st, first.ID, func(tx service.Tx) error { return tx.UpdateCustomer(first) })
	if err := readError(st, byExternalID("cus_1")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("an external id that was left: %v, want ErrNotFound", err)
	}
	same(t, "the new one", read(t, st, byExternalID("moved")), first.ID)
	second := newCustomer(2)
	second.ExternalID = "cus_1"
	createCustomers(t, st, second)

	first.DeletedOn = on(5)
	locked(t, st, first.ID, func(tx service.Tx) error { return tx.UpdateCustomer(first) })
	if err := readError(st, byExternalID("moved")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("the external id of a deleted customer: %v, want ErrNotFound", err)
	}
	third := newCustomer(3)
	third.ExternalID = "moved"
	createCustomers(t, st, third)

	// The record of the deleted one may still change, and takes nothing back.
	first.Name = ""
	locked(t, st, first.ID, func(tx service.Tx) error { return tx.UpdateCustomer(first) })
	same(t, "the one that has it", read(t, st, byExternalID("moved")), third.ID)
}

// A node that was made for version 2 of the schema deletes a customer and knows
// nothing of the entry of its external id.
func testExternalIDLeft(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	left := newCustomer(2)
	left.ExternalID = ""
	createCustomers(t, st, left)
	// So is what it leaves: an entry whose customer has the id no more.
	table := sqlstore.Tables[slices.IndexFunc(sqlstore.Tables, func(t sqlstore.Table) bool { return t.Name == "customer_external_ids" })]
	if err := st.Write(t.Context(), func(tx *sqlstore.Tx) error {
		return table.Put(tx, []sqlstore.Row{{"left", left.ID.String()}, {"gone", customerID(9).String()}})
	}); err != nil {
		t.Fatal(err)
	}
	next := newCustomer(3)
	next.ExternalID = "left"
	createCustomers(t, st, next)
	same(t, "who takes what was left", read(t, st, byExternalID("left")), next.ID)
	again := newCustomer(4)
	again.ExternalID = "left"
	if err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(again) }); !errors.Is(err, billing.ErrExists) {
		t.Errorf("it is taken then: %v, want ErrExists", err)
	}
}

func testCreateExists(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	createAgreements(t, st, newAgreement(customerID(1), 1))
	sameID := newCustomer(1)
	sameID.OrgCode, sameID.UserID, sameID.ExternalID = "free", "", "free"
	sameCodes := newCustomer(3)
	sameCodes.OrgCode, sameCodes.UserID = "org_1", "kp_1"
	sameExternal := newCustomer(3)
	sameExternal.ExternalID = "cus_1"
	takesExternal := newCustomer(2)
	takesExternal.OrgCode, takesExternal.ExternalID = "free", "cus_1"
	takesCodes := newCustomer(2)
	takesCodes.OrgCode, takesCodes.UserID = "org_1", "kp_1"
	sameStem := newAgreement(customerID(2), 1)
	sameStem.ID[15] = 1
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCustomer(customerID(2)); err != nil {
			return err
		}
		for name, err := range map[string]error{
			"id":    tx.CreateCustomer(sameID),
			"codes": tx.CreateCustomer(sameCodes),
			"move":  tx.UpdateCustomer(takesCodes),

			"external id":         tx.CreateCustomer(sameExternal),
			"move of external id": tx.UpdateCustomer(takesExternal),
			"stem":                tx.CreateAgreement(sameStem),
		} {
			if !errors.Is(err, billing.ErrExists) {
				t.Errorf("%s: %v, want ErrExists", name, err)
			}
		}
		return nil
	})
	if err := readError(st, byCodes("free", "")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("codes of the customer that was not created: %v", err)
	}
	for _, name := range []string{"free", "cus_3"} {
		if err := readError(st, byExternalID(name)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("external id %s of a customer that was not created: %v", name, err)
		}
	}
	if err := readError(st, byCodes("org_3", "kp_3")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("codes of a customer whose external id was taken: %v", err)
	}
	if err := readError(st, getCustomer(customerID(3))); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("the customer that was not created: %v", err)
	}
	same(t, "codes of 2", read(t, st, byCodes("org_2", "kp_2")), customerID(2))
	same(t, "external id of 2", read(t, st, byExternalID("cus_2")), customerID(2))
	if as := read(t, st, getAgreements(customerID(2), on(0))); len(as) != 0 {
		t.Errorf("agreements of 2: %v", as)
	}
}

func testNotFound(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	createAgreements(t, st, newAgreement(customerID(1), 1))
	almost := agreementID(1)
	almost[15] = 1 // the stem of one that exists
	check := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("%s: %v, want ErrNotFound", what, err)
		}
	}
	update(t, st, func(tx service.Tx) error {
		for _, id := range []int{1, 2} {
			if _, err := tx.LockCustomer(customerID(id)); err != nil {
				return err
			}
		}
		_, err := tx.Customer(customerID(9))
		check("Customer", err)
		_, err = tx.LockCustomer(customerID(9))
		check("LockCustomer", err)
		_, err = tx.CustomerByCodes("org_1", "")
		check("CustomerByCodes", err)
		_, err = tx.CustomerByExternalID("cus_9")
		check("CustomerByExternalID", err)
		_, err = tx.CustomerByExternalID("")
		check("no external id", err)
		_, err = tx.Agreement(customerID(2), agreementID(1))
		check("Agreement of another", err)
		_, err = tx.Agreement(customerID(1), almost)
		check("Agreement", err)
		_, err = tx.AgreementCustomer(agreementID(9))
		check("AgreementCustomer", err)
		_, err = tx.AgreementCustomer(almost)
		check("AgreementCustomer by stem", err)
		check("UpdateAgreement", tx.UpdateAgreement(newAgreement(customerID(2), 1)))
		check("WithdrawAgreement", tx.WithdrawAgreement(customerID(2), agreementID(1)))
		return nil
	})
	update(t, st.ForClients(), func(tx record.Tx) error {
		_, err := tx.Client("nobody")
		check("Client", err)
		check("UpdateClient", tx.UpdateClient(record.Client{ID: "nobody"}))
		check("RetireSigningKey", tx.RetireSigningKey("none", on(0)))
		check("DeleteSigningKey", tx.DeleteSigningKey("none"))
		return nil
	})
}
