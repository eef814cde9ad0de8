package client_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// A sign-up that may run twice: the second time it gets who is there.
func ExampleCustomersService_Ensure() {
	srv := exampleServer()
	defer srv.Close()
	c, err := client.New(srv.URL, client.WithCredentials("id", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	customer, err := c.Customers.Ensure(context.Background(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "org_acme",
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(customer.ID, customer.Agreements[0].PlanCode)
	// Output: customer_acme pro
}

// A call that no method is for, with the client's credentials.
func ExampleClient_Do() {
	srv := exampleServer()
	defer srv.Close()
	c, err := client.New(srv.URL, client.WithCredentials("id", "secret"))
	if err != nil {
		log.Fatal(err)
	}
	resp, err := c.Do(context.Background(), http.MethodGet, "/v1/customers/customer_acme/usage?feature_code=api_calls", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, len(body) > 0)
	// Output: 200 true
}
