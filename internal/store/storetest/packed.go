package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

var packedTests = []test{
	{"packed facts follow each change", testPackedFollows},
	{"packed facts are for any instant", testPackedAt},
}

// checkPacked holds packed facts against the facts, for an instant.
func checkPacked(ctx context.Context, st Store, id billing.CustomerID, at time.Time) error {
	var facts billing.Facts
	var drift string
	err := st.Read(ctx, func(r *sqlstore.Reader) (err error) {
		if drift, err = r.PackedDrift(id); err == nil {
			facts, err = r.Facts(id, at)
		}
		return err
	})
	text, gotErr := st.Packed(ctx, id, at)
	switch {
	case errors.Is(err, billing.ErrNotFound), err == nil && !facts.Customer.DeletedOn.IsZero():
		if !errors.Is(gotErr, billing.ErrNotFound) {
			return fmt.Errorf("packed facts of nobody: %q, %w", text, gotErr)
		}
		return nil
	case err != nil || gotErr != nil:
		return errors.Join(err, gotErr)
	case drift != "":
		return errors.New(drift)
	case !text.Serves(facts.Customer.Rev, at) && !at.IsZero():
		return fmt.Errorf("packed facts of revision %d, read for %v, serve not %d at %v", text.Rev(), text.ReadFor(), facts.Customer.Rev, at)
	}
	all, err := packed.Pack(&facts, at)
	if err != nil {
		return err
	}
	want, got := all.Snapshot(id, nil).Facts, text.Snapshot(id, nil).Facts
	over := func(end time.Time) bool { return !end.IsZero() && !at.Before(end) }
	got.Agreements = slices.DeleteFunc(got.Agreements, func(a billing.Agreement) bool { return over(a.ExpiresOn) })
	got.Overrides = slices.DeleteFunc(got.Overrides, func(o billing.Override) bool { return over(o.ExpiresOn) })
	got.Grants = slices.DeleteFunc(got.Grants, func(g billing.Grant) bool { return over(g.SetAsideOn) })
	if diff := cmp.Diff(want, got, exactly, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("packed facts differ (-want +got):\n%s", diff)
	}
	return nil
}

func (r *run) checkPacked(id billing.CustomerID) {
	if err := checkPacked(r.Context(), r.st.Store, id, r.hour("packed at", true)); err != nil {
		r.Fatal(err)
	}
}

// Whatever changes facts, however many times in one transaction.
func testPackedFollows(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	c, a, o, g := newCustomer(1), newAgreement(customerID(1), 1), newOverride(customerID(1), 1), newGrant(customerID(1), 1)
	appended := func(tx service.Tx) error {
		_, err := tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: on(0)})
		return err
	}
	for _, step := range []func(service.Tx) error{
		func(tx service.Tx) error { return tx.CreateCustomer(c) },
		func(tx service.Tx) error { c.Status = billing.Suspended; return tx.UpdateCustomer(c) },
		func(tx service.Tx) error { return tx.CreateAgreement(a) },
		func(tx service.Tx) error { a.Carried = nil; return tx.UpdateAgreement(a) },
		func(tx service.Tx) error { return tx.WithdrawAgreement(c.ID, a.ID) },
		func(tx service.Tx) error {
			a.ID = agreementID(2)
			return errors.Join(tx.CreateAgreement(a), appended(tx), tx.CreateOverride(o))
		},
		func(tx service.Tx) error { o.ExpiresOn = on(3); return tx.UpdateOverride(o) },
		func(tx service.Tx) error { g.SetAsideOn = time.Time{}; return tx.CreateGrant(g) },
		func(tx service.Tx) error { g.EndedOn = on(2); return tx.UpdateGrant(g) },
		func(tx service.Tx) error { g.SetAsideOn = on(3); return tx.UpdateGrant(g) },
		appended,
		func(tx service.Tx) error { c.DeletedOn = on(1); return errors.Join(tx.UpdateCustomer(c), appended(tx)) },
	} {
		update(t, st, func(tx service.Tx) error {
			if _, err := tx.LockCustomer(c.ID); err != nil && !errors.Is(err, billing.ErrNotFound) {
				return err
			}
			return step(tx)
		})
		if err := checkPacked(t.Context(), st, c.ID, on(0)); err != nil {
			t.Error(err)
		}
	}
}

// Before the last change, at the ends of what there is, and after all of them.
func testPackedAt(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	c := newCustomer(1)
	createCustomers(t, st, c)
	locked(t, st, c.ID, func(tx service.Tx) error {
		for n := range 4 {
			a, o, g := newAgreement(c.ID, n), newOverride(c.ID, n), newGrant(c.ID, n)
			a.ExpiresOn, o.ExpiresOn, g.SetAsideOn = on(2*n), on(2*n+1), on(2*n+1)
			if err := errors.Join(tx.CreateAgreement(a), tx.CreateOverride(o), tx.CreateGrant(g)); err != nil {
				return err
			}
		}
		_, err := tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: on(3)})
		return err
	})
	for hour := range 9 {
		for _, at := range []time.Time{on(hour), on(hour).Add(-time.Microsecond)} {
			if err := checkPacked(t.Context(), st, c.ID, at); err != nil {
				t.Errorf("at %v: %v", at, err)
			}
		}
	}
}
