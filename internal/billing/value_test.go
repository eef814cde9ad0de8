package billing

import (
	"testing"
	"time"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/calendar"
)

// numeric is a value of a number; "" is unlimited.
func numeric(text string) *Value {
	if text == "" {
		return &Value{}
	}
	return &Value{Number: price0(text)}
}

// configured is a customer with a plan, the add-ons b and a, bought in this order, and an
// override of the feature set, each with a value or nil.
func configured(f Feature, plan, b, a, override *Value) *Snapshot {
	f.Code, f.Name, f.Type = "set", "Set", Config
	s := &Snapshot{Catalog: &Catalog{Features: map[Code]*Feature{"set": &f}, Plans: map[Code]*Plan{}}}
	for i, of := range []struct {
		code Code
		kind PlanKind
		v    *Value
	}{{"pro", KindPlan, plan}, {"b", KindAddOn, b}, {"a", KindAddOn, a}} {
		terms := Terms{Cycle: calendar.Month}
		if of.v != nil {
			terms.Items = []Item{{Feature: "set", PriceName: "Set", Value: of.v}}
		}
		s.Catalog.Plans[of.code] = &Plan{Code: of.code, Kind: of.kind, Versions: []*PlanVersion{{Plan: of.code, Number: 1, Terms: terms}}}
		s.Agreements = append(s.Agreements, Agreement{ID: AgreementID{5: byte(i + 1)}, Plan: of.code, Kind: of.kind, Version: 1, Quantity: 1, StartsOn: epoch})
	}
	if override != nil {
		s.Overrides = []Override{{ID: OverrideID{5: 9}, Feature: "set", Value: override, StartsOn: epoch}}
	}
	return s
}

func TestValuesJoin(t *testing.T) {
	n, flag := Feature{Of: valueNumber}, Feature{Of: valueFlag}
	least, list := Feature{Of: valueNumber, Pick: pickMin}, Feature{Of: valueList, OneOf: []string{"de", "en", "fr"}}
	text := Feature{Of: valueText}
	of := func(text string) *Value { return &Value{Text: text} }
	those := func(texts ...string) *Value { return &Value{List: texts} }
	yes, no := &Value{Flag: true}, &Value{}
	for name, c := range map[string]struct {
		feature              Feature
		plan, b, a, override *Value
		want                 *Value
	}{
		"the largest number":                {n, numeric("30"), numeric("7"), numeric("90.5"), nil, numeric("90.5")},
		"that of an override, too":          {n, numeric("30"), nil, nil, numeric("365"), numeric("365")},
		"where it is less the plan's stays": {n, numeric("30"), nil, nil, numeric("7"), numeric("30")},
		"unlimited wins":                    {n, numeric("30"), numeric(""), numeric("90"), nil, numeric("")},
		"the smallest, if that is picked":   {least, numeric("30"), numeric("7"), numeric("90"), nil, numeric("7")},
		"then unlimited loses":              {least, numeric(""), numeric("90"), nil, nil, numeric("90")},
		"but where there is no other":       {least, numeric(""), nil, nil, nil, numeric("")},
		"one flag is enough":                {flag, no, yes, no, nil, yes},
		"none is not":                       {flag, no, no, nil, nil, no},
		"an override sets a flag":           {flag, no, nil, nil, yes, yes},
		"and takes none away":               {flag, yes, nil, nil, no, yes},
		"a list has all, in their order":    {list, those("fr"), those("en", "fr"), nil, those("de"), those("de", "en", "fr")},
		"the text of the override":          {text, of("gold"), of("iron"), of("tin"), of("own"), of("own")},
		"else of the plan":                  {text, of("gold"), of("iron"), of("tin"), nil, of("gold")},
		"else of the first add-on by code":  {text, nil, of("iron"), of("tin"), nil, of("tin")},
	} {
		t.Run(name, func(t *testing.T) {
			s := configured(c.feature, c.plan, c.b, c.a, c.override)
			d := s.Allowance(s.Catalog.Features["set"], epoch).Decide(OneUnit, 0, 0)
			if !d.Allowed || d.Reason != reasonUnmetered || d.Limit.Max != nil || d.Remaining != nil {
				t.Errorf("%v, %s, limit %v", d.Allowed, d.Reason, d.Limit.Max)
			}
			if !equalValue(d.Value, c.want) {
				t.Errorf("the value is %s, want %s", d.Value.Encoded(), c.want.Encoded())
			}
			// Nothing depends on the order in which they were bought.
			s.Agreements[1], s.Agreements[2] = s.Agreements[2], s.Agreements[1]
			if again := s.Allowance(s.Catalog.Features["set"], epoch); !equalValue(again.Value, c.want) {
				t.Errorf("bought in another order it is %s", again.Value.Encoded())
			}
		})
	}
}

