// Command call uses the client of oapi-codegen.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	allot "example.com/call/generated"
)

func main() {
	ctx, customer, units := context.Background(), os.Getenv("ALLOT_CUSTOMER"), "1"
	token := func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+os.Getenv("ALLOT_TOKEN"))
		return nil
	}
	client, err := allot.NewClientWithResponses(os.Getenv("ALLOT_URL"), allot.WithRequestEditorFn(token))
	if err != nil {
		log.Fatal(err)
	}
	page, err := client.GetBillingEntitlementsWithResponse(ctx, &allot.GetBillingEntitlementsParams{CustomerId: customer})
	if err != nil {
		log.Fatal(err)
	}
	decision, err := client.ConsumeWithResponse(ctx, &allot.ConsumeParams{},
		allot.ConsumeRequest{CustomerId: &customer, FeatureCode: "seats", Units: &units})
	if err != nil {
		log.Fatal(err)
	}
	for _, e := range page.JSON200.Entitlements {
		if e.FeatureCode == "seats" {
			fmt.Printf("seats to %d; %s, %s used\n", *e.EntitlementLimitMax, decision.JSON200.Reason, decision.JSON200.Used)
		}
	}
}
