package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// exampleServer answers as `allot dev` would, for one customer.
func exampleServer() *httptest.Server {
	mux := http.NewServeMux()
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			w.Header().Set(api.HeaderRequestID, "req-1")
			w.WriteHeader(status)
			io.WriteString(w, body)
		}
	}
	mux.Handle("POST /oauth2/token", say(200, `{"access_token":"t","token_type":"bearer","expires_in":86400,"scope":""}`))
	mux.HandleFunc("GET /api/v1/billing/entitlements", func(w http.ResponseWriter, r *http.Request) {
		const charge = `{"id":"entitlement_0","fixed_charge":2500,"price_name":"Pro base","feature_code":"base_price","feature_name":"Base price"}`
		const seats = `{"id":"entitlement_1","price_name":"Pro seat","unit_amount":900,"feature_code":"seats","feature_name":"Seats","entitlement_limit_max":10,"entitlement_limit_min":1}`
		const plans = `,"plans":[{"code":"pro","subscribed_on":"2026-11-22T10:00:00Z"}]`
		switch q := r.URL.Query(); {
		case q.Get("customer_id") != "customer_acme":
			say(400, `{"errors":[{"code":"CUSTOMER_NOT_FOUND","message":"customer_id names no customer"}]}`)(w, r)
		case q.Get("expand") == "plans":
			say(200, `{"code":"OK","message":"Success","has_more":false,"entitlements":[`+charge+`,`+seats+`]`+plans+`}`)(w, r)
		case q.Get("starting_after") == "":
			say(200, `{"code":"OK","message":"Success","has_more":true,"entitlements":[`+charge+`]}`)(w, r)
		default:
			say(200, `{"code":"OK","message":"Success","has_more":false,"entitlements":[`+seats+`]}`)(w, r)
		}
	})
	mux.Handle("POST /v1/customers", say(201, `{"id":"customer_acme","type":"organization","org_code":"org_acme","status":"active","created_on":"2026-11-22T10:00:00Z","agreements":[{"id":"agreement_1","customer_id":"customer_acme","plan_code":"pro","version":1,"kind":"plan","quantity":1,"annual":false,"status":"live","starts_on":"2026-11-22T10:00:00Z","expires_on":null,"current_period_start":"2026-11-22T10:00:00Z","current_period_end":"2026-12-22T10:00:00Z","created_on":"2026-11-22T10:00:00Z"}]}`))
	mux.Handle("PUT /v1/catalog", say(200, `{"dry_run":true,"changes":[{"action":"new_version","kind":"plan","code":"pro","version":2,"details":["seats: max 10 → 20"]}],"untouched":[],"warnings":[],"revision":"c7"}`))
	return httptest.NewServer(mux)
}

// What a customer has access to, and on which plan.
func Example() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL, client.WithCredentials("client_1", "its secret"))
	if err != nil {
		log.Fatal(err)
	}
	page, err := c.Entitlements.List(context.Background(), client.EntitlementParams{
		CustomerID: "customer_acme",
		Expand:     api.ExpandPlans,
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, p := range page.Plans {
		fmt.Println("plan", p.Code, "since", p.SubscribedOn)
	}
	for _, e := range page.Entitlements {
		if e.EntitlementLimitMax != nil {
			fmt.Println(e.FeatureName, "up to", *e.EntitlementLimitMax)
		} else {
			fmt.Println(e.FeatureName)
		}
	}
	// Output:
	// plan pro since 2026-11-22T10:00:00Z
	// Base price
	// Seats up to 10
}

// All fetches the pages as the loop needs them.
func ExampleEntitlementsService_All() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL, client.WithToken("a token that you have"))
	if err != nil {
		log.Fatal(err)
	}
	for e, err := range c.Entitlements.All(context.Background(), client.EntitlementParams{CustomerID: "customer_acme"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.FeatureCode)
	}
	// Output:
	// base_price
	// seats
}

// The raw form, for a body that is only handed on.
func ExampleEntitlementsService_ListRaw() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	resp, err := c.Entitlements.ListRaw(context.Background(), client.EntitlementParams{CustomerID: "nobody"})
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.StatusCode, string(body))
	// Output:
	// 400 {"errors":[{"code":"CUSTOMER_NOT_FOUND","message":"customer_id names no customer"}]}
}

// Refusals are told apart by situation, or by code.
func ExampleError() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.Entitlements.List(context.Background(), client.EntitlementParams{CustomerID: "nobody"})
	if errors.Is(err, client.ErrNotFound) {
		fmt.Println("no such customer")
	}
	if e, ok := errors.AsType[*client.Error](err); ok {
		fmt.Println(e.Status, e.Code(), e.RequestID)
	}
	// Output:
	// no such customer
	// 400 CUSTOMER_NOT_FOUND req-1
}

// Options hold for one call.
func ExampleWithResponse() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	var came client.Response
	_, err = c.Entitlements.List(context.Background(), client.EntitlementParams{CustomerID: "customer_acme"},
		client.WithTimeout(5*time.Second),
		client.WithToken("of another tenant"),
		client.WithResponse(&came))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(came.Status, came.Header.Get("Content-Type"))
	// Output:
	// 200 application/json; charset=utf-8
}

// A customer starts on the plan that is named.
func ExampleCustomersService_Create() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	customer, err := c.Customers.Create(context.Background(), api.CreateCustomerRequest{
		Type:     api.CustomerOrganization,
		OrgCode:  "org_acme",
		PlanCode: api.Some("pro"),
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range customer.Agreements {
		fmt.Println(customer.ID, "is on", a.PlanCode, "until", a.CurrentPeriodEnd)
	}
	// Output:
	// customer_acme is on pro until 2026-12-22T10:00:00Z
}

// A dry run tells what a file would change.
func ExampleCatalogService_Apply() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	file := []byte(`plans: [{code: pro, name: Pro, group: teams, status: published, items: [{feature: seats, max: 20}]}]`)
	changes, err := c.Catalog.Apply(context.Background(), file, true)
	if err != nil {
		log.Fatal(err)
	}
	for _, change := range changes.Changes {
		fmt.Println(change.Action, change.Kind, change.Code, change.Details)
	}
	// Output:
	// new_version plan pro [seats: max 10 → 20]
}
