package admin

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// migration is moving customers to a version, a batch at a time. What is left follows from
// who is on which version, so it may be left and taken up again at any time.
type migration struct {
	Code, Name string
	Versions   []int64
	Version    int64
	When       string
	Limit      int64
	After      string
	Key        string
	Asked      bool
	Faults     faults
	Batch      *api.PlanMigration // what would be done next
	Left       Holders
	Effect     *api.PlanPreview // on the next of them
	plan       *api.PlanDetail
	Self       string // the address of this page
}

const (
	migratePage = 100
	// maxListed is how many customers of a batch are named.
	maxListed = 20
)

// Listed are the first of some customers.
func (*migration) Listed(ids []string) []string { return ids[:min(len(ids), maxListed)] }

func (c *call) readMigration(q url.Values) (*migration, error) {
	p, err := c.api.Catalog.Plan(c.Context(), c.PathValue("code"))
	if err != nil {
		return nil, err
	}
	m := &migration{
		plan: p, Code: p.Code, Name: p.Name, Versions: publishedVersions(p), When: q.Get("when"),
		After: q.Get("after"), Asked: q.Has("to_version"), Key: NewKey(),
	}
	if m.Version, err = number(q, "to_version"); err != nil {
		return nil, err
	}
	if m.Limit, err = number(q, "limit"); err != nil {
		return nil, err
	}
	if m.Limit == 0 {
		m.Limit = migratePage
	}
	if m.When == "" {
		m.When = api.WhenNow
	}
	if m.Version == 0 && len(m.Versions) > 0 {
		m.Version = m.Versions[0]
	}
	return m, nil
}

func (m *migration) request() api.MigratePlanRequest {
	return api.MigratePlanRequest{ToVersion: &m.Version, When: m.When, After: m.After, Limit: m.Limit}
}

// address is where the migration goes on behind a customer.
func (m *migration) address(after string) string {
	q := url.Values{"to_version": {strconv.FormatInt(m.Version, 10)}, "when": {m.When}, "limit": {strconv.FormatInt(m.Limit, 10)}}
	if after != "" {
		q.Set("after", after)
	}
	return planPath(m.Code) + "/migrate?" + q.Encode()
}

// askToMigrate shows what the next batch would be, and how many are left.
func askToMigrate(c *call) (*screen, error) {
	m, err := c.readMigration(c.URL.Query())
	if err != nil {
		return nil, err
	}
	return c.showMigration(m)
}

func (c *call) showMigration(m *migration) (*screen, error) {
	shown := &screen{template: "migrate", title: "Migrate " + m.Name, at: plansPath, scripts: []string{"allot-plans.js"}, data: m}
	m.Self = planPath(m.Code) + "/migrate"
	if err := c.want(api.ScopeUpdateCatalog); err != nil {
		return nil, err
	}
	if !m.Asked || len(m.Versions) == 0 {
		return shown, nil
	}
	body := m.request()
	body.DryRun = true
	var err error
	if m.Left, _, err = c.holders(m.plan); err != nil {
		return nil, err
	}
	if m.Batch, err = c.api.Plans.Migrate(c.Context(), m.Code, body); err == nil {
		m.Effect, err = c.api.Plans.Preview(c.Context(), m.Code, api.PreviewPlanRequest{All: true, Version: &m.Version, After: m.After, Limit: maxPreviewed})
	}
	if wrong, ok := faultsOf(err, "to_version", "when", "limit", "after"); ok {
		m.Faults, m.Batch, shown.status = wrong, nil, 400
		return shown, nil
	}
	return shown, err
}

// migratePlan moves a batch and leads to what is next.
func migratePlan(c *call) (*screen, error) {
	if err := c.want(api.ScopeUpdateCatalog); err != nil {
		return nil, err
	}
	if err := c.form(); err != nil {
		return nil, err
	}
	m, err := c.readMigration(c.PostForm)
	if err != nil {
		return nil, err
	}
	if c.PostFormValue("to_version") == "" || c.PostFormValue("when") == "" { // nobody has seen what it would do
		return nil, errBadForm
	}
	done, err := c.api.Plans.Migrate(c.Context(), m.Code, m.request(), c.once())
	if wrong, ok := faultsOf(err, "to_version", "when", "limit", "after"); ok {
		shown, err := c.showMigration(m)
		if err != nil {
			return nil, err
		}
		m.Faults, shown.status = wrong, 400
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	said := fmt.Sprintf("Moved %s to version %d.", web.Count(len(done.Moved), "customer"), done.ToVersion)
	if n := len(done.Skipped); n > 0 {
		said += fmt.Sprintf(" Left alone: %s, about to leave the plan or to move already.", web.Count(n, "customer"))
	}
	if !done.HasMore {
		return nil, goTo(planPath(m.Code), said+" That was the last batch.")
	}
	return nil, goTo(m.address(done.After), said)
}
