package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

var listTests = []test{
	{"customers are paged in both directions", testCustomerPages},
	{"customers are filtered", testCustomerFilter},
	{"agreement history is paged in both directions", testHistoryPages},
	{"the ids of all customers are walked", testCustomerIDs},
	{"users are walked by the customer that stands for each", testUsers},
	{"the customers on other versions of a plan are walked", testCustomersOn},
	{"the customers whose plan ends with nothing to follow are walked", testEnding},
}

// pageTest is what a page of records 10, 20, 30, 40, 50 should hold.
type pageTest struct {
	size, after, before int // 0: none
	want                []int
	more                bool
}

var pageTests = []pageTest{
	{size: 2, want: []int{10, 20}, more: true},
	{size: 5, want: []int{10, 20, 30, 40, 50}},
	{size: 6, want: []int{10, 20, 30, 40, 50}},
	{size: 1, want: []int{10}, more: true},
	{size: 2, after: 20, want: []int{30, 40}, more: true},
	{size: 2, after: 25, want: []int{30, 40}, more: true}, // its record has gone
	{size: 3, after: 20, want: []int{30, 40, 50}},
	{size: 2, after: 50, want: []int{}},
	{size: 2, after: 99, want: []int{}},
	{size: 2, after: 1, want: []int{10, 20}, more: true},
	{size: 2, before: 40, want: []int{20, 30}, more: true},
	{size: 2, before: 35, want: []int{20, 30}, more: true},
	{size: 2, before: 30, want: []int{10, 20}},
	{size: 3, before: 30, want: []int{10, 20}},
	{size: 2, before: 10, want: []int{}},
	{size: 2, before: 99, want: []int{40, 50}, more: true},
	{size: 2, before: 1, want: []int{}},
}

func (p pageTest) String() string {
	return fmt.Sprintf("page of %d after %d before %d", p.size, p.after, p.before)
}

func pageOf[K any](p pageTest, id func(int) K) service.Page[K] {
	page := service.Page[K]{Size: p.size}
	if p.after != 0 {
		page.After = new(id(p.after))
	}
	if p.before != 0 {
		page.Before = new(id(p.before))
	}
	return page
}

func testCustomerPages(t *testing.T, st Store) {
	for _, n := range []int{50, 20, 40, 10, 30} {
		createCustomers(t, st, newCustomer(n))
	}
	gone := newCustomer(25)
	createCustomers(t, st, gone)
	gone.DeletedOn = on(5)
	locked(t, st, gone.ID, func(tx service.Tx) error { return tx.UpdateCustomer(gone) })
	for _, p := range pageTests {
		view(t, st, func(r service.Reader) error {
			got, more, err := r.Customers(service.CustomerFilter{}, pageOf(p, customerID))
			same(t, p.String(), customerIDs(got), numbered(customerID, p.want...))
			if more != p.more {
				t.Errorf("%v: more is %v", p, more)
			}
			return err
		})
	}
}

func testHistoryPages(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	for _, n := range []int{50, 20, 40, 10, 30} {
		createAgreements(t, st, newAgreement(customerID(1), n))
	}
	scheduled := newAgreement(customerID(1), 35)
	scheduled.StartsOn = on(1).Add(1000) // a microsecond
	createAgreements(t, st, scheduled, newAgreement(customerID(2), 36))
	for _, p := range pageTests {
		view(t, st, func(r service.Reader) error {
			got, more, err := r.AgreementHistory(customerID(1), on(1), pageOf(p, agreementID))
			same(t, p.String(), agreementIDs(got), numbered(agreementID, p.want...))
			if more != p.more {
				t.Errorf("%v: more is %v", p, more)
			}
			return err
		})
	}
}

