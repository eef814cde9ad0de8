package portal

import (
	"cmp"
	"context"
	"math/bits"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/prices"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/web"
	"github.com/allot-dev/allot/internal/wire"
)

// view is what a page shows.
type view struct {
	Name      string // of the customer
	Suspended bool
	At        time.Time
	Zone      *time.Location
	ZoneName  string
	Plans     []heldPlan
	Coming    []coming
	Features  []feature
	Used      *used // nil if nothing is used up
	Back      *web.Link

	// What it is made of.
	snap  *billing.Snapshot
	now   time.Time
	words prices.List
	items map[string]heldItem // by feature, of the plan or else an add-on
}

// Title is that of the page.
func (v *view) Title() string { return cmp.Or(v.Name, "Your plan") }

// heldPlan is a plan or an add-on that the customer is on.
type heldPlan struct {
	Name, Description string
	AddOn             bool
	Quantity          int64
	Trial             bool
	Prices            []string
	Facts             []string
}

// coming is something that happens by itself.
type coming struct {
	On   time.Time
	What string
}

// feature is what there is of a feature.
type feature struct {
	Code              string
	Name, Description string
	Has               bool
	Value             string // of what is not counted
	Counted           string // "40 of 100 GB used"
	Left              string
	Bar               *bar
	Notes             []string
	Sources           []string // what pays for use, in its order
}

// bar is how much of a limit is used and held, in percent.
type bar struct {
	Used, Held, Label, Level string
}

// used is what was used of a feature day by day.
type used struct {
	Of    string // the feature's name
	Ways  []web.Link
	Days  []usedDay
	Most  string
	Total string
}

type usedDay struct {
	Day           string
	Units         string
	X, Y, W, High int // of its bar, in a picture of 300 by 100
}

// heldItem is an item of a plan that the customer is on.
type heldItem struct {
	api.PlanItem
	of prices.Plan
	at int // its place among all
}

// view reads all that the page shows. query says of which feature the days are shown.
func (p *Page) view(ctx context.Context, of link, query url.Values) (*view, error) {
	snap, now, err := p.Billing.Snapshot(ctx, of.customer)
	if wire.IsUnknown(err) {
		return nil, errGone
	} else if err != nil {
		return nil, err
	}
	standing, err := p.Billing.EntitlementsAt(ctx, of.customer, time.Time{}, false)
	if err != nil {
		return nil, err
	}
	at := snap.At(now)
	customer := wire.CustomerAt(&at)
	v := &view{
		Name: customer.Name, Suspended: customer.Status == api.CustomerSuspended,
		At: standing.At, Zone: calendar.Location(customer.TimeZone), ZoneName: customer.TimeZone,
		snap: snap, now: now, items: map[string]heldItem{},
		words: prices.List{Currency: snap.Catalog.Currency, Features: map[string]api.Feature{}},
	}
	for code, f := range snap.Catalog.Features {
		v.words.Features[string(code)] = wire.Feature(f)
	}
	v.hold(at.Agreements, customer.Agreements)
	list := wire.Standing(of.customer, &standing)
	for i := range list.Entitlements {
		e := &list.Entitlements[i]
		if e.Type == api.FeatureCharge {
			continue
		}
		shown := v.feature(e, &standing.Features[i])
		if snap.HasSources(billing.Code(e.FeatureCode)) && e.Type == api.FeatureMetered {
			credits, err := p.Billing.Credits(ctx, of.customer, billing.Code(e.FeatureCode), time.Time{}, false)
			if err != nil {
				return nil, err
			}
			v.sources(&shown, wire.Credits(of.customer, &credits), e)
		}
		v.Features = append(v.Features, shown)
	}
	v.next(&customer, list.Entitlements)
	v.Used, err = p.used(ctx, of.customer, v, list.Entitlements, query.Get("usage"))
	v.order()
	return v, err
}

// order puts the features where the plans have them.
func (v *view) order() {
	at := func(f feature) int {
		if it, ok := v.items[f.Code]; ok {
			return it.at
		}
		return len(v.items)
	}
	slices.SortStableFunc(v.Features, func(a, b feature) int { return cmp.Compare(at(a), at(b)) })
}

