package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// shop is a catalog with something of everything, for tests to change.
const shop = `
currency: usd
features:
  - {code: fee, name: Fee, type: charge}
  - {code: sso, name: SSO, type: unmetered}
  - {code: credits, name: Credits, type: metered, low: 10}
  - {code: images, name: Images, type: metered, burns: {feature: credits, rate: 10}}
  - {code: chats, name: Chats, type: metered, thresholds: [80, 100]}
  - {code: seats, name: Seats, type: metered, held: true}
  - {code: days, name: Days, type: config, of: number, one_of: [30, 90, unlimited]}
  - {code: regions, name: Regions, type: config, of: list, one_of: [eu, us, asia]}
  - {code: flag, name: Flag, type: config, of: flag}
  - {code: motto, name: Motto, type: config, of: text}
plan_groups:
  - {code: g, name: G, customer_type: organization, description: Teams, metadata: {a: b}}
  - {code: h, name: H, customer_type: user}
plans:
  - code: base
    name: Base
    group: g
    status: published
    quantity: true
    hidden: true
    price: ask
    items:
      - {feature: sso}
      - {feature: credits, max: 100, rollover: {max: 30, windows: 3}, grants: [{amount: 5.5, at: start, lasts: {days: 7}, kind: promotional, priority: 10}, {amount: 1, at: term, lasts: term}]}
      - {feature: images, max: 10, caps: [{max: 9, reset: week}, {max: 2, reset: day}], rate: {max: 5, per: second, burst: 9}}
      - {feature: chats, max: 50, limit: soft, overage_max: 10, included: 20, burns: {feature: credits, rate: 0.25}, thresholds: [50]}
      - {feature: seats, max: 1, per: quantity, unit_amount: 900, annual: 9000}
      - {feature: days, value: 30}
      - {feature: regions, value: [us, eu]}
      - {feature: flag, value: true}
      - {feature: motto, value: "1.10"}
  - {code: pro, name: Pro, group: g, status: published, quantity: true, extends: base, without: [sso], items: [{feature: fee, fixed_charge: 100, per: quantity, interval: once}, {feature: days, value: unlimited}]}
  - {code: extra, name: Extra, group: g, kind: add_on, status: published, beside: [base, pro], items: [{feature: fee, fixed_charge: 1}, {feature: seats, max: 1, tiers: [{up_to: 5, unit_amount: 3, annual: 30, flat_amount: 1}, {unit_amount: 2, annual: 20}], tiers_mode: volume}]}
  - {code: pack, name: Pack, group: g, kind: pack, status: published, items: [{feature: fee, fixed_charge: 500}, {feature: credits, grants: [{amount: 1000, lasts: never}]}]}
  - {code: other, name: Other, group: h}
`

func changedShop(t *testing.T, pairs ...string) string {
	t.Helper()
	text := shop
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q is in the shop %d times", pairs[i], strings.Count(text, pairs[i]))
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// applied is what applying a file does, with its faults as text.
func applied(c *billing.Catalog, file string) (*billing.Catalog, billing.CatalogChanges, []string) {
	d := Parse([]byte(file))
	next, changes, rules, err := c.Apply(d.Spec, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), groupIDs())
	if err != nil {
		panic(err)
	}
	var faults []string
	for _, f := range d.Locate(rules) {
		faults = append(faults, f.Path+": "+f.Message)
	}
	return next, changes, faults
}

// messages are what applying warns of.
func messages(changes billing.CatalogChanges) (all []string) {
	for _, w := range changes.Warnings {
		all = append(all, w.Message)
	}
	return all
}

func warned(changes billing.CatalogChanges, text string) bool {
	return slices.ContainsFunc(changes.Warnings, func(w billing.Warning) bool { return strings.Contains(w.Message, text) })
}