func testCustomerFilter(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	acme := billing.Customer{ID: customerID(1), OrgCode: "Org_1", Name: "ACME Ältere 100%", Email: "Bill@acme.example", ExternalID: "cus_A"}
	both := billing.Customer{ID: customerID(2), OrgCode: "Org_1", UserID: "kp_1", Name: "a_b!c"}
	user := billing.Customer{ID: customerID(3), UserID: "kp_1", Name: "aXbXc 1000"}
	deleted := billing.Customer{ID: customerID(4), OrgCode: "Org_4", Name: "ACME", DeletedOn: on(1)}
	createCustomers(t, st, acme, both, user, deleted)
	pro, free := newAgreement(acme.ID, 1), newAgreement(both.ID, 2)
	free.Plan, free.ExpiresOn = "free", time.Time{} // pro lives in [1, 9), free in [1, ∞)
	createAgreements(t, st, pro, free)

	tests := []struct {
		filter service.CustomerFilter
		want   []int
	}{
		{service.CustomerFilter{}, []int{1, 2, 3}},
		{service.CustomerFilter{Query: "acme"}, []int{1}},
		{service.CustomerFilter{Query: "AcMe"}, []int{1}},
		{service.CustomerFilter{Query: "äLTERE"}, []int{1}},
		{service.CustomerFilter{Query: "100%"}, []int{1}}, // no wildcard
		{service.CustomerFilter{Query: "a_b"}, []int{2}},  // no wildcard
		{service.CustomerFilter{Query: "b!c"}, []int{2}},
		{service.CustomerFilter{Query: `\`}, nil},
		{service.CustomerFilter{Query: "org_1"}, []int{1, 2}},
		{service.CustomerFilter{Query: "KP_1"}, []int{2, 3}},
		{service.CustomerFilter{Query: "bill@ACME"}, []int{1}},
		{service.CustomerFilter{Query: customerID(3).String()[:40]}, []int{1, 2, 3}},
		{service.CustomerFilter{Query: customerID(3).String()}, []int{3}},
		{service.CustomerFilter{Query: "org_1kp_1"}, nil}, // runs over two fields
		{service.CustomerFilter{OrgCode: "Org_1"}, []int{1, 2}},
		{service.CustomerFilter{OrgCode: "org_1"}, nil}, // taken literally
		{service.CustomerFilter{OrgCode: "Org_4"}, nil},
		{service.CustomerFilter{UserID: "kp_1"}, []int{2, 3}},
		{service.CustomerFilter{OrgCode: "Org_1", UserID: "kp_1"}, []int{2}},
		{service.CustomerFilter{OrgCode: "Org_1", Query: "acme"}, []int{1}},
		{service.CustomerFilter{ExternalID: "cus_A"}, []int{1}},
		{service.CustomerFilter{ExternalID: "cus_a"}, nil},
		{service.CustomerFilter{ExternalID: "cus_A", OrgCode: "Org_2"}, nil},
		{service.CustomerFilter{Query: "CUS_a"}, []int{1}},
		{service.CustomerFilter{PlanCode: "pro", At: on(1)}, []int{1}},
		{service.CustomerFilter{PlanCode: "pro", At: on(1).Add(-1000)}, nil},
		{service.CustomerFilter{PlanCode: "pro", At: on(9).Add(-1000)}, []int{1}},
		{service.CustomerFilter{PlanCode: "pro", At: on(9)}, nil},
		{service.CustomerFilter{PlanCode: "free", At: on(999)}, []int{2}},
		{service.CustomerFilter{PlanCode: "pro", At: on(1), OrgCode: "Org_1", UserID: "kp_1"}, nil},
		{service.CustomerFilter{PlanCode: "free", At: on(1), OrgCode: "Org_1", UserID: "kp_1", Query: "A_B"}, []int{2}},
	}
	for _, test := range tests {
		want := numbered(customerID, test.want...)
		view(t, st, func(r service.Reader) error {
			all, more, err := r.Customers(test.filter, service.Page[billing.CustomerID]{Size: 10})
			same(t, fmt.Sprintf("%+v", test.filter), customerIDs(all), want)
			if more {
				t.Errorf("%+v: more than all", test.filter)
			}
			if err != nil || len(want) == 0 {
				return err
			}
			last, _, err := r.Customers(test.filter,
				service.Page[billing.CustomerID]{Size: 1, Before: new(customerID(9))})
			same(t, fmt.Sprintf("%+v backwards", test.filter), customerIDs(last), want[len(want)-1:])
			if err != nil {
				return err
			}
			rest, _, err := r.Customers(test.filter,
				service.Page[billing.CustomerID]{Size: 10, After: &want[0]})
			same(t, fmt.Sprintf("%+v after the first", test.filter), customerIDs(rest), slices.Clone(want[1:]))
			return err
		})
	}
}

func testCustomerIDs(t *testing.T, st Store) {
	for _, n := range []int{3, 1, 2} {
		createCustomers(t, st, newCustomer(n))
	}
	gone := newCustomer(2)
	gone.DeletedOn = on(5)
	locked(t, st, gone.ID, func(tx service.Tx) error { return tx.UpdateCustomer(gone) })
	for _, test := range []struct {
		after, limit int
		want         []int
	}{{0, 9, []int{1, 2, 3}}, {0, 2, []int{1, 2}}, {2, 9, []int{3}}, {3, 9, nil}, {1, 0, nil}} {
		got := read(t, st, func(r service.Reader) ([]billing.CustomerID, error) {
			return r.CustomerIDs(customerID(test.after), test.limit)
		})
		same(t, fmt.Sprintf("%d after %d", test.limit, test.after), slices.Grow(got, 1), numbered(customerID, test.want...))
	}
}

func testCustomersOn(t *testing.T, st Store) {
	catalog := smallCatalog()
	for _, plan := range catalog.Plans {
		second := *plan.Versions[0]
		second.Number = 2
		plan.Versions = append(plan.Versions, &second)
	}
	putCatalog(t, st, on(0), catalog)
	for n := range 7 {
		createCustomers(t, st, newCustomer(n))
	}
	agreement := func(customer, n int, plan billing.Code, version, from, to int) {
		a := newAgreement(customerID(customer), n)
		a.Plan, a.Version, a.StartsOn, a.ExpiresOn = plan, version, on(from), time.Time{}
		if to > 0 {
			a.ExpiresOn = on(to)
		}
		createAgreements(t, st, a)
	}
	agreement(5, 1, "pro", 1, 2, 0)
	agreement(4, 2, "free", 1, 2, 0)
	agreement(3, 3, "pro", 2, 2, 0)
	agreement(2, 4, "pro", 1, 2, 4)
	agreement(2, 5, "pro", 2, 4, 0) // moved
	agreement(1, 6, "pro", 1, 2, 4)
	agreement(1, 7, "pro", 1, 4, 0)
	agreement(1, 9, "pro", 1, 4, 0) // is named once, whatever it has
	agreement(6, 8, "boost", 1, 2, 0)
	for _, test := range []struct {
		plan      billing.Code
		otherThan int
		at, after int
		limit     int
		want      []int
	}{
		{"pro", 2, 1, 0, 9, []int{1, 2, 5}}, // to begin in an older version
		{"pro", 1, 1, 0, 9, nil},            // to begin in a newer one
		{"pro", 2, 2, 0, 9, []int{1, 2, 5}},
		{"pro", 2, 4, 0, 9, []int{1, 5}},
		{"pro", 1, 4, 0, 9, []int{2, 3}},
		{"pro", 3, 4, 0, 9, []int{1, 2, 3, 5}},
		{"pro", 3, 4, 0, 2, []int{1, 2}},
		{"pro", 3, 4, 2, 2, []int{3, 5}},
		{"pro", 3, 4, 5, 2, nil},
		{"boost", 2, 4, 0, 9, []int{6}},
		{"Pro", 2, 4, 0, 9, nil},
	} {
		got := read(t, st, func(r service.Reader) ([]billing.CustomerID, error) {
			return r.CustomersOn(test.plan, test.otherThan, on(test.at), customerID(test.after), test.limit)
		})
		same(t, fmt.Sprintf("%+v", test), slices.Grow(got, 1), numbered(customerID, test.want...))
	}
	holder := func(n, version int) service.Holder { return service.Holder{Customer: customerID(n), Version: version} }
	for _, test := range []struct {
		plan      billing.Code
		at, limit int
		want      []service.Holder
	}{
		{"pro", 1, 9, nil}, // all are to begin
		{"pro", 2, 9, []service.Holder{holder(1, 1), holder(2, 1), holder(3, 2), holder(5, 1)}},
		{"pro", 4, 9, []service.Holder{holder(1, 1), holder(1, 1), holder(2, 2), holder(3, 2), holder(5, 1)}},
		{"pro", 4, 3, []service.Holder{holder(1, 1), holder(1, 1), holder(2, 2)}},
		{"boost", 4, 9, []service.Holder{holder(6, 1)}},
		{"none", 4, 9, nil},
	} {
		got := read(t, st, func(r service.Reader) ([]service.Holder, error) { return r.Holders(test.plan, on(test.at), test.limit) })
		same(t, fmt.Sprintf("%+v", test), got, test.want)
	}
}

func testEnding(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	for n := range 8 {
		createCustomers(t, st, newCustomer(n))
	}
	agreement := func(customer, n int, plan billing.Code, kind billing.PlanKind, from, to int) {
		a := newAgreement(customerID(customer), n)
		a.Plan, a.Kind, a.StartsOn, a.ExpiresOn = plan, kind, on(from), time.Time{}
		if to > 0 {
			a.ExpiresOn = on(to)
		}
		createAgreements(t, st, a)
	}
	agreement(1, 1, "pro", billing.KindPlan, 1, 5)
	agreement(2, 2, "pro", billing.KindPlan, 1, 0)
	agreement(3, 3, "pro", billing.KindPlan, 1, 5)
	agreement(3, 4, "free", billing.KindPlan, 5, 0) // follows
	agreement(4, 5, "pro", billing.KindPlan, 1, 5)
	agreement(4, 6, "pro", billing.KindPlan, 5, 5) // withdrawn as it began
	agreement(5, 7, "free", billing.KindPlan, 1, 5)
	agreement(6, 8, "boost", billing.KindAddOn, 1, 5)
	agreement(7, 9, "pro", billing.KindPlan, 1, 3)
	agreement(7, 10, "free", billing.KindPlan, 4, 6) // two ends are one customer
	group := smallCatalog().Plans["pro"].Group
	for _, test := range []struct {
		group, but       billing.Code
		at, after, limit int
		want             []int
	}{
		{group, "", 2, 0, 9, []int{1, 4, 5, 7}},
		{group, "free", 2, 0, 9, []int{1, 4, 7}},
		{group, "free", 3, 0, 9, []int{1, 4}},
		{group, "", 2, 1, 2, []int{4, 5}},
		{group, "", 6, 0, 9, nil},
		{"other", "", 2, 0, 9, nil},
	} {
		got := read(t, st, func(r service.Reader) ([]billing.CustomerID, error) {
			return r.Ending(test.group, test.but, on(test.at), customerID(test.after), test.limit)
		})
		same(t, fmt.Sprintf("%+v", test), slices.Grow(got, 1), numbered(customerID, test.want...))
	}
}

// Of a user's customers the one in no organization stands for it, else the one
// with the lowest id, whatever the order of their codes.
func testUsers(t *testing.T, st Store) {
	customer := func(n int, org, user string) billing.Customer {
		c := newCustomer(n)
		c.Type, c.OrgCode, c.UserID = billing.User, org, user
		return c
	}
	gone := customer(9, "", "kp_gone")
	createCustomers(t, st,
		customer(1, "org_b", "kp_one"), customer(2, "", "kp_one"), // not the lowest
		customer(3, "org_b", "kp_two"), customer(4, "org_a", "kp_two"), // not the first organization
		customer(5, "", "kp_\u00fc"), customer(6, "", "KP_one"),
		customer(7, "org_c", ""), gone)
	gone.DeletedOn = on(5)
	locked(t, st, gone.ID, func(tx service.Tx) error { return tx.UpdateCustomer(gone) })

	walk := func(after string, limit int) []int {
		t.Helper()
		found := []int{}
		for _, c := range read(t, st, func(r service.Reader) ([]billing.Customer, error) { return r.Users(after, limit) }) {
			found = append(found, slices.IndexFunc([]int{1, 2, 3, 4, 5, 6, 7, 9}, func(n int) bool { return customerID(n) == c.ID }))
		}
		return found
	}
	// Indexes into the list above: customers 6, 2, 3 and 5.
	same(t, "all", walk("", 10), []int{5, 1, 2, 4})
	same(t, "two", walk("", 2), []int{5, 1})
	same(t, "behind one", walk("kp_one", 10), []int{2, 4})
	same(t, "behind one that is not there", walk("kp_p", 1), []int{2})
	same(t, "behind the last", walk("kp_\u00fc", 10), []int{})
}
