package admin

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// planScreens show what is sold, and change it.
var planScreens = []route{
	{"GET /console/plans", plans},
	{"GET /console/plans/{code}", onePlan},
	{"GET /console/plans/{code}/preview", previewPlan},
	{"GET /console/plans/{code}/migrate", askToMigrate},
	{"POST /console/plans/{code}/migrate", migratePlan},
	{"GET /console/catalog", catalogFile},
	{"POST /console/catalog", applyCatalog},
}

const (
	plansPath   = "/console/plans"
	catalogPath = "/console/catalog"
)

const (
	// maxPlans and maxGroups are how many the matrix knows of, in pages of 500.
	maxPlans, maxGroups = 1000, 500
	catalogPage         = 500
	// maxDrafts are how many plans that have only a draft are looked at one by one.
	maxDrafts = 10
)

// catalogView is what the matrix is made of.
type catalogView struct {
	currency string
	plans    []api.PlanSummary
	groups   []api.PlanGroup
	more     bool // there are more plans than the matrix knows of
}

func (c *call) readCatalog() (*catalogView, error) {
	v := &catalogView{}
	for after, more := "", true; more; {
		page, err := c.api.Catalog.Plans(c.Context(), client.PageParams{PageSize: catalogPage, StartingAfter: after})
		if err != nil {
			return nil, err
		}
		v.currency, v.plans = page.Currency, append(v.plans, page.Plans...)
		if more = page.HasMore && len(page.Plans) > 0; more {
			after = page.Plans[len(page.Plans)-1].Code
			if len(v.plans) >= maxPlans {
				v.more, more = true, false
			}
		}
	}
	if err := c.inOrder(v.plans); err != nil {
		return nil, err
	}
	groups, err := c.api.Catalog.PlanGroups(c.Context(), client.PageParams{PageSize: maxGroups})
	if err != nil {
		return nil, err
	}
	v.groups = groups.PlanGroups
	return v, nil
}

// inOrder sorts plans as the price list does, the cheaper first; what is not on it stands
// last, by code.
func (c *call) inOrder(plans []api.PlanSummary) error {
	list, err := c.api.Catalog.Pricing(c.Context(), "")
	if err != nil {
		return err
	}
	places := make(map[string]int, len(list.Plans))
	for i, p := range list.Plans {
		places[p.Code] = i
	}
	place := func(p *api.PlanSummary) int {
		if at, ok := places[p.Code]; ok {
			return at
		}
		return len(places)
	}
	slices.SortStableFunc(plans, func(a, b api.PlanSummary) int { return cmp.Compare(place(&a), place(&b)) })
	return nil
}

// matrix is the features and plans of a group.
type matrix struct {
	Groups  []groupTab
	Group   *api.PlanGroup
	Tables  []planTable
	More    bool
	MayEdit bool
}

type groupTab struct {
	Name, Href string
	Current    bool
}

// planTable is a table of plans of one kind: features down, plans across.
type planTable struct {
	Title string
	Plans []planColumn
	Rows  []planRow
}

type planColumn struct {
	Code, Name string
	Badges     []badge
	Version    int64
	Facts      []Fact
}

// badge is a word in a colour.
type badge struct{ Text, Level string }

type planRow struct {
	Code, Name string
	Cells      [][]string // of each plan; empty: it has not the feature
}

func plans(c *call) (*screen, error) {
	all, err := c.readCatalog()
	if err != nil {
		return nil, err
	}
	data := &matrix{More: all.more, MayEdit: c.may(api.ScopeUpdateCatalog)}
	shown := &screen{template: "plans", title: "Plans", at: plansPath, data: data}
	if len(all.groups) == 0 {
		return shown, nil
	}
	wanted := c.URL.Query().Get("group")
	if wanted == "" {
		wanted = all.groups[0].Code
		for _, g := range all.groups {
			if g.Default && g.CustomerType == api.CustomerOrganization {
				wanted = g.Code
			}
		}
	}
	for i, g := range all.groups {
		if g.Code == wanted {
			data.Group = &all.groups[i]
		}
		data.Groups = append(data.Groups, groupTab{g.Name, plansPath + "?group=" + url.QueryEscape(g.Code), g.Code == wanted})
	}
	if data.Group == nil {
		return nil, errNotFound
	}
	for _, kind := range []struct{ kind, title string }{
		{api.PlanKindPlan, "Plans"}, {api.PlanKindAddOn, "Add-ons"}, {api.PlanKindPack, "Packs"},
	} {
		table, err := c.planTable(all, wanted, kind.kind)
		if err != nil {
			return nil, err
		}
		if table.Title = kind.title; len(table.Plans) > 0 {
			data.Tables = append(data.Tables, table)
		}
	}
	return shown, nil
}