// Each change of the shop is one fault, at its place, that says what would be right.
func TestRules(t *testing.T) {
	for _, tt := range []struct{ old, new, path, says string }{
		// What features say.
		{"held: true}", "held: true, reset: month}", "features[5].reset", "never resets"},
		{"held: true}", "held: true, burns: {feature: credits, rate: 1}}", "features[5].burns", "burns nothing"},
		{"held: true}", "held: true, low: 3}", "features[5].low", "used up"},
		{"type: unmetered}", "type: unmetered, held: true}", "features[1].held", "only metered features"},
		{"type: unmetered}", "type: unmetered, of: text}", "features[1].of", "only config features"},
		{"type: config, of: text}", "type: config}", "features[9].of", "needs of"},
		{"of: flag}", "of: flag, one_of: [true]}", "features[8].one_of", "true or false"},
		{"of: flag}", "of: flag, pick: min}", "features[8].pick", "several numbers"},
		{"one_of: [30, 90, unlimited]", "one_of: [30, 90, unlimited, thirty]", "features[6].one_of[3]", "no number"},
		{"one_of: [eu, us, asia]", "one_of: [eu, us, eu]", "features[7].one_of[2]", "twice"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: images, rate: 10}", "features[3].burns.feature", "itself"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: gone, rate: 10}", "features[3].burns.feature", "no feature gone"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: seats, rate: 10}", "features[3].burns.feature", "held"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: fee, rate: 10}", "features[3].burns.feature", "only a metered feature"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: credits, rate: 0}", "features[3].burns.rate", "more than 0"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: credits, rate: 1000000.1}", "features[3].burns.rate", "at most 1000000"},
		{"burns: {feature: credits, rate: 10}", "burns: {feature: credits, rate: 0.0000000000001}", "features[3].burns.rate", "12 digits"},
		{"burns: {feature: credits, rate: 10}", "burns: credits", "features[3].burns", "{feature: credits, rate: 1.5}"},
		{"burns: {feature: credits, rate: 0.25}", "burns: {feature: images, rate: 0.25}", "plans[0].items[3].burns", "a pool burns nothing"},
		{"thresholds: [80, 100]", "thresholds: [80, 80]", "features[4].thresholds[1]", "ascend"},
		{"thresholds: [80, 100]", "thresholds: [0]", "features[4].thresholds[0]", "1 to 1000"},
		{"thresholds: [80, 100]", "thresholds: [1001]", "features[4].thresholds[0]", "1000"},
		{"thresholds: [80, 100]", "thresholds: ['80%']", "features[4].thresholds[0]", "without the sign: 80"},
		{"metadata: {a: b}", "metadata: [a]", "plan_groups[0].metadata", "texts by their keys"},
		{"metadata: {a: b}", `metadata: {"": b}`, "plan_groups[0].metadata", "not a key"},
		{"description: Teams", `description: ""`, "plan_groups[0].description", "empty"},
		// Values.
		{"value: 30}", "value: 31}", "plans[0].items[5].value", "give one of 30, 90, unlimited"},
		{"value: 30}", "value: '30'}", "plans[0].items[5].value", "a number without quotes"},
		{", value: 30}", "}", "plans[0].items[5].value", "missing"},
		{"value: [us, eu]", "value: [us, mars]", "plans[0].items[6].value", "give one of eu, us, asia"},
		{"value: [us, eu]", "value: us", "plans[0].items[6].value", "a list"},
		{"value: [us, eu]", "value: []", "plans[0].items[6].value", "at least one"},
		{"flag, value: true", "flag, value: yes", "plans[0].items[7].value", "true or false"},
		{"{feature: sso}", "{feature: sso, value: 1}", "plans[0].items[0].value", "goes with config"},
		// Limits.
		{"credits, max: 100, rollover", "credits, rollover", "plans[0].items[1].rollover", "add max"},
		{"credits, max: 100, rollover", "credits, max: 100, reset: never, rollover", "plans[0].items[1].rollover", "never does here"},
		{"windows: 3", "windows: 13", "plans[0].items[1].rollover.windows", "1 to 12"},
		{"rollover: {max: 30, windows: 3}", "rollover: true", "plans[0].items[1].rollover", "{max: 300, windows: 2}"},
		{"limit: soft, overage_max: 10", "overage_max: 10", "plans[0].items[3].overage_max", "limit: soft"},
		{"{max: 2, reset: day}", "{max: 2, reset: week}", "plans[0].items[2].caps[1].reset", "caps[0] has this reset"},
		{"{max: 2, reset: day}", "{max: 2}", "plans[0].items[2].caps[1].reset", "missing"},
		{"{max: 2, reset: day}", "{max: 0.5, reset: day}", "plans[0].items[2].caps[1].max", "count in a smaller one"},
		{"per: quantity, unit_amount: 900", "reset: month, unit_amount: 900", "plans[0].items[4].reset", "held"},
		{"per: quantity, unit_amount: 900", "caps: [{max: 1, reset: day}], unit_amount: 900", "plans[0].items[4].caps", "no windows"},
		{"per: quantity, unit_amount: 900", "rollover: {}, unit_amount: 900", "plans[0].items[4].rollover", "left over"},
		{"per: quantity, unit_amount: 900", "burns: {feature: credits, rate: 1}, unit_amount: 900", "plans[0].items[4].burns", "burns nothing"},
		{"rate: 0.25}, thresholds: [50]", "rate: 0.25}, thresholds: [50, 40]", "plans[0].items[3].thresholds[1]", "ascend"},
		{"per: second, burst: 9", "per: hour", "plans[0].items[2].rate.per", "second, minute"},
		{"max: 5, per: second", "max: 0, per: second", "plans[0].items[2].rate.max", "out of range"},
		// Grants.
		{"at: start, ", "", "plans[0].items[1].grants[0].at", "missing"},
		{"amount: 5.5", "amount: 0", "plans[0].items[1].grants[0].amount", "more than 0"},
		{"amount: 5.5", "amount: 5.1234567", "plans[0].items[1].grants[0].amount", "6 digits"},
		{"priority: 10", "priority: 101", "plans[0].items[1].grants[0].priority", "100"},
		{"lasts: {days: 7}", "lasts: 7 days", "plans[0].items[1].grants[0].lasts", "{days: 7}"},
		{"lasts: {days: 7}", "lasts: {days: 0}", "plans[0].items[1].grants[0].lasts.days", "out of range"},
		{"{amount: 1000, lasts: never}", "{amount: 1000, lasts: term}", "plans[3].items[1].grants[0].lasts", "never or {days: 365}"},
		{"{amount: 1000, lasts: never}", "{amount: 1000, at: start, lasts: never}", "plans[3].items[1].grants[0].at", "remove at"},
		{", grants: [{amount: 1000, lasts: never}]", "", "plans[3].items[1].grants", "missing"},
		{"kind: pack, status: published, items: [", "kind: pack, status: published, items: [{feature: sso}, ", "plans[3].items[0].feature", "a pack gives grants"},
		{"grants: [{amount: 1000", "max: 5, grants: [{amount: 1000", "plans[3].items[1].max", "grants alone"},
		{"lasts: {days: 7}", "lasts: {hours: 12}", "plans[0].items[1].grants[0].lasts.hours", "whole days, such as {days: 30}"},
		{"lasts: {days: 7}", "lasts: {}", "plans[0].items[1].grants[0].lasts.days", "a number of days needs days"},
		{"lasts: {days: 7}", "lasts: 12 hours", "plans[0].items[1].grants[0].lasts", "whole days, such as {days: 30}"},
		{"hidden: true", "cycle: {every: 23, unit: hour}", "plans[0].items[1].grants[1].at", "terms of a day or more"},
		{"rate: 10}", "rate: 0}", "features[3].burns.rate", "units of the pool each unit burns"},
		{"rate: 10}", "rate: -2}", "features[3].burns.rate", "such as 1.5"},
		{"rate: 10}", "rate: 10%}", "features[3].burns.rate", `"10%" is not a rate; give how many units of what is burned`},
		{"rate: 0.25}", "rate: x}", "plans[0].items[3].burns.rate", `"x" is not a rate`},
		{", {feature: credits, grants: [{amount: 1000, lasts: never}]}", "", "plans[3].items", "a pack without grants gives nothing"},
		{"grants: [{amount: 1000, lasts: never}]", "lasts: never", "plans[3].items[1].lasts", "did you mean grants: [{amount: 1000, lasts: never}]?"},
		{"kind: pack", "kind: pack, grants: [{amount: 1, lasts: never}]", "plans[3].grants", "of an item: {feature: CODE, grants: "},
		{"kind: pack", "kind: pack, default: true", "plans[3].default", "cannot be the default"},
		{"kind: pack", "kind: pack, trial: {}", "plans[3].trial", "nobody is on it"},
		{"kind: pack", "kind: pack, cycle: month", "plans[3].cycle", "nobody is on it"},
		{"kind: pack, status: published, items: [{feature: fee, fixed_charge: 500", "kind: pack, status: published, items: [{feature: fee, fixed_charge: 500, interval: month", "plans[3].items[0].interval", "once"},
		// Plans.
		{"price: ask", "price: 20", "plans[0].price", "fixed_charge: 2000"},
		{"price: ask", "price: cheap", "plans[0].price", "https address"},
		{"price: ask", "price: javascript:alert(1)", "plans[0].price", "https address"},
		{"beside: [base, pro]", "beside: [base, gone]", "plans[2].beside[1]", "no plan gone"},
		{"beside: [base, pro]", "beside: [base, pack]", "plans[2].beside[1]", "of kind pack"},
		{"status: published, beside: [base, pro]", "status: draft, beside: [base, pro, pro]", "plans[2].beside[2]", "twice"},
		{"beside: [base, pro], items", "beside: [base, pro, other], items", "plans[2].beside[2]", "plan other is in group h"},
		{"beside: [base, pro]", "beside: []", "plans[2].beside", "empty"},
		{"hidden: true", "beside: [pro]", "plans[0].beside", "only an add-on"},
		{"extends: base", "extends: gone", "plans[1].extends", "no plan gone"},
		{"extends: base", "extends: pack", "plans[1].extends", "same kind"},
		{"extends: base, ", "", "plans[1].without", "goes with extends"},
		{"without: [sso]", "without: [fee]", "plans[1].without[0]", "an own item takes the place"},
		{"without: [sso]", "without: [sso, sso]", "plans[1].without[1]", "twice"},
		{"quantity: true, extends: base, without: [sso], items: [{feature: fee, fixed_charge: 100, per: quantity", "extends: base, without: [sso], items: [{feature: fee, fixed_charge: 100", "plans[1].extends", "the item of seats, which is from plan base, does not go here: per: quantity"},
		{"hidden: true", "extends: pro", "plans[1].extends", "in a circle: base extends pro extends base"},
		// Prices.
		{"tiers_mode: volume", "tiers_mode: package", "plans[2].items[1].package", "package: 1000"},
		{"tiers_mode: volume", "package: 10", "plans[2].items[1].package", "tiers_mode: package"},
		{"rate: 0.25}, thresholds: [50]", "rate: 0.25}, thresholds: [50], tiers_mode: volume", "plans[0].items[3].tiers_mode", "goes with tiers"},
		{"unit_amount: 2, annual: 20", "unit_amount: 2", "plans[2].items[1].tiers[1].annual", "in each tier or in none"},
		{"unit_amount: 900, annual: 9000", "annual: 9000", "plans[0].items[4].annual", "goes with charge"},
		{"per: quantity, interval: once", "per: quantity, interval: once, annual: 5", "plans[1].items[0].annual", "paid once"},
		{"{up_to: 5, unit_amount: 3, annual: 30, flat_amount: 1}", "{up_to: 5, unit_amount: 3, annual: 30, flat_amount: -1}", "plans[2].items[1].tiers[0].flat_amount", "below 0"},
	} {
		_, _, faults := applied(new(billing.Catalog), changedShop(t, tt.old, tt.new))
		if len(faults) == 1 {
			if !strings.HasPrefix(faults[0], tt.path+": ") || !strings.Contains(faults[0], tt.says) {
				t.Errorf("%s → %s:\ngot  %s\nwant %s: …%s…", tt.old, tt.new, faults[0], tt.path, tt.says)
			}
			continue
		}
		t.Errorf("%s → %s: %d faults, want one, at %s: %q", tt.old, tt.new, len(faults), tt.path, faults)
	}
}

