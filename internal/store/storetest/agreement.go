package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var agreementTests = []test{
	{"an agreement is kept in every field", testAgreementRoundTrip},
	{"agreements that have not ended are listed", testAgreementsAt},
	{"agreements that overlap are found", testOverlapping},
	{"the stem of an agreement is used once", testStemOnce},
	{"a withdrawn agreement is gone but its id is known", testWithdraw},
	{"what was imported after an instant is found", testImported},
	{"a trial is remembered by its scope", testHadTrial},
}

func getAgreements(id billing.CustomerID, at time.Time) func(service.Reader) ([]billing.Agreement, error) {
	return func(r service.Reader) ([]billing.Agreement, error) { return r.Agreements(id, at) }
}

func getAgreement(c billing.CustomerID, id billing.AgreementID) func(service.Reader) (billing.Agreement, error) {
	return func(r service.Reader) (billing.Agreement, error) { return r.Agreement(c, id) }
}

func testAgreementRoundTrip(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1))
	full := newAgreement(customerID(1), 1)
	full.ID[14], full.ID[15] = 0xab, 0xcd
	full.Quantity = billing.MaxAmount
	bare := billing.Agreement{ID: agreementID(2), CustomerID: customerID(1), Plan: "pro", Version: 1}
	createAgreements(t, st, full, bare)
	same(t, "full agreement", read(t, st, getAgreement(customerID(1), full.ID)), full)
	same(t, "bare agreement", read(t, st, getAgreement(customerID(1), bare.ID)), bare)
	same(t, "customer", read(t, st, func(r service.Reader) (billing.CustomerID, error) {
		return r.AgreementCustomer(full.ID)
	}), customerID(1))

	changed := full
	changed.ExpiresOn, changed.OwnEnd, changed.TrialEndsOn, changed.TrialScope = on(20), on(21), on(22), "+boost"
	changed.Carried = []billing.Carry{{Feature: "sso"}}
	disregarded := changed
	disregarded.Plan, disregarded.Quantity, disregarded.CreatedOn = "free", 2, on(7)
	locked(t, st, customerID(1), func(tx service.Tx) error { return tx.UpdateAgreement(disregarded) })
	same(t, "changed agreement", read(t, st, getAgreement(customerID(1), full.ID)), changed)

	changed.ExpiresOn, changed.OwnEnd, changed.TrialEndsOn, changed.TrialScope = time.Time{}, time.Time{}, time.Time{}, ""
	changed.Carried = nil
	locked(t, st, customerID(1), func(tx service.Tx) error { return tx.UpdateAgreement(changed) })
	same(t, "agreement without ends", read(t, st, getAgreement(customerID(1), full.ID)), changed)
}

func testAgreementsAt(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	life := func(n, from, to int) billing.Agreement {
		a := newAgreement(customerID(1), n)
		a.StartsOn, a.ExpiresOn = on(from), time.Time{}
		if to > 0 {
			a.ExpiresOn = on(to)
		}
		return a
	}
	createAgreements(t, st, life(4, 1, 5), life(3, 5, 0), life(2, 9, 12), life(1, 1, 4),
		newAgreement(customerID(2), 9))
	for _, test := range []struct {
		at   time.Time
		want []int
	}{
		{time.Time{}, []int{1, 2, 3, 4}},
		{on(0), []int{1, 2, 3, 4}},
		{on(4).Add(-time.Microsecond), []int{1, 2, 3, 4}},
		{on(4), []int{2, 3, 4}},
		{on(5), []int{2, 3}},
		{on(12), []int{3}},
		{day.AddDate(5000, 0, 0), []int{3}},
	} {
		got := read(t, st, getAgreements(customerID(1), test.at))
		same(t, "at "+test.at.String(), agreementIDs(got), numbered(agreementID, test.want...))
	}
}

