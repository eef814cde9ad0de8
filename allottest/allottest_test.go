package allottest_test

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const catalog = `
currency: usd
features:
  - {code: seats, name: Seats, type: metered, unit: seat}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - code: trial
    name: Trial
    group: teams
    status: published
    default: true
    trial: {days: 14, then: end}
    items:
      - {feature: seats, max: 3}
`

func TestTimeIsTheTests(t *testing.T) {
	start := time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)
	allot := allottest.NewServer(t, allottest.At(start))
	if changes := allot.Apply(catalog); len(changes.Changes) == 0 {
		t.Error("applying a catalog to an empty server changed nothing")
	}
	customer, err := allot.Client.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "org_1",
	})
	if err != nil {
		t.Fatal(err)
	}
	if !customer.CreatedOn.Equal(start) {
		t.Errorf("created on %v, want %v", customer.CreatedOn, start)
	}
	seats := func() int {
		t.Helper()
		page, err := allot.Client.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: customer.ID})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Entitlements)
	}
	if seats() != 1 {
		t.Error("no seats during the trial")
	}
	// The client's token ends on the way, which it must deal with by itself.
	allot.Clock.Advance(14*24*time.Hour - time.Microsecond)
	if seats() != 1 {
		t.Error("no seats in the last moment of the trial")
	}
	allot.Clock.Set(start.Add(14 * 24 * time.Hour))
	if seats() != 0 {
		t.Error("seats after the trial")
	}
}

func TestClientWithFewerScopes(t *testing.T) {
	allot := allottest.NewServer(t)
	reader := allot.NewClient(api.ScopeReadCatalog)
	if _, err := reader.Catalog.Get(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := reader.Customers.List(t.Context(), client.CustomerParams{}); !errors.Is(err, client.ErrForbidden) {
		t.Errorf("customers were read without the scope: %v", err)
	}
}

func TestUserToken(t *testing.T) {
	allot := allottest.NewServer(t)
	allot.Apply(catalog)
	if _, err := allot.Client.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerUser, OrgCode: "org_1", UserID: "kim", PlanCode: api.Null[string](),
	}); err != nil {
		t.Fatal(err)
	}
	held, err := allot.Client.Account.Entitlements(t.Context(), client.AccountParams{}, client.WithToken(allot.UserToken("kim", "org_1")))
	if err != nil {
		t.Fatal(err)
	}
	if held.Data.OrgCode == nil || *held.Data.OrgCode != "org_1" || len(held.Data.Entitlements) != 0 {
		t.Errorf("%+v", held)
	}
	if _, err := allot.Client.Catalog.Get(t.Context(), client.WithToken(allot.UserToken("kim", ""))); !errors.Is(err, client.ErrForbidden) && !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("the catalog was read with a user's token: %v", err)
	}
}

func TestDataOutlivesTheServer(t *testing.T) {
	data := t.TempDir()
	t.Run("first", func(t *testing.T) { allottest.NewServer(t, allottest.Data(data)).Apply(catalog) })
	t.Run("second", func(t *testing.T) {
		plan, err := allottest.NewServer(t, allottest.Data(data)).Client.Catalog.Plan(t.Context(), "trial")
		if err != nil || len(plan.Versions) != 1 {
			t.Errorf("%+v, %v", plan, err)
		}
	})
}

func TestServersAreApart(t *testing.T) {
	var wg sync.WaitGroup
	for _, allot := range []*allottest.Server{allottest.NewServer(t), allottest.NewServer(t)} {
		wg.Go(func() {
			customer, err := allot.Client.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerUser, UserID: "u"})
			if err != nil {
				t.Error(err)
				return
			}
			list, err := allot.Client.Customers.List(t.Context(), client.CustomerParams{})
			if err != nil || len(list.Customers) != 1 || list.Customers[0].ID != customer.ID {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
	wg.Wait()
}

func TestOtherClients(t *testing.T) {
	allot := allottest.NewServer(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, allot.URL+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
}

func TestExample(t *testing.T) { testCancellation(t) }