// What is fixed by the first publication.
func TestRulesOfWhatIsPublished(t *testing.T) {
	c, _, faults := applied(new(billing.Catalog), shop)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	for _, tt := range []struct{ old, new, path, says string }{
		{", held: true", "", "features[5].held", "fixed to true, because plan base has it"},
		{"low: 10", "low: 10, held: true", "features[2].held", "fixed to false"},
		{"name: Motto, type: config, of: text", "name: Motto, type: config, of: list", "features[9].of", "fixed to text"},
		{"kind: pack", "kind: add_on", "plans[3].kind", "published as kind pack"},
	} {
		_, _, faults := applied(c, changedShop(t, tt.old, tt.new))
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, tt.path+": ") && strings.Contains(f, tt.says) }) {
			t.Errorf("%s → %s: %q; want %s: …%s…", tt.old, tt.new, faults, tt.path, tt.says)
		}
	}
	// A plan that is left as it is keeps what it has.
	_, _, faults = applied(c, "features: [{code: regions, name: Regions, type: config, of: list, one_of: [asia]}]")
	if len(faults) != 2 || !strings.Contains(faults[0], `features[0].one_of: plan base has another value of regions (["eu", "us"])`) {
		t.Errorf("one_of without what is published: %q", faults)
	}
}

// Terms have the defaults filled in, and those of features.
func TestRulesFillIn(t *testing.T) {
	c, _, _ := applied(new(billing.Catalog), shop)
	pro := c.Plans["pro"].Latest()
	var order []string
	items := map[billing.Code]billing.Item{}
	for _, it := range pro.Items {
		order = append(order, string(it.Feature))
		items[it.Feature] = it
	}
	if want := []string{"credits", "images", "chats", "seats", "days", "regions", "flag", "motto", "fee"}; !slices.Equal(order, want) {
		t.Errorf("items of pro are %v, want %v", order, want)
	}
	images, chats := items["images"], items["chats"]
	if images.Burns == nil || images.Burns.Rate.String() != "10" || images.Caps[0].Reset != "day" || images.Thresholds != nil {
		t.Errorf("images: %+v", images)
	}
	if chats.Burns.Rate.String() != "0.25" || !slices.Equal(chats.Thresholds, []int{50}) || *items["credits"].Low != 10 {
		t.Errorf("chats: %+v", chats)
	}
	if v := items["days"].Value; v == nil || v.Number != nil {
		t.Errorf("days are %+v, want unlimited", v)
	}
	if regions := items["regions"].Value.List; !slices.Equal(regions, []string{"eu", "us"}) {
		t.Errorf("regions are %v, want them in the order of one_of", regions)
	}
	if items["motto"].Value.Text != "1.10" || !items["flag"].Value.Flag || !items["fee"].Once || !items["fee"].PerQuantity {
		t.Errorf("items: %+v", items)
	}
	if g := items["credits"].Grants[1]; g.Priority != 50 || g.Kind != billing.Paid || g.Amount != billing.OneUnit {
		t.Errorf("the second grant is %+v", g)
	}
	if pack := c.Plans["pack"].Latest(); !pack.Items[0].Once || pack.Cycle != "none" {
		t.Errorf("pack: %+v", pack)
	}
}

