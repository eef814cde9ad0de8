package admin

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/web"
)

// customerPage is a customer as its page shows it: as of an instant, if one is asked for.
type customerPage struct {
	*api.Customer
	Called string
	Zone   *time.Location
	Path   string // of this page
	Now    time.Time
	At     time.Time // what all is as of
	Asked  string    // "at" of the address; "" is now
	Wrong  string    // what is wrong with the instant that was asked for
	Line   string    // what the customer is on
	Raw    string    // the entitlements as the API says them
	Curl   string

	Features []featureRow
	Find     string // of features
	More     int    // features that are not shown
	Denied   []featureRow
	// MoreDenied is how many there are in all, if Denied has not all of them.
	MoreDenied int
	Look       []featureRow // those that need a look

	Slider  slider
	Spans   []span
	Partial bool // there are older agreements than those shown

	Chosen  string // the feature of the chart
	Metered []featureRow
	Chart   *chart
	Credits *creditView
	Grants  []grantRow
	MoreG   bool
	Holds   []holdRow
	MoreH   bool

	Overrides []overrideRow
	Events    []eventRow
	Older     string // the address of the events before these
	Newest    bool   // these are the newest events

	Checked *said
	CheckOf string // the feature that was asked about
	Units   string
	CheckNo string // why that could not be asked
	All     []api.Feature

	May may

	names     names
	overrides map[string]api.Override // by id
	grants    map[string]api.Grant    // by id
}

// may is what somebody may change of a customer.
type may struct{ Agree, Cancel, Update, Delete, Grant bool }

// Changes reports whether it is anything.
func (m may) Changes() bool { return m != may{} }

// featureRow is a feature as the page shows it.
type featureRow struct {
	api.Entitlement
	Name     string
	Verdict  said
	Level    string // of the badge: good, warn or bad
	Standing string
	Bar      *bar
	Sources  []sourceLine
	Caps     []capRow
	Notes    []string
	Changes  []string
	Override *api.Override
}

// capRow is a cap of a feature.
type capRow struct {
	Bar  *bar
	Text string
}

// rowsOnPage is how many features a page shows; the others are found by a word.
const rowsOnPage = 100

// What one page asks for: the number of its calls of the API is that of the steps in
// showCustomer, at most 12 and one for a check, whatever the customer has and has done.
const (
	agreementEvents = 400 // events of agreements and overrides that the time line is drawn from
	eventsOnPage    = 20
	someGrants      = 100
	someHolds       = 100
	chartDays       = 60
)

func showCustomer(c *call) (*screen, error) {
	p, err := c.customerPage()
	if err != nil {
		return nil, err
	}
	return &screen{
		template: "customer", title: p.Called, at: customersPath, data: p,
		scripts: []string{"uplot-1.6.32.min.js", "allot-customer.js"},
	}, nil
}

func (c *call) customerPage() (*customerPage, error) {
	ctx, q := c.Context(), c.URL.Query()
	of, err := c.api.Customers.Get(ctx, c.PathValue("id"))
	if err != nil {
		return nil, err
	}
	p := c.newPage(of)
	p.Asked, p.Find, p.Units = q.Get("at"), strings.TrimSpace(q.Get("find")), cmp.Or(strings.TrimSpace(q.Get("units")), "1")
	if err := c.askedInstant(p, q); err != nil {
		return nil, err
	}
	if p.names, p.All, err = c.names(); err != nil {
		return nil, err
	}
	list, err := c.entitlements(p)
	if err != nil {
		return nil, err
	}
	history, err := c.history(p)
	if err != nil {
		return nil, err
	}
	if err := c.holdings(p); err != nil {
		return nil, err
	}
	verdicts, err := c.verdicts(p)
	if err != nil {
		return nil, err
	}
	p.fill(list, verdicts)
	p.drawTime(history, list.Entitlements)
	if err := c.tryCheck(p, q); err != nil {
		return nil, err
	}
	if err := c.usageOf(p, q); err != nil {
		return nil, err
	}
	return p, c.eventsOf(p, q)
}

