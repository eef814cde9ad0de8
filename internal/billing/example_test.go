package billing_test

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// noPast is what a new customer has behind it.
type noPast struct{}

func (noPast) Overlapping(billing.CustomerID, billing.Code, time.Time, time.Time, int) ([]billing.Agreement, error) {
	return nil, nil
}
func (noPast) HadTrial(billing.CustomerID, string) (bool, error) { return false, nil }
func (noPast) AgreementCustomer(billing.AgreementID) (billing.CustomerID, error) {
	return billing.CustomerID{}, billing.ErrNotFound
}
func (noPast) GrantsByExternalID(billing.CustomerID, string) ([]billing.Grant, error) {
	return nil, nil
}

// A customer signs up for pro on trial, buys an add-on, and asks for a smaller plan
// from the end of its term.
func Example() {
	march := func(day int) time.Time { return time.Date(2027, time.March, day, 0, 0, 0, 0, time.UTC) }
	plan := func(code billing.Code, seats int64) billing.PlanSpec {
		return billing.PlanSpec{
			Code: code, Name: string(code), Group: "teams", Kind: billing.KindPlan, Status: billing.Published, Cycle: calendar.Month,
			Items: []billing.ItemSpec{{Feature: "seats", Max: &seats}},
		}
	}
	pro, basic, extra := plan("pro", 10), plan("basic", 3), plan("extra", 5)
	pro.Default, pro.Trial = true, &billing.TrialSpec{Days: new(14)}
	extra.Kind = billing.KindAddOn
	catalog, _, _, err := (&billing.Catalog{}).Apply(billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
		Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
		Plans:    []billing.PlanSpec{pro, basic, extra},
	}, march(1), func() (billing.GroupID, error) {
		return billing.NewID[billing.GroupID](rand.Reader, march(1).UnixMilli())
	})
	if err != nil {
		panic(err)
	}
	customer, err := billing.NewCustomer{Type: billing.Organization, OrgCode: "acme"}.Record(march(1), rand.Reader)
	if err != nil {
		panic(err)
	}

	facts := billing.Snapshot{Catalog: catalog, Facts: billing.Facts{Customer: customer}}
	change := func(now time.Time, do func(*billing.Book) error) {
		book := billing.OpenBook(facts, now, "cli", noPast{}, rand.Reader)
		if err := do(book); err != nil {
			panic(err)
		}
		facts = book.Snapshot // what is different, Book.Difference, is what is stored
	}
	change(march(1), func(b *billing.Book) error { return b.SignUp(billing.NewCustomer{}) })
	change(march(5), func(b *billing.Book) error {
		_, err := b.Subscribe(billing.NewAgreement{Plan: "extra", Quantity: 2})
		return err
	})
	change(march(20), func(b *billing.Book) error {
		_, err := b.Subscribe(billing.NewAgreement{Plan: "basic", When: billing.WhenPeriodEnd})
		return err
	})

	for _, a := range facts.Agreements {
		fmt.Printf("%s from %s", a.Plan, a.StartsOn.Format("2 January"))
		if !a.ExpiresOn.IsZero() {
			fmt.Printf(" to %s", a.ExpiresOn.Format("2 January"))
		}
		fmt.Println()
	}
	for _, now := range []time.Time{march(6), march(21), march(46)} {
		al := facts.Allowance(catalog.Features["seats"], now)
		d := al.Decide(1*billing.OneUnit, 12*billing.OneUnit, 0)
		fmt.Printf("%s: %d seats, of which 12 are used: one more is %s\n", now.Format("2 January"), *al.Limit.Max, d.Reason)
		if next := al.NextChange; next != nil {
			fmt.Printf("  the next change is on %s: %s\n", next.On.Format("2 January"), next.Why)
		}
	}
	// Output:
	// pro from 1 March to 15 April
	// extra from 5 March
	// basic from 15 April
	// 6 March: 20 seats, of which 12 are used: one more is within_limit
	//   the next change is on 15 March: trial_ends
	// 21 March: 20 seats, of which 12 are used: one more is within_limit
	//   the next change is on 15 April: scheduled_change
	// 15 April: 13 seats, of which 12 are used: one more is within_limit
}