// planTable makes the table of a group's plans of one kind, in the versions that are sold;
// of those that have none yet the draft.
func (c *call) planTable(all *catalogView, group, kind string) (planTable, error) {
	var t planTable
	var versions []*api.PlanVersion
	drafts := 0
	for i := range all.plans {
		p := &all.plans[i]
		if p.Group != group || p.Kind != kind {
			continue
		}
		v := p.Current
		if v == nil && drafts < maxDrafts {
			drafts++
			detail, err := c.api.Catalog.Plan(c.Context(), p.Code)
			if err != nil {
				return t, err
			}
			if n := len(detail.Versions); n > 0 {
				v = &detail.Versions[n-1]
			}
		}
		column := planColumn{Code: p.Code, Name: p.Name, Badges: planBadges(p)}
		if v != nil {
			column.Version, column.Facts = v.Version, versionText(v, kind)
		}
		t.Plans, versions = append(t.Plans, column), append(versions, v)
	}
	// Charges stand first: they are the price.
	rows := map[string]*planRow{}
	var order []*planRow
	for pass := range 2 {
		for at, v := range versions {
			if v == nil {
				continue
			}
			for i := range v.Items {
				item := &v.Items[i]
				if (item.FeatureType == api.FeatureCharge) != (pass == 0) {
					continue
				}
				row := rows[item.Feature]
				if row == nil {
					row = &planRow{Code: item.Feature, Name: item.FeatureName, Cells: make([][]string, len(versions))}
					rows[item.Feature], order = row, append(order, row)
				}
				row.Cells[at] = itemText(item, all.currency)
			}
		}
	}
	for _, row := range order {
		t.Rows = append(t.Rows, *row)
	}
	return t, nil
}

// planBadges say what is particular about a plan.
func planBadges(p *api.PlanSummary) []badge {
	var all []badge
	add := func(when bool, text, level string) {
		if when {
			all = append(all, badge{text, level})
		}
	}
	add(p.Status == api.PlanDraft, "draft", "warn")
	add(p.Archived, "archived", "")
	add(p.Hidden, "hidden", "")
	add(p.Default, "default", "accent")
	add(p.Price == api.PriceAsk, "price on demand", "")
	return all
}

// planData is a plan with its versions.
type planData struct {
	Plan     *api.PlanDetail
	Badges   []badge
	Versions []versionView // the newest first
	Holders  Holders
	Counted  bool
	From, To int64 // of the comparison; 0: there is none
	Diff     []versionDiff
	Changed  int
	MayMove  bool
}

type versionView struct {
	*api.PlanVersion
	Facts    []Fact
	Items    []itemView
	Current  bool
	Draft    bool
	On       string // how many customers are on it
	Behind   bool   // there is a newer one that is sold, and somebody is on this one
	Compared string // the address of the comparison with the version before; "" of the first
}

type itemView struct {
	Code, Name string
	Lines      []string
}

// holders are how many customers are on a plan; known is false if the role may not know, and of
// what nobody is on.
func (c *call) holders(p *api.PlanDetail) (n Holders, known bool, err error) {
	if p.Current == nil || p.Kind == api.PlanKindPack || !c.may(api.ScopeReadCustomers) {
		return n, false, nil
	}
	n, err = c.CountHolders(c.Context(), p.Code)
	return n, err == nil, err
}

// text is how many are on a version, for people.
func (n *Holders) text(version int64) string {
	if n.Least {
		return "at least " + count(int64(n.On[version]))
	}
	return count(int64(n.On[version]))
}

// Besides is how many are on another version than one.
func (n *Holders) Besides(version int64) (others int) {
	for v, on := range n.On {
		if v != version {
			others += on
		}
	}
	return others
}

func onePlan(c *call) (*screen, error) {
	p, err := c.api.Catalog.Plan(c.Context(), c.PathValue("code"))
	if err != nil {
		return nil, err
	}
	data := &planData{Plan: p, Badges: planBadges(&p.PlanSummary), MayMove: c.may(api.ScopeUpdateCatalog)}
	if data.Holders, data.Counted, err = c.holders(p); err != nil {
		return nil, err
	}
	current := int64(0)
	if p.Current != nil {
		current = p.Current.Version
	}
	for i := len(p.Versions) - 1; i >= 0; i-- {
		v := &p.Versions[i]
		view := versionView{
			PlanVersion: v, Facts: versionText(v, p.Kind), Current: v.Version == current, Draft: v.Status == api.PlanDraft,
		}
		if !view.Draft && data.Counted {
			view.On = data.Holders.text(v.Version)
		}
		view.Behind = v.Version < current && data.Holders.On[v.Version] > 0
		for j := range v.Items {
			item := &v.Items[j]
			view.Items = append(view.Items, itemView{item.Feature, item.FeatureName, itemText(item, p.Currency)})
		}
		if i > 0 {
			view.Compared = planPath(p.Code) + fmt.Sprintf("?from=%d&to=%d#compare", p.Versions[i-1].Version, v.Version)
		}
		data.Versions = append(data.Versions, view)
	}
	data.compare(c.URL.Query())
	return &screen{template: "plan", title: p.Name, at: plansPath, data: data}, nil
}

