package routes

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// filledCatalog has features of each type, and a plan with an item of each, with every
// field set that goes with the type; and a plan which that extends, and an add-on.
func filledCatalog() *billing.Catalog {
	var group billing.PlanGroup
	var plan billing.Plan
	storetest.Fill(3, &group)
	storetest.Fill(4, &plan)
	group.CustomerType = billing.User
	plan.Group, plan.Kind, plan.Status, plan.Default, plan.Archived = group.Code, billing.KindPlan, billing.Published, false, false
	plan.Price, plan.Extends, plan.Without = "https://example.com/price", "base", []billing.Code{"left"}
	group.Fallback = plan.Code
	fee := billing.Item{Feature: "fee", PriceName: "Fee once", FixedCharge: 4711, Once: true}
	c := &billing.Catalog{
		Currency: "usd", Features: filledFeatures(),
		Groups: map[billing.Code]*billing.PlanGroup{group.Code: &group},
		Plans: map[billing.Code]*billing.Plan{
			plan.Code: &plan,
			"base": {Code: "base", Name: "Base", Group: group.Code, Kind: billing.KindPlan, Status: billing.Published, Versions: []*billing.PlanVersion{
				{Plan: "base", Number: 1, Terms: billing.Terms{Cycle: calendar.Month, AskForCard: true, Items: []billing.Item{{Feature: "left", PriceName: "left"}, fee}}},
			}},
			"beside": {Code: "beside", Name: "Beside", Group: group.Code, Kind: billing.KindAddOn, Status: billing.Published, Versions: []*billing.PlanVersion{
				{Plan: "beside", Number: 1, Terms: billing.Terms{Cycle: calendar.Month, AskForCard: true, Beside: []billing.Code{plan.Code}}},
			}},
		},
	}
	version := plan.Versions[0]
	version.Plan, version.Number = plan.Code, 1
	version.Align, version.Beside = calendar.Calendar, nil
	version.Cycle, version.Trial.Then, version.Trial.CardPromptDays = calendar.Year, billing.End, 9
	version.Items = append([]billing.Item{fee}, filledItems(c.Features)...)
	return c
}

func filledFeatures() map[billing.Code]*billing.Feature {
	all := map[billing.Code]*billing.Feature{}
	for i, kind := range []billing.FeatureType{billing.Charge, billing.Metered, billing.Config} {
		var f billing.Feature
		storetest.Fill(10+i, &f)
		f.Code, f.Type, f.Held = billing.Code(kind), kind, false
		if kind == billing.Metered {
			f.Reset, f.Burns.Feature, f.Thresholds = billing.Reset(calendar.Week), "priced", []int{81}
		} else {
			f.Unit, f.Reset, f.Burns, f.Thresholds, f.Low = "", "", nil, nil, nil
		}
		if f.Of, f.Pick = "", ""; kind == billing.Config {
			f.Of = "list"
		} else {
			f.OneOf = nil
		}
		all[f.Code] = &f
	}
	for code, f := range map[billing.Code]billing.Feature{
		"fee": {Type: billing.Charge}, "left": {Type: billing.Unmetered}, "priced": {Type: billing.Metered, Reset: billing.ResetCycle},
		"seats": {Type: billing.Metered, Held: true, Reset: billing.ResetNever},
		"days":  {Type: billing.Config, Of: "number", Pick: "min"}, "flag": {Type: billing.Config, Of: "flag"}, "text": {Type: billing.Config, Of: "text"},
	} {
		f.Code, f.Name = code, string(code)
		all[code] = &f
	}
	return all
}

func filledItems(features map[billing.Code]*billing.Feature) []billing.Item {
	var sold, counted, priced billing.Item
	storetest.Fill(5, &sold)
	storetest.Fill(6, &counted)
	storetest.Fill(7, &priced)
	sold = billing.Item{Feature: "charge", PriceName: sold.PriceName, FixedCharge: sold.FixedCharge, Interval: calendar.Week, Annual: sold.Annual, PerQuantity: true}
	for _, it := range []*billing.Item{&counted, &priced} {
		it.PriceNameDefaulted, it.FixedCharge, it.Interval, it.Annual, it.Once, it.Value = false, 0, "", nil, false, nil
		it.Limit, it.Reset, it.OverLimit.Policy, it.Align = billing.Soft, billing.Reset(calendar.Day), billing.Grace, calendar.Calendar
		it.Caps[0].Reset, it.Rollover.Windows, it.Rate.Per = billing.Reset(calendar.Week), 7, "minute"
		it.Grants[0].At, it.Grants[0].Lasts, it.Grants[0].Priority, it.Grants[0].Kind = billing.AtTerm, billing.LastsDays, 77, billing.Promotional
	}
	counted.Feature, counted.Burns.Feature = "metered", "priced"
	counted.UnitAmount, counted.AnnualUnitAmount, counted.TiersMode = nil, nil, "package"
	counted.Tiers = append(counted.Tiers, billing.Tier{UnitAmount: decimal.MustParse("71.5"), AnnualUnitAmount: new(decimal.MustParse("771.5"))})
	priced.Feature, priced.Burns, priced.Tiers, priced.TiersMode, priced.Package = "priced", nil, nil, "", 0
	seats := billing.Item{Feature: "seats", PriceName: "seats", PriceNameDefaulted: true, Limit: billing.Hard, Reset: billing.ResetNever, OverLimit: billing.OverLimit{Policy: billing.Block}}
	items := []billing.Item{sold, counted, priced, seats}
	for code, value := range map[billing.Code]billing.Value{
		"config": {List: features["config"].OneOf}, "days": {Number: new(decimal.MustParse("61.25"))}, "flag": {Flag: true}, "text": {Text: "some_text"},
	} {
		items = append(items, billing.Item{Feature: code, PriceName: "value of " + string(code), Value: &value})
	}
	slices.SortFunc(items[4:], func(a, b billing.Item) int { return strings.Compare(string(a.Feature), string(b.Feature)) })
	return items
}

