package prices

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// List is what prices are read with: the currency of all amounts, and what is known of
// the features by their codes.
type List struct {
	Currency string
	Features map[string]api.Feature
}

// Terms are what a plan has of a feature.
type Terms struct {
	Has    bool     // there is some of it
	Amount string   // how much there is, such as "1,000 calls a month"; "" if that is no question
	Price  string   // what it costs, such as "then 0.01 USD a call"; "" if it costs nothing
	Bands  []string // the price of each band, if it has several
	Notes  []string // what else is to be known
}

// Money is an amount in minor units.
func (l *List) Money(amount json.Number) string {
	if isZero(amount) {
		return "free"
	}
	return web.Money(amount.String(), l.Currency)
}

// Charge is a charge of a plan: "25.00 USD a month". noun is what the quantity of the plan
// is of.
func (l *List) Charge(c api.PlanCharge, noun string) string {
	text := web.Money(strconv.FormatInt(c.Amount, 10), l.Currency)
	if c.Per == api.PerQuantity {
		text += " for each " + noun
	}
	return text + " " + Per(api.Interval(c.Interval))
}

// Noun is what the quantity of a plan is of: the unit of the one item that has one for
// each, such as seat; else "one".
func Noun(items []api.PlanItem) string {
	noun := ""
	for _, it := range items {
		if it.Per != api.PerQuantity || it.Max == nil || *it.Max != 1 || it.Unit == "" {
			continue
		}
		if noun != "" {
			return "one"
		}
		noun = it.Unit
	}
	if noun == "" {
		return "one"
	}
	return noun
}

// Plan is what the words for an item need to know of its plan.
type Plan struct {
	Cycle  api.Interval
	Each   string // what the quantity is of: see [Noun]
	Annual bool   // the prices are those of who pays for a year at once
}

// Item are the terms of an item of a plan.
func (l *List) Item(it *api.PlanItem, of Plan) Terms {
	switch it.FeatureType {
	case api.FeatureUnmetered:
		return Terms{Has: true}
	case api.FeatureConfig:
		text, set := Value(it.Value)
		return Terms{Has: set, Amount: text}
	case api.FeatureMetered:
		return l.metered(it, of)
	}
	return Terms{} // a charge, which the plan's charges tell
}

func (l *List) metered(it *api.PlanItem, of Plan) Terms {
	t := Terms{Has: it.Max == nil || *it.Max > 0 || it.Limit == api.LimitSoft || len(it.Grants) > 0, Amount: amount(it, of)}
	if !t.Has {
		return t
	}
	t.Price, t.Bands = l.price(it, of)
	if it.Limit == api.LimitSoft && it.Max != nil {
		more := "more is possible"
		if it.OverageMax != nil {
			more = "up to " + integer(*it.OverageMax) + " more are possible"
		}
		t.Notes = append(t.Notes, more)
	}
	if it.Min != nil && *it.Min > 1 {
		t.Notes = append(t.Notes, "at least "+web.Amount(strconv.FormatInt(*it.Min, 10), it.Unit))
	}
	for _, c := range it.Caps {
		t.Notes = append(t.Notes, join("at most "+integer(c.Max), Per(window(c.Reset, of.Cycle))))
	}
	if b := l.burns(it); b != nil && b.Feature != "" {
		burned := l.Features[b.Feature]
		t.Notes = append(t.Notes, "each uses "+web.Amount(b.Rate.String(), burned.Unit))
	}
	if r := it.Rollover; r != nil {
		t.Notes = append(t.Notes, rollover(r))
	}
	for i := range it.Grants {
		t.Notes = append(t.Notes, Grant(&it.Grants[i], it.Unit))
	}
	if r := it.Rate; r != nil {
		text := "up to " + integer(r.Max) + " a " + r.Per
		if r.Burst != nil {
			text += ", " + integer(*r.Burst) + " at once"
		}
		t.Notes = append(t.Notes, text)
	}
	if t.Amount == "" && len(t.Notes) > 0 { // only what is granted
		t.Amount, t.Notes = upper(t.Notes[0]), t.Notes[1:]
	}
	return t
}

// burns is what an item burns: what it says, else its feature.
func (l *List) burns(it *api.PlanItem) *api.Burns {
	if it.Burns != nil {
		return it.Burns
	}
	return l.Features[it.Feature].Burns
}

// window is a reset with the plan's cycle in its place where it says so.
func window(reset, cycle api.Interval) api.Interval {
	if reset == api.ResetCycle || reset == "" {
		return cycle
	}
	return reset
}