// hold notes the plans that the customer is on, and their items.
func (v *view) hold(of []billing.AgreementAt, shown []api.Agreement) {
	for i := range shown {
		a := &shown[i]
		if a.Status != api.AgreementLive {
			continue
		}
		plan := v.snap.Catalog.Plans[of[i].Plan]
		terms := wire.PlanVersion(v.snap.Catalog, of[i].Terms)
		words := prices.Plan{Cycle: terms.Cycle, Each: prices.Noun(terms.Items), Annual: a.Annual}
		for _, it := range terms.Items {
			if _, ok := v.items[it.Feature]; !ok {
				v.items[it.Feature] = heldItem{it, words, len(v.items)}
			}
		}
		held := heldPlan{Name: plan.Name, Description: plan.Description, AddOn: a.Kind == api.PlanKindAddOn, Quantity: a.Quantity}
		held.Trial = a.TrialEndsOn != nil && a.TrialEndsOn.After(v.now)
		if plan.Price == "" {
			held.Prices = v.charges(wire.Charges(of[i].Terms, a.Annual), a, words.Each)
		}
		held.Facts = v.terms(a, held.Trial)
		v.Plans = append(v.Plans, held)
	}
	slices.SortStableFunc(v.Plans, func(a, b heldPlan) int {
		return cmp.Compare(map[bool]int{true: 1}[a.AddOn], map[bool]int{true: 1}[b.AddOn])
	})
}

// charges are what a plan costs, of its quantity.
func (v *view) charges(of []api.PlanCharge, a *api.Agreement, each string) (out []string) {
	for _, c := range of {
		text := v.words.Charge(c, each)
		byQuantity := c.Per == api.PerQuantity || a.Kind == api.PlanKindAddOn
		if hi, all := bits.Mul64(uint64(c.Amount), uint64(a.Quantity)); byQuantity && a.Quantity > 1 && hi == 0 && c.Amount > 0 {
			text += ", " + web.Money(strconv.FormatUint(all, 10), v.words.Currency) + " for " + web.Number(strconv.FormatInt(a.Quantity, 10))
		}
		out = append(out, text)
	}
	return out
}

// terms say how an agreement goes on.
func (v *view) terms(a *api.Agreement, trial bool) (out []string) {
	ends := a.ExpiresOn != nil
	switch {
	case trial && ends && !a.ExpiresOn.After(a.TrialEndsOn.Time):
		out = append(out, "Free until "+v.instant(a.TrialEndsOn)+". Then it ends.")
		ends = false
	case trial:
		out = append(out, "Free until "+v.instant(a.TrialEndsOn)+". Then it goes on.")
	case a.CurrentPeriodStart != nil && a.CurrentPeriodEnd != nil:
		span := "This period: " + v.instant(a.CurrentPeriodStart) + " to " + v.instant(a.CurrentPeriodEnd) + "."
		if !ends {
			span += " Then it goes on."
		}
		out = append(out, span)
	}
	if ends {
		out = append(out, "It ends on "+v.instant(a.ExpiresOn)+".")
	}
	return out
}

func (v *view) instant(t *api.Time) string { return web.Instant(t.Time, v.Zone) }

