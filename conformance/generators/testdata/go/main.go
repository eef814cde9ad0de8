// Command call uses the client of openapi-generator's go.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	allot "example.com/call/generated"
)

func main() {
	customer := os.Getenv("ALLOT_CUSTOMER")
	configuration := allot.NewConfiguration()
	configuration.Servers = allot.ServerConfigurations{{URL: os.Getenv("ALLOT_URL")}}
	client := allot.NewAPIClient(configuration)
	ctx := context.WithValue(context.Background(), allot.ContextAccessToken, os.Getenv("ALLOT_TOKEN"))

	page, _, err := client.BillingAPI.GetBillingEntitlements(ctx).CustomerId(customer).Execute()
	if err != nil {
		log.Fatal(err)
	}
	consume := allot.NewConsumeRequest("seats")
	consume.SetCustomerId(customer)
	consume.SetUnits("1")
	decision, _, err := client.UsageAPI.Consume(ctx).ConsumeRequest(*consume).Execute()
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.Entitlements {
		if e.FeatureCode == "seats" {
			fmt.Printf("seats to %d; %s, %s used\n", e.GetEntitlementLimitMax(), decision.Reason, decision.Used)
		}
	}
}
