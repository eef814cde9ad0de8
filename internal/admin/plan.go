package admin

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"

	"github.com/allot-dev/allot/api"
)

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
