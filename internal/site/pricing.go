package site

import (
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/prices"
	"github.com/allot-dev/allot/internal/web"
)

// embedded is the policy of a price list in another page. Any page may have it: what is on
// it any page may read at /v1/pricing, and there is nobody signed in whose clicks could be
// stolen.
var embedded = strings.Replace(web.Policy, "frame-ancestors 'none'", "frame-ancestors *", 1)

// priceList is what the page shows.
type priceList struct {
	Groups []priceGroup
	Only   bool // of one group
	Switch []web.Link
	Yearly bool
}

// priceGroup are the plans of a group, side by side.
type priceGroup struct {
	Code, Name, Description string
	Plans, AddOns, Packs    []pricedPlan
	Rows                    []priceRow
}

// pricedPlan is a plan with what it costs.
type pricedPlan struct {
	Code, Name, Description string
	Regular, Annual         cost
	Same                    bool     // both cost alike
	Lines                   []either // the charges by their names, if they are summed
	Trial, Quantity         string
	Href                    string   // of a plan without an amount: the page to go to
	Goes                    []string // of an add-on: the plans it goes with
	Gives                   []given  // of an add-on or a pack: what it adds
}

// cost is what a plan costs whether it is used or not.
type cost struct {
	Amount string   // "25.00 USD"
	Per    string   // "a month"
	Beside []string // further charges
	Saves  string   // what a year at once costs less
}

// either is a text of who pays as it comes, and of who pays for a year at once.
type either struct {
	Regular, Annual string
}

// Same reports whether both pay alike.
func (e either) Same() bool { return e.Regular == e.Annual }

// terms are what there is of a feature, for either.
type terms struct {
	Regular, Annual prices.Terms
}

// Same reports whether both pay alike.
func (t terms) Same() bool { return reflect.DeepEqual(t.Regular, t.Annual) }

// given is a feature with what there is of it.
type given struct {
	Feature, Description string
	terms
}

// priceRow is what the plans have of a feature, in their order. Nil is nothing.
type priceRow struct {
	Feature, Description string
	Cells                []*priceCell
}

type priceCell struct {
	Plan string
	terms
}