func testOverlapping(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	never := -1
	life := func(n int, code billing.Code, kind billing.PlanKind, from, to int) billing.Agreement {
		a := newAgreement(customerID(1), n)
		a.Plan, a.Kind, a.StartsOn, a.ExpiresOn = code, kind, on(from), time.Time{}
		if to != never {
			a.ExpiresOn = on(to)
		}
		return a
	}
	createAgreements(t, st,
		life(5, "pro", billing.KindPlan, 2, 4),
		life(3, "free", billing.KindPlan, 6, 8),
		life(4, "pro", billing.KindPlan, 7, 7), // empty
		life(2, "free", billing.KindPlan, 10, never),
		life(7, "boost", billing.KindAddOn, 3, 7),
		life(8, "extra", billing.KindAddOn, 3, 7),
		newAgreement(customerID(2), 9))
	for _, test := range []struct {
		addOn    billing.Code
		from, to int
		limit    int
		want     []int
	}{
		{"", 0, never, 9, []int{5, 3, 2}},
		{"", 0, never, 2, []int{5, 3}},
		{"", 0, 2, 9, nil},
		{"", 0, 3, 9, []int{5}},
		{"", 4, 6, 9, nil},
		{"", 3, 7, 9, []int{5, 3}},
		{"", 7, 8, 9, []int{3}},
		{"", 8, 10, 9, nil},
		{"", 8, 11, 9, []int{2}},
		{"", 999, never, 9, []int{2}},
		{"", 7, 7, 9, nil}, // no instant
		{"", 8, 7, 9, nil},
		{"boost", 0, never, 9, []int{7}},
		{"boost", 7, never, 9, nil},
		{"extra", 6, 7, 9, []int{8}},
		{"pro", 0, never, 9, nil}, // is no add-on
	} {
		to := time.Time{}
		if test.to != never {
			to = on(test.to)
		}
		view(t, st, func(r service.Reader) error {
			got, err := r.Overlapping(customerID(1), test.addOn, on(test.from), to, test.limit)
			if err == nil && len(got) != len(test.want) {
				t.Errorf("%+v: got %d", test, len(got))
			}
			same(t, "overlap", agreementIDs(got), numbered(agreementID, test.want...))
			return err
		})
	}
}

func testStemOnce(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	createAgreements(t, st, newAgreement(customerID(1), 1))
	for range 2 { // also once it is withdrawn
		for _, customer := range []billing.CustomerID{customerID(1), customerID(2)} {
			again := newAgreement(customer, 1)
			again.ID[15] = 7
			err := st.Update(t.Context(), func(tx service.Tx) error {
				if _, err := tx.LockCustomer(customer); err != nil {
					return err
				}
				return tx.CreateAgreement(again)
			})
			if !errors.Is(err, billing.ErrExists) {
				t.Errorf("a used stem: %v, want ErrExists", err)
			}
		}
		locked(t, st, customerID(1), func(tx service.Tx) error {
			err := tx.WithdrawAgreement(customerID(1), agreementID(1))
			if errors.Is(err, billing.ErrNotFound) {
				return nil // the second time
			}
			return err
		})
	}
}

func testWithdraw(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1))
	createAgreements(t, st, newAgreement(customerID(1), 1), newAgreement(customerID(1), 2))
	locked(t, st, customerID(1), func(tx service.Tx) error {
		return tx.WithdrawAgreement(customerID(1), agreementID(1))
	})
	if err := readError(st, getAgreement(customerID(1), agreementID(1))); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("the withdrawn agreement: %v, want ErrNotFound", err)
	}
	same(t, "agreements", agreementIDs(read(t, st, getAgreements(customerID(1), on(0)))), numbered(agreementID, 2))
	same(t, "customer", read(t, st, func(r service.Reader) (billing.CustomerID, error) {
		return r.AgreementCustomer(agreementID(1))
	}), customerID(1))
}

func testHadTrial(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	none := newAgreement(customerID(1), 2)
	none.TrialScope = ""
	createAgreements(t, st, newAgreement(customerID(1), 1), none)
	for _, test := range []struct {
		customer int
		scope    string
		want     bool
	}{{1, "teams", true}, {1, "Teams", false}, {1, "+teams", false}, {1, "", false}, {2, "teams", false}} {
		got := read(t, st, func(r service.Reader) (bool, error) {
			return r.HadTrial(customerID(test.customer), test.scope)
		})
		if got != test.want {
			t.Errorf("customer %d had a trial of %q: %v", test.customer, test.scope, got)
		}
	}
}