// feature says what there is of a feature.
func (v *view) feature(e *api.Entitlement, d *billing.Decision) feature {
	about := v.words.Features[e.FeatureCode]
	out := feature{Code: e.FeatureCode, Name: e.FeatureName, Description: about.Description, Has: true}
	switch e.Type {
	case api.FeatureUnmetered:
		return out
	case api.FeatureConfig:
		out.Value, out.Has = prices.Value(e.Value)
		return out
	}
	verb := " used"
	if about.Held {
		verb = " in use"
	}
	var rest billing.Units // of the limit alone
	if e.Limit != nil {
		of, all := strconv.FormatInt(*e.Limit, 10), billing.LimitUnits(*e.Limit)
		rest = max(0, all-d.Used-d.Held)
		if d.Remaining != nil && *d.Remaining > rest { // with what is given and bought beside the plan
			all = d.Used.Plus(d.Held).Plus(*d.Remaining)
			of = all.String()
		}
		out.Counted = web.Number(string(e.Used)) + " of " + web.Amount(of, about.Unit) + verb
		out.Bar = barOf(d.Used, d.Held, all)
		out.Bar.Label = e.FeatureName + ": " + out.Counted
	} else {
		out.Counted = web.Amount(string(e.Used), about.Unit) + verb
		if e.Remaining == nil {
			out.Counted += ", without a limit"
		}
	}
	if e.Held != "0" {
		out.Counted += ", " + web.Number(string(e.Held)) + " set aside"
	}
	if e.Remaining != nil {
		out.Left = web.Number(string(*e.Remaining)) + " left"
		if slices.ContainsFunc(e.Caps, func(c api.CapStanding) bool { return c.Remaining == *e.Remaining }) &&
			(e.Limit == nil || *d.Remaining < rest) {
			out.Left += " for now" // until a cap starts anew
		}
	}
	if e.Soft && e.Limit != nil {
		out.Notes = append(out.Notes, "More is possible above the limit.")
	}
	if parts := v.parts(e, about.Unit); len(parts) > 1 {
		out.Notes = append(out.Notes, "The limit: "+strings.Join(parts, ", ")+".")
	}
	if e.ResetsOn != nil {
		out.Notes = append(out.Notes, "Counts anew on "+v.instant(e.ResetsOn)+".")
	}
	for _, c := range e.Caps {
		text := web.Number(string(c.Used)) + " of at most " + web.Number(strconv.FormatInt(c.Max, 10))
		if per := prices.Per(c.Reset); per != "" {
			text += " " + per
		}
		if c.ResetsOn != nil {
			text += ", anew on " + v.instant(c.ResetsOn)
		}
		out.Notes = append(out.Notes, text+".")
	}
	if e.Overage != "" {
		out.Notes = append(out.Notes, web.Number(string(e.Overage))+" used above what was paid for.")
	}
	if it, ok := v.items[e.FeatureCode]; ok {
		words := v.words.Item(&it.PlanItem, it.of)
		if words.Price != "" {
			out.Notes = append(out.Notes, "Price: "+strings.TrimSuffix(words.Price, ":")+".")
			out.Notes = append(out.Notes, words.Bands...)
		}
	}
	if b := e.Pool; b != nil {
		pool := v.words.Features[b.FeatureCode]
		out.Notes = append(out.Notes, "Its use is paid with "+pool.Name+".")
	}
	if r := e.Rate; r != nil {
		out.Notes = append(out.Notes, "Up to "+web.Number(strconv.FormatInt(r.Max, 10))+" a "+r.Per+".")
	}
	return out
}

// parts are what a limit is made of, beside grants.
func (v *view) parts(e *api.Entitlement, unit string) (out []string) {
	for _, s := range e.Sources {
		if !s.Counts || s.Kind == api.SourceGrant {
			continue
		}
		much := "any number"
		if s.Max != nil {
			much = web.Amount(strconv.FormatInt(*s.Max, 10), unit)
		}
		by := "by terms of your own"
		if plan := v.snap.Catalog.Plans[billing.Code(s.PlanCode)]; plan != nil {
			by = "by " + plan.Name
		}
		out = append(out, much+" "+by)
	}
	return out
}

// barOf is a bar of what is used and held of all that there is. What is above it is not drawn.
func barOf(used, held, all billing.Units) *bar {
	b := &bar{Used: percent(used, all)}
	b.Held = percent(min(held, max(0, all-used)), all)
	if used >= all {
		b.Level = "bad"
	}
	return b
}

// percent is a part of a whole, from 0 to 100, with a digit behind the point.
func percent(part, whole billing.Units) string {
	if part <= 0 {
		return "0"
	}
	if part >= whole {
		return "100"
	}
	hi, lo := bits.Mul64(uint64(part), 1000)
	permille, _ := bits.Div64(hi, lo, uint64(whole))
	return strconv.FormatUint(permille/10, 10) + "." + strconv.FormatUint(permille%10, 10)
}

// sources tell what use is paid from, in its order.
func (v *view) sources(out *feature, c api.Credits, e *api.Entitlement) {
	unit := v.words.Features[e.FeatureCode].Unit
	for _, s := range c.Sources {
		if s.Kind != api.CreditAllowance && s.ExpiresOn != nil && s.Remaining != nil && *s.Remaining != "0" {
			v.Coming = append(v.Coming, coming{s.ExpiresOn.Time, e.FeatureName + ": " + web.Amount(string(*s.Remaining), unit) + ", as far as they are not used, expire"})
		}
	}
	if len(c.Sources) < 2 && c.Debt == "0" {
		return // which is told already
	}
	for _, s := range c.Sources {
		what := map[string]string{
			api.CreditAllowance: "of the plan", api.CreditRollover: "left over from before", api.CreditPromotional: "given", api.CreditPaid: "bought",
		}[s.Kind]
		text := "Any number " + what
		if s.Remaining != nil {
			text = web.Amount(string(*s.Remaining), unit) + " " + what
			if s.Amount != nil && *s.Amount != *s.Remaining {
				text += ", of " + web.Number(string(*s.Amount))
			}
		}
		switch {
		case s.ExpiresOn != nil:
			text += ", until " + v.instant(s.ExpiresOn)
		case s.Window != nil && s.Window.EndsOn != nil:
			text += ", until " + v.instant(s.Window.EndsOn)
		}
		out.Sources = append(out.Sources, text+".")
	}
	if c.Debt != "0" {
		out.Sources = append(out.Sources, web.Number(string(c.Debt))+" owed.")
	}
}

