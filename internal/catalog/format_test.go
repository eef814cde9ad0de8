package catalog

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

func TestFormat(t *testing.T) {
	c := apply(t, &billing.Catalog{}, accept(t, `
currency: usd
features:
  - {code: seats, name: Seats, type: metered, unit: seat, reset: never}
  - {code: 'on', name: "Yes: 100 %", type: unmetered, }
  - {code: base, name: 'Null', type: charge}
plan_groups: [{code: g, name: Group, customer_type: user}]
plans:
- {code: more, name: More, group: g, kind: add_on, items: [{feature: seats, max: 5, limit: hard, reset: never}]}
- code: "1e3"
  name: "Büro"
  group: g
  status: published
  trial: {}
  items:
  - {feature: base, fixed_charge: 0}
  - {feature: seats, price_name: Seat, reset: never, over_limit: block, tiers: [{up_to: 10, unit_amount: 0.50}, {up_to: 100, unit_amount: 0.25}, {unit_amount: 0}]}
  - {feature: on}
- {code: empty, name: Empty, group: g, items: []}
`))
	const want = `currency: usd
features:
  - {code: base, name: "Null", type: charge}
  - {code: "on", name: "Yes: 100 %", type: unmetered}
  - {code: seats, name: Seats, type: metered, unit: seat, reset: never}
plan_groups:
  - {code: g, name: Group, customer_type: user}
plans:
  - code: "1e3"
    name: "Büro"
    group: g
    status: published
    cycle: month
    trial: {days: 30, card_prompt_days: 3, then: convert}
    ask_for_card: true
    items:
      - {feature: base, fixed_charge: 0, interval: month}
      - feature: seats
        price_name: Seat
        tiers:
          - {up_to: 10, unit_amount: 0.5}
          - {up_to: 100, unit_amount: 0.25}
          - {unit_amount: 0}
      - {feature: "on"}
  - code: empty
    name: Empty
    group: g
    status: draft
    cycle: month
    ask_for_card: true
  - code: more
    name: More
    group: g
    kind: add_on
    status: draft
    cycle: month
    ask_for_card: true
    items:
      - {feature: seats, max: 5}
`
	if diff := cmp.Diff(want, string(Format(Of(c)))); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	if got, want := string(Format(billing.CatalogSpec{})), "{}\n"; got != want {
		t.Errorf("the empty catalog is written %q, want %q", got, want)
	}
	const wantJSON = `{
  "currency": "usd",
  "features": [
    {
      "code": "on",
      "name": "<b> & 100 %",
      "type": "unmetered"
    }
  ],
  "plans": []
}
`
	spec := billing.CatalogSpec{
		Currency: "usd", Plans: []billing.PlanSpec{},
		Features: []billing.Feature{{Code: "on", Name: "<b> & 100 %", Type: billing.Unmetered}},
	}
	if diff := cmp.Diff(wantJSON, string(FormatJSON(spec))); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

// The file of a catalog, applied to it, changes nothing and leaves nothing out;
// the schema agrees with it.
func TestFormatOfCatalogAppliesWithoutChange(t *testing.T) {
	schema := compileSchema(t)
	rapid.Check(t, func(t *rapid.T) {
		c := apply(t, &billing.Catalog{}, drawCatalog(t))
		if rapid.Bool().Draw(t, "change it") {
			// Names and resets of features that published plans took over.
			spec := Of(c)
			for i := range spec.Features {
				f := &spec.Features[i]
				f.Name = name().Draw(t, "new name")
				if f.Type == billing.Metered {
					f.Reset = resets().Draw(t, "new reset")
				}
			}
			spec.Plans = nil
			c = apply(t, c, spec)
		}
		for _, write := range []func(billing.CatalogSpec) []byte{Format, FormatJSON} {
			file := write(Of(c))
			d := Parse(file)
			if len(d.Faults) > 0 {
				t.Fatalf("%v\n%s", d.Faults, file)
			}
			_, changes, faults, err := c.Apply(d.Spec, time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), groupIDs())
			if err != nil || len(faults)+len(changes.Changes)+len(changes.Untouched) > 0 {
				t.Fatalf("faults %v, changes %+v, untouched %v, error %v\n%s", faults, changes.Changes, changes.Untouched, err, file)
			}
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(FormatJSON(Of(c))))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(doc); err != nil {
			t.Fatal(err)
		}
	})
}

// drawCatalog is a spec that the rules of billing accept.
func drawCatalog(t *rapid.T) billing.CatalogSpec {
	spec := billing.CatalogSpec{Currency: "eur"}
	spec.Features = rapid.SliceOfNDistinct(rapid.Custom(drawFeature), 1, 8,
		func(f billing.Feature) billing.Code { return f.Code }).Draw(t, "features")
	spec.Groups = []billing.PlanGroup{
		{Code: "teams", Name: name().Draw(t, "group"), CustomerType: billing.Organization, Default: rapid.Bool().Draw(t, "default")},
		{Code: "null", Name: name().Draw(t, "group"), CustomerType: billing.User},
	}
	codes := rapid.SliceOfNDistinct(code(), 0, 4, rapid.ID).Draw(t, "plans")
	for _, planCode := range codes {
		spec.Plans = append(spec.Plans, drawPlan(t, planCode, spec.Features))
	}
	for _, p := range spec.Plans {
		for i, g := range spec.Groups {
			if p.Group == g.Code && p.Kind != billing.KindAddOn && p.Status == billing.Published && !p.Archived && rapid.Bool().Draw(t, "fallback") {
				spec.Groups[i].Fallback = p.Code
			}
		}
	}
	return spec
}

