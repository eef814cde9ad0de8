package catalog

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// sameDecimal compares prices as Allot stores them, trailing zeros included.
var sameDecimal = cmp.Comparer(func(a, b decimal.Decimal) bool { return a == b })

func accept(t *testing.T, src string) billing.CatalogSpec {
	t.Helper()
	d := Parse([]byte(src))
	for _, f := range d.Faults {
		t.Errorf("%s\n%s", f, Excerpt([]byte(src), f.Line, f.Column))
	}
	if t.Failed() {
		t.Fatalf("of the file\n%.2000s", src)
	}
	return d.Spec
}

func TestParseContractExample(t *testing.T) {
	got := accept(t, `
currency: usd
features:
  - {code: base_price, name: Base price, type: charge}
  - {code: seats, name: Seats, type: metered, unit: seat, reset: cycle}     # comment
  - {code: sso, name: Single sign-on, type: unmetered}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - code: pro
    name: Pro
    group: teams
    kind: plan
    status: published
    archived: false
    default: false
    cycle: month
    trial: {days: 30, card_prompt_days: 3, then: convert}
    ask_for_card: true
    items:
      - {feature: base_price, price_name: Pro base, fixed_charge: 2500, interval: month, annual: 25000}
      - {feature: seats, price_name: Pro seat, min: 1, max: 10, limit: hard, unit_amount: 900}
      - {feature: api_calls, tiers: [{up_to: 1000, unit_amount: 0}, {unit_amount: 0.04}]}
      - {feature: storage, reset: never, over_limit: {grace: {days: 7}}}
      - {feature: sso, over_limit: allow, unit_amount: 1.50}
`)
	want := billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{
			{Code: "base_price", Name: "Base price", Type: billing.Charge},
			{Code: "seats", Name: "Seats", Type: billing.Metered, Unit: "seat", Reset: billing.ResetCycle},
			{Code: "sso", Name: "Single sign-on", Type: billing.Unmetered},
		},
		Groups: []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
		Plans: []billing.PlanSpec{{
			Code: "pro", Name: "Pro", Group: "teams", Kind: billing.KindPlan, Status: billing.Published,
			Cycle:      calendar.Month,
			Trial:      &billing.TrialSpec{Days: new(30), CardPromptDays: new(3), Then: "convert"},
			AskForCard: new(true),
			Items: []billing.ItemSpec{
				{Feature: "base_price", PriceName: "Pro base", FixedCharge: new(int64(2500)), Interval: calendar.Month, Annual: new(int64(25000))},
				{Feature: "seats", PriceName: "Pro seat", Min: new(int64(1)), Max: new(int64(10)), Limit: billing.Hard, UnitAmount: new(decimal.MustNew(900, 0))},
				{Feature: "api_calls", Tiers: []billing.Tier{
					{UpTo: new(int64(1000))}, {UnitAmount: decimal.MustNew(4, 2)},
				}},
				{Feature: "storage", Reset: billing.ResetNever, OverLimit: &billing.OverLimit{Policy: billing.Grace, GraceDays: 7}},
				{Feature: "sso", OverLimit: &billing.OverLimit{Policy: billing.Allow}, UnitAmount: new(decimal.MustNew(15, 1))},
			},
		}},
	}
	if diff := cmp.Diff(want, got, sameDecimal); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

// What YAML would make a truth value, a number or nothing is a code like any
// other.
func TestParseTakesTextLiterally(t *testing.T) {
	for _, code := range []string{"on", "no", "null", "true", "1e3", "0123", "1_000", "0x1f", "0o17", "123", "1.50",
		"2026-11-22", "12345678901234567890", "nan", "y", "0b11", "1.0e-5"} {
		spec := accept(t, fmt.Sprintf("features:\n- {code: %s, name: %s, type: charge}\n", code, code))
		if got := spec.Features[0]; string(got.Code) != code || got.Name != code {
			t.Errorf("code and name of %s are %q, %q", code, got.Code, got.Name)
		}
	}
	for _, name := range []string{"~", "Null", ".inf", "-5", "+1", "<<", "a: b", "TRUE", "a #b"} {
		spec := accept(t, fmt.Sprintf("features:\n- code: a\n  name: '%s'\n  type: charge\n", name))
		if got := spec.Features[0].Name; got != name {
			t.Errorf("name of %q is %q", name, got)
		}
	}
}

