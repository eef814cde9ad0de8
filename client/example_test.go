package client_test

import (
	"context"
	"encoding/json"
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
			fmt.Fprint(w, body)
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
	mux.Handle("PUT /v1/catalog", say(200, `{"dry_run":true,"changes":[{"action":"new_version","kind":"plan","code":"pro","version":2,"details":["seats: max 10 → 20"]}],"untouched":[],"warnings":[],"revision":"7.0"}`))

	decision := func(allowed bool, reason, used, remaining string) string {
		return fmt.Sprintf(`"allowed":%t,"reason":%q,"feature_code":"seats","type":"metered","limit":10,"used":%q,"held":"0","remaining":%q,"soft":false,"resets_on":"2026-12-22T10:00:00Z","next_change":{"on":"2026-12-01T00:00:00Z","why":"trial_ends"},"sources":[{"kind":"plan","id":"agreement_1","plan_code":"pro","max":10,"counts":true}],"revision":"42.7"`, allowed, reason, used, remaining)
	}
	mux.HandleFunc("POST /v1/check", func(w http.ResponseWriter, r *http.Request) {
		var body api.CheckRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			say(400, `{"errors":[{"code":"BODY_INVALID","message":"no JSON"}]}`)(w, r)
			return
		}
		if body.FeatureCodes != nil {
			say(200, `{"results":[{`+decision(true, "within_limit", "3", "7")+`},{"allowed":false,"reason":"not_entitled","feature_code":"sso","type":"unmetered","limit":null,"used":"0","held":"0","remaining":null,"soft":false,"resets_on":null,"next_change":null,"sources":[],"revision":"42.7"}]}`)(w, r)
			return
		}
		say(200, `{`+decision(true, "within_limit", "3", "7")+`}`)(w, r)
	})
	consumed := map[string]bool{}
	mux.HandleFunc("POST /v1/consume", func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get(api.HeaderIdempotencyKey)
		if consumed[key] {
			w.Header().Set(api.HeaderIdempotencyReplayed, "true")
		}
		consumed[key] = true
		say(200, `{`+decision(true, "within_limit", "4", "6")+`}`)(w, r)
	})
	mux.Handle("POST /v1/holds", say(201, `{"id":"hold_1","expires_on":"2026-11-22T10:10:00Z",`+decision(true, "within_limit", "3", "5")+`}`))
	mux.Handle("POST /v1/holds/hold_1/confirm", say(200, `{"id":"hold_1","state":"confirmed","units":"1.5",`+decision(true, "within_limit", "4.5", "5.5")+`}`))
	mux.Handle("POST /v1/usage", say(200, `{"results":[{"id":"req-1","status":"recorded"},{"id":"req-2","status":"failed","error":{"code":"FEATURE_NOT_FOUND","message":"there is no feature \"cals\""}}]}`))
	mux.Handle("GET /v1/customers/customer_acme/usage", say(200, `{"customer_id":"customer_acme","windows":[],"records":[{"id":"req-1","feature_code":"api_calls","type":"delta","value":"41","change":"41","timestamp":"2026-11-22T10:20:00Z","counted_on":"2026-11-22T10:20:00Z","recorded_on":"2026-11-22T10:20:00Z"}],"has_more":false}`))
	mux.Handle("GET /v1/customers/customer_acme/entitlements", say(200, `{"customer_id":"customer_acme","at":"2026-12-31T00:00:00Z","entitlements":[{"feature_code":"seats","feature_name":"Seats","type":"metered","limit":25,"used":"3","held":"0","remaining":"22","soft":false,"resets_on":"2027-01-22T10:00:00Z","next_change":null,"sources":[{"kind":"plan","id":"agreement_1","plan_code":"pro","max":10,"counts":false},{"kind":"override","id":"override_1","max":25,"counts":true}]}],"revision":"42.7"}`))
	mux.Handle("PUT /v1/customers/customer_acme/overrides/seats", say(200, `{"id":"override_1","feature_code":"seats","max":25,"starts_on":"2026-11-22T10:00:00Z","expires_on":null}`))
	mux.Handle("POST /v1/plans/pro/preview", say(200, `{"plan_code":"pro","version":2,"customers":[{"customer_id":"customer_acme","from":{"plan_code":"pro","version":1},"gains":[],"loses":[],"limits":[{"feature_code":"seats","from":10,"to":2}],"exceeds":[{"feature_code":"seats","limit":2,"used":"3","held":"0"}]}],"counts":{"customers":3,"gain":0,"lose":0,"exceed":1},"groups":[]}`))
	mux.HandleFunc("POST /v1/plans/pro/migrate", func(w http.ResponseWriter, r *http.Request) {
		var body api.MigratePlanRequest
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body.After == "" {
			say(200, `{"to_version":2,"dry_run":false,"moved":["customer_1","customer_2"],"skipped":[],"after":"customer_2","has_more":true}`)(w, r)
			return
		}
		say(200, `{"to_version":2,"dry_run":false,"moved":["customer_acme"],"skipped":[],"after":"customer_acme","has_more":false}`)(w, r)
	})
	mux.Handle("GET /account_api/v1/entitlement/seats", say(200, `{"data":{"org_code":"org_acme","entitlement":{"id":"entitlement_1","fixed_charge":null,"price_name":"Pro seat","unit_amount":900,"feature_key":"seats","feature_name":"Seats","entitlement_limit_max":10,"entitlement_limit_min":1}},"metadata":{}}`))
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
