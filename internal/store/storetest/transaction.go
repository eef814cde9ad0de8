package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

var transactionTests = []test{
	{"update returns the error of fn and leaves nothing", testRollback},
	{"a panic of fn leaves nothing", testPanic},
	{"an update reads what it has written", testReadOwnWrites},
	{"a view stays as it was when a commit comes", testViewConsistent},
	{"a view sees every commit before it", testViewFresh},
	{"a cancelled context stops view and update", testCancelled},
	{"facts change under their lock only", testLockRequired},
}

var errStop = errors.New("stop")

// writeAll writes one of each kind of record.
func writeAll(tx *sqlstore.Tx) error {
	c := newCustomer(1)
	a := newAgreement(c.ID, 1)
	_, lockErr := tx.LockCatalog()
	err := errors.Join(lockErr,
		tx.PutCatalog(smallCatalog()),
		tx.CreateCustomer(c),
		tx.CreateAgreement(a),
		tx.CreateOverride(newOverride(c.ID, 1)),
		tx.CreateGrant(newGrant(c.ID, 1)),
		writeUsage(tx, c.ID),
		tx.CreateAnswers(newAnswer(c.ID.Scope(), "key")),
		tx.CreateClient(record.Client{ID: "client", CreatedOn: on(0)}),
		tx.CreateSigningKey(record.SigningKey{ID: "key", CreatedOn: on(0)}))
	for _, scope := range []billing.Scope{
		billing.ScopeCatalog, record.ScopeClients, record.ScopeKeys, signin.ScopeAdministrators, c.ID.Scope(),
	} {
		_, appendErr := tx.AppendChange(billing.Change{Scope: scope, On: on(1)})
		err = errors.Join(err, appendErr)
	}
	_, seqErr := tx.Sequence(10, on(0))
	_, leaseErr := tx.Lease("l", "h", on(0), on(1))
	return errors.Join(err, seqErr, leaseErr)
}

// writeUsage writes usage of all kinds.
func writeUsage(tx *sqlstore.Tx, id billing.CustomerID) error {
	_, err := tx.LockCounters(id, "calls", on(0), on(1))
	return errors.Join(err,
		tx.CreateUsage(newUsage(id, "record", on(0))),
		tx.PutCounters(newCounter(id, "calls", hours(0, 1), 1)),
		tx.CreateHold(newHold(id, 1)))
}

// wantNothing checks that nothing of writeAll is there.
func wantNothing(t *testing.T, st Store) {
	t.Helper()
	c, a := customerID(1), agreementID(1)
	view(t, whole(st), func(r *sqlstore.Reader) error {
		if _, err := r.Customer(c); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("customer: %v", err)
		}
		if _, err := r.CustomerByCodes("org_1", "kp_1"); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("codes: %v", err)
		}
		if _, err := r.Agreement(c, a); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("agreement: %v", err)
		}
		if _, err := r.AgreementCustomer(a); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("agreement's customer: %v", err)
		}
		if overrides, err := r.Overrides(c, on(0)); len(overrides) != 0 || err != nil {
			t.Errorf("overrides: %v, %v", overrides, err)
		}
		if grants, err := r.Grants(c, on(0)); len(grants) != 0 || err != nil {
			t.Errorf("grants: %v, %v", grants, err)
		}
		if counters, err := r.Counters(c); len(counters) != 0 || err != nil {
			t.Errorf("counters: %v, %v", counters, err)
		}
		if _, err := r.UsageRecord(c, "record"); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("usage record: %v", err)
		}
		if _, err := r.Hold(holdID(c, 1)); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("hold: %v", err)
		}
		if _, err := r.Answer(c.Scope(), "key"); !errors.Is(err, billing.ErrNotFound) {
			t.Errorf("answer: %v", err)
		}
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		same(t, "catalog", catalog, emptyCatalog())
		for _, scope := range []billing.Scope{
			billing.ScopeCatalog, record.ScopeClients, record.ScopeKeys, signin.ScopeAdministrators, c.Scope(),
		} {
			if rev, err := r.Revision(scope); rev != 0 || err != nil {
				t.Errorf("revision of %s: %d, %v", scope, rev, err)
			}
			if changes, err := r.Changes(scope, 0, 10); len(changes) != 0 || err != nil {
				t.Errorf("changes of %s: %v, %v", scope, changes, err)
			}
		}
		if feed, err := r.Feed(0, 10); len(feed) != 0 || err != nil {
			t.Errorf("feed: %v, %v", feed, err)
		}
		if clients, err := r.Clients(); len(clients) != 0 || err != nil {
			t.Errorf("clients: %v, %v", clients, err)
		}
		if keys, err := r.SigningKeys(); len(keys) != 0 || err != nil {
			t.Errorf("keys: %v, %v", keys, err)
		}
		return nil
	})
	update(t, whole(st), func(tx *sqlstore.Tx) error {
		if held, err := tx.Lease("l", "other", on(0), on(1)); !held || err != nil {
			t.Errorf("lease: %v, %v", held, err)
		}
		return nil
	})
}

