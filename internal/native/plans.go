package native

import (
	"cmp"
	"maps"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) plans(c *door.Call) (door.Answer, error) {
	plans, more, current, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.Plan { return c.Plans })
	if err != nil {
		return door.Answer{}, err
	}
	out := api.PlanList{Currency: current.Currency, Plans: make([]api.PlanSummary, len(plans)), HasMore: more}
	for i, p := range plans {
		out.Plans[i] = wire.PlanSummary(current, p)
	}
	return catalogPage(current, out), nil
}

// pricing is the price list: of all groups, or of one.
func (h *handlers) pricing(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	group := q.Text("group")
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	current, _, err := h.readCatalog(c)
	if err != nil {
		return door.Answer{}, err
	}
	if group != "" && current.Groups[billing.Code(group)] == nil {
		return door.Answer{}, door.Errors{door.Fault(api.InvalidCode("group"), "there is no plan group with this code; leave group out for all")}
	}
	return catalogPage(current, wire.PriceList(current, billing.Code(group))), nil
}

func (h *handlers) features(c *door.Call) (door.Answer, error) {
	features, more, current, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.Feature { return c.Features })
	if err != nil {
		return door.Answer{}, err
	}
	out := api.FeatureList{Features: make([]api.Feature, len(features)), HasMore: more}
	for i, f := range features {
		out.Features[i] = wire.Feature(f)
	}
	return catalogPage(current, out), nil
}

func (h *handlers) planGroups(c *door.Call) (door.Answer, error) {
	groups, more, current, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.PlanGroup { return c.Groups })
	if err != nil {
		return door.Answer{}, err
	}
	out := api.PlanGroupList{PlanGroups: make([]api.PlanGroup, len(groups)), HasMore: more}
	for i, g := range groups {
		out.PlanGroups[i] = wire.PlanGroup(g)
	}
	return catalogPage(current, out), nil
}

func catalogPage(current *billing.Catalog, body any) door.Answer {
	return door.Answer{Revision: billing.Revision{Catalog: current.Rev}.String(), Body: body}
}

// codePage is a page, ascending by code, of one kind of things in the catalog, and
// the catalog.
func codePage[T any](h *handlers, c *door.Call, of func(*billing.Catalog) map[billing.Code]T) ([]T, bool, *billing.Catalog, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	page := service.Page[billing.Code](door.ReadPage(q, wire.ACode, wire.Code))
	if err := q.Err(); err != nil {
		return nil, false, nil, err
	}
	current, _, err := h.readCatalog(c)
	if err != nil {
		return nil, false, nil, err
	}
	things := of(current)
	codes := slices.Sorted(maps.Keys(things))
	from, to, more := page.Of(len(codes), func(i int, key billing.Code) int { return cmp.Compare(codes[i], key) })
	out := make([]T, 0, to-from)
	for _, code := range codes[from:to] {
		out = append(out, things[code])
	}
	return out, more, current, nil
}

func (h *handlers) plan(c *door.Call) (door.Answer, error) {
	current, rev, err := h.readCatalog(c)
	if err != nil {
		return door.Answer{}, err
	}
	p, ok := current.Plans[billing.Code(c.PathValue("code"))]
	if !ok {
		return door.Answer{}, wire.NotFound(api.CodePlanNotFound, "there is no plan with this code; GET /v1/plans lists them")
	}
	return door.Answer{Revision: rev.String(), Body: wire.Plan(current, p)}, nil
}
