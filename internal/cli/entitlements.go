package cli

import (
	"context"
	"io"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type entitlementsCommand struct {
	remote      `embed:""`
	customerArg `embed:""`
	MaxValue    *limitArg `placeholder:"N" help:"What to show as the limit where there is none."`
	Expand      *string   `enum:"plans" placeholder:"plans" help:"Show the plans too."`
	At          string    `placeholder:"TIME" help:"Show what is used and what remains, as of this time, past or future, or now."`
	Known       *string   `enum:"now" placeholder:"now" help:"With --at: count what was recorded since, at its own instant."`
}

// Run answers in the form of the API: without --at in Kinde's, all pages as one.
func (c *entitlementsCommand) Run(ctx context.Context, s *session) error {
	if c.At != "" {
		return c.runAt(ctx, s)
	}
	if c.Known != nil {
		return usagef("such as --at 2026-11-01 --known now", "--known goes with --at")
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	params := client.EntitlementParams{CustomerID: id, PageSize: api.MaxPageSize, MaxValue: (*int64)(c.MaxValue), Expand: chosen(c.Expand)}
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

func (c *entitlementsCommand) runAt(ctx context.Context, s *session) error {
	if c.MaxValue != nil || c.Expand != nil {
		return usagef("leave out --max-value and --expand", "--at shows limits and where they come from as they are")
	}
	var at time.Time // now
	if c.At != "now" {
		var err error
		if at, err = timeArg("at", c.At); err != nil {
			return err
		}
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	ask := allot.Customers.Entitlements
	if c.Known != nil {
		if at.IsZero() {
			return usagef("such as --at 2026-11-01 --known now", "--known goes with an --at of the past")
		}
		ask = allot.Customers.EntitlementsKnownNow
	}
	all, err := ask(ctx, id, at)
	if err != nil {
		return err
	}
	return s.print(all, func(w io.Writer) {
		row(w, "FEATURE", "LIMIT", "USED", "HELD", "REMAINING", "RESETS", "NEXT CHANGE", "SOURCES")
		for _, e := range all.Entitlements {
			row(w, e.FeatureCode, limit(e.Limit, e.Type, e.Soft), counted(e.Type, e.Used), counted(e.Type, e.Held), remaining(e.Remaining),
				instant(e.ResetsOn), nextChange(e.NextChange), sources(e.Sources))
		}
	})
}
