package wire

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Decision shows what was decided about a feature.
func Decision(d *billing.Decision) api.Decision {
	out := api.Decision{
		Allowed: d.Allowed, Reason: string(d.Reason), FeatureCode: string(d.Feature.Code), Type: string(d.Feature.Type),
		Limit: d.Limit.Max, Used: Amount(d.Used), Held: Amount(d.Held), Soft: d.Limit.Soft,
		ResetsOn: api.NewTime(d.Window.End), Sources: make([]api.Source, len(d.Sources)), Revision: d.Revision.String(),
	}
	if d.Remaining != nil {
		out.Remaining = new(Amount(*d.Remaining))
	}
	out.Value, out.Included, out.Caps = ConfigValue(d.Feature.Of, d.Value), d.Included, capStandings(d.Caps)
	if r := d.Rate; r != nil {
		out.Rate = &api.Rate{Max: r.Max, Per: string(r.Per), Burst: r.Burst}
	}
	out.NextChange = nextChange(d.NextChange)
	out.Pool, out.Draws, out.Overage = poolUse(d.Pool), creditDraws(d.Draws), someAmount(d.Overage)
	for i, s := range d.Sources {
		out.Sources[i] = api.Source{Kind: string(s.Kind), ID: s.ID, PlanCode: string(s.Plan), Max: s.Max, Counts: s.Counts}
	}
	return out
}

func capStandings(of []billing.CapAt) []api.CapStanding {
	var out []api.CapStanding
	for _, c := range of {
		out = append(out, api.CapStanding{
			Max: c.Max, Reset: api.Interval(c.Reset), Used: Amount(c.Used), Remaining: Amount(c.Remaining), ResetsOn: api.NewTime(c.Window.End),
		})
	}
	return out
}

// Decisions shows several.
func Decisions(of []billing.Decision) api.DecisionList {
	out := api.DecisionList{Results: make([]api.Decision, len(of))}
	for i := range of {
		out.Results[i] = Decision(&of[i])
	}
	return out
}

// Amount shows an amount of usage.
func Amount(u billing.Units) api.Decimal { return api.Decimal(u.String()) }

func entitlement(of *billing.Decision) api.Entitlement {
	d := Decision(of)
	return api.Entitlement{
		FeatureCode: d.FeatureCode, FeatureName: of.Feature.Name, Type: d.Type, Limit: d.Limit, Used: d.Used, Held: d.Held,
		Remaining: d.Remaining, Soft: d.Soft, ResetsOn: d.ResetsOn, NextChange: d.NextChange, Sources: d.Sources,
		Value: d.Value, Caps: d.Caps, Included: d.Included, Rate: d.Rate, Pool: d.Pool, Overage: d.Overage,
	}
}

// Standing shows what a customer has of each feature at an instant.
func Standing(of billing.CustomerID, s *service.Standing) api.EntitlementList {
	out := api.EntitlementList{
		CustomerID: of.String(), At: api.Time{Time: s.At}, Revision: s.Revision.String(),
		Entitlements: make([]api.Entitlement, len(s.Features)),
	}
	for i := range s.Features {
		out.Entitlements[i] = entitlement(&s.Features[i])
	}
	return out
}