// A plan that extends one which changes follows it only if it is in the file.
func TestExtends(t *testing.T) {
	c, _, _ := applied(new(billing.Catalog), shop)
	base := changedShop(t, "max: 10, caps", "max: 11, caps")
	next, changes, faults := applied(c, base)
	if len(faults) > 0 || len(changes.Changes) != 2 || next.Plans["pro"].Latest().Number != 2 {
		t.Errorf("with it: %v %+v", faults, changes.Changes)
	}
	alone := base[:strings.Index(base, "  - {code: pro")]
	next, changes, faults = applied(c, alone)
	pro := next.Plans["pro"]
	if len(faults) > 0 || pro.Latest().Number != 1 || pro.Extends != "" || !warned(changes, "plan pro extends base") {
		t.Errorf("without it: %v %+v", faults, changes)
	}
	// Whatever is stated of a plan alone takes the items of what there is.
	d := Parse([]byte("plans: [{code: own, name: Own, group: g, quantity: true, extends: base}]"))
	next = apply(t, next, d.Spec)
	if own := next.Plans["own"].Latest(); len(own.Items) != 9 || *own.Items[2].Max != 11 || own.Items[2].Burns == nil {
		t.Errorf("own has %+v", own.Items)
	}
	again := accept(t, string(Format(Of(next))))
	if same, changes, faults, _ := next.Apply(again, time.Time{}, groupIDs()); same != next || len(faults) > 0 {
		t.Errorf("its file changes %+v %v", changes.Changes, faults)
	}
}

