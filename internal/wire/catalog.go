package wire

import (
	"encoding/json"
	"strconv"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Feature shows a feature of the catalog.
func Feature(f *billing.Feature) api.Feature {
	return api.Feature{
		Code: string(f.Code), Name: f.Name, Type: string(f.Type), Unit: f.Unit, Reset: api.Interval(f.Reset), Held: f.Held,
		Burns: burns(f.Burns), Thresholds: thresholds(f.Thresholds), Low: f.Low,
		Of: string(f.Of), OneOf: f.OneOf, Pick: string(f.Pick), Description: f.Description, Metadata: f.Metadata,
	}
}

// PlanGroup shows a group of plans.
func PlanGroup(g *billing.PlanGroup) api.PlanGroup {
	return api.PlanGroup{
		Code: string(g.Code), Name: g.Name, CustomerType: string(g.CustomerType), Default: g.Default, Fallback: string(g.Fallback),
		Description: g.Description, Metadata: g.Metadata,
	}
}

// PlanSummary shows a plan with the version that is sold.
func PlanSummary(c *billing.Catalog, p *billing.Plan) api.PlanSummary {
	out := api.PlanSummary{
		Code: string(p.Code), Name: p.Name, Group: string(p.Group), Kind: string(p.Kind),
		Status: string(p.Status), Archived: p.Archived, Default: p.Default,
		Description: p.Description, Metadata: p.Metadata, Hidden: p.Hidden, Price: p.Price, Extends: string(p.Extends), Without: codeTexts(p.Without),
	}
	for _, v := range p.Versions {
		if !v.PublishedOn.IsZero() {
			out.Current = new(PlanVersion(c, v))
		}
	}
	return out
}

// Plan shows a plan with its versions.
func Plan(c *billing.Catalog, p *billing.Plan) api.PlanDetail {
	out := api.PlanDetail{PlanSummary: PlanSummary(c, p), Currency: c.Currency, Versions: make([]api.PlanVersion, len(p.Versions))}
	for i, v := range p.Versions {
		out.Versions[i] = PlanVersion(c, v)
	}
	return out
}

// PlanVersion shows a version of a plan.
func PlanVersion(c *billing.Catalog, v *billing.PlanVersion) api.PlanVersion {
	out := api.PlanVersion{
		Version: int64(v.Number), Status: api.PlanPublished, PublishedOn: api.NewTime(v.PublishedOn),
		Cycle: api.Interval(v.Cycle), Align: string(v.Align), Quantity: (*api.Quantity)(v.Quantity), AskForCard: v.AskForCard,
		Beside: codeTexts(v.Beside), Items: make([]api.PlanItem, len(v.Items)),
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
			Item: item(f, &v.Items[i]), FeatureName: f.Name, FeatureType: string(f.Type), Unit: f.Unit,
		}
	}
	return out
}

// item shows a version's item with nothing left to defaults: what it inherits
// was fixed when the version was made.
func item(f *billing.Feature, it *billing.Item) api.Item {
	out := api.Item{Feature: string(it.Feature), PriceName: it.PriceName}
	if it.PerQuantity {
		out.Per = api.PerQuantity
	}
	switch f.Type {
	case billing.Charge:
		out.FixedCharge, out.Interval = &it.FixedCharge, string(it.Interval)
		if it.Once {
			out.Interval = api.ChargeOnce
		}
		if it.Annual != nil {
			out.Annual = json.Number(strconv.FormatInt(*it.Annual, 10))
		}
	case billing.Metered:
		meteredItem(&out, it)
	case billing.Config:
		out.Value = ConfigValue(f.Of, it.Value)
	}
	return out
}

func meteredItem(out *api.Item, it *billing.Item) {
	out.Min, out.Max, out.Limit, out.Reset = it.Min, it.Max, string(it.Limit), api.Interval(it.Reset)
	out.Align, out.Included, out.OverageMax = string(it.Align), it.Included, it.OverageMax
	if it.OverLimit.Policy != "" { // not of a pack
		out.OverLimit = &api.OverLimit{Policy: string(it.OverLimit.Policy), Days: int64(it.OverLimit.GraceDays)}
	}
	for _, c := range it.Caps {
		out.Caps = append(out.Caps, api.Cap{Max: c.Max, Reset: api.Interval(c.Reset)})
	}
	if r := it.Rollover; r != nil {
		out.Rollover = &api.Rollover{Max: r.Max, Windows: int64(r.Windows)}
	}
	out.Burns, out.Thresholds = burns(it.Burns), thresholds(it.Thresholds)
	if it.Low != nil {
		out.Low = new(api.Low(*it.Low))
	}
	for _, g := range it.Grants {
		out.Grants = append(out.Grants, api.ItemGrant{
			Amount: json.Number(g.Amount.String()), At: string(g.At), Lasts: api.GrantLasts{Life: string(g.Lasts), Days: int64(g.Days)},
			Priority: new(int64(g.Priority)), Kind: string(g.Kind),
		})
	}
	if r := it.Rate; r != nil {
		out.Rate = &api.Rate{Max: r.Max, Per: string(r.Per), Burst: r.Burst}
	}
	out.UnitAmount, out.Annual = amount(it.UnitAmount), amount(it.AnnualUnitAmount)
	for _, t := range it.Tiers {
		out.Tiers = append(out.Tiers, api.Tier{UpTo: t.UpTo, UnitAmount: amount(&t.UnitAmount), Annual: amount(t.AnnualUnitAmount), FlatAmount: amount(t.FlatAmount)})
	}
	if out.TiersMode = string(it.TiersMode); out.TiersMode == "" && len(out.Tiers) > 0 {
		out.TiersMode = api.TiersGraduated
	}
	if it.Package != 0 {
		out.Package = &it.Package
	}
}

// ConfigValue shows what a config feature is set to.
func ConfigValue(of billing.ValueKind, v *billing.Value) *api.ConfigValue {
	if v == nil {
		return nil
	}
	switch of {
	case api.ConfigNumber:
		if v.Number == nil {
			return &api.ConfigValue{Text: api.ConfigUnlimited}
		}
		return &api.ConfigValue{Number: amount(v.Number)}
	case api.ConfigFlag:
		return &api.ConfigValue{Flag: &v.Flag}
	case api.ConfigList:
		return &api.ConfigValue{List: v.List}
	}
	return &api.ConfigValue{Text: v.Text}
}

func amount(d *decimal.Decimal) json.Number {
	if d == nil {
		return ""
	}
	return json.Number(d.String())
}

func burns(b *billing.Burns) *api.Burns {
	if b == nil {
		return nil
	}
	return &api.Burns{Feature: string(b.Feature), Rate: amount(&b.Rate)}
}

func thresholds(percents []int) []int64 {
	var out []int64
	for _, n := range percents {
		out = append(out, int64(n))
	}
	return out
}

func codeTexts(list []billing.Code) []string {
	var out []string
	for _, c := range list {
		out = append(out, string(c))
	}
	return out
}

// CatalogChanges shows what a file changes, or would.
func CatalogChanges(changes *billing.CatalogChanges, dryRun bool) api.CatalogChanges {
	out := api.CatalogChanges{
		DryRun:    dryRun,
		Changes:   make([]api.CatalogChange, len(changes.Changes)),
		Untouched: make([]api.CatalogThing, len(changes.Untouched)),
		Warnings:  append([]api.Warning{}, Warnings(changes.Warnings)...),
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
