// Package storetest is the suite that every backend of a store passes: what the
// use cases ask of it ([service.Store]), the feed, the keepers of clients and those of webhooks.
// It pins what databases differ in without a word: the order of text, its case
// and limits, the precision of times, the range of integers, and what happens
// when transactions meet.
//
// Start with [Run]. The random test in model.go compares a store with a model in
// plain maps; the tests before it say by name what the model finds by chance.
package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	outbox "github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// Store is a store with what each tenant asks of it.
type Store interface {
	service.Store
	ForFeed() feed.Store
	ForClients() record.Store
	ForWebhooks() outbox.Store
	ForAdministrators() signin.Store
	Read(ctx context.Context, fn func(*sqlstore.Reader) error) error
	Write(ctx context.Context, fn func(*sqlstore.Tx) error) error
}

// Run tests the stores that open returns, a new and empty one for each sub-test.
// Open closes them by [testing.T.Cleanup].
func Run(t *testing.T, open func(t *testing.T) Store) {
	for _, group := range [][]test{
		transactionTests, fieldTests, textTests, customerTests, listTests, agreementTests, catalogTests,
		overrideTests, grantTests, packedTests, counterTests, laneTests, standingTests, applyTests, usageTests, drawTests, moveTests, rowTests, foldTests, holdTests, answerTests, changeTests, eventTests, webhookTests, clientTests, administratorTests,
		concurrencyTests, {{"model", testModel}},
	} {
		for _, test := range group {
			t.Run(test.name, func(t *testing.T) {
				t.Parallel()
				test.run(t, open(t))
			})
		}
	}
	for stage, enter := range usageStages {
		groups := [][]test{counterTests, applyTests, usageTests, foldTests}
		if stage == halfMoved {
			groups = append(groups, []test{{"model", testModel}})
		}
		for _, group := range groups {
			for _, test := range group {
				t.Run(stage+": "+test.name, func(t *testing.T) {
					t.Parallel()
					test.run(t, enter(t, open(t)))
				})
			}
		}
	}
}

type test struct {
	name string
	run  func(*testing.T, Store)
}

// day is the first day of the tests' time; on is an instant of it.
var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func on(hours int) time.Time { return day.Add(time.Duration(hours) * time.Hour) }

func customerID(n int) (id billing.CustomerID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n))
	return id
}

// agreementID has n in its stem.
func agreementID(n int) (id billing.AgreementID) {
	binary.BigEndian.PutUint64(id[6:], uint64(n))
	return id
}

// newCustomer is a customer with every field set that CreateCustomer stores.
func newCustomer(n int) billing.Customer {
	return billing.Customer{
		ID:              customerID(n),
		Type:            billing.Organization,
		OrgCode:         fmt.Sprintf("org_%d", n),
		UserID:          fmt.Sprintf("kp_%d", n),
		ExternalID:      fmt.Sprintf("cus_%d", n),
		Name:            fmt.Sprintf("Customer %d", n),
		Email:           fmt.Sprintf("billing@%d.example", n),
		Status:          billing.Active,
		AnchorOn:        on(1),
		Metadata:        map[string]string{"tier": "gold", "région": "ö\n\"\\"},
		CreatedOn:       on(2),
		LastAgreementMS: 1<<48 - 1,
	}
}

// newAgreement is one with every field set, to a plan of smallCatalog.
func newAgreement(customer billing.CustomerID, n int) billing.Agreement {
	return billing.Agreement{
		ID:          agreementID(n),
		CustomerID:  customer,
		Plan:        "pro",
		Version:     1,
		Kind:        billing.KindPlan,
		Quantity:    1,
		Annual:      true,
		CreatedOn:   on(0),
		StartsOn:    on(1),
		ExpiresOn:   on(9),
		OwnEnd:      on(10),
		TrialEndsOn: on(2),
		TrialScope:  "teams",
		Carried: []billing.Carry{
			{Feature: "calls", Max: new(int64(billing.MaxAmount)), Until: on(5)},
			{Feature: "seats", Max: new(int64(0))},
			{Feature: "on", Until: time.Unix(0, 0).UTC()},
		},
	}
}

func smallCatalog() *billing.Catalog {
	return &billing.Catalog{
		Currency: "usd",
		Features: map[billing.Code]*billing.Feature{
			"sso": {Code: "sso", Name: "Single sign-on", Type: billing.Unmetered},
		},
		Groups: map[billing.Code]*billing.PlanGroup{
			"teams": {ID: billing.GroupID{15: 1}, Code: "teams", Name: "Teams",
				CustomerType: billing.Organization, Default: true},
		},
		Plans: map[billing.Code]*billing.Plan{
			"pro":   smallPlan("pro", billing.KindPlan),
			"free":  smallPlan("free", billing.KindPlan),
			"boost": smallPlan("boost", billing.KindAddOn),
			"extra": smallPlan("extra", billing.KindAddOn),
		},
	}
}

