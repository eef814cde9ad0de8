package catalog

import (
	"bytes"
	"slices"
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
				if f.Type == billing.Metered && !f.Held {
					f.Reset = resets().Draw(t, "new reset")
					drawNotices(t, f)
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
	if pool := slices.IndexFunc(spec.Features, used); pool >= 0 {
		for i := range spec.Features {
			if i != pool && used(spec.Features[i]) && rapid.Bool().Draw(t, "burns") {
				spec.Features[i].Burns = &billing.Burns{Feature: spec.Features[pool].Code, Rate: decimal.MustNew(rapid.Int64Range(1, 1e9).Draw(t, "rate"), 6)}
			}
		}
	}
	spec.Groups = []billing.PlanGroup{
		{Code: "teams", Name: name().Draw(t, "group"), CustomerType: billing.Organization, Default: rapid.Bool().Draw(t, "default")},
		{Code: "null", Name: name().Draw(t, "group"), CustomerType: billing.User},
	}
	codes := rapid.SliceOfNDistinct(code(), 0, 4, rapid.ID).Draw(t, "plans")
	for _, planCode := range codes {
		spec.Plans = append(spec.Plans, drawPlan(t, planCode, spec.Features))
	}
	if last := len(spec.Plans) - 1; last > 0 && rapid.Bool().Draw(t, "extends") {
		drawExtends(t, &spec.Plans[last], &spec.Plans[0])
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

// used reports whether a feature is used up.
func used(f billing.Feature) bool { return f.Type == billing.Metered && !f.Held }

// drawExtends lets a plan extend another whose items go with it.
func drawExtends(t *rapid.T, p, base *billing.PlanSpec) {
	own := p.Items
	items, without := base.Items, []billing.Code(nil)
	*p = billing.PlanSpec{
		Code: p.Code, Name: p.Name, Group: p.Group, Kind: base.Kind, Status: p.Status, Cycle: base.Cycle, Align: base.Align, Quantity: base.Quantity, Extends: base.Code,
	}
	for _, it := range items {
		if rapid.Bool().Draw(t, "left out") {
			without = append(without, it.Feature)
		}
	}
	p.Without = without
	for _, it := range own {
		// Where windows are aligned, not each reset of a feature goes.
		if base.Align == "" && !slices.ContainsFunc(items, func(of billing.ItemSpec) bool { return of.Feature == it.Feature || of.Annual != nil }) {
			p.Items = append(p.Items, billing.ItemSpec{Feature: it.Feature, FixedCharge: it.FixedCharge, Value: it.Value})
		}
	}
}

// drawNotices gives a metered feature thresholds and a low, or takes them.
func drawNotices(t *rapid.T, f *billing.Feature) {
	f.Thresholds = rapid.SampledFrom([][]int{nil, {80}, {50, 1000}}).Draw(t, "thresholds")
	f.Low = rapid.Ptr(rapid.Int64Range(0, 9), true).Draw(t, "low")
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
		Type: rapid.SampledFrom([]billing.FeatureType{billing.Charge, billing.Metered, billing.Metered, billing.Unmetered, billing.Config}).Draw(t, "type"),
	}
	if f.Type == billing.Config {
		f.Of = rapid.SampledFrom(billing.Words[billing.ValueKind]()).Draw(t, "of")
		if f.Of == "number" {
			f.Pick = rapid.SampledFrom([]billing.Pick{"", "max", "min"}).Draw(t, "pick")
		}
		if rapid.Bool().Draw(t, "has one_of") {
			f.OneOf = map[billing.ValueKind][]string{"text": {"true", "1.10", "null", "a b"}, "number": {"unlimited", "0.5", "30"}, "list": {"yes", "2", "~"}}[f.Of]
		}
	}
	if f.Type == billing.Metered {
		if f.Held = rapid.IntRange(0, 3).Draw(t, "held") == 0; !f.Held {
			f.Reset = resets().Draw(t, "reset")
			drawNotices(t, &f)
		}
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
			if p.Cycle == calendar.Hour {
				it.Grants = slices.DeleteFunc(it.Grants, func(g billing.ItemGrantSpec) bool { return g.At == billing.AtTerm })
				if len(it.Grants) == 0 {
					it.Grants = nil
				}
			}
			if used(f) {
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
	if it.Reset == billing.ResetNever {
		it.Rollover = nil
	}
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
	case billing.Config:
		it.Value = drawValue(t, f)
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
		if !f.Held {
			it.Reset = resets().Draw(t, "reset")
			drawCredits(t, f, &it)
		}
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

func drawValue(t *rapid.T, f billing.Feature) *billing.ValueSpec {
	text := name().Draw(t, "value")
	if f.OneOf != nil {
		text = rapid.SampledFrom(f.OneOf).Draw(t, "one of")
	}
	switch f.Of {
	case "flag":
		return &billing.ValueSpec{Text: rapid.SampledFrom([]string{"true", "false"}).Draw(t, "flag")}
	case "list":
		return &billing.ValueSpec{List: []string{text}}
	case "number":
		if text == "unlimited" || f.OneOf == nil && rapid.Bool().Draw(t, "without bound") {
			return &billing.ValueSpec{Text: "unlimited"}
		}
		number := drawAmount(t)
		if f.OneOf != nil {
			number = decimal.MustParse(text)
		}
		return &billing.ValueSpec{Text: number.String(), Number: &number}
	}
	return &billing.ValueSpec{Text: text}
}

// drawCredits gives an item of what is used up more than its limit.
func drawCredits(t *rapid.T, f billing.Feature, it *billing.ItemSpec) {
	it.Thresholds = rapid.SampledFrom([][]int{nil, {}, {80}, {90, 100}}).Draw(t, "own thresholds")
	it.Low = rapid.SampledFrom([]*int64{nil, new(int64(-1)), new(int64(0)), new(int64(7))}).Draw(t, "own low")
	if f.Burns != nil {
		it.Burns = rapid.SampledFrom([]*billing.Burns{nil, {}, {Feature: f.Burns.Feature, Rate: decimal.MustParse("0.000000000001")}}).Draw(t, "own burns")
	}
	if rapid.Bool().Draw(t, "has grants") {
		it.Grants = []billing.ItemGrantSpec{{
			Amount: new(billing.Units(rapid.Int64Range(1, 1e18-1).Draw(t, "amount"))), At: rapid.SampledFrom(billing.Words[billing.GrantAt]()).Draw(t, "at"),
			Lasts: billing.LastsDays, Days: rapid.IntRange(1, 36500).Draw(t, "days"), Priority: rapid.Ptr(rapid.IntRange(0, 100), true).Draw(t, "priority"),
			Kind: rapid.SampledFrom([]billing.GrantKind{"", billing.Paid, billing.Promotional}).Draw(t, "kind"),
		}}
	}
	it.Rate = rapid.SampledFrom([]*billing.Rate{nil, {Max: 1, Per: "second"}, {Max: 5, Per: "minute", Burst: new(int64(9))}}).Draw(t, "told rate")
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
