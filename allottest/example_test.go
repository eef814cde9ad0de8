package allottest_test

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

const teams = `
currency: usd
features:
  - {code: seats, name: Seats, type: metered, unit: seat}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - code: pro
    name: Pro
    group: teams
    status: published
    items:
      - {feature: seats, max: 10}
`

// Seats stay until the end of the period that is paid for. In your own code this
// is func TestCancellation(t *testing.T).
func testCancellation(t *testing.T) {
	allot := allottest.NewServer(t, allottest.At(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
	allot.Apply(teams)
	customer, err := allot.Client.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "org_1", PlanCode: api.Some("pro"),
	})
	if err != nil {
		t.Fatal(err)
	}
	pro := customer.Agreements[0].ID
	if _, err := allot.Client.Customers.CancelAgreement(t.Context(), pro, api.WhenPeriodEnd); err != nil {
		t.Fatal(err)
	}

	for _, want := range []int{1, 0} {
		page, err := allot.Client.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Entitlements) != want {
			t.Errorf("on %v there are %d entitlements, want %d", allot.Clock.Now(), len(page.Entitlements), want)
		}
		allot.Clock.Advance(31 * 24 * time.Hour)
	}
}

func ExampleNewServer() {
	_ = testCancellation // which go test calls
}
