package admin

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// customersPath is where the customers are, and each below it.
const customersPath = "/console/customers"

// customerScreens show who the customers are, and what each is entitled to.
var customerScreens = []route{
	{"GET /console/customers", listCustomers},
	{"GET /console/customers/{id}", showCustomer},
	{"GET /console/customers/new", askChange(createCustomer)},
	{"POST /console/customers/new", makeChange(createCustomer)},
	{"GET /console/customers/{id}/ledger", showLedger},
	{"GET /console/customers/{id}/{change}", changeCustomer(askChange)},
	{"POST /console/customers/{id}/{change}", changeCustomer(makeChange)},
}

// customerList is a page of customers.
type customerList struct {
	Q, OrgCode, UserID, PlanCode string
	Customers                    []api.Customer
	Older, Newer                 string // addresses of the pages beside; "" if there are none
	Plans                        []api.PlanSummary
	MayCreate                    bool
}

// Filtered reports whether not all customers are asked for.
func (l *customerList) Filtered() bool {
	return l.Q != "" || l.OrgCode != "" || l.UserID != "" || l.PlanCode != ""
}

// customersOnPage is how many customers stand on a page.
const customersOnPage = 25

// listCustomers finds customers. Somebody who searched and found one is led to it.
func listCustomers(c *call) (*screen, error) {
	q := c.URL.Query()
	list := &customerList{
		Q: strings.TrimSpace(q.Get("q")), OrgCode: strings.TrimSpace(q.Get("org_code")), UserID: strings.TrimSpace(q.Get("user_id")), PlanCode: q.Get("plan_code"),
		MayCreate: c.may(api.ScopeCreateCustomers),
	}
	// The newest stand first, so one goes back through the list.
	after, before := q.Get("after"), q.Get("before")
	page := client.PageParams{PageSize: customersOnPage, StartingAfter: after}
	if after == "" {
		page.EndingBefore = cmp.Or(before, newestCustomer)
	}
	found, err := c.api.Customers.List(c.Context(), client.CustomerParams{
		PageParams: page, Q: list.Q, OrgCode: list.OrgCode, UserID: list.UserID, PlanCode: list.PlanCode,
	})
	if err != nil {
		return nil, err
	}
	if q.Has("go") && len(found.Customers) == 1 && after == "" && before == "" {
		return nil, goTo(customersPath+"/"+found.Customers[0].ID+"#look", "") // from where the keyboard goes on
	}
	plans, err := c.api.Catalog.Plans(c.Context(), client.PageParams{PageSize: api.MaxPageSize})
	if err != nil {
		return nil, err
	}
	list.Customers, list.Plans = found.Customers, plans.Plans
	slices.Reverse(list.Customers)
	if n := len(list.Customers); n > 0 {
		if found.HasMore || after != "" {
			list.Older = list.address("before", list.Customers[n-1].ID)
		}
		if after != "" && found.HasMore || after == "" && before != "" {
			list.Newer = list.address("after", list.Customers[0].ID)
		}
	}
	return &screen{template: "customers", title: "Customers", at: customersPath, data: list}, nil
}

// No id of a customer, a hold or a grant is behind these.
const (
	newestCustomer = "customer_ffffffffffffffffffffffffffffffff"
	newestHold     = "hold_ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	newestGrant    = "grant_ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
)

// address is that of a page of the same search.
func (l *customerList) address(cursor, id string) string {
	q := url.Values{cursor: {id}}
	for name, value := range map[string]string{"q": l.Q, "org_code": l.OrgCode, "user_id": l.UserID, "plan_code": l.PlanCode} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return customersPath + "?" + q.Encode()
}

// customerName is what a customer is called, by the best that is known of it.
func customerName(of *api.Customer) string {
	for _, name := range []string{of.Name, of.OrgCode, of.UserID, of.Email, of.ExternalID} {
		if name != "" {
			return name
		}
	}
	return of.ID
}
