package sqlstore

import (
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Customers on a plan are found among its agreements, not among all customers, of whom
// few may be on it.

const (
	onPlanAfter = `select distinct customer_id from agreements
		where plan_code = $1 and expires_on > $2 and starts_on <= $2 and customer_id > $3
		order by customer_id limit $4`
	onPlanBefore = `select distinct customer_id from agreements
		where plan_code = $1 and expires_on > $2 and starts_on <= $2 and customer_id < $3
		order by customer_id desc limit $4`
)

// customersOnPlan is Customers with a plan.
func (r *Reader) customersOnPlan(filter service.CustomerFilter, page service.Page[billing.CustomerID]) ([]billing.Customer, bool, error) {
	query, from := onPlanAfter, ""
	switch {
	case page.After != nil:
		from = page.After.String()
	case page.Before != nil:
		query, from = onPlanBefore, page.Before.String()
	}
	rest := filter
	rest.PlanCode = "" // of those found by it
	var found []billing.Customer
	for want := limitOf(page); len(found) < want; {
		ids, err := list(r.conn, scanCustomerID, query, filter.PlanCode, instant(filter.At), from, want)
		if err != nil {
			return nil, false, err
		}
		for part := range slices.Chunk(ids, mostCustomers) {
			query, args := customersOfQuery(rest, page, part)
			customers, err := list(r.conn, scanCustomer, query, args...)
			if err != nil {
				return nil, false, err
			}
			found = append(found, customers...)
		}
		if len(ids) < want {
			break
		}
		from = ids[len(ids)-1].String()
	}
	found, more := cut(found[:min(len(found), limitOf(page))], page)
	return found, more, nil
}

// mostCustomers are how many are looked up at once.
const mostCustomers = 256

// customersOfQuery is customersQuery of some customers. There are few texts of it: the
// last customer is named again until one of partSizes is full.
func customersOfQuery(filter service.CustomerFilter, page service.Page[billing.CustomerID], ids []billing.CustomerID) (string, []any) {
	size := partSizes[slices.IndexFunc(partSizes[:], func(n int) bool { return n >= len(ids) })]
	values := make([]any, size)
	for i := range values {
		values[i] = ids[min(i, len(ids)-1)].String()
	}
	page.Size = size
	return customersWhere(filter, page, "customer_id in (?"+strings.Repeat(", ?", size-1)+")", values...)
}