// newPage is the page of a customer, with nothing on it yet.
func (c *call) newPage(of *api.Customer) *customerPage {
	return &customerPage{
		Customer: of, Called: customerName(of), Zone: calendar.Location(of.TimeZone), Path: customersPath + "/" + of.ID, Now: c.Now(),
		May: may{
			Agree: c.may(api.ScopeCreateBillingAgreements), Cancel: c.may(api.ScopeDeleteBillingAgreements), Update: c.may(api.ScopeUpdateCustomers),
			Delete: c.may(api.ScopeDeleteCustomers), Grant: c.may(api.ScopeCreateGrants),
		},
		overrides: map[string]api.Override{}, grants: map[string]api.Grant{},
	}
}

// Deleted reports whether the customer is deleted: it is only read then.
func (p *customerPage) Deleted() bool { return p.DeletedOn != nil }

// Suspended reports whether every check is refused.
func (p *customerPage) Suspended() bool { return p.Status == api.CustomerSuspended }

// localTime is how a field for a date and time writes it.
const localTime = "2006-01-02T15:04"

// askedInstant reads what instant is asked for. A slider and a field are other ways to say
// it, and lead to the address that says it.
func (c *call) askedInstant(p *customerPage, q url.Values) error {
	if local := q.Get("on"); local != "" {
		t, err := parseLocal(local, p.Zone)
		if err != nil {
			p.Wrong, p.At = err.Error(), p.Now
			return nil
		}
		q.Del("on")
		q.Set("at", api.Time{Time: t}.String())
		return goTo(p.Path+"?"+q.Encode(), "")
	}
	if second := q.Get("slide"); second != "" {
		var n int64
		if _, err := fmt.Sscan(second, &n); err != nil || n < 0 || n > 1<<37 {
			return goTo(p.Path, "")
		}
		q.Del("slide")
		q.Set("at", api.Time{Time: time.Unix(n, 0)}.String())
		return goTo(p.Path+"?"+q.Encode(), "")
	}
	p.At = p.Now
	if p.Asked == "" {
		return nil
	}
	t, err := api.ParseTime(p.Asked)
	if err != nil {
		p.Wrong, p.Asked = err.Error(), ""
		return nil
	}
	p.At = t
	return nil
}

// parseLocal reads what a field for a date and time has, in a zone.
func parseLocal(text string, zone *time.Location) (time.Time, error) {
	for _, layout := range []string{localTime, "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	if t, err := api.ParseTime(text); err == nil {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no date and time, such as 2026-12-01T10:00", text)
}

// Local is the instant that is looked at, for the field.
func (p *customerPage) Local() string { return p.At.In(p.Zone).Format(localTime) }

// names are what features and plans are called: two calls, and one more for each 500 beyond
// the first.
func (c *call) names() (names, []api.Feature, error) {
	n := names{map[string]api.PlanSummary{}, map[string]api.Feature{}}
	page := client.PageParams{PageSize: api.MaxPageSize}
	for plan, err := range c.api.Catalog.AllPlans(c.Context(), page) {
		if err != nil {
			return n, nil, err
		}
		n.plans[plan.Code] = plan
	}
	var all []api.Feature
	for feature, err := range c.api.Catalog.AllFeatures(c.Context(), page) {
		if err != nil {
			return n, nil, err
		}
		n.features[feature.Code] = feature
		all = append(all, feature)
	}
	return n, all, nil
}

// entitlements are what the API answers, of which the page keeps the very text.
func (c *call) entitlements(p *customerPage) (*api.EntitlementList, error) {
	target := "/v1/customers/" + p.ID + "/entitlements"
	if p.Asked != "" {
		target += "?at=" + url.QueryEscape(p.Asked)
	}
	p.Curl = `curl -sS -H "Authorization: Bearer $ALLOT_TOKEN" "` + c.Options.URL + target + `"`
	resp, err := c.api.Do(c.Context(), http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		refused := &client.Error{Method: http.MethodGet, Path: target, Status: resp.StatusCode}
		var body api.Errors
		if json.Unmarshal(text, &body) == nil {
			refused.Errors = body.Errors
		}
		return nil, refused
	}
	p.Raw = string(text)
	var list api.EntitlementList
	return &list, json.Unmarshal(text, &list)
}

