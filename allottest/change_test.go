package allottest_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

const twoPlans = `
currency: usd
features:
  - {code: seats, name: Seats, type: metered, unit: seat}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - {code: small, name: Small, group: teams, status: published, default: true, items: [{feature: seats, max: 3}]}
  - {code: large, name: Large, group: teams, status: published, items: [{feature: seats, max: 30}]}
`

// Of 10,000 customers, one after the other is asked about, moved to another plan
// and asked about again, all on one connection: the second answer always shows
// the change.
func TestEverySecondReadShowsTheChange(t *testing.T) {
	const customers = 10_000
	allot := allottest.NewServer(t)
	allot.Apply(twoPlans)
	var connections atomic.Int64
	transport := &http.Transport{MaxConnsPerHost: 1, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		connections.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(allot.URL, client.WithCredentials(allot.ClientID, allot.ClientSecret),
		client.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	seats := func(id string) int64 {
		t.Helper()
		page, err := c.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: id})
		if err != nil || len(page.Entitlements) != 1 {
			t.Fatalf("%+v, %v", page, err)
		}
		return *page.Entitlements[0].EntitlementLimitMax
	}
	ids := make([]string, customers)
	for i := range ids {
		customer, err := c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprintf("org_%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		ids[i] = customer.ID
	}
	stale := 0
	for _, id := range ids {
		if got := seats(id); got != 3 {
			t.Fatalf("%s has %d seats before the change, want 3", id, got)
		}
		if err := c.Agreements.Create(t.Context(), api.CreateBillingAgreementRequest{CustomerID: id, PlanCode: "large"}); err != nil {
			t.Fatal(err)
		}
		if seats(id) != 30 {
			stale++
		}
	}
	if stale > 0 {
		t.Errorf("%d of %d second reads did not show the change", stale, customers)
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("the reads and changes took %d connections, want 1", n)
	}
}