// What a feature burns is fixed with each version: of plans that are not in the file a new
// rate says nothing, and so the answer names them.
func TestNewRateOfOldPlans(t *testing.T) {
	c, _, _ := applied(new(billing.Catalog), shop)
	feature := func(burns string) string {
		return "features: [{code: images, name: Images, type: metered" + burns + "}]"
	}
	about := func(text string) (found []string) {
		t.Helper()
		_, changes, faults := applied(c, text)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return slices.DeleteFunc(messages(changes), func(w string) bool { return !strings.Contains(w, "feature images burns") })
	}
	for burns, want := range map[string]string{
		", burns: {feature: credits, rate: 20}": "feature images burns 20 of credits now; the plans that are not in the file go on with what they have: base (10 of credits), pro (10 of credits)",
		"":                                      "feature images burns nothing now; the plans that are not in the file go on with what they have: base (10 of credits), pro (10 of credits)",
		", burns: {feature: credits, rate: 10.0}": "",
	} {
		if got := strings.Join(about(feature(burns)), "; "); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", burns, got, want)
		}
	}
	if got := about(changedShop(t, "rate: 10}", "rate: 20}")); len(got) > 0 {
		t.Errorf("all plans are in the file, and it warns: %q", got)
	}
}

// What is right and a customer would not expect.
func TestWarnings(t *testing.T) {
	for says, pairs := range map[string][]string{
		"plan base says price: ask, so the price list does not show the amounts":                         nil,
		"plan base has no max for credits: an unlimited allowance pays for all":                          {"credits, max: 100, rollover: {max: 30, windows: 3}", "credits"},
		"plan base includes 51 of chats, and use stops at 50":                                            {"included: 20", "included: 51"},
		"plan base caps images at 10 by week":                                                            {"images, max: 10, caps: [{max: 9, reset: week}", "images, max: 10, reset: week, caps: [{max: 10, reset: week}"},
		"plan base caps images at 10 by month":                                                           {"images, max: 10, caps: [{max: 9, reset: week}", "images, max: 10, caps: [{max: 10, reset: month}"},
		"plan base has thresholds of chats, and neither":                                                 {"chats, max: 50, limit: soft, overage_max: 10, included: 20, ", "chats, "},
		"a year of a unit of seats at once costs 10801, and by the month it is 10800":                    {"unit_amount: 900, annual: 9000", "unit_amount: 900, annual: 10801"},
		"plan base has no cycle, so a term of it never ends: what is granted of credits with each":       {"    hidden: true", "    cycle: none", "rollover: {max: 30, windows: 3}, ", ""},
		"plan pro has images, which burns credits, and not credits itself":                               {"without: [sso]", "without: [sso, credits]"},
		"add-on extra has no max for seats: with it, the limit of pro is lifted":                         {"beside: [base, pro]", "beside: [pro]", "{feature: seats, max: 1, tiers", "{feature: seats, tiers"},
		"add-on extra resets chats each day, and plan base each month: what it gives is an allowance of": {"{feature: seats, max: 1, tiers", "{feature: chats, max: 5, reset: day}, {feature: seats, max: 1, tiers"},
	} {
		_, changes, faults := applied(new(billing.Catalog), changedShop(t, pairs...))
		if len(faults) > 0 || !warned(changes, says) {
			t.Errorf("%q: %v %q; want …%s…", pairs, faults, changes.Warnings, says)
		}
	}
}