func TestParseExactDecimals(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "0.04": "0.04", "0.10": "0.1", "900.00": "900", "0.1234567890123456789": "0.1234567890123456789",
		"9007199254740991": "9007199254740991", "0.30000000000000004": "0.30000000000000004",
		"5e-05": "0.00005", "1.5E+2": "150", "1e3": "1000", "4.0e-2": "0.04", "1e0": "1",
	} {
		for _, src := range []string{
			"plans: [{code: p, name: P, group: g, items: [{feature: f, unit_amount: " + text + "}]}]",
			`{"plans":[{"code":"p","name":"P","group":"g","items":[{"feature":"f","unit_amount":` + text + `}]}]}`,
		} {
			if got := accept(t, src).Plans[0].Items[0].UnitAmount; got.String() != want {
				t.Errorf("unit_amount: %s is read as %s, want %s", text, got, want)
			}
		}
	}
}

func TestParseJSON(t *testing.T) {
	spec := accept(t, "\ufeff{\r\n\t\"features\": [\r\n\t\t{\"code\":\"a\",\"name\":\"\\u00dc \\ud83d\\ude00 \\\"x\\\" \\/\",\"type\":\"charge\"}\r\n\t]\r\n}\r\n")
	if got, want := spec.Features[0].Name, `Ü 😀 "x" /`; got != want {
		t.Errorf("name is %q, want %q", got, want)
	}
	if spec := accept(t, "{}"); !cmp.Equal(spec, billing.CatalogSpec{}) {
		t.Errorf("{} is read as %v", spec)
	}
}

const onePlan = "plans:\n  - code: p\n    name: P\n    group: g\n"

func item(keys string) string { return onePlan + "    items:\n      - {feature: f, " + keys + "}\n" }

