package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
)

// itemText says what an item of a plan gives and costs, for people: the first line is the
// main thing.
func itemText(i *api.PlanItem, currency string) []string {
	var lines []string
	switch i.FeatureType {
	case api.FeatureCharge:
		lines = chargeText(i, currency)
	case api.FeatureUnmetered:
		lines = []string{"included"}
	case api.FeatureConfig:
		lines = []string{"included"}
		if i.Value != nil {
			lines = []string{valueText(i.Value)}
		}
	default:
		lines = meteredText(i, currency)
	}
	if i.PriceName != "" && i.PriceName != i.FeatureName {
		lines = append(lines, "called “"+i.PriceName+"”")
	}
	return lines
}

func chargeText(i *api.PlanItem, currency string) []string {
	per := ""
	if i.Per == api.PerQuantity {
		per = " each"
	}
	var lines []string
	if i.FixedCharge != nil {
		every := i.Interval
		if every == "" {
			every = api.IntervalMonth
		}
		lines = append(lines, web.Money(strconv.FormatInt(*i.FixedCharge, 10), currency)+per+each(every))
	}
	if i.Annual != "" {
		lines = append(lines, "or "+web.Money(i.Annual.String(), currency)+per+" / year, paid yearly")
	}
	return lines
}

// each is how often a charge is due.
func each(interval string) string {
	if interval == api.ChargeOnce {
		return " once"
	}
	return " / " + intervalText(api.Interval(interval))
}

func intervalText(i api.Interval) string {
	n, unit := i.Parts()
	if n == 1 {
		return unit
	}
	return strconv.FormatInt(n, 10) + " " + unit + "s"
}

func meteredText(i *api.PlanItem, currency string) []string {
	unit := i.Unit
	if unit == "" {
		unit = "unit"
	}
	var lines []string
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	limit := "unlimited"
	if i.Max != nil {
		limit = count(*i.Max)
	}
	if i.Per == api.PerQuantity && i.Max != nil {
		limit += " each"
	}
	if i.Limit == api.LimitSoft && i.Max != nil {
		limit += " (soft)"
	}
	if i.Max != nil || len(i.Grants) == 0 {
		lines = append(lines, limit+resetText(i))
	}
	if i.Min != nil {
		say("at least %s paid for", count(*i.Min))
	}
	if i.Included != nil {
		say("%s included", count(*i.Included))
	}
	lines = append(lines, priceText(i, unit, currency)...)
	for _, c := range i.Caps {
		say("at most %s%s", count(c.Max), resets(c.Reset))
	}
	if i.OverageMax != nil {
		say("up to %s over the limit", count(*i.OverageMax))
	}
	if i.Rate != nil {
		say("%s a %s", count(i.Rate.Max), i.Rate.Per)
	}
	for _, g := range i.Grants {
		say("grants %s, %s", web.Number(g.Amount.String()), lastsText(g.Lasts))
	}
	if i.Burns != nil && i.Burns.Feature != "" {
		say("burns %s %s each", web.Number(i.Burns.Rate.String()), i.Burns.Feature)
	}
	if i.Rollover != nil {
		kept := "what is left"
		if i.Rollover.Max != nil {
			kept = "up to " + count(*i.Rollover.Max)
		}
		say("%s rolls over", kept)
	}
	if i.OverLimit != nil {
		switch i.OverLimit.Policy {
		case api.OverLimitGrace:
			say("after a downgrade the old limit for %d days", i.OverLimit.Days)
		case api.OverLimitAllow:
			say("after a downgrade the old limit until it resets")
		}
	}
	if len(i.Thresholds) > 0 {
		say("told at %s %%", strings.Join(texts(i.Thresholds), ", "))
	}
	if i.Low != nil && *i.Low >= 0 {
		say("told when %s are left", count(int64(*i.Low)))
	}
	return lines
}

func texts(numbers []int64) []string {
	out := make([]string, len(numbers))
	for i, n := range numbers {
		out[i] = strconv.FormatInt(n, 10)
	}
	return out
}

func count(n int64) string { return web.Number(strconv.FormatInt(n, 10)) }

// resetText is when what is used counts anew, where it does.
func resetText(i *api.PlanItem) string {
	if i.Max == nil {
		return ""
	}
	return resets(i.Reset)
}

func resets(r api.Interval) string {
	switch r {
	case api.ResetNever, "":
		return ""
	case api.ResetCycle:
		return " / cycle"
	}
	return " / " + intervalText(r)
}