func testRollback(t *testing.T, st Store) {
	err := whole(st).Update(t.Context(), func(tx *sqlstore.Tx) error {
		if err := writeAll(tx); err != nil {
			t.Fatal(err)
		}
		return errStop
	})
	if err != errStop { //nolint:errorlint // not one that wraps it
		t.Errorf("update returns %v, want the error of fn itself", err)
	}
	wantNothing(t, st)
	update(t, whole(st), writeAll) // nothing is in its way
}

func testPanic(t *testing.T, st Store) {
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic did not reach the caller")
			}
		}()
		_ = whole(st).Update(t.Context(), func(tx *sqlstore.Tx) error {
			if err := writeAll(tx); err != nil {
				t.Error(err)
			}
			panic("stop")
		})
	}()
	wantNothing(t, st)
}

func testReadOwnWrites(t *testing.T, st Store) {
	update(t, whole(st), func(tx *sqlstore.Tx) error {
		if err := writeAll(tx); err != nil {
			return err
		}
		if c, err := tx.Customer(customerID(1)); err != nil || c.Rev != 1 || !c.ChangedOn.Equal(on(1)) {
			t.Errorf("customer: %+v, %v", c, err)
		}
		if as, err := tx.Agreements(customerID(1), on(0)); err != nil || len(as) != 1 {
			t.Errorf("agreements: %v, %v", as, err)
		}
		if os, err := tx.Overrides(customerID(1), on(0)); err != nil || len(os) != 1 {
			t.Errorf("overrides: %v, %v", os, err)
		}
		if gs, err := tx.Grants(customerID(1), on(0)); err != nil || len(gs) != 1 {
			t.Errorf("grants: %v, %v", gs, err)
		}
		if c, err := tx.Counter(customerID(1), "calls", hours(0, 1)); err != nil || c.Used != 1 {
			t.Errorf("counter: %v, %v", c, err)
		}
		if sum, err := tx.SumUsage(customerID(1), "calls", allTime, time.Time{}); err != nil || sum != 1 {
			t.Errorf("sum of usage: %v, %v", sum, err)
		}
		if _, err := tx.Answer(customerID(1).Scope(), "key"); err != nil {
			t.Errorf("answer: %v", err)
		}
		if c, err := tx.Catalog(); err != nil || c.Rev != 1 || len(c.Plans) != len(smallCatalog().Plans) {
			t.Errorf("catalog: %+v, %v", c, err)
		}
		if feed, err := tx.Feed(0, 10); err != nil || len(feed) != 5 {
			t.Errorf("feed: %v, %v", feed, err)
		}
		return nil
	})
}

func testViewConsistent(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1))
	view(t, st, func(r service.Reader) error {
		before, err := r.Customer(customerID(1))
		if err != nil {
			return err
		}
		locked(t, st, customerID(1), func(tx service.Tx) error {
			c := newCustomer(1)
			c.Name = "renamed"
			return errors.Join(tx.UpdateCustomer(c), tx.CreateAgreement(newAgreement(c.ID, 1)))
		})
		next := smallCatalog()
		next.Plans["pro"].Name = "renamed"
		putCatalog(t, st, on(1), next)

		after, err := r.Customer(customerID(1))
		if err != nil {
			return err
		}
		same(t, "customer", after, before)
		if as, err := r.Agreements(customerID(1), on(0)); err != nil || len(as) != 0 {
			t.Errorf("agreements: %v, %v", as, err)
		}
		if c, err := r.Catalog(); err != nil || c.Rev != 1 || c.Plans["pro"].Name != "pro" {
			t.Errorf("catalog: %+v, %v", c, err)
		}
		return nil
	})
	if c := read(t, st, service.Reader.Catalog); c.Rev != 2 || c.Plans["pro"].Name != "renamed" {
		t.Errorf("catalog afterwards: %+v", c)
	}
}

