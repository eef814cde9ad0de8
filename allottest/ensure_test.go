package allottest_test

import (
	"sync"
	"testing"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
)

// Sign-ups of one organization that race make one customer, and each gets it.
// One of its users is somebody else.
func TestEnsureMakesOne(t *testing.T) {
	allot := allottest.NewServer(t)
	allot.Apply(catalog)
	if _, err := allot.Client.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerUser, OrgCode: "acme", UserID: "ada", PlanCode: api.Null[string](),
	}); err != nil {
		t.Fatal(err)
	}
	const racing = 8
	var ids sync.Map
	var running sync.WaitGroup
	for range racing {
		running.Go(func() {
			customer, err := allot.Client.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
				Type: api.CustomerOrganization, OrgCode: "acme",
			})
			if err != nil {
				t.Error(err)
				return
			}
			if customer.UserID != "" || len(customer.Agreements) != 1 {
				t.Errorf("got %+v", customer)
			}
			ids.Store(customer.ID, true)
		})
	}
	running.Wait()
	n := 0
	ids.Range(func(any, any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d customers were made", n)
	}
}