// holdings are the newest grants and the holds that are open.
func (c *call) holdings(p *customerPage) error {
	grants, err := c.api.Grants.List(c.Context(), client.GrantListParams{
		CustomerID: p.ID, PageParams: client.PageParams{PageSize: someGrants, EndingBefore: newestGrant},
	})
	if err != nil {
		return err
	}
	p.MoreG = grants.HasMore
	for _, g := range slices.Backward(grants.Grants) {
		p.grants[g.ID] = g
		p.Grants = append(p.Grants, grantRow{Grant: g, Feature: p.names.feature(g.FeatureCode), Until: until(g.ExpiresOn, p.Zone)})
	}
	holds, err := c.api.Holds.List(c.Context(), client.HoldListParams{
		CustomerID: p.ID, PageParams: client.PageParams{PageSize: someHolds, EndingBefore: newestHold},
	})
	if err != nil {
		return err
	}
	p.MoreH = holds.HasMore
	for _, h := range slices.Backward(holds.Holds) {
		if h.State == api.HoldOpen {
			p.Holds = append(p.Holds, holdRow{h, p.names.feature(h.FeatureCode), p.names.units(string(h.Units), h.FeatureCode)})
		}
	}
	for _, o := range p.Customer.Overrides {
		p.overrides[o.ID] = o
	}
	return nil
}

// grantRow is a grant as the page shows it.
type grantRow struct {
	api.Grant
	Feature string
	Until   string
}

// Open reports whether a grant may be voided.
func (g grantRow) Open() bool { return g.Status == api.GrantLive || g.Status == api.GrantScheduled }

// holdRow is a hold as the page shows it.
type holdRow struct {
	api.HoldDetail
	Feature string
	Amount  string
}

// overrideRow is an override as the page shows it, live or over.
type overrideRow struct {
	api.Override
	Feature string
	Does    string
	Live    bool
}

// liveOverride is the override of a feature that is live now; nil if there is none.
func (p *customerPage) liveOverride(feature string) *api.Override {
	for i := range p.Customer.Overrides {
		if p.Customer.Overrides[i].FeatureCode == feature {
			return &p.Customer.Overrides[i]
		}
	}
	return nil
}

// fill makes the rows of features: those that the customer is entitled to, and those that
// it is not.
func (p *customerPage) fill(list *api.EntitlementList, verdicts map[string]api.Decision) {
	held := map[string]bool{}
	charges := func(e *api.Entitlement) int {
		if e.Type == api.FeatureCharge {
			return 1
		}
		return 0
	}
	// What can be used stands before what is only paid for.
	slices.SortStableFunc(list.Entitlements, func(a, b api.Entitlement) int { return charges(&a) - charges(&b) })
	for i := range list.Entitlements {
		e := &list.Entitlements[i]
		held[e.FeatureCode] = true
		row := p.row(e)
		if d, ok := verdicts[e.FeatureCode]; ok {
			row.Verdict = p.names.say(&d, "1", p.liveOverride(e.FeatureCode), p.Zone)
			row.Level = levelOf(&d, row.Bar)
		} else if row.Bar != nil && row.Bar.Level == "bad" {
			row.Level, row.Verdict = "warn", said{Short: "nothing left"}
		}
		if row.Level == "bad" {
			p.Look = append(p.Look, row)
		}
		if row.Type == api.FeatureMetered {
			p.Metered = append(p.Metered, row)
		}
		if !p.found(row.FeatureCode, row.Name) {
			continue
		}
		if len(p.Features) == rowsOnPage {
			p.More++
			continue
		}
		p.Features = append(p.Features, row)
	}
	for _, f := range p.All {
		if held[f.Code] || f.Type == api.FeatureCharge || !p.found(f.Code, f.Name) {
			continue
		}
		if len(p.Denied) == rowsOnPage {
			p.MoreDenied = max(p.MoreDenied, rowsOnPage) + 1
			continue
		}
		row := featureRow{Name: f.Name, Override: p.liveOverride(f.Code), Entitlement: api.Entitlement{FeatureCode: f.Code, Type: f.Type}}
		if d, ok := verdicts[f.Code]; ok {
			row.Verdict = p.names.say(&d, "1", row.Override, p.Zone)
		}
		p.Denied = append(p.Denied, row)
	}
	if p.Suspended() { // it is entitled to nothing, and has used something
		for _, f := range p.All {
			if f.Type == api.FeatureMetered {
				p.Metered = append(p.Metered, featureRow{Name: f.Name, Entitlement: api.Entitlement{FeatureCode: f.Code, Type: f.Type}})
			}
		}
	}
}