// changes are what happens to features by itself, beside what plans, overrides and sources
// of credits tell.
var changes = map[string]string{
	api.ChangeGraceEnds:       "the higher limit of before ends",
	api.ChangeGrantStarts:     "more becomes usable",
	api.ChangeAllowanceResets: "an add-on counts anew",
	api.ChangeZoneChanges:     "the time zone changes",
}

// next gathers what changes by itself.
func (v *view) next(customer *api.Customer, entitlements []api.Entitlement) {
	add := func(on *api.Time, what string) {
		if on != nil && on.After(v.now) {
			v.Coming = append(v.Coming, coming{on.Time, what})
		}
	}
	for i := range customer.Agreements {
		a := &customer.Agreements[i]
		name := v.snap.Catalog.Plans[billing.Code(a.PlanCode)].Name
		if a.Status == api.AgreementScheduled {
			add(&a.StartsOn, name+" begins")
		}
		add(a.TrialEndsOn, name+": the free time ends")
		add(a.ExpiresOn, name+" ends")
	}
	for _, o := range customer.Overrides {
		add(o.ExpiresOn, v.words.Features[o.FeatureCode].Name+": terms of your own end")
	}
	type at struct {
		on  time.Time
		why string
	}
	features := map[at][]string{}
	for i := range entitlements {
		e := &entitlements[i]
		if n := e.NextChange; n != nil && changes[n.Why] != "" {
			features[at{n.On.UTC(), n.Why}] = append(features[at{n.On.UTC(), n.Why}], e.FeatureName)
		}
	}
	for key, names := range features {
		add(&api.Time{Time: key.on}, strings.Join(names, ", ")+": "+changes[key.why])
	}
	slices.SortFunc(v.Coming, func(a, b coming) int { return cmp.Or(a.On.Compare(b.On), cmp.Compare(a.What, b.What)) })
}

// used is what was used day by day of one of the features that are used up: the one that
// is asked for, else the first of which something is used, else the first.
func (p *Page) used(ctx context.Context, of billing.CustomerID, v *view, entitlements []api.Entitlement, asked string) (*used, error) {
	var all []*api.Entitlement
	var chosen *api.Entitlement
	for i := range entitlements {
		e := &entitlements[i]
		if e.Type != api.FeatureMetered || v.words.Features[e.FeatureCode].Held {
			continue
		}
		all = append(all, e)
		if e.FeatureCode == asked || asked == "" && chosen == nil && e.Used != "0" {
			chosen = e
		}
	}
	if len(all) == 0 {
		return nil, nil
	}
	if chosen == nil {
		chosen = all[0]
	}
	series, _, err := p.Billing.Series(ctx, of, billing.Code(chosen.FeatureCode), service.SeriesFilter{Bucket: calendar.Day})
	if err != nil {
		return nil, err
	}
	unit := v.words.Features[chosen.FeatureCode].Unit
	out := &used{Of: chosen.FeatureName}
	for _, e := range all {
		out.Ways = append(out.Ways, web.Link{Href: "?usage=" + url.QueryEscape(e.FeatureCode), Text: e.FeatureName, Current: e == chosen})
	}
	var most, total billing.Units
	for _, b := range series.Buckets {
		most, total = max(most, b.Units), total.Plus(b.Units)
	}
	out.Most, out.Total = web.Amount(most.String(), unit), web.Amount(total.String(), unit)
	for i, b := range series.Buckets {
		high := 0
		if b.Units > 0 {
			hi, lo := bits.Mul64(uint64(b.Units), 100)
			tall, _ := bits.Div64(hi, lo, uint64(most))
			high = max(1, int(tall))
		}
		out.Days = append(out.Days, usedDay{
			Day: b.Start.In(v.Zone).Format("2 Jan 2006"), Units: web.Number(b.Units.String()), X: i * 10, Y: 100 - high, W: 8, High: high,
		})
	}
	return out, nil
}