func code() *rapid.Generator[billing.Code] {
	return rapid.OneOf(
		rapid.SampledFrom([]billing.Code{"on", "null", "1e3", "0123", "y", "0x1f", "true", "1.5", "no", "2026-11-22"}),
		rapid.Custom(func(t *rapid.T) billing.Code {
			return billing.Code(rapid.StringMatching(`[a-z0-9][a-z0-9_.-]{0,63}`).Draw(t, "code"))
		}))
}

func name() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{"Null", "1_000", "a: b", "- x", "#", "a #b", `"q"`, "it's", "\\", " x ", "~", "{a}", "é😀", "a,b", "*a", "&a", "!t", "%", "@", "`", "|", ">", "?", ": "}),
		rapid.StringMatching(`\PC{1,80}`).Filter(func(s string) bool {
			return Parse(FormatJSON(billing.CatalogSpec{Features: []billing.Feature{{Code: "a", Name: s, Type: billing.Charge}}})).Faults == nil
		}))
}

func resets() *rapid.Generator[billing.Reset] {
	return rapid.SampledFrom([]billing.Reset{"", billing.ResetCycle, billing.ResetNever, billing.Reset(calendar.Hour), billing.Reset(calendar.Day),
		billing.Reset(calendar.Year), billing.Reset(calendar.Every(5, calendar.Hour)), billing.Reset(calendar.Every(1000, calendar.Week))})
}

func drawFeature(t *rapid.T) billing.Feature {
	f := billing.Feature{
		Code: code().Draw(t, "code"), Name: name().Draw(t, "name"),
		Type: rapid.SampledFrom([]billing.FeatureType{billing.Charge, billing.Metered, billing.Unmetered}).Draw(t, "type"),
	}
	if f.Type == billing.Metered {
		f.Reset = resets().Draw(t, "reset")
		if rapid.Bool().Draw(t, "has unit") {
			f.Unit = name().Draw(t, "unit")
		}
	}
	return f
}

func drawPlan(t *rapid.T, code billing.Code, features []billing.Feature) billing.PlanSpec {
	p := billing.PlanSpec{
		Code: code, Name: name().Draw(t, "name"),
		Group:  rapid.SampledFrom([]billing.Code{"teams", "null"}).Draw(t, "group"),
		Kind:   rapid.SampledFrom([]billing.PlanKind{"", billing.KindPlan, billing.KindAddOn}).Draw(t, "kind"),
		Status: rapid.SampledFrom([]billing.PlanStatus{"", "draft", billing.Published}).Draw(t, "status"),
		Cycle:  rapid.SampledFrom([]calendar.Interval{"", calendar.Hour, calendar.Day, calendar.Month, calendar.Year, calendar.Every(2, calendar.Week), calendar.None}).Draw(t, "cycle"),
	}
	if n, _ := p.Cycle.Parts(); n == 1 && p.Cycle != calendar.None && rapid.Bool().Draw(t, "aligned") {
		p.Align = calendar.Calendar
	}
	if rapid.Bool().Draw(t, "has quantity") {
		low := rapid.Int64Range(1, 5).Draw(t, "least")
		p.Quantity = rapid.SampledFrom([]*billing.Quantity{{}, {Min: &low}, {Max: new(low + 4)}, {Min: &low, Max: &low}}).Draw(t, "quantity")
	}
	p.Archived = p.Status == billing.Published && rapid.Bool().Draw(t, "archived")
	if rapid.Bool().Draw(t, "trial") {
		p.Trial = &billing.TrialSpec{Then: rapid.SampledFrom([]billing.TrialEnd{"", "convert", billing.End}).Draw(t, "then")}
		if rapid.Bool().Draw(t, "has days") {
			p.Trial.Days = new(rapid.IntRange(1, 40).Draw(t, "days"))
			p.Trial.CardPromptDays = new(rapid.IntRange(0, *p.Trial.Days-1).Draw(t, "prompt"))
		}
	}
	annual := false
	for _, f := range features {
		if rapid.Bool().Draw(t, "has feature") {
			it := drawItem(t, f)
			if f.Type == billing.Metered {
				drawWindow(t, &p, &it)
			}
			if annual {
				it.Annual = nil
			}
			annual = annual || it.Annual != nil
			p.Items = append(p.Items, it)
		}
	}
	if p.Trial == nil && len(p.Items) == 0 {
		p.AskForCard = new(rapid.Bool().Draw(t, "card"))
	}
	return p
}