func (s *Site) pricing(w http.ResponseWriter, r *http.Request) error {
	if !s.Pricing {
		return &web.Refusal{Status: http.StatusNotFound, Title: "There is no price list here", Message: "This server keeps its price list to itself. Who runs it opens it with --public-pricing."}
	}
	query := r.URL.Query()
	period, embed := query.Get("period"), query.Get("embed")
	if !slices.Contains([]string{"", "month", "year"}, period) || embed != "" && embed != "1" {
		return &web.Refusal{Status: http.StatusBadRequest, Title: "That cannot be shown", Message: "period is month or year, and embed is 1 or left out."}
	}
	var answer client.Response
	list, err := s.api.Catalog.Pricing(reader(r.Context()), query.Get("group"), client.WithResponse(&answer))
	if err != nil {
		return err
	}
	address := url.Values{"group": {query.Get("group")}, "period": {period}, "embed": {embed}}.Encode()
	text, err := s.kept.page(answer.Header.Get(api.HeaderRevision), address, func() ([]byte, error) {
		shown, err := s.priceList(r, list, query)
		if err != nil {
			return nil, err
		}
		page := s.page(PricingPath, "Price list")
		page.Data, page.Scripts, page.Bare = shown, []string{"allot-site.js"}, embed != ""
		return templates.Render("pricing", page)
	})
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	if embed != "" {
		w.Header().Set("Content-Security-Policy", embedded)
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	web.Send(w, http.StatusOK, text)
	return nil
}

// kept are pages as they were made of a revision of the catalog: whoever comes by may ask
// for one as often as she likes, and to make one takes some milliseconds.
type kept struct {
	mu       sync.Mutex
	revision string
	pages    map[string]*keptPage // by their addresses, which groups and their forms are
}

// keptPage is a page that one makes, and whoever else asks for it waits for.
type keptPage struct {
	mu   sync.Mutex
	text []byte
}

// page is one of a revision, made if it is not there.
func (k *kept) page(revision, address string, render func() ([]byte, error)) ([]byte, error) {
	p := k.at(revision, address)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text != nil {
		return p.text, nil
	}
	text, err := render()
	if err == nil {
		p.text = text
	}
	return text, err
}

// at is the page of an address, made or not.
func (k *kept) at(revision, address string) *keptPage {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.revision != revision {
		k.revision, k.pages = revision, map[string]*keptPage{}
	}
	p := k.pages[address]
	if p == nil {
		p = new(keptPage)
		k.pages[address] = p
	}
	return p
}

func (s *Site) priceList(r *http.Request, list *api.PriceList, query url.Values) (*priceList, error) {
	ctx := reader(r.Context())
	words := prices.List{Currency: list.Currency, Features: map[string]api.Feature{}}
	for f, err := range s.api.Catalog.AllFeatures(ctx, client.PageParams{PageSize: 500}) {
		if err != nil {
			return nil, err
		}
		words.Features[f.Code] = f
	}
	shown := &priceList{Only: query.Get("group") != "", Yearly: query.Get("period") == "year"}
	for g, err := range s.api.Catalog.AllPlanGroups(ctx, client.PageParams{PageSize: 500}) {
		if err != nil {
			return nil, err
		}
		plans := slices.DeleteFunc(slices.Clone(list.Plans), func(p api.PricedPlan) bool { return p.Group != g.Code })
		if len(plans) > 0 {
			shown.Groups = append(shown.Groups, groupOf(g, plans, &words))
		}
	}
	if slices.ContainsFunc(list.Plans, sellsYears) {
		shown.Switch = switches(query, regularly(list.Plans), shown.Yearly)
	}
	return shown, nil
}

// sellsYears reports whether a plan has prices of who pays for a year at once.
func sellsYears(p api.PricedPlan) bool {
	return p.AnnualCharges != nil || slices.ContainsFunc(p.Items, func(it api.PlanItem) bool {
		return it.Annual != "" || slices.ContainsFunc(it.Tiers, func(t api.Tier) bool { return t.Annual != "" })
	})
}

// switches are the ways between the prices of who pays as it comes and those of who pays
// for a year.
func switches(query url.Values, regular string, yearly bool) []web.Link {
	to := func(period, text string, current bool) web.Link {
		there := url.Values{"period": {period}}
		for _, name := range []string{"group", "embed"} {
			if value := query.Get(name); value != "" {
				there.Set(name, value)
			}
		}
		return web.Link{Href: "?" + there.Encode(), Text: text, Current: current}
	}
	return []web.Link{to("month", regular, !yearly), to("year", "Pay yearly", yearly)}
}

// regularly is how one pays who does not pay for a year at once.
func regularly(plans []api.PricedPlan) string {
	for _, p := range plans {
		if !sellsYears(p) {
			continue
		}
		for _, c := range p.Charges {
			if c.Interval != api.IntervalMonth && c.Interval != api.ChargeOnce {
				return "Pay as it comes"
			}
		}
	}
	return "Pay monthly"
}

func groupOf(g api.PlanGroup, plans []api.PricedPlan, words *prices.List) priceGroup {
	out := priceGroup{Code: g.Code, Name: g.Name, Description: g.Description}
	names := map[string]string{}
	var sideBySide []api.PricedPlan
	for i := range plans {
		p := &plans[i]
		names[p.Code] = p.Name
		shown := planOf(p, words)
		if p.Kind == api.PlanKindPlan {
			out.Plans = append(out.Plans, shown)
			sideBySide = append(sideBySide, *p)
			continue
		}
		for _, code := range p.Beside { // plans come first
			shown.Goes = append(shown.Goes, names[code])
		}
		shown.Gives = gives(p, words)
		if p.Kind == api.PlanKindPack {
			out.Packs = append(out.Packs, shown)
		} else {
			out.AddOns = append(out.AddOns, shown)
		}
	}
	out.Rows = rows(sideBySide, words)
	return out
}

func planOf(p *api.PricedPlan, words *prices.List) pricedPlan {
	out := pricesOf(p, words)
	out.Same = reflect.DeepEqual(out.Regular, out.Annual)
	return out
}

func pricesOf(p *api.PricedPlan, words *prices.List) pricedPlan {
	noun := prices.Noun(p.Items)
	out := pricedPlan{
		Code: p.Code, Name: p.Name, Description: p.Description, Trial: prices.Trial(p.Trial), Quantity: prices.Quantity(p.Quantity, noun),
	}
	switch {
	case p.Price == api.PriceAsk:
		out.Regular = cost{Amount: "Ask us"}
		out.Annual = out.Regular
		return out
	case p.Price != "":
		out.Regular, out.Href = cost{Amount: "On request"}, p.Price
		out.Annual = out.Regular
		return out
	}
	usage := slices.ContainsFunc(p.Items, func(it api.PlanItem) bool { return it.UnitAmount != "" || it.Tiers != nil })
	out.Regular = costOf(p.Charges, noun, usage, p.Kind, words)
	out.Annual = out.Regular
	if p.AnnualCharges != nil {
		out.Annual = costOf(p.AnnualCharges, noun, usage, p.Kind, words)
		out.Annual.Saves = saves(p.Charges, p.AnnualCharges, words)
	}
	out.Lines = lines(p, words)
	return out
}

// costOf is the first of some charges in large, and the others beside it.
func costOf(charges []api.PlanCharge, noun string, usage bool, kind string, words *prices.List) cost {
	var out cost
	for _, c := range charges {
		if out.Amount == "" && c.Interval != api.ChargeOnce {
			out.Amount = words.Money(json.Number(strconv.FormatInt(c.Amount, 10)))
			out.Per = strings.TrimSpace(strings.TrimPrefix(words.Charge(c, noun), out.Amount))
			continue
		}
		out.Beside = append(out.Beside, words.Charge(c, noun))
	}
	switch {
	case out.Amount != "":
	case kind == api.PlanKindPack && len(out.Beside) > 0:
		out.Amount, out.Beside = strings.TrimSuffix(out.Beside[0], " once"), out.Beside[1:]
	case usage:
		out.Amount = "By use"
	default:
		out.Amount = "Free"
	}
	return out
}

// saves is what a year at once costs less than twelve months, where both are plain.
func saves(regular, annual []api.PlanCharge, words *prices.List) string {
	year := func(charges []api.PlanCharge) (sum int64, ok bool) {
		for _, c := range charges {
			switch {
			case c.Per != "" || c.Amount > 1<<50:
				return 0, false
			case c.Interval == api.IntervalMonth:
				sum += 12 * c.Amount
			case c.Interval == api.IntervalYear:
				sum += c.Amount
			case c.Interval != api.ChargeOnce:
				return 0, false
			}
		}
		return sum, true
	}
	before, plain := year(regular)
	after, also := year(annual)
	if !plain || !also || after >= before {
		return ""
	}
	return words.Money(json.Number(strconv.FormatInt(before-after, 10))) + " less a year"
}

// lines are the charges of a plan by their names, if its sums do not tell all of them.
func lines(p *api.PricedPlan, words *prices.List) (out []either) {
	for _, it := range p.Items {
		if it.FeatureType != api.FeatureCharge || it.FixedCharge == nil || *it.FixedCharge == 0 {
			continue
		}
		name := it.PriceName
		if name == "" {
			name = it.FeatureName
		}
		c := api.PlanCharge{Amount: *it.FixedCharge, Interval: it.Interval, Per: it.Per}
		line := either{Regular: name + ": " + words.Charge(c, prices.Noun(p.Items))}
		line.Annual = line.Regular
		if n, err := it.Annual.Int64(); err == nil {
			c.Amount, c.Interval = n, api.IntervalYear
			line.Annual = name + ": " + words.Charge(c, prices.Noun(p.Items))
		}
		out = append(out, line)
	}
	if len(out) == len(p.Charges) {
		return nil
	}
	return out
}

// gives are what an add-on or a pack adds, but for what it costs.
func gives(p *api.PricedPlan, words *prices.List) (out []given) {
	for i := range p.Items {
		it := &p.Items[i]
		if it.FeatureType == api.FeatureCharge {
			continue
		}
		out = append(out, given{it.FeatureName, words.Features[it.Feature].Description, termsOf(it, p, words)})
	}
	return out
}

func termsOf(it *api.PlanItem, p *api.PricedPlan, words *prices.List) terms {
	of := prices.Plan{Cycle: p.Cycle, Each: prices.Noun(p.Items)}
	yearly := of
	yearly.Annual = true
	return terms{words.Item(it, of), words.Item(it, yearly)}
}

// rows are the features of some plans, in the order in which they come first.
func rows(plans []api.PricedPlan, words *prices.List) (out []priceRow) {
	at := map[string]int{}
	for column := range plans {
		p := &plans[column]
		for i := range p.Items {
			it := &p.Items[i]
			if it.FeatureType == api.FeatureCharge {
				continue
			}
			row, ok := at[it.Feature]
			if !ok {
				row = len(out)
				at[it.Feature] = row
				out = append(out, priceRow{it.FeatureName, words.Features[it.Feature].Description, make([]*priceCell, len(plans))})
				for c := range plans {
					out[row].Cells[c] = &priceCell{Plan: plans[c].Name}
				}
			}
			out[row].Cells[column].terms = termsOf(it, p, words)
		}
	}
	return out
}