// Nothing new is taken while servers of the version before may run.
func TestNewWordsWait(t *testing.T) {
	old := new(billing.Catalog)
	old.Unfinished = true
	_, _, faults := applied(old, shop)
	for _, path := range []string{"features[2].low", "features[3].burns", "features[4].thresholds", "features[5].held", "features[6].type",
		"plan_groups[0].description", "plans[0].hidden", "plans[0]", "plans[1].extends", "plans[2]", "plans[3].kind"} {
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, path+": ") && strings.Contains(f, "migrate --finish") }) {
			t.Errorf("no fault at %s in %q", path, faults)
		}
	}
}

// Hints for what people write.
func TestHints(t *testing.T) {
	for text, says := range map[string]string{
		"limit: 500": "did you mean max: 500?", "price: 20": "fixed_charge", "seats: unlimited": "{feature: seats}? Without max it is unlimited",
		"max: 0.5": "count in a smaller one", "included: 0.5": "count in a smaller one", "cap: 5": "caps: [{max: 100, reset: day}]",
		"annual: [{unit_amount: 5}]": "annual in each tier", "quota: 5": "did you mean max?", "low: no": "none for nothing",
	} {
		_, _, faults := applied(new(billing.Catalog), changedShop(t, "{feature: sso}", "{feature: chats, "+text+"}", "      - {feature: chats, max: 50, limit: soft, overage_max: 10, included: 20, burns: {feature: credits, rate: 0.25}, thresholds: [50]}\n", ""))
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, says) }) {
			t.Errorf("%s: %q; want …%s…", text, faults, says)
		}
	}
	c, _, faults := applied(new(billing.Catalog), changedShop(t, "unit_amount: 900, annual: 9000", "unit_amount: 5e-05, annual: 5e-4"))
	if len(faults) > 0 || c.Plans["base"].Latest().Items[4].UnitAmount.String() != "0.00005" || c.Plans["base"].Latest().Items[4].AnnualUnitAmount.String() != "0.0005" {
		t.Errorf("5e-05: %v", faults)
	}
}