// Every field of what is stored is in an answer: each has a value that nothing
// else has.
func TestEveryFieldIsAnswered(t *testing.T) {
	st := openStore(t, databases["sqlite"](t))
	w := worldOn(t, st, 0)
	c := filledCatalog()
	putCatalog(t, st, c)
	text := w.ask(t, "GET", "/v1/features?page_size=100", "").Body.String() + w.ask(t, "GET", "/v1/plan_groups", "").Body.String()
	for code := range c.Plans {
		text += w.ask(t, "GET", "/v1/plans/"+string(code), "").Body.String()
	}
	for _, thing := range []any{c.Features, c.Groups, c.Plans} {
		answered(t, text, reflect.ValueOf(thing), "")
	}
}

// kept are the fields that no answer has.
var kept = []string{
	"ID",   // of a plan group: Kinde's routes show it beside agreements
	"Plan", // of a version: it stands within its plan
	"PriceNameDefaulted",
}

// answered looks for the value of every field in a text.
func answered(t *testing.T, text string, v reflect.Value, path string) {
	t.Helper()
	name := path[strings.LastIndexByte(path, '.')+1:]
	if slices.Contains(kept, name) || v.IsZero() {
		return
	}
	want := fmt.Sprint(v.Interface())
	switch x := v.Interface().(type) {
	case time.Time:
		want = x.Format(time.RFC3339)
	case decimal.Decimal:
	case bool:
		want = "true"
	default:
		switch v.Kind() {
		case reflect.Pointer:
			answered(t, text, v.Elem(), path)
			return
		case reflect.Map:
			for _, key := range v.MapKeys() {
				answered(t, text, v.MapIndex(key), path)
			}
			return
		case reflect.Slice:
			for i := range v.Len() {
				answered(t, text, v.Index(i), path)
			}
			return
		case reflect.Struct:
			for i := range v.NumField() {
				answered(t, text, v.Field(i), path+"."+v.Type().Field(i).Name)
			}
			return
		case reflect.String:
			want = `"` + want + `"`
			if name == "Policy" {
				return // its days are there
			}
		}
	}
	if !strings.Contains(text, want) {
		t.Errorf("no answer has %s, which is %s", path, want)
	}
}

// A catalog is the same when it has been written to a file, read, and applied to
// an installation that has nothing; applied to itself it changes nothing.
func TestEveryFieldIsInTheFile(t *testing.T) {
	c := filledCatalog()
	spec := catalog.Of(c)
	for name, text := range map[string][]byte{"yaml": catalog.Format(spec), "json": catalog.FormatJSON(spec)} {
		doc := catalog.Parse(text)
		if len(doc.Faults) > 0 {
			t.Fatalf("%v\n%s", doc.Faults, text)
		}
		w := newWorld(t)
		w.apply(t, doc.Spec)
		got, err := w.billing.Catalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sameCatalog(t, name, c, got)
	}
}

// A copy of an installation has every field.
func TestEveryFieldIsCopied(t *testing.T) {
	from, to := databases["sqlite"](t), databases["sqlite"](t)
	st := openStore(t, from)
	putCatalog(t, st, filledCatalog())
	if _, err := store.Copy(t.Context(), store.CopyOptions{From: from, To: to}); err != nil {
		t.Fatal(err)
	}
	err := openStore(t, to).View(t.Context(), func(r service.Reader) error {
		got, err := r.Catalog()
		if err == nil {
			sameCatalog(t, "copy", filledCatalog(), got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sameCatalog compares but for what each installation makes anew.
func sameCatalog(t *testing.T, what string, want, got *billing.Catalog) {
	t.Helper()
	decimals := cmp.Comparer(func(a, b decimal.Decimal) bool { return a.Cmp(b) == 0 })
	made := cmp.FilterPath(func(p cmp.Path) bool {
		last := p.Last().String()
		return last == ".ID" || last == ".PublishedOn" || last == ".Rev" || last == ".ChangedOn" || last == ".Pooled" || last == ".Burned" // which apply derives
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, decimals, made, cmpopts.IgnoreUnexported(billing.Terms{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func putCatalog(t *testing.T, st service.Store, c *billing.Catalog) {
	t.Helper()
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		if err := tx.PutCatalog(c); err != nil {
			return err
		}
		_, err := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: noon, Kind: billing.CatalogApplied})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
