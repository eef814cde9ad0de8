package server

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// What is held is counted anew for a decision that nothing is written for: verify finds nothing
// wrong with a customer whose use was refused long after the last one, whyever it was.
func TestVerifyAfterRefusals(t *testing.T) {
	for name, stop := range map[string]func(c *client.Client, customer *api.Customer) error{
		"suspended": func(c *client.Client, customer *api.Customer) error {
			_, err := c.Customers.Update(t.Context(), customer.ID, api.UpdateCustomerRequest{Status: api.Some("suspended")})
			return err
		},
		"cancelled": func(c *client.Client, customer *api.Customer) error {
			_, err := c.Customers.CancelAgreement(t.Context(), customer.Agreements[0].ID, "now")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now().UTC().Truncate(time.Second).AddDate(0, 0, -3)
			place := Place{Data: t.TempDir()}
			r := start(t, Config{Place: place, Clock: func() time.Time { return now }})
			c, _ := r.client(t)
			must[*api.CatalogChanges](t)(c.Catalog.Apply(t.Context(), []byte(repairCatalog), false))
			customer := must[*api.Customer](t)(c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", PlanCode: api.Some("pro")}))
			must[*api.Hold](t)(c.Holds.Create(t.Context(), client.HoldParams{CustomerID: customer.ID, FeatureCode: "seats", Units: "1", ExpiresIn: time.Minute}))
			consume(t, c, customer.ID, "seats", "1")
			consume(t, c, customer.ID, "calls", "1")
			if err := stop(c, customer); err != nil {
				t.Fatal(err)
			}
			for _, later := range []time.Duration{11 * time.Minute, 26 * time.Hour} {
				now = now.Add(later)
				for _, feature := range []string{"seats", "calls"} {
					if d := must[*api.Decision](t)(c.Consume(t.Context(), client.ConsumeParams{CustomerID: customer.ID, FeatureCode: feature})); d.Allowed {
						t.Errorf("%s may be used: %+v", feature, d)
					}
				}
			}
			r.end(t)
			i := must[*Installation](t)(Open(t.Context(), place))
			defer i.Close()
			if v, err := i.Verify(t.Context(), VerifyOptions{}); err != nil || len(v.Drifts) > 0 {
				t.Errorf("%v, %v", v.Drifts, err)
			}
		})
	}
}
