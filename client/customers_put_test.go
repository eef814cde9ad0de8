package client_test

import (
	"errors"
	"net/http"
	"testing"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// A sign-up that runs twice, and a customer by each of its names.
func TestPut(t *testing.T) {
	srv := allottest.NewServer(t)
	ctx, c := t.Context(), srv.Client
	var sent client.Response
	body := api.PutCustomerRequest{
		Type: api.CustomerOrganization, ExternalID: api.Some("cus/1 é"), Name: api.Some("Acme"), PlanCode: api.Null[string](),
	}
	made, err := c.Customers.Put(ctx, client.ByOrgCode("org_acme"), body, client.WithResponse(&sent))
	if err != nil || sent.Status != http.StatusCreated {
		t.Fatalf("the first: %d, %v", sent.Status, err)
	}
	again, err := c.Customers.Put(ctx, client.ByOrgCode("org_acme"), body, client.WithResponse(&sent))
	if err != nil || sent.Status != http.StatusOK || again.ID != made.ID || len(again.Warnings) > 0 {
		t.Fatalf("the second: %d, %+v, %v", sent.Status, again, err)
	}
	for _, ref := range []string{made.ID, client.ByOrgCode("org_acme"), client.ByExternalID("cus/1 é")} {
		if got, err := c.Customers.Get(ctx, ref); err != nil || got.ID != made.ID || got.ExternalID != "cus/1 é" {
			t.Errorf("%s is %+v, %v", ref, got, err)
		}
	}
	if _, err := c.Customers.Get(ctx, client.ByUserID("kp_none")); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a user that is not there: %v", err)
	}
	found := 0
	for got, err := range c.Customers.All(ctx, client.CustomerParams{ExternalID: "cus/1 é"}) {
		if err != nil || got.ID != made.ID {
			t.Errorf("found %+v, %v", got, err)
		}
		found++
	}
	if found != 1 {
		t.Errorf("found %d customers", found)
	}

	_, err = c.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "org_acme"})
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || refused.Code() != api.CodeCustomerExists || refused.ExistingID() != made.ID {
		t.Errorf("one that is there: %v", err)
	}
}