func TestFaults(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	for name, test := range map[string]struct {
		src  string
		want []string
	}{
		"all at once": {`currency: USD
feature: []
features:
  - {code: Pro Base, name: Base price, type: charge}
  - {code: seats, nane: Seats, type: meterd}
plan_groups: teams
plans:
  - code: pro
    name: Pro
    code: pro2
    archived: yes
    items:
      - {feature: seats, max: ten, min: -1, unit_amount: x3}
`, []string{
			`line 1, column 11: currency: "USD" is not a currency; give its three letters in lower case, such as usd`,
			`line 2, column 1: feature: unknown key "feature"; did you mean features?`,
			`line 4, column 12: features[0].code: "Pro Base" is not a code; give 1 to 64 of a-z, 0-9, "_", "." and "-", beginning with a letter or digit; did you mean pro_base?`,
			`line 5, column 19: features[1].nane: unknown key "nane"; did you mean name?`,
			`line 5, column 38: features[1].type: "meterd" is not one of charge, metered, unmetered, config; did you mean metered?`,
			`line 6, column 14: plan_groups: "teams" is not a list; give a list of plan groups, [] if there are none, or leave plan_groups out`,
			`line 8, column 5: plans[0].group: missing; a plan needs code, name, group`,
			`line 10, column 5: plans[0].code: given twice, first on line 8; remove one`,
			`line 11, column 15: plans[0].archived: "yes" is not a truth value; give true or false, without quotes`,
			`line 13, column 31: plans[0].items[0].max: "ten" is not an integer; give a whole number from 0 to 9007199254740991, or leave max out for unlimited`,
			`line 13, column 41: plans[0].items[0].min: -1 is out of range; give a whole number from 0 to 9007199254740991, or leave min out for none`,
			`line 13, column 58: plans[0].items[0].unit_amount: "x3" is not an amount; give an amount in minor units (cents), such as 900 or 0.04`,
		}},
		"empty":                {"", []string{"line 1, column 1: the file is empty; an example is docs/catalog.md"}},
		"only comments":        {"# nothing\n\n", []string{"line 1, column 1: the file is empty; an example is docs/catalog.md"}},
		"a list":               {"- a\n- b\n", []string{"line 1, column 1: a catalog file is a mapping with the keys currency, features, plan_groups, plans; this is a list"}},
		"text":                 {"\nhello\n", []string{`line 2, column 1: a catalog file is a mapping with the keys currency, features, plan_groups, plans; this is "hello"`}},
		"JSON list":            {"[1]", []string{"line 1, column 1: a catalog file is a mapping with the keys currency, features, plan_groups, plans; this is a list"}},
		"two documents":        {"currency: usd\n---\ncurrency: eur\n", []string{"line 2, column 1: a second document starts here; a catalog is one document in one file"}},
		"anchor":               {"currency: &c usd\n", []string{"line 1, column 11: anchors (&) and aliases (*) are not read; write the value out, in quotes if it is text"}},
		"alias":                {"a: 1\ncurrency: *c\n", []string{"line 2, column 11: anchors (&) and aliases (*) are not read; write the value out, in quotes if it is text"}},
		"merge key":            {"<<: {currency: usd}\n", []string{"line 1, column 1: merge keys (<<) are not read; write the keys out"}},
		"tag":                  {"currency: !!str usd\n", []string{"line 1, column 11: tags (!) are not read; leave the tag out, or put the text in quotes"}},
		"directive":            {"%YAML 1.2\n---\ncurrency: usd\n", []string{"line 1, column 1: directives (%) are not read; leave the line out"}},
		"question mark":        {"? currency\n: usd\n", []string{`line 1, column 1: keys with a question mark are not read; write "key: value"`}},
		"tab":                  {"features:\n\t- a\n", []string{"line 2, column 1: the line is indented with a tab; indent with spaces"}},
		"YAML syntax":          {"currency: usd\nfeatures: [\n", []string{"line 2, column 11: the file is not valid YAML: sequence end token ']' not found"}},
		"JSON syntax":          {"{\n  \"currency\": \"usd\"\n  \"plans\": []\n}\n", []string{`line 3, column 3: the file is not valid JSON: invalid character '"' after object key:value pair`}},
		"JSON cut off":         {`{"currency": "us`, []string{"line 1, column 16: the file is not valid JSON: unexpected end of JSON input"}},
		"encoding":             {"currency: usd\nfeatures: caf\xe9\n", []string{"line 2, column 14: the file is not UTF-8; save it as UTF-8"}},
		"control":              {"currency: u\x00sd\n", []string{"line 1, column 12: control character U+0000; remove it"}},
		"signs":                {"plans: [" + strings.Repeat("a,", maxSigns) + "a]", []string{"line 1, column 1: the file has more than 2097152 commas, colons, brackets and line breaks; a catalog of this size has fewer"}},
		"size":                 {strings.Repeat("#", MaxSize+1), []string{"line 1, column 1: the file has 8388609 bytes; at most 8388608 are read"}},
		"depth":                {"features: " + deep, []string{"line 1, column 42: nested more than 32 deep; a catalog never is"}},
		"depth of blocks":      {strings.Repeat("- ", 40) + "a", []string{"line 1, column 65: nested more than 32 deep; a catalog never is"}},
		"depth of JSON":        {`{"features":` + deep + "}", []string{"line 1, column 44: nested more than 32 deep; a catalog never is"}},
		"many keys":            {strings.Repeat("a: 1\n", 501), []string{"line 501, column 1: more than 500 keys in one mapping; a catalog never has"}},
		"empty dashes":         {"features:\n" + strings.Repeat("-\n", 1001), []string{"line 1002, column 1: more than 1000 keys or dashes without a value; give each a value, or leave it out"}},
		"empty keys":           {strings.Repeat("- a: # x\n", 1001), []string{"line 1001, column 4: more than 1000 keys or dashes without a value; give each a value, or leave it out"}},
		"empty keys in braces": {"a: {" + strings.Repeat("b,", 1001) + "}", []string{"line 1, column 2005: more than 1000 keys or dashes without a value; give each a value, or leave it out"}},
		"key in a list":        {"plans: [code: a]", []string{"line 1, column 9: a key in a list; put the mapping in braces: [{key: value}]"}},
		"columns":              {"# é\r\nfeatures: [{code: a, name: \"é😀\", type: x}]\r\n", []string{`line 2, column 40: features[0].type: "x" is not one of charge, metered, unmetered, config`}},
		"byte order mark":      {"\ufeffcurrency: x\n", []string{`line 1, column 11: currency: "x" is not a currency; give its three letters in lower case, such as usd or eur`}},
		"no value":             {"currency:\nfeatures:\n", []string{"line 1, column 1: currency: nothing is not a currency", "line 2, column 1: features: nothing is not a list; give a list of features, [] if there are none, or leave features out"}},
		"element":              {"features:\n  - seats\n", []string{`line 2, column 5: features[0]: "seats" is not a feature; give a mapping with the keys code, name, type, unit, reset, held, burns, thresholds, low, of, one_of, pick, description, metadata`}},
		"list for text":        {"features:\n  - {code: [a], name: {}, type: charge}\n", []string{"line 2, column 12: features[0].code: a list is not a code", "line 2, column 23: features[0].name: a mapping is not text"}},
		"empty text":           {"features:\n  - {code: '', name: ' ', type: charge}\n", []string{`line 2, column 12: features[0].code: "" is not a code; give 1 to 64 of a-z, 0-9, "_", "." and "-", beginning with a letter or digit`, "line 2, column 22: features[0].name: empty; give text of 1 to 255 characters"}},
		"long text":            {"features:\n  - {code: a, name: " + strings.Repeat("é", 256) + ", type: charge}\n", []string{"line 2, column 21: features[0].name: has 256 characters; give at most 255"}},
		"line break":           {"features:\n  - {code: a, name: \"a\\nb\", type: charge}\n", []string{`line 2, column 21: features[0].name: "a\nb" has a line break or control character; give one line of text`}},
		"JSON types":           {`{"features":[{"code":1,"name":null,"type":true}]}`, []string{"line 1, column 22: features[0].code: 1 is not text; give a code, in quotes", "line 1, column 31: features[0].name: null is not text; give text, in quotes", "line 1, column 43: features[0].type: true is not text; give one of charge, metered, unmetered, config, in quotes"}},
		"JSON duplicate":       {"{\"currency\":\"usd\",\n\"currency\":\"eur\"}", []string{"line 2, column 1: currency: given twice, first on line 1; remove one"}},
		"odd key":              {"'a b': 1\n", []string{`line 1, column 1: unknown key "a b"; a catalog has currency, features, plan_groups, plans`}},
		"quoted number":        {item(`max: "10"`), []string{`line 6, column 27: plans[0].items[0].max: "10" is not an integer; it is text; write it without the quotes: 10`}},
		"underscores":          {item(`max: 1_000`), []string{`line 6, column 27: plans[0].items[0].max: "1_000" is not an integer; write the digits alone: 1000`}},
		"leading zeros":        {item(`max: 010`), []string{`line 6, column 27: plans[0].items[0].max: "010" is not an integer; write it without leading zeros: 10`}},
		"fraction":             {item(`fixed_charge: 9.5`), []string{`line 6, column 36: plans[0].items[0].fixed_charge: "9.5" is not an integer; give a whole number from 0 to 9007199254740991. Amounts are in minor units (cents): 9.50 is 950`}},
		"null":                 {item(`max: null`), []string{`line 6, column 27: plans[0].items[0].max: "null" is not an integer; give a whole number from 0 to 9007199254740991, or leave max out for unlimited`}},
		"too large":            {item(`max: 9007199254740992`), []string{`line 6, column 27: plans[0].items[0].max: 9007199254740992 is out of range; give a whole number from 0 to 9007199254740991, or leave max out for unlimited`}},
		"beyond 64 bits":       {item(`max: 99999999999999999999`), []string{`line 6, column 27: plans[0].items[0].max: 99999999999999999999 is out of range; give a whole number from 0 to 9007199254740991, or leave max out for unlimited`}},
		"amount below 0":       {item(`unit_amount: -0.5`), []string{`line 6, column 35: plans[0].items[0].unit_amount: -0.5 is below 0; give an amount in minor units (cents), such as 900 or 0.04`}},
		"amount digits":        {item(`unit_amount: 0.12345678901234567891`), []string{`line 6, column 35: plans[0].items[0].unit_amount: 0.12345678901234567891 has too many digits; at most 19 are kept exactly`}},
		"amount too large":     {item(`unit_amount: 9007199254740991.5`), []string{`line 6, column 35: plans[0].items[0].unit_amount: 9007199254740991.5 is out of range; give an amount from 0 to 9007199254740991`}},
		"amount quoted":        {item(`unit_amount: '0.04'`), []string{`line 6, column 35: plans[0].items[0].unit_amount: "0.04" is not an amount; it is text; write it without the quotes: 0.04`}},
		"over_limit":           {item(`over_limit: stop`), []string{`line 6, column 34: plans[0].items[0].over_limit: "stop" is no policy; give block, allow or {grace: {days: 7}}`}},
		"over_limit grace":     {item(`over_limit: grace`), []string{`line 6, column 34: plans[0].items[0].over_limit: a grace needs its days: {grace: {days: 7}}`}},
		"grace without":        {item(`over_limit: {grace: {}}`), []string{`line 6, column 42: plans[0].items[0].over_limit.grace.days: missing; a grace needs days`}},
		"grace number":         {item(`over_limit: {grace: 7}`), []string{`line 6, column 42: plans[0].items[0].over_limit.grace: "7" is not a grace; give a mapping with the keys days; did you mean {days: 7}?`}},
		"grace of 0":           {item(`over_limit: {grace: {days: 0}}`), []string{`line 6, column 49: plans[0].items[0].over_limit.grace.days: 0 is out of range; give a whole number from 1 to 36500`}},
		"tier":                 {item(`tiers: [{up_to: 5}, 7]`), []string{`line 6, column 30: plans[0].items[0].tiers[0].unit_amount: missing; a tier needs unit_amount`, `line 6, column 42: plans[0].items[0].tiers[1]: "7" is not a tier; give a mapping with the keys up_to, unit_amount, annual, flat_amount`}},
		"trial of days":        {onePlan + "    trial: 14\n", []string{`line 5, column 12: plans[0].trial: "14" is not a trial; give a mapping with the keys days, card_prompt_days, then; did you mean {days: 14}?`}},
		"trial":                {onePlan + "    trial: true\n", []string{`line 5, column 12: plans[0].trial: "true" is not a trial; give a mapping with the keys days, card_prompt_days, then`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range Parse([]byte(test.src)).Faults {
				got = append(got, f.String())
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPosition(t *testing.T) {
	d := Parse([]byte("currency: usd\nplans:\n  - code: a\n    items:\n      - feature: f\n        over_limit: {grace: {days: 7}}\n  -\n    code: b\n"))
	for path, want := range map[string]string{
		"":                             "1:1",
		"currency":                     "1:11",
		"features":                     "1:1",
		"plans":                        "2:1",
		"plans[0]":                     "3:5",
		"plans[0].code":                "3:11",
		"plans[0].items":               "4:5",
		"plans[0].items[0].max":        "5:9",
		"plans[0].items[0].feature":    "5:18",
		"plans[0].items[0].over_limit": "6:21",
		"plans[0].items[0].over_limit.grace.days": "6:36",
		"plans[1].code": "8:11",
		"plans[7].code": "2:1",
		"nonsense][":    "1:1",
	} {
		line, column := d.Position(path)
		if got := fmt.Sprintf("%d:%d", line, column); got != want {
			t.Errorf("%q is at %s, want %s", path, got, want)
		}
	}
}

func TestLocate(t *testing.T) {
	d := Parse([]byte("features:\n  - {code: Seats, name: Seats, type: metered}\nplans:\n  - {code: a, name: A, group: g, cycl: x, items: [{feature: seats, max: x, min: 1}, {feature: other}]}\n"))
	var got []string
	for _, f := range d.Locate([]billing.Fault{
		{Path: "plans[0].items[0].min", Message: "kept"},
		{Path: "plans[0].items[0].max", Message: "could not be read"},
		{Path: "plans[0].items[0].feature", Message: "its definition could not be read"},
		{Path: "plans[0].items[1].feature", Message: "kept, it is none of those that could not be read"},
		{Path: "plans[0].group", Message: "kept, groups were read"},
		{Path: "plans[0].cycle", Message: "the key is misspelt"},
		{Path: "currency", Message: "kept at the nearest place"},
	}) {
		got = append(got, fmt.Sprintf("%d:%d %s: %s", f.Line, f.Column, f.Path, strings.SplitN(f.Message, ";", 2)[0]))
	}
	want := []string{
		"1:1 currency: kept at the nearest place",
		`2:12 features[0].code: "Seats" is not a code`,
		"4:31 plans[0].group: kept, groups were read",
		`4:34 plans[0].cycl: unknown key "cycl"`,
		`4:73 plans[0].items[0].max: "x" is not an integer`,
		"4:81 plans[0].items[0].min: kept",
		"4:95 plans[0].items[1].feature: kept, it is none of those that could not be read",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// One thing wrong with a trial hides nothing else.
func TestTrialFaults(t *testing.T) {
	d := Parse([]byte("plans:\n  - {code: a, name: A, group: g, trial: {days: 0, then: stop}}\n"))
	if trial := d.Spec.Plans[0].Trial; len(d.Faults) != 1 || trial == nil || trial.Days == nil || *trial.Days != 0 {
		t.Errorf("faults %v, trial %+v", d.Faults, d.Spec.Plans[0].Trial)
	}
	d = Parse([]byte("plans:\n  - {code: a, name: A, group: g, trial: {days: x, card_prompt_days: 40}}\n"))
	if trial := d.Spec.Plans[0].Trial; len(d.Faults) != 1 || trial == nil || trial.CardPromptDays != nil {
		t.Errorf("faults %v, trial %+v", d.Faults, d.Spec.Plans[0].Trial)
	}
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("x", 70) + "!" + strings.Repeat("y", 70)
	for _, test := range []struct {
		src          string
		line, column int
		want         string
	}{
		{"a: 1\r\n  b: two\r\n", 2, 6, "2 |   b: two\n  |      ^\n"},
		{"\ta: é1", 1, 6, "1 | \ta: é1\n  | \t    ^\n"},
		{"a", 1, 9, "1 | a\n  |  ^\n"},
		{"a\x1b[2J", 1, 1, "1 | a\ufffd[2J\n  | ^\n"},
		{long, 1, 71, "1 | …" + strings.Repeat("x", 60) + "!" + strings.Repeat("y", 39) + "…\n  | " + strings.Repeat(" ", 61) + "^\n"},
		{"a", 2, 1, ""},
		{"a", 0, 0, ""},
	} {
		if diff := cmp.Diff(test.want, Excerpt([]byte(test.src), test.line, test.column)); diff != "" {
			t.Errorf("excerpt of %q at %d:%d (-want +got):\n%s", test.src, test.line, test.column, diff)
		}
	}
}

// A large catalog is no attack.
func TestParseLargePlan(t *testing.T) {
	spec := billing.CatalogSpec{Plans: []billing.PlanSpec{{Code: "p", Name: "P", Group: "g"}}}
	for i := range 2000 {
		code := billing.Code(fmt.Sprintf("feature_%d", i))
		spec.Features = append(spec.Features, billing.Feature{Code: code, Name: "Feature", Type: billing.Metered, Unit: "unit"})
		spec.Plans[0].Items = append(spec.Plans[0].Items, billing.ItemSpec{Feature: code, Max: new(int64(i)), Limit: billing.Soft})
	}
	for _, file := range [][]byte{Format(spec), FormatJSON(spec)} {
		if diff := cmp.Diff(spec, accept(t, string(file))); diff != "" {
			t.Errorf("spec (-want +got):\n%s", diff)
		}
	}
}

func TestFaultsAreBounded(t *testing.T) {
	faults := Parse([]byte("features: [" + strings.Repeat("x, ", 5000) + "]")).Faults
	if len(faults) != maxFaults+1 {
		t.Fatalf("%d faults, want %d", len(faults), maxFaults+1)
	}
	if got, want := faults[maxFaults].Message, "more than 100 faults; the others are not shown"; got != want {
		t.Errorf("the last fault is %q, want %q", got, want)
	}
}

// Nor are more shown of what a file means: the first of them, and how many are not shown.
func TestFaultsOfMeaningAreBounded(t *testing.T) {
	const n = 5000
	doc := Parse([]byte("features:\n" + strings.Repeat("  - {code: x, name: X, type: unmetered}\n", n)))
	_, _, rules, err := new(billing.Catalog).Apply(doc.Spec, time.Time{}, nil)
	if err != nil || len(doc.Faults) > 0 {
		t.Fatal(err, doc.Faults)
	}
	faults := doc.Locate(rules)
	if len(faults) != maxFaults+1 {
		t.Fatalf("%d faults, want %d", len(faults), maxFaults+1)
	}
	if f := faults[0]; f.Line != 3 || f.Column != 12 {
		t.Errorf("the first is %s", f)
	}
	if got, want := faults[maxFaults].Message, fmt.Sprintf("%d more faults; put the first of them right", n-1-maxFaults); got != want {
		t.Errorf("the last is %q, want %q", got, want)
	}
}

// A list of many members is refused where it has too many, before the rest is taken apart.
func TestListsAreBounded(t *testing.T) {
	member := "{code: x, name: X, type: unmetered}"
	quoted := `{"code":"x","name":"X","type":"unmetered"}`
	for name, file := range map[string]struct {
		of   func(n int) string
		line int
	}{
		"YAML":                    {func(n int) string { return "features:\n" + strings.Repeat("  - "+member+"\n", n) }, maxMembers + 2},
		"YAML of the same column": {func(n int) string { return "features:\n" + strings.Repeat("- "+member+"\n", n) }, maxMembers + 2},
		"YAML with tabs":          {func(n int) string { return "features:\n" + strings.Repeat("-\t\n  "+member+"\n", n) }, 2*maxMembers + 2},
		"YAML in brackets":        {func(n int) string { return "features: [" + strings.Repeat(member+",\n", n) + "]" }, maxMembers + 1},
		"JSON":                    {func(n int) string { return `{"features":[` + quoted + strings.Repeat(",\n"+quoted, n-1) + "]}" }, maxMembers + 1},
	} {
		if doc := Parse([]byte(file.of(maxMembers))); len(doc.Spec.Features) != maxMembers || len(doc.Faults) > 0 {
			t.Errorf("%s: %d features of %d, %v", name, len(doc.Spec.Features), maxMembers, doc.Faults)
		}
		faults := Parse([]byte(file.of(maxMembers + 1))).Faults
		if len(faults) != 1 || faults[0].Line != file.line || !strings.Contains(faults[0].Message, "more than 20000 members") {
			t.Errorf("%s: %v, want one on line %d", name, faults, file.line)
		}
	}
	// Lists beside each other are counted each by itself.
	const plans = 9000
	text := strings.Repeat("- code: p\n  items:\n  - feature: a\n  - feature: b\n  - feature: c\n", plans)
	if doc := Parse([]byte("plans:\n" + text)); len(doc.Faults) > 0 && strings.Contains(doc.Faults[0].Message, "members") {
		t.Error(doc.Faults[0])
	}
}

// Every value is where its place says, whichever reader found it.
func TestPlacesAreTrue(t *testing.T) {
	for name, src := range map[string]string{
		"example":      string(Example),
		"example.json": string(FormatJSON(Parse(Example).Spec)),
		"odd":          "\"a\" :   'é' # c\nbé: [ü,   x y,{ z: \"😀\" , w: 1}]\nc:\n\n  # d\n  - - e\n    -   f: 'g'\n  -\n    h:   i\nj: {\n\tk:\tl,\n\t\t\"m\":\t[ n ]\n}\nsame:\n- o: p\n  q:   r\n",
	} {
		readers := map[string]func([]byte) (*node, *Fault){"YAML": func(src []byte) (*node, *Fault) { return parseYAML(src, true) }}
		if strings.HasPrefix(src, "{") {
			readers["JSON"] = func(src []byte) (*node, *Fault) { return parseJSON(src, true) }
		}
		lines := strings.Split(src, "\n")
		for reader, parse := range readers {
			root, fault := parse([]byte(src))
			if fault != nil {
				t.Fatal(fault)
			}
			values := 0
			var walk func(n *node)
			check := func(at place, text string) {
				values++
				rest := string([]rune(lines[at.line-1])[at.column-1:])
				if !strings.HasPrefix(strings.TrimLeft(rest, `"'`), text) {
					t.Errorf("%s as %s: %q is said to be at %d:%d, where %q is", name, reader, text, at.line, at.column, rest)
				}
			}
			walk = func(n *node) {
				if n.kind == scalar {
					check(n.at, n.text)
				}
				for _, e := range n.entries {
					check(e.at, e.key)
					walk(e.value)
				}
				for _, elem := range n.elems {
					walk(elem)
				}
			}
			walk(root)
			if values < 15 {
				t.Errorf("%s as %s: only %d values", name, reader, values)
			}
		}
	}
}
