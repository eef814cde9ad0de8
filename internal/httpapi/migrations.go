package httpapi

import (
	"cmp"
	"maps"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) previewPlan(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	before := len(f.wrong)
	ref, all := b.customerFields(), b.boolean("all")
	everybody := all != nil && *all
	switch {
	case len(f.wrong) > before:
	case everybody && ref != customerRef{}:
		f.add(api.CodeTooManyParameters, "only one of all and a customer may be given")
	case !everybody && ref == customerRef{}:
		f.require("customer_id", aCustomerID+"; or give org_code, user_id, or all")
	}
	version := int(b.count("version", api.MaxInteger))
	after := b.batch()
	limit := cmp.Or(int(b.count("limit", api.MaxPreviewLimit)), api.MaxPreviewLimit)
	if err := f.err(); err != nil {
		return change{}, err
	}
	code := billing.Code(c.PathValue("code"))
	if everybody {
		return change{apart: func() (answer, error) { return a.previewMigration(c, code, version, after, limit) }}, nil
	}
	id, err := a.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{whose: id, apart: func() (answer, error) { return a.previewFor(c, id, code, version) }}, nil
}

// previewFor is what a plan would do to one customer.
func (a *adapter) previewFor(c *call, id billing.CustomerID, code billing.Code, version int) (answer, error) {
	version, _, err := a.targetVersion(c, code, version)
	if err != nil {
		return answer{}, err
	}
	var effect billing.Effect
	rev, err := c.fresh(func() (rev billing.Revision, err error) {
		effect, rev, err = a.Billing.PreviewPlan(c.Context(), id, code, version)
		return rev, err
	})
	if err != nil {
		return answer{}, err
	}
	out := newPreview(code, version)
	out.count(&effect)
	out.Customers = append(out.Customers, planEffect(&effect))
	return answer{revision: rev.String(), body: out.PlanPreview}, nil
}

// previewBatch is how many customers are read from one state of the store.
const previewBatch = 500

// previewMigration is what a version would do to the customers on another one,
// as far as limit of them behind one.
func (a *adapter) previewMigration(c *call, code billing.Code, version int, after billing.CustomerID, limit int) (answer, error) {
	version, rev, err := a.targetVersion(c, code, version)
	if err != nil {
		return answer{}, err
	}
	out := newPreview(code, version)
	for more := true; more; {
		var effects []billing.Effect
		effects, more, err = a.Billing.PreviewMigration(c.Context(), code, version, after, min(limit, previewBatch))
		if err != nil {
			return answer{}, err
		}
		limit -= len(effects)
		for i := range effects {
			e := &effects[i]
			out.count(e)
			out.group(e)
			if len(e.Exceeds) > 0 {
				out.Customers = append(out.Customers, planEffect(e))
			}
			after = e.Customer
		}
		if more && limit == 0 {
			out.HasMore, out.After = true, after.String()
			break
		}
	}
	out.Groups = out.grouped()
	return answer{revision: rev.String(), body: out.PlanPreview}, nil
}

// targetVersion is the version meant, so that all that is read is about the same
// one. What is wrong with it is left to the use case to say.
func (a *adapter) targetVersion(c *call, code billing.Code, version int) (int, billing.Revision, error) {
	current, err := a.Billing.Catalog(c.Context())
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
	from := versionRef(e.From)
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

func versionRef(v *billing.PlanVersion) api.PlanVersionRef {
	return api.PlanVersionRef{PlanCode: string(v.Plan), Version: int64(v.Number)}
}

func planEffect(e *billing.Effect) api.PlanEffect {
	out := api.PlanEffect{
		CustomerID: e.Customer.String(), Gains: codes(e.Gains), Loses: codes(e.Loses),
		Limits: make([]api.LimitChange, len(e.Limits)), Exceeds: make([]api.LimitExcess, len(e.Exceeds)),
	}
	if e.From != nil {
		out.From = new(versionRef(e.From))
	}
	for i, l := range e.Limits {
		out.Limits[i] = api.LimitChange{FeatureCode: string(l.Feature), From: l.From, To: l.To}
	}
	for i, x := range e.Exceeds {
		out.Exceeds[i] = api.LimitExcess{FeatureCode: string(x.Feature), Limit: x.Limit, Used: amount(x.Used), Held: amount(x.Held)}
	}
	return out
}

// codes are never nil, which JSON would show.
func codes(list []billing.Code) []string {
	out := make([]string, len(list))
	for i, code := range list {
		out[i] = string(code)
	}
	return out
}

// ids are never nil, which JSON would show.
func ids(list []billing.CustomerID) []string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = id.String()
	}
	return out
}

func (a *adapter) migratePlan(c *call) (change, error) {
	var f faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	m := billing.Migration{
		Plan:    billing.Code(c.PathValue("code")),
		Version: int(b.count("to_version", api.MaxInteger)),
		When:    readWhen(&f, b.text("when", aWhen)),
		After:   b.batch(),
		Limit:   int(b.count("limit", api.MaxMigrateLimit)),
	}
	if dryRun := b.boolean("dry_run"); dryRun != nil {
		m.DryRun = *dryRun
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	m.Limit = cmp.Or(m.Limit, api.DefaultMigrateLimit)
	return change{apart: func() (answer, error) {
		done, err := a.Billing.MigratePlan(c.Context(), c.actor, m)
		if err != nil {
			return answer{}, err
		}
		out := api.PlanMigration{
			ToVersion: int64(done.Version), DryRun: m.DryRun, Moved: ids(done.Moved), Skipped: ids(done.Skipped), HasMore: done.More,
		}
		if done.More {
			out.After = done.Last.String()
		}
		return answer{body: out}, nil
	}}, nil
}

const aBatch = "the after of the batch before"

// batch is where a batch of customers goes on; zero for the first.
func (b *body) batch() billing.CustomerID {
	s := b.text("after", aBatch)
	if s == "" {
		return billing.CustomerID{}
	}
	id, err := billing.ParseCustomerID(s)
	if err != nil {
		b.refuse("after", aBatch)
	}
	return id
}