func smallPlan(code billing.Code, kind billing.PlanKind) *billing.Plan {
	return &billing.Plan{
		Code: code, Name: string(code), Group: "teams", Kind: kind, Status: billing.Published,
		Versions: []*billing.PlanVersion{{
			Plan: code, Number: 1, PublishedOn: on(0),
			Terms: billing.Terms{Cycle: calendar.Month, Items: []billing.Item{{Feature: "sso", PriceName: "SSO"}}},
		}},
	}
}

// putCatalog stores a catalog as one change.
func putCatalog(t *testing.T, st service.Store, at time.Time, next *billing.Catalog) {
	t.Helper()
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		if err := tx.PutCatalog(next); err != nil {
			return err
		}
		_, err := tx.AppendChange(billing.Change{
			Scope: billing.ScopeCatalog, On: at, By: "cli", Kind: billing.CatalogApplied,
		})
		return err
	})
}

// createCustomers creates customers, each in an update of its own.
func createCustomers(t *testing.T, st service.Store, customers ...billing.Customer) {
	t.Helper()
	for _, c := range customers {
		update(t, st, func(tx service.Tx) error { return tx.CreateCustomer(c) })
	}
}

// createAgreements creates agreements, each under its customer's lock.
func createAgreements(t *testing.T, st service.Store, agreements ...billing.Agreement) {
	t.Helper()
	for _, a := range agreements {
		locked(t, st, a.CustomerID, func(tx service.Tx) error { return tx.CreateAgreement(a) })
	}
}

// viewer and updater are the store as a tenant sees it that reads by R and writes
// by T.
type viewer[R any] interface {
	View(ctx context.Context, fn func(R) error) error
}

type updater[T any] interface {
	Update(ctx context.Context, fn func(T) error) error
}

// everything is the store as nobody sees it: one transaction has the methods of
// all tenants.
type everything struct{ Store }

func whole(st Store) everything { return everything{st} }

func (e everything) View(ctx context.Context, fn func(*sqlstore.Reader) error) error {
	return e.Read(ctx, fn)
}

func (e everything) Update(ctx context.Context, fn func(*sqlstore.Tx) error) error {
	return e.Write(ctx, fn)
}

func view[R any](t *testing.T, st viewer[R], fn func(R) error) {
	t.Helper()
	if err := st.View(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func update[T any](t *testing.T, st updater[T], fn func(T) error) {
	t.Helper()
	if err := st.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// locked is an update under a customer's lock.
func locked(t *testing.T, st service.Store, id billing.CustomerID, fn func(service.Tx) error) {
	t.Helper()
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCustomer(id); err != nil {
			return err
		}
		return fn(tx)
	})
}

// read runs one read in a view of its own.
func read[R, T any](t *testing.T, st viewer[R], fn func(R) (T, error)) T {
	t.Helper()
	var got T
	view(t, st, func(r R) (err error) {
		got, err = fn(r)
		return err
	})
	return got
}

// readError is the error of one read in a view of its own.
func readError[R, T any](st viewer[R], fn func(R) (T, error)) error {
	return st.View(context.Background(), func(r R) error {
		_, err := fn(r)
		return err
	})
}

// same compares exactly: times by instant, decimals with their scale, and nil
// is not zero.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, exactly); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
}

// exactly compares all but the version of a lane and the facts that it was told of, which
// have tests of their own.
var exactly = cmp.Options{
	cmp.Comparer(func(a, b decimal.Decimal) bool { return a.String() == b.String() }),
	cmpopts.IgnoreFields(usage.Lane{}, "Version", "Facts"),
	cmpopts.IgnoreUnexported(billing.Terms{}),
}

func clone(c billing.Catalog) *billing.Catalog { return &c }

func customerIDs(customers []billing.Customer) []billing.CustomerID {
	ids := make([]billing.CustomerID, len(customers))
	for i, c := range customers {
		ids[i] = c.ID
	}
	return ids
}

func agreementIDs(agreements []billing.Agreement) []billing.AgreementID {
	ids := make([]billing.AgreementID, len(agreements))
	for i, a := range agreements {
		ids[i] = a.ID
	}
	return ids
}

// numbered are the ids of the given numbers.
func numbered[ID any](id func(int) ID, numbers ...int) []ID {
	ids := slices.Grow([]ID{}, len(numbers))
	for _, n := range numbers {
		ids = append(ids, id(n))
	}
	return ids
}
