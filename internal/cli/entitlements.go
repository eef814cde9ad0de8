package cli

import (
	"context"
	"io"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type entitlementsCommand struct {
	remote      `embed:""`
	customerArg `embed:""`
	MaxValue    *int64 `placeholder:"N" help:"What to show as the limit where there is none."`
	Expand      string `enum:",plans" default:"" placeholder:"plans" help:"Show the plans too."`
}

// Run answers in the form of the API, all pages as one.
func (c *entitlementsCommand) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	params := client.EntitlementParams{CustomerID: id, PageSize: api.MaxPageSize, MaxValue: c.MaxValue, Expand: c.Expand}
	all, err := allot.Entitlements.List(ctx, params)
	if err != nil {
		return err
	}
	if all.HasMore {
		params.StartingAfter = all.Entitlements[len(all.Entitlements)-1].ID
		for e, err := range allot.Entitlements.All(ctx, params) {
			if err != nil {
				return err
			}
			all.Entitlements = append(all.Entitlements, e)
		}
		all.HasMore = false
	}
	return s.print(all, func(w io.Writer) {
		row(w, "FEATURE", "NAME", "PRICE", "FIXED CHARGE", "UNIT AMOUNT", "MIN", "MAX", "ENTITLEMENT")
		for _, e := range all.Entitlements {
			row(w, e.FeatureCode, e.FeatureName, e.PriceName, integer(e.FixedCharge), integer(e.UnitAmount),
				integer(e.EntitlementLimitMin), integer(e.EntitlementLimitMax), e.ID)
		}
		if all.Plans == nil {
			return
		}
		row(w)
		row(w, "PLAN", "SUBSCRIBED")
		for _, p := range all.Plans {
			row(w, p.Code, instant(&p.SubscribedOn))
		}
	})
}
