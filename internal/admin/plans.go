package admin

import (
	"cmp"
	"net/url"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
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

func planPath(code string) string { return plansPath + "/" + url.PathEscape(code) }
