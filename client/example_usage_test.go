package client_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// May she? The answer says why, how much is left, and what it follows from.
func ExampleClient_Check() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	d, err := c.Check(context.Background(), client.CheckParams{OrgCode: "org_acme", FeatureCode: "seats"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(d.Allowed, d.Reason, "with", *d.Remaining, "of", *d.Limit, "left")
	for _, s := range d.Sources {
		fmt.Println(s.Kind, s.PlanCode, *s.Max)
	}
	fmt.Println(d.NextChange.Why, d.NextChange.On)
	// Output:
	// true within_limit with 7 of 10 left
	// plan pro 10
	// trial_ends 2026-12-01T00:00:00Z
}

// Several features at one instant.
func ExampleClient_CheckAll() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	all, err := c.CheckAll(context.Background(), client.CheckAllParams{
		CustomerID:   "customer_acme",
		FeatureCodes: []string{"seats", "sso"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, d := range all {
		fmt.Println(d.FeatureCode, d.Allowed, d.Reason)
	}
	// Output:
	// seats true within_limit
	// sso false not_entitled
}

// Count this, if she may. With a key of your own the decision is the same one
// even after a crash in between.
func ExampleClient_Consume() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	for range 2 {
		var came client.Response
		d, err := c.Consume(context.Background(), client.ConsumeParams{CustomerID: "customer_acme", FeatureCode: "seats"},
			client.WithIdempotencyKey("invite of ada"),
			client.WithResponse(&came))
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, *d.Remaining, "left, replayed:", came.Replayed)
	}
	// Output:
	// true 6 left, replayed: false
	// true 6 left, replayed: true
}

// Hold what a job may need, then count what it took.
func ExampleHoldsService() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	hold, err := c.Holds.Create(ctx, client.HoldParams{
		CustomerID:  "customer_acme",
		FeatureCode: "seats",
		Units:       "2",
		ExpiresIn:   10 * time.Minute,
	})
	if err != nil {
		log.Fatal(err)
	}
	if !hold.Allowed {
		log.Fatal(hold.Reason)
	}
	closed, err := c.Holds.Confirm(ctx, hold.ID, "1.5")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(closed.State, closed.Units, "and", *closed.Remaining, "left")
	// Output:
	// confirmed 1.5 and 5.5 left
}

// A bad record stops no other: look at each result.
func ExampleUsageService_Record() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	results, err := c.Usage.Record(context.Background(), []api.UsageReport{
		{ID: "req-1", CustomerID: "customer_acme", FeatureCode: "api_calls", Value: "41"},
		{ID: "req-2", CustomerID: "customer_acme", FeatureCode: "cals", Value: "0.1"},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		if r.Status == api.UsageFailed {
			fmt.Println(r.ID, r.Status, r.Error.Code)
			continue
		}
		fmt.Println(r.ID, r.Status)
	}
	// Output:
	// req-1 recorded
	// req-2 failed FEATURE_NOT_FOUND
}

// All goes over the records.
func ExampleUsageService_All() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	for r, err := range c.Usage.All(context.Background(), client.UsageParams{CustomerID: "customer_acme"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(r.Timestamp, r.FeatureCode, r.Change)
	}
	// Output:
	// 2026-11-22T10:20:00Z api_calls 41
}

// Terms of a customer's own, and what follows from them at any instant.
func ExampleCustomersService_SetOverride() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	if _, err := c.Customers.SetOverride(ctx, "customer_acme", "seats", api.SetOverrideRequest{Max: api.Some[int64](25)}); err != nil {
		log.Fatal(err)
	}
	then, err := c.Customers.Entitlements(ctx, "customer_acme", time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC))
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range then.Entitlements {
		fmt.Println(e.FeatureName, *e.Limit)
		for _, s := range e.Sources {
			fmt.Println("-", s.Kind, *s.Max, s.Counts)
		}
	}
	// Output:
	// Seats 25
	// - plan 10 false
	// - override 25 true
}

// Who would have more than a new version allows, before anybody is moved.
func ExamplePlansService_Preview() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	preview, err := c.Plans.Preview(context.Background(), "pro", api.PreviewPlanRequest{All: true})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(preview.Counts.Exceed, "of", preview.Counts.Customers, "exceed")
	for _, e := range preview.Customers {
		for _, x := range e.Exceeds {
			fmt.Println(e.CustomerID, x.FeatureCode, x.Used, "of", x.Limit)
		}
	}
	// Output:
	// 1 of 3 exceed
	// customer_acme seats 3 of 2
}

// Batch by batch, with progress. Stopped in the middle, it is simply run again.
func ExamplePlansService_MigrateAll() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	moved := 0
	for batch, err := range c.Plans.MigrateAll(context.Background(), "pro", api.MigratePlanRequest{When: api.WhenPeriodEnd}) {
		if err != nil {
			log.Fatal(err)
		}
		moved += len(batch.Moved)
		fmt.Println(moved, "moved to version", batch.ToVersion)
	}
	// Output:
	// 2 moved to version 2
	// 3 moved to version 2
}

// With the user's own token.
func ExampleAccountService_Entitlement() {
	server := exampleServer()
	defer server.Close()

	c, err := client.New(server.URL)
	if err != nil {
		log.Fatal(err)
	}
	e, err := c.Account.Entitlement(context.Background(), "seats", client.WithToken("of the user"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.PriceName, *e.EntitlementLimitMax)
	// Output:
	// Pro seat 10
}