func priceText(i *api.PlanItem, unit, currency string) (lines []string) {
	a := "a " + unit
	if i.UnitAmount != "" {
		lines = append(lines, web.Money(i.UnitAmount.String(), currency)+" "+a)
		if i.Annual != "" {
			lines = append(lines, "or "+web.Money(i.Annual.String(), currency)+" "+a+", paid yearly")
		}
	}
	switch i.TiersMode {
	case api.TiersVolume:
		lines = append(lines, "all at the price of their band:")
	case api.TiersPackage:
		if i.Package != nil {
			a = "a package of " + count(*i.Package)
		}
	}
	from := int64(0)
	for _, t := range i.Tiers {
		band := "from " + count(from+1)
		if t.UpTo != nil {
			band = count(from+1) + "–" + count(*t.UpTo)
			from = *t.UpTo
		}
		price := web.Money(t.UnitAmount.String(), currency) + " " + a
		if t.UnitAmount == "0" {
			price = "free"
		}
		if t.FlatAmount != "" {
			price += " + " + web.Money(t.FlatAmount.String(), currency)
		}
		if t.Annual != "" {
			price += ", or " + web.Money(t.Annual.String(), currency) + " paid yearly"
		}
		lines = append(lines, band+": "+price)
	}
	return lines
}

func lastsText(l api.GrantLasts) string {
	switch l.Life {
	case api.GrantLastsDays:
		return fmt.Sprintf("good for %d days", l.Days)
	case api.GrantLastsNever:
		return "without an end"
	}
	return "until the end of the " + l.Life
}

// versionText says what holds for a version of a plan as a whole.
func versionText(v *api.PlanVersion, kind string) []Fact {
	facts := []Fact{}
	if kind != api.PlanKindPack {
		cycle := intervalText(v.Cycle)
		if v.Cycle == api.CycleNone {
			cycle = "none"
		}
		facts = append(facts, Fact{"Cycle", cycle})
	}
	if v.Align != "" {
		facts = append(facts, Fact{"Windows", "on the calendar"})
	}
	if t := v.Trial; t != nil {
		text := fmt.Sprintf("%d days, then it goes on", t.Days)
		if t.Then == api.TrialEnd {
			text = fmt.Sprintf("%d days, then it ends", t.Days)
		}
		facts = append(facts, Fact{"Trial", text})
	}
	if q := v.Quantity; q != nil {
		text := "any"
		switch {
		case q.Min != nil && q.Max != nil:
			text = count(*q.Min) + " to " + count(*q.Max)
		case q.Min != nil:
			text = "at least " + count(*q.Min)
		case q.Max != nil:
			text = "up to " + count(*q.Max)
		}
		facts = append(facts, Fact{"Quantity", text})
	}
	if len(v.Beside) > 0 {
		facts = append(facts, Fact{"Beside", strings.Join(v.Beside, ", ")})
	}
	if kind == api.PlanKindPlan {
		card := "not asked for"
		if v.AskForCard {
			card = "asked for"
		}
		facts = append(facts, Fact{"Card", card})
	}
	return facts
}

// versionDiff is a line of what two versions differ in.
type versionDiff struct {
	Name, Code    string
	Before, After []string
	Same          bool
}

// versionDiffs are all items and terms of two versions, those that differ first.
func versionDiffs(a, b *api.PlanVersion, kind, currency string) []versionDiff {
	var all []versionDiff
	from, to := map[string][]string{}, map[string][]string{}
	var names []string
	collect := func(into map[string][]string, v *api.PlanVersion) {
		for _, f := range versionText(v, kind) {
			into[f.Name] = []string{f.Value}
			names = append(names, f.Name)
		}
	}
	collect(from, a)
	collect(to, b)
	for i, name := range names {
		if slices.Index(names, name) == i {
			all = append(all, versionDiff{Name: name, Before: from[name], After: to[name], Same: slices.Equal(from[name], to[name])})
		}
	}
	items := map[string][2]*api.PlanItem{}
	var codes []string
	for side, v := range []*api.PlanVersion{a, b} {
		for i := range v.Items {
			pair := items[v.Items[i].Feature]
			pair[side] = &v.Items[i]
			items[v.Items[i].Feature] = pair
			codes = append(codes, v.Items[i].Feature)
		}
	}
	for i, code := range codes {
		if slices.Index(codes, code) != i {
			continue
		}
		pair, d := items[code], versionDiff{Code: code}
		for side, into := range []*[]string{&d.Before, &d.After} {
			if item := pair[side]; item != nil {
				d.Name, *into = item.FeatureName, itemText(item, currency)
			}
		}
		d.Same = pair[0] != nil && pair[1] != nil && sameItem(&pair[0].Item, &pair[1].Item)
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b versionDiff) int {
		switch {
		case a.Same == b.Same:
			return 0
		case b.Same:
			return -1
		}
		return 1
	})
	return all
}

// sameItem compares all that two items say, also what itemText does not.
func sameItem(a, b *api.Item) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}