// amount is how much there is of a metered item: "" if there is none but by grants.
func amount(it *api.PlanItem, of Plan) string {
	if it.Max == nil {
		if len(it.Grants) > 0 && it.Included == nil && it.UnitAmount == "" && it.Tiers == nil {
			return "" // an item without a limit of its own, of a pack
		}
		return "Unlimited"
	}
	if *it.Max == 0 {
		if len(it.Grants) > 0 {
			return ""
		}
		if it.Limit != api.LimitSoft {
			return "None"
		}
	}
	text := join(web.Amount(strconv.FormatInt(*it.Max, 10), it.Unit), Per(window(it.Reset, of.Cycle)))
	switch {
	case it.Per != api.PerQuantity:
		return text
	case *it.Max == 1 && it.Unit == of.Each:
		return "As many as you buy"
	}
	return text + " for each " + of.Each
}

// price is what an item costs, and the prices of its bands if it has several.
func (l *List) price(it *api.PlanItem, of Plan) (text string, bands []string) {
	included := ""
	if it.Included != nil && *it.Included > 0 {
		included = integer(*it.Included) + " included"
	}
	one := it.Unit
	if one == "" {
		one = "unit"
	}
	each := " " + article(one) + " " + one
	// What is held is paid for as long as it is, what is used up once.
	lasting := ""
	if l.Features[it.Feature].Held {
		lasting = Per(of.Cycle)
	}
	due := func(regular, year json.Number) (json.Number, string) {
		if of.Annual && year != "" {
			return year, Per(api.IntervalYear)
		}
		return regular, lasting
	}
	if len(it.Tiers) == 0 {
		amount, per := due(it.UnitAmount, it.Annual)
		switch {
		case it.UnitAmount == "" && it.Included != nil, isZero(amount) && included != "":
			return included, nil
		case it.UnitAmount == "", isZero(amount):
			return "", nil
		case included != "":
			return included + ", then " + join(l.Money(amount)+each, per), nil
		}
		return join(l.Money(amount)+each, per), nil
	}
	band := func(t api.Tier) string {
		amount, per := due(t.UnitAmount, t.Annual)
		price := l.Money(amount)
		if !isZero(amount) {
			price = join(price+each, per)
			if it.TiersMode == api.TiersPackage && it.Package != nil {
				price = join(l.Money(amount)+" for each "+web.Amount(strconv.FormatInt(*it.Package, 10), it.Unit)+", begun ones too", per)
			}
		}
		switch {
		case isZero(t.FlatAmount):
		case isZero(amount):
			price = l.Money(t.FlatAmount) + " in all"
		default:
			price = l.Money(t.FlatAmount) + " and " + price
		}
		return price
	}
	rest := ""
	if included != "" {
		rest = included + ", then "
	}
	if len(it.Tiers) == 1 {
		return rest + band(it.Tiers[0]), nil
	}
	if len(it.Tiers) == 2 && it.TiersMode != api.TiersVolume && rest == "" && band(it.Tiers[0]) == "free" {
		return "the first " + integer(*it.Tiers[0].UpTo) + " free, then " + band(it.Tiers[1]), nil
	}
	from := int64(0)
	for _, t := range it.Tiers {
		span := "above " + integer(from)
		if t.UpTo != nil {
			span = integer(from+1) + " to " + integer(*t.UpTo)
			from = *t.UpTo
		}
		bands = append(bands, span+": "+band(t))
	}
	switch {
	case it.TiersMode == api.TiersVolume:
		text = "all at the price of their number:"
	case rest != "":
		text = "each by its place:"
	default:
		return "each by its place:", bands
	}
	return rest + text, bands
}

func rollover(r *api.Rollover) string {
	what := "what is left goes on"
	if r.Max != nil {
		what = "up to " + integer(*r.Max) + " that are left go on"
	}
	if r.Windows > 1 {
		return what + " for " + integer(r.Windows) + " periods"
	}
	return what + " for one more period"
}

// Grant is what a plan or a pack gives beside an allowance.
func Grant(g *api.ItemGrant, unit string) string {
	text := web.Amount(g.Amount.String(), unit)
	switch g.At {
	case api.GrantAtStart:
		text += " once"
	case api.GrantAtTerm:
		text += " with each term"
	}
	switch g.Lasts.Life {
	case api.GrantLastsTerm:
		text += ", until the term ends"
	case api.GrantLastsAgreement:
		text += ", for as long as the plan is held"
	case api.GrantLastsNever:
		text += ", without an end"
	case api.GrantLastsDays:
		text += ", good for " + web.Amount(strconv.FormatInt(g.Lasts.Days, 10), "day")
	}
	return text
}

// join puts a space between two texts unless one is "".
func join(a, b string) string { return strings.TrimSpace(a + " " + b) }

func upper(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