func testViewFresh(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for want := int64(1); want <= 50; want++ {
		locked(t, st, customerID(1), func(tx service.Tx) error {
			_, err := tx.AppendChange(billing.Change{Scope: customerID(1).Scope(), On: on(0)})
			return err
		})
		c := read(t, st, func(r service.Reader) (billing.Customer, error) { return r.Customer(customerID(1)) })
		if c.Rev != want {
			t.Fatalf("a view sees revision %d after %d was committed", c.Rev, want)
		}
	}
}

func testCancelled(t *testing.T, st Store) {
	ctx, cancel := context.WithCancel(t.Context())
	err := st.Write(ctx, func(tx *sqlstore.Tx) error {
		if err := writeAll(tx); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("update cancelled before its commit: %v", err)
	}
	wantNothing(t, st)

	ran := false
	if err := st.Update(ctx, func(service.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("update: %v", err)
	}
	if err := st.View(ctx, func(service.Reader) error { ran = true; return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("view: %v", err)
	}
	if ran {
		t.Error("fn ran with a cancelled context")
	}

	ctx, cancel = context.WithCancel(t.Context())
	err = st.View(ctx, func(r service.Reader) error {
		cancel()
		_, err := r.Catalog()
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("read after the cancelling: %v", err)
	}
}

func testLockRequired(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	createAgreements(t, st, newAgreement(customerID(1), 1))
	createOverrides(t, st, newOverride(customerID(1), 1))
	createGrants(t, st, newGrant(customerID(1), 1))
	createUsage(t, st, newUsage(customerID(1), "a", on(0)))
	createHolds(t, st, newHold(customerID(1), 1))
	for _, feature := range []billing.Code{"calls", "other"} { // whose first lock takes the customer's
		putCounters(t, st, newCounter(customerID(1), feature, allTime, 0), newCounter(customerID(2), feature, allTime, 0))
	}
	for name, fn := range map[string]func(service.Tx) error{
		"UpdateCustomer":    func(tx service.Tx) error { return tx.UpdateCustomer(newCustomer(1)) },
		"CreateAgreement":   func(tx service.Tx) error { return tx.CreateAgreement(newAgreement(customerID(1), 2)) },
		"UpdateAgreement":   func(tx service.Tx) error { return tx.UpdateAgreement(newAgreement(customerID(1), 1)) },
		"WithdrawAgreement": func(tx service.Tx) error { return tx.WithdrawAgreement(customerID(1), agreementID(1)) },
		"CreateOverride":    func(tx service.Tx) error { return tx.CreateOverride(newOverride(customerID(1), 2)) },
		"UpdateOverride":    func(tx service.Tx) error { return tx.UpdateOverride(newOverride(customerID(1), 1)) },
		"CreateGrant":       func(tx service.Tx) error { return tx.CreateGrant(newGrant(customerID(1), 2)) },
		"UpdateGrant":       func(tx service.Tx) error { return tx.UpdateGrant(newGrant(customerID(1), 1)) },
		"PutCounter": func(tx service.Tx) error {
			return tx.PutCounters(newCounter(customerID(1), "calls", allTime, 1))
		},
		"CreateUsage": func(tx service.Tx) error { return tx.CreateUsage(newUsage(customerID(1), "b", on(0))) },
		"FoldUsage": func(tx service.Tx) error {
			_, err := tx.FoldUsage(customerID(1), "calls", on(9), shortDay, 9)
			return err
		},
		"CreateHold": func(tx service.Tx) error { return tx.CreateHold(newHold(customerID(1), 2)) },
		"UpdateHold": func(tx service.Tx) error { return tx.UpdateHold(newHold(customerID(1), 1)) },
		"PutCatalog": func(tx service.Tx) error { return tx.PutCatalog(smallCatalog()) },
		"AppendChange of a customer": func(tx service.Tx) error {
			_, err := tx.AppendChange(billing.Change{Scope: customerID(1).Scope(), On: on(0)})
			return err
		},
		"AppendChange of the catalog": func(tx service.Tx) error {
			_, err := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: on(0)})
			return err
		},
	} {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(customerID(2)); err != nil {
				return err
			}
			for customer, feature := range map[int]billing.Code{1: "other", 2: "calls"} {
				if _, err := tx.LockCounters(customerID(customer), feature, on(0), on(1)); err != nil {
					return err
				}
			}
			return fn(tx)
		})
		if err == nil {
			t.Errorf("%s passes without the lock", name)
		}
	}
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		return tx.PutCatalog(smallCatalog())
	})
	if err == nil {
		t.Error("a catalog is put without a change of its revision")
	}
}