// drawWindow gives an item what its plan permits.
func drawWindow(t *rapid.T, p *billing.PlanSpec, it *billing.ItemSpec) {
	it.PerQuantity = (p.Quantity != nil || p.Kind == billing.KindAddOn) && rapid.Bool().Draw(t, "per quantity")
	if p.Kind == billing.KindAddOn {
		it.Reset = billing.ResetCycle // it follows the plans of the group
		return
	}
	every := calendar.Interval(it.Reset)
	if n, _ := every.Parts(); p.Align != "" && (n != 1 || it.Reset == "") {
		it.Reset = billing.ResetCycle // on the calendar there are no multiples
	}
	if it.Reset == billing.ResetCycle {
		if every = p.Cycle; every == "" {
			every = calendar.Month
		}
	}
	n, _ := every.Parts()
	if it.Reset != "" && every.Valid() && n == 1 && rapid.Bool().Draw(t, "align") {
		it.Align = calendar.Calendar
	}
	if it.Reset != "" && every.Valid() && rapid.Bool().Draw(t, "allow") {
		it.OverLimit = &billing.OverLimit{Policy: billing.Allow}
	}
}

func drawItem(t *rapid.T, f billing.Feature) billing.ItemSpec {
	it := billing.ItemSpec{Feature: f.Code}
	if rapid.Bool().Draw(t, "named") {
		it.PriceName = name().Draw(t, "price name")
	}
	count := rapid.Int64Range(0, billing.MaxAmount)
	maybe := func(n int64) *int64 {
		if rapid.Bool().Draw(t, "has") {
			return &n
		}
		return nil
	}
	switch f.Type {
	case billing.Charge:
		it.FixedCharge = new(count.Draw(t, "charge"))
		it.Interval = rapid.SampledFrom([]calendar.Interval{"", calendar.Week, calendar.Month, calendar.Year}).Draw(t, "interval")
		if it.Interval != calendar.Year {
			it.Annual = maybe(count.Draw(t, "annual"))
		}
	case billing.Metered:
		low, high := count.Draw(t, "min"), count.Draw(t, "max")
		it.Min, it.Max = maybe(min(low, high)), maybe(max(low, high))
		it.Limit = rapid.SampledFrom([]billing.LimitKind{"", billing.Hard, billing.Soft}).Draw(t, "limit")
		it.Reset = resets().Draw(t, "reset")
		it.OverLimit = rapid.SampledFrom([]*billing.OverLimit{nil, {Policy: billing.Block}, {Policy: billing.Grace, GraceDays: 7}}).Draw(t, "over_limit")
		switch rapid.IntRange(0, 2).Draw(t, "price") {
		case 1:
			it.UnitAmount = new(drawAmount(t))
		case 2:
			upTo := rapid.SliceOfNDistinct(rapid.Int64Range(1, 1000), 0, 3, rapid.ID).Draw(t, "up_to")
			last := int64(0)
			for _, n := range upTo {
				last += n
				it.Tiers = append(it.Tiers, billing.Tier{UpTo: new(last), UnitAmount: drawAmount(t)})
			}
			it.Tiers = append(it.Tiers, billing.Tier{UnitAmount: drawAmount(t)})
		}
	}
	return it
}

func drawAmount(t *rapid.T) decimal.Decimal {
	return decimal.MustNew(rapid.Int64Range(0, billing.MaxAmount).Draw(t, "amount"), rapid.IntRange(0, decimal.MaxScale).Draw(t, "scale"))
}

// FuzzParse: whatever is in a file, Parse comes back, its faults have a place in
// the file, and what it accepts is the same after writing and reading.
func FuzzParse(f *testing.F) {
	f.Add(Example)
	f.Add([]byte(shop))
	f.Add(FormatJSON(Parse(Example).Spec))
	for _, src := range []string{"", "{}", "\r0", "a: |\n  x\n", "- - a\n", "features: [{code: on, name: 'a''b', type: charge}]",
		"plans:\n- code: a\n  items:\n  - {feature: f, tiers: [], unit_amount: 0.10, over_limit: {grace: {days: 1}}}\n",
		"a: >-\n  x\n\n  y\nb: \"\\u00e9\\\n  z\"\n", "? a\n: b", "a: &x [*x]", "<<: {}", "%YAML 1.1\n--- !!map\n{}\n...\n", "{\n\t\"a\":\n\t\t[1,\n2e3]}"} {
		f.Add([]byte(src))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d := Parse(src)
		for _, fault := range d.Faults {
			if Excerpt(src, fault.Line, fault.Column) == "" {
				t.Errorf("%s\nis not in the file\n%q", fault, src)
			}
		}
		if len(d.Faults) > 0 {
			return
		}
		for _, write := range []func(billing.CatalogSpec) []byte{Format, FormatJSON} {
			file := write(d.Spec)
			again := Parse(file)
			if len(again.Faults) > 0 {
				t.Fatalf("%q\nis written\n%s\nwhich has the faults %v", src, file, again.Faults)
			}
			if diff := cmp.Diff(d.Spec, again.Spec, sameDecimal); diff != "" {
				t.Fatalf("%q\nis written\n%s\nwhich is read otherwise (-first +again):\n%s", src, file, diff)
			}
		}
	})
}
