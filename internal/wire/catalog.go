package wire

import (
	"encoding/json"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Feature shows a feature of the catalog.
func Feature(f *billing.Feature) api.Feature {
	return api.Feature{Code: string(f.Code), Name: f.Name, Type: string(f.Type), Unit: f.Unit, Reset: api.Interval(f.Reset)}
}

// PlanGroup shows a group of plans.
func PlanGroup(g *billing.PlanGroup) api.PlanGroup {
	return api.PlanGroup{Code: string(g.Code), Name: g.Name, CustomerType: string(g.CustomerType), Default: g.Default, Fallback: string(g.Fallback)}
}

// PlanSummary shows a plan with the version that is sold.
func PlanSummary(c *billing.Catalog, p *billing.Plan) api.PlanSummary {
	out := api.PlanSummary{
		Code: string(p.Code), Name: p.Name, Group: string(p.Group), Kind: string(p.Kind),
		Status: string(p.Status), Archived: p.Archived, Default: p.Default,
	}
	for _, v := range p.Versions {
		if !v.PublishedOn.IsZero() {
			out.Current = new(planVersion(c, v))
		}
	}
	return out
}

// Plan shows a plan with its versions.
func Plan(c *billing.Catalog, p *billing.Plan) api.PlanDetail {
	out := api.PlanDetail{PlanSummary: PlanSummary(c, p), Currency: c.Currency, Versions: make([]api.PlanVersion, len(p.Versions))}
	for i, v := range p.Versions {
		out.Versions[i] = planVersion(c, v)
	}
	return out
}

func planVersion(c *billing.Catalog, v *billing.PlanVersion) api.PlanVersion {
	out := api.PlanVersion{
		Version: int64(v.Number), Status: api.PlanPublished, PublishedOn: api.NewTime(v.PublishedOn),
		Cycle: api.Interval(v.Cycle), Align: string(v.Align), Quantity: (*api.Quantity)(v.Quantity), AskForCard: v.AskForCard, Items: make([]api.PlanItem, len(v.Items)),
	}
	if v.PublishedOn.IsZero() {
		out.Status = api.PlanDraft
	}
	if v.Trial != nil {
		out.Trial = &api.Trial{
			Days: int64(v.Trial.Days), CardPromptDays: new(int64(v.Trial.CardPromptDays)), Then: string(v.Trial.Then),
		}
	}
	for i := range v.Items {
		f := c.Features[v.Items[i].Feature]
		out.Items[i] = api.PlanItem{
			Item: item(f.Type, &v.Items[i]), FeatureName: f.Name, FeatureType: string(f.Type), Unit: f.Unit,
		}
	}
	return out
}

// item shows a version's item with nothing left to defaults: what it inherits
// was fixed when the version was made.
func item(of billing.FeatureType, it *billing.Item) api.Item {
	out := api.Item{Feature: string(it.Feature), PriceName: it.PriceName}
	switch of {
	case billing.Charge:
		out.FixedCharge, out.Interval, out.Annual = &it.FixedCharge, string(it.Interval), it.Annual
	case billing.Metered:
		out.Min, out.Max, out.Limit, out.Reset = it.Min, it.Max, string(it.Limit), api.Interval(it.Reset)
		out.Align = string(it.Align)
		if it.PerQuantity {
			out.Per = api.PerQuantity
		}
		out.OverLimit = &api.OverLimit{Policy: string(it.OverLimit.Policy), Days: int64(it.OverLimit.GraceDays)}
		if it.UnitAmount != nil {
			out.UnitAmount = json.Number(it.UnitAmount.String())
		}
		for _, t := range it.Tiers {
			out.Tiers = append(out.Tiers, api.Tier{UpTo: t.UpTo, UnitAmount: json.Number(t.UnitAmount.String())})
		}
	}
	return out
}

// CatalogChanges shows what a file changes, or would.
func CatalogChanges(changes *billing.CatalogChanges, dryRun bool) api.CatalogChanges {
	out := api.CatalogChanges{
		DryRun:    dryRun,
		Changes:   make([]api.CatalogChange, len(changes.Changes)),
		Untouched: make([]api.CatalogThing, len(changes.Untouched)),
		Warnings:  append([]string{}, changes.Warnings...),
		Revision:  billing.Revision{Catalog: changes.Rev}.String(),
	}
	for i, ch := range changes.Changes {
		out.Changes[i] = api.CatalogChange{
			Action: string(ch.Action), Kind: string(ch.Kind), Code: string(ch.Code), Version: int64(ch.Version),
			Details: append([]string{}, ch.Details...),
		}
	}
	for i, ref := range changes.Untouched {
		out.Untouched[i] = api.CatalogThing{Kind: string(ref.Kind), Code: string(ref.Code)}
	}
	return out
}