// found reports whether a feature is one of those looked for.
func (p *customerPage) found(code, name string) bool {
	find := strings.ToLower(p.Find)
	return strings.Contains(strings.ToLower(code), find) || strings.Contains(strings.ToLower(name), find)
}

// levelOf is how loud the badge of a feature is.
func levelOf(d *api.Decision, b *bar) string {
	switch {
	case !d.Allowed:
		return "bad"
	case d.Reason == api.ReasonOverSoftLimit || b != nil && b.Level != "":
		return "warn"
	}
	return "good"
}

// row is an entitlement with what there is to say of it.
func (p *customerPage) row(e *api.Entitlement) featureRow {
	row := featureRow{
		Entitlement: *e, Name: cmp.Or(e.FeatureName, e.FeatureCode), Standing: p.names.standing(e), Override: p.liveOverride(e.FeatureCode),
	}
	if e.Type == api.FeatureMetered && e.Limit != nil {
		row.Bar = newBar(e.Used, e.Held, *e.Limit, row.Name+": "+row.Standing)
	}
	for i := range e.Sources {
		row.Sources = append(row.Sources, p.names.source(e, &e.Sources[i], p.overrides, p.grants, p.Zone))
	}
	for _, cap := range e.Caps {
		text := fmt.Sprintf("Cap: %s used of %s %s; %s left", web.Number(string(cap.Used)), p.names.whole(cap.Max, e.FeatureCode), every(cap.Reset), web.Number(string(cap.Remaining)))
		if cap.ResetsOn != nil {
			text += ", anew on " + web.Instant(cap.ResetsOn.Time, p.Zone)
		}
		row.Caps = append(row.Caps, capRow{newBar(cap.Used, "0", cap.Max, row.Name+", "+text), text})
	}
	if e.Included != nil {
		row.Notes = append(row.Notes, p.names.whole(*e.Included, e.FeatureCode)+" cost nothing")
	}
	if e.Rate != nil {
		row.Notes = append(row.Notes, fmt.Sprintf("At most %d a %s (told, not counted here)", e.Rate.Max, e.Rate.Per))
	}
	if e.Pool != nil {
		left := "without a limit"
		if e.Pool.Remaining != nil {
			left = web.Number(string(*e.Pool.Remaining)) + " left for it"
		}
		row.Notes = append(row.Notes, "Burns "+p.names.feature(e.Pool.FeatureCode)+": "+left)
	}
	if !none(e.Overage) {
		row.Notes = append(row.Notes, p.names.units(string(e.Overage), e.FeatureCode)+" used above what is paid for")
	}
	if e.ResetsOn != nil {
		row.Changes = append(row.Changes, "Counts anew on "+web.Instant(e.ResetsOn.Time, p.Zone))
	}
	if e.NextChange != nil {
		row.Changes = append(row.Changes, "On "+web.Instant(e.NextChange.On.Time, p.Zone)+" "+changeWord(e.NextChange.Why))
	}
	return row
}
