package httpapi

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) plans(c *call) (answer, error) {
	plans, more, rev, err := codePage(a, c, func(c *billing.Catalog) map[billing.Code]*billing.Plan { return c.Plans }, planSummary)
	return answer{revision: rev.String(), body: api.PlanList{Plans: plans, HasMore: more}}, err
}

func (a *adapter) features(c *call) (answer, error) {
	features, more, rev, err := codePage(a, c, func(c *billing.Catalog) map[billing.Code]*billing.Feature { return c.Features }, feature)
	return answer{revision: rev.String(), body: api.FeatureList{Features: features, HasMore: more}}, err
}

func (a *adapter) planGroups(c *call) (answer, error) {
	groups, more, rev, err := codePage(a, c, func(c *billing.Catalog) map[billing.Code]*billing.PlanGroup { return c.Groups }, planGroup)
	return answer{revision: rev.String(), body: api.PlanGroupList{PlanGroups: groups, HasMore: more}}, err
}

// codePage is a page, ascending by code, of one kind of things in the catalog.
func codePage[T, W any](a *adapter, c *call, of func(*billing.Catalog) map[billing.Code]T, wire func(T) W) ([]W, bool, billing.Revision, error) {
	q := readQuery(c.Request, new(faults))
	page := readPage(q, aCode, parseCode)
	if err := q.err(); err != nil {
		return nil, false, billing.Revision{}, err
	}
	current, rev, err := a.readCatalog(c)
	if err != nil {
		return nil, false, rev, err
	}
	things := of(current)
	codes := slices.Sorted(maps.Keys(things))
	from, to, more := page.Of(len(codes), func(i int, key billing.Code) int { return cmp.Compare(codes[i], key) })
	out := make([]W, 0, to-from)
	for _, code := range codes[from:to] {
		out = append(out, wire(things[code]))
	}
	return out, more, rev, nil
}

func (a *adapter) plan(c *call) (answer, error) {
	current, rev, err := a.readCatalog(c)
	if err != nil {
		return answer{}, err
	}
	p, ok := current.Plans[billing.Code(c.PathValue("code"))]
	if !ok {
		return answer{}, notFound(api.CodePlanNotFound, "there is no plan with this code; GET /v1/plans lists them")
	}
	out := api.PlanDetail{PlanSummary: planSummary(p), Versions: make([]api.PlanVersion, len(p.Versions))}
	for i, v := range p.Versions {
		out.Versions[i] = planVersion(current, v)
	}
	return answer{revision: rev.String(), body: out}, nil
}

func feature(f *billing.Feature) api.Feature {
	return api.Feature{Code: string(f.Code), Name: f.Name, Type: string(f.Type), Unit: f.Unit, Reset: string(f.Reset)}
}

func planGroup(g *billing.PlanGroup) api.PlanGroup {
	return api.PlanGroup{Code: string(g.Code), Name: g.Name, CustomerType: string(g.CustomerType), Default: g.Default}
}

func planSummary(p *billing.Plan) api.PlanSummary {
	return api.PlanSummary{
		Code: string(p.Code), Name: p.Name, Group: string(p.Group), Kind: string(p.Kind),
		Status: string(p.Status), Archived: p.Archived, Default: p.Default,
	}
}

func planVersion(c *billing.Catalog, v *billing.PlanVersion) api.PlanVersion {
	out := api.PlanVersion{
		Version: int64(v.Number), Status: api.PlanPublished, PublishedOn: api.NewTime(v.PublishedOn),
		Cycle: string(v.Cycle), AskForCard: v.AskForCard, Items: make([]api.Item, len(v.Items)),
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
		out.Items[i] = item(c.Features[v.Items[i].Feature].Type, &v.Items[i])
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
		out.Min, out.Max, out.Limit, out.Reset = it.Min, it.Max, string(it.Limit), string(it.Reset)
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
