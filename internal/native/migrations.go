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

func (h *handlers) previewPlan(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	before := f.Wrong()
	ref, all := b.customerFields(), b.Boolean("all")
	everybody := all != nil && *all
	switch {
	case f.Wrong() > before:
	case everybody && ref != customerRef{}:
		f.Add(api.CodeTooManyParameters, "only one of all and a customer may be given")
	case !everybody && ref == customerRef{}:
		f.Require("customer_id", wire.ACustomerID+"; or give org_code, user_id, external_id, or all")
	}
	version := int(b.Count("version", api.MaxInteger))
	after := b.batch()
	limit := cmp.Or(int(b.Count("limit", api.MaxPreviewLimit)), api.MaxPreviewLimit)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	code := billing.Code(c.PathValue("code"))
	if everybody {
		return change{Apart: func() (door.Answer, error) { return h.previewMigration(c, code, version, after, limit) }}, nil
	}
	id, err := h.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Apart: func() (door.Answer, error) { return h.previewFor(c, id, code, version) }}, nil
}

// previewFor is what a plan would do to one customer.
func (h *handlers) previewFor(c *door.Call, id billing.CustomerID, code billing.Code, version int) (door.Answer, error) {
	version, _, err := h.targetVersion(c, code, version)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.PlanPreview, billing.Revision, error) {
		effect, rev, err := h.Billing.PreviewPlan(c.Context(), id, code, version)
		out := newPreview(code, version)
		out.count(&effect)
		out.Customers = append(out.Customers, wire.PlanEffect(&effect))
		return out.PlanPreview, rev, err
	})
}

// previewBatch is how many customers are read from one state of the store.
const previewBatch = 500

// previewMigration is what a version would do to the customers on another one,
// as far as limit of them behind one.
func (h *handlers) previewMigration(c *door.Call, code billing.Code, version int, after billing.CustomerID, limit int) (door.Answer, error) {
	version, rev, err := h.targetVersion(c, code, version)
	if err != nil {
		return door.Answer{}, err
	}
	out := newPreview(code, version)
	for more := true; more; {
		var effects []billing.Effect
		effects, more, err = h.Billing.PreviewMigration(c.Context(), code, version, after, min(limit, previewBatch))
		if err != nil {
			return door.Answer{}, err
		}
		limit -= len(effects)
		for i := range effects {
			e := &effects[i]
			out.count(e)
			out.group(e)
			if len(e.Exceeds) > 0 {
				out.Customers = append(out.Customers, wire.PlanEffect(e))
			}
			after = e.Customer
		}
		if more && limit == 0 {
			out.HasMore, out.After = true, after.String()
			break
		}
	}
	out.Groups = out.grouped()
	return door.Answer{Revision: rev.String(), Body: out.PlanPreview}, nil
}

// targetVersion is the version meant, so that all that is read is about the same
// one. What is wrong with it is left to the use case to say.
func (h *handlers) targetVersion(c *door.Call, code billing.Code, version int) (int, billing.Revision, error) {
	current, err := h.Billing.Catalog(c.Context())
	if err != nil {
		return 0, billing.Revision{}, err
	}
	if plan := current.Plans[code]; version == 0 && plan != nil {
		version = plan.Latest().Number
	}
	return version, billing.Revision{Catalog: current.Rev}, nil
}

// preview is a [api.PlanPreview] in the making.
type preview struct {
	api.PlanPreview
	groups map[api.PlanVersionRef]*previewGroup
}

type previewGroup struct {
	customers    int64
	gains, loses map[string]bool
}

func newPreview(code billing.Code, version int) *preview {
	return &preview{
		PlanPreview: api.PlanPreview{PlanCode: string(code), Version: int64(version), Customers: []api.PlanEffect{}},
		groups:      make(map[api.PlanVersionRef]*previewGroup),
	}
}

func (p *preview) count(e *billing.Effect) {
	one := func(n int) int64 { return int64(min(n, 1)) }
	p.Counts.Customers++
	p.Counts.Gain += one(len(e.Gains))
	p.Counts.Lose += one(len(e.Loses))
	p.Counts.Exceed += one(len(e.Exceeds))
}

func (p *preview) group(e *billing.Effect) {
	if e.From == nil {
		return // left the plan since it was found on it
	}
	from := wire.PlanVersionRef(e.From)
	g := p.groups[from]
	if g == nil {
		g = &previewGroup{gains: make(map[string]bool), loses: make(map[string]bool)}
		p.groups[from] = g
	}
	g.customers++
	for _, code := range e.Gains {
		g.gains[string(code)] = true
	}
	for _, code := range e.Loses {
		g.loses[string(code)] = true
	}
}

// grouped are the groups, ascending by plan, then version.
func (p *preview) grouped() []api.PreviewGroup {
	out := make([]api.PreviewGroup, 0, len(p.groups))
	for from, g := range p.groups {
		out = append(out, api.PreviewGroup{From: from, Customers: g.customers, Gains: sorted(g.gains), Loses: sorted(g.loses)})
	}
	slices.SortFunc(out, func(a, b api.PreviewGroup) int {
		return cmp.Or(cmp.Compare(a.From.PlanCode, b.From.PlanCode), cmp.Compare(a.From.Version, b.From.Version))
	})
	return out
}

// sorted is never nil, which JSON would show.
func sorted(set map[string]bool) []string {
	return append([]string{}, slices.Sorted(maps.Keys(set))...)
}

func (h *handlers) migratePlan(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	m := service.Migration{
		Plan:    billing.Code(c.PathValue("code")),
		Version: int(b.Count("to_version", api.MaxInteger)),
		When:    b.when(),
		After:   b.batch(),
		Limit:   int(b.Count("limit", api.MaxMigrateLimit)),
	}
	if dryRun := b.Boolean("dry_run"); dryRun != nil {
		m.DryRun = *dryRun
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	m.Limit = cmp.Or(m.Limit, api.DefaultMigrateLimit)
	return change{Apart: func() (door.Answer, error) {
		done, err := h.Billing.MigratePlan(c.Context(), billing.Actor(c.Actor), m)
		if err != nil {
			return door.Answer{}, err
		}
		out := api.PlanMigration{
			ToVersion: int64(done.Version), DryRun: m.DryRun, Moved: wire.CustomerIDs(done.Moved), Skipped: wire.CustomerIDs(done.Skipped), HasMore: done.More,
		}
		if done.More {
			out.After = done.Last.String()
		}
		return door.Answer{Body: out}, nil
	}}, nil
}

const aBatch = "the after of the batch before"

// batch is where a batch of customers goes on; zero for the first.
func (b body) batch() billing.CustomerID {
	s := b.Text("after", aBatch)
	if s == "" {
		return billing.CustomerID{}
	}
	id, err := billing.ParseID[billing.CustomerID](s)
	if err != nil {
		b.Refuse("after", aBatch)
	}
	return id
}