// compare puts two versions beside each other, those that the address names, else the last
// two.
func (d *planData) compare(q url.Values) {
	find := func(name string, otherwise int) *api.PlanVersion {
		if n, err := strconv.ParseInt(q.Get(name), 10, 64); err == nil {
			if i := slices.IndexFunc(d.Plan.Versions, func(v api.PlanVersion) bool { return v.Version == n }); i >= 0 {
				return &d.Plan.Versions[i]
			}
		}
		if otherwise >= 0 && otherwise < len(d.Plan.Versions) {
			return &d.Plan.Versions[otherwise]
		}
		return nil
	}
	from, to := find("from", len(d.Plan.Versions)-2), find("to", len(d.Plan.Versions)-1)
	if from == nil || to == nil || len(d.Plan.Versions) < 2 {
		return
	}
	d.From, d.To = from.Version, to.Version
	d.Diff = versionDiffs(from, to, d.Plan.Kind, d.Plan.Currency)
	for _, line := range d.Diff {
		if !line.Same {
			d.Changed++
		}
	}
}

func planPath(code string) string { return plansPath + "/" + url.PathEscape(code) }

// previewData is what a version would do to who is not on it.
type previewData struct {
	Code, Name string
	Versions   []int64 // that are published, the newest first
	Version    int64
	Customer   string
	Asked      bool
	Faults     faults
	Preview    *api.PlanPreview
	More       string // the address of the next customers; "" if there are none
	MayMove    bool
}

// maxPreviewed is how many customers a page of a preview looks at.
const maxPreviewed = 200

func previewPlan(c *call) (*screen, error) {
	code, q := c.PathValue("code"), c.URL.Query()
	p, err := c.api.Catalog.Plan(c.Context(), code)
	if err != nil {
		return nil, err
	}
	data := &previewData{Code: code, Name: p.Name, Customer: strings.TrimSpace(q.Get("customer")), MayMove: c.may(api.ScopeUpdateCatalog)}
	data.Versions = publishedVersions(p)
	if data.Version, err = number(q, "version"); err != nil {
		return nil, err
	}
	shown := &screen{template: "plan-preview", title: "Preview " + p.Name, at: plansPath, data: data}
	if data.Asked = q.Has("version") || q.Has("customer"); !data.Asked {
		return shown, nil
	}
	body := api.PreviewPlanRequest{All: data.Customer == "", After: q.Get("after")}
	if data.Version > 0 {
		body.Version = &data.Version
	}
	if body.All {
		body.Limit = maxPreviewed
	} else {
		nameCustomer(data.Customer, &body)
		body.After = ""
	}
	data.Preview, err = c.api.Plans.Preview(c.Context(), code, body)
	if wrong, ok := faultsOf(err, "customer", "version"); ok {
		data.Faults, shown.status = wrong, 400
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	data.Version = data.Preview.Version
	if data.Preview.HasMore {
		next := url.Values{"version": {strconv.FormatInt(data.Version, 10)}, "after": {data.Preview.After}}
		data.More = planPath(code) + "/preview?" + next.Encode()
	}
	return shown, nil
}

// nameCustomer names a customer as people write it: by its id, or org_code:CODE, user_id:ID,
// external_id:ID, as in the API's own addresses.
func nameCustomer(text string, body *api.PreviewPlanRequest) {
	kind, name, named := strings.Cut(text, ":")
	switch {
	case named && kind == "org_code":
		body.OrgCode = name
	case named && kind == "user_id":
		body.UserID = name
	case named && kind == "external_id":
		body.ExternalID = name
	default:
		body.CustomerID = text
	}
}

// publishedVersions are those that customers can be on, the newest first.
func publishedVersions(p *api.PlanDetail) (numbers []int64) {
	for i := len(p.Versions) - 1; i >= 0; i-- {
		if p.Versions[i].Status == api.PlanPublished {
			numbers = append(numbers, p.Versions[i].Version)
		}
	}
	return numbers
}

// number is a field's whole number above 0; 0 if the field is empty.
func number(q url.Values, field string) (int64, error) {
	text := strings.TrimSpace(q.Get(field))
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, &client.Error{Status: 400, Errors: []api.Error{{
			Code: strings.ToUpper(field) + "_INVALID", Message: fmt.Sprintf("%s must be a whole number from 1 on, not %q", field, text),
		}}}
	}
	return n, nil
}

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