// A denied feature has no value, and neither has one that nothing gives.
func TestNoValueWithoutTheFeature(t *testing.T) {
	s := configured(Feature{Of: valueNumber}, numeric("30"), nil, nil, nil)
	s.Overrides = []Override{{Feature: "set", Deny: true, StartsOn: epoch}}
	d := s.Allowance(s.Catalog.Features["set"], epoch).Decide(OneUnit, 0, 0)
	if d.Allowed || d.Reason != reasonNotEntitled || d.Value != nil {
		t.Errorf("%v, %s, %s", d.Allowed, d.Reason, d.Value.Encoded())
	}
}

// A flag that is false is no entitlement, alone and beside others; a number of 0 is one.
func TestFlagsThatAreOffAreAbsent(t *testing.T) {
	yes, no := &Value{Flag: true}, &Value{}
	for name, c := range map[string]struct {
		feature           Feature
		plan, b, override *Value
		want              int
	}{
		"off":                         {Feature{Of: valueFlag}, no, nil, nil, 0},
		"on":                          {Feature{Of: valueFlag}, yes, nil, nil, 1},
		"an add-on sets it":           {Feature{Of: valueFlag}, no, yes, nil, 2},
		"an override does":            {Feature{Of: valueFlag}, no, nil, yes, 1},
		"an override alone":           {Feature{Of: valueFlag}, nil, nil, yes, 1},
		"an override that does not":   {Feature{Of: valueFlag}, nil, nil, no, 0},
		"a number of 0":               {Feature{Of: valueNumber}, numeric("0"), nil, nil, 1},
		"an unlimited one, as a flag": {Feature{Of: valueNumber}, &Value{}, nil, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := configured(c.feature, c.plan, c.b, nil, c.override)
			if got := len(Entitlements(s, epoch)); got != c.want {
				t.Errorf("%d entitlements, want %d", got, c.want)
			}
			items, all := s.Alone(&s.Agreements[0])
			off := c.plan != nil && c.feature.Of == valueFlag && !c.plan.Flag
			if len(items) != len(s.Catalog.Plans["pro"].Latest().Items) || all == off {
				t.Errorf("alone there are %d, all of them: %v", len(items), all)
			}
		})
	}
}

func TestValuesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := &Value{Text: rapid.String().Draw(t, "text"), Flag: rapid.Bool().Draw(t, "flag")}
		if rapid.Bool().Draw(t, "has a number") {
			v.Number = new(decimal.MustNew(rapid.Int64().Draw(t, "number"), rapid.IntRange(0, 12).Draw(t, "digits")))
		}
		if list := rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "list"); len(list) > 0 {
			v.List = list
		}
		back, err := DecodeValue(v.Encoded())
		if err != nil || !equalValue(back, v) {
			t.Fatalf("%+v became %+v, %v", v, back, err)
		}
	})
	if v, err := DecodeValue((*Value)(nil).Encoded()); v != nil || err != nil {
		t.Errorf("none became %v, %v", v, err)
	}
}

func TestOverridesOfValues(t *testing.T) {
	s := newShelf(t)
	s.catalog.Features["days"] = &Feature{Code: "days", Name: "Days", Type: Config, Of: valueNumber}
	s.subscribe(NewAgreement{Plan: "pro"})
	set := func(code Code, in NewOverride) (Override, error) {
		b := s.open()
		o, _, err := b.SetOverride(code, in)
		if err == nil {
			s.keep(b)
		}
		return o, err
	}
	first, err := set("days", NewOverride{Value: &ValueSpec{Text: "365", Number: price0("365")}})
	if err != nil || !equalValue(first.Value, numeric("365")) {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := set("days", NewOverride{Value: &ValueSpec{Text: "365.00", Number: price0("365.00")}}); err != nil || again.ID != first.ID {
		t.Errorf("the same terms made %v of %v, %v", again.ID, first.ID, err)
	}
	s.now = s.now.Add(time.Hour)
	if other, err := set("days", NewOverride{Value: &ValueSpec{Text: "unlimited"}}); err != nil || other.ID == first.ID {
		t.Errorf("other terms made %+v, %v", other, err)
	}
	for _, c := range []struct {
		feature Code
		in      NewOverride
		code    string
	}{
		{"days", NewOverride{}, "VALUE_REQUIRED"},
		{"days", NewOverride{Value: &ValueSpec{Text: "true"}}, "VALUE_INVALID"},
		{"days", NewOverride{Value: &ValueSpec{Text: "1", Number: price0("1")}, Deny: true}, "DENY_INVALID"},
		{"days", NewOverride{Value: &ValueSpec{Text: "1", Number: price0("1")}, Add: 1}, "MAX_INVALID"},
		{"seats", NewOverride{Value: &ValueSpec{Text: "1", Number: price0("1")}, Add: 1}, "VALUE_INVALID"},
	} {
		_, err := set(c.feature, c.in)
		wantRefusal(t, err, c.code)
	}
}
