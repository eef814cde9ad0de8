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
	plans, more, rev, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.Plan { return c.Plans }, wire.PlanSummary)
	return door.Answer{Revision: rev.String(), Body: api.PlanList{Plans: plans, HasMore: more}}, err
}

func (h *handlers) features(c *door.Call) (door.Answer, error) {
	features, more, rev, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.Feature { return c.Features }, wire.Feature)
	return door.Answer{Revision: rev.String(), Body: api.FeatureList{Features: features, HasMore: more}}, err
}

func (h *handlers) planGroups(c *door.Call) (door.Answer, error) {
	groups, more, rev, err := codePage(h, c, func(c *billing.Catalog) map[billing.Code]*billing.PlanGroup { return c.Groups }, wire.PlanGroup)
	return door.Answer{Revision: rev.String(), Body: api.PlanGroupList{PlanGroups: groups, HasMore: more}}, err
}

// codePage is a page, ascending by code, of one kind of things in the catalog.
func codePage[T, W any](h *handlers, c *door.Call, of func(*billing.Catalog) map[billing.Code]T, show func(T) W) ([]W, bool, billing.Revision, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	page := service.Page[billing.Code](door.ReadPage(q, wire.ACode, wire.Code))
	if err := q.Err(); err != nil {
		return nil, false, billing.Revision{}, err
	}
	current, rev, err := h.readCatalog(c)
	if err != nil {
		return nil, false, rev, err
	}
	things := of(current)
	codes := slices.Sorted(maps.Keys(things))
	from, to, more := page.Of(len(codes), func(i int, key billing.Code) int { return cmp.Compare(codes[i], key) })
	out := make([]W, 0, to-from)
	for _, code := range codes[from:to] {
		out = append(out, show(things[code]))
	}
	return out, more, rev, nil
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
