package routes

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// filledCatalog has a feature of each type, and a plan with an item of each,
// with every field set that goes with the type.
func filledCatalog() *billing.Catalog {
	var charge, metered billing.Feature
	var group billing.PlanGroup
	var plan billing.Plan
	storetest.Fill(1, &charge)
	storetest.Fill(2, &metered)
	storetest.Fill(3, &group)
	storetest.Fill(4, &plan)
	charge.Type, charge.Unit, charge.Reset = billing.Charge, "", ""
	metered.Type, metered.Reset = billing.Metered, billing.Reset(calendar.Week)
	group.CustomerType = billing.User
	plan.Group, plan.Kind, plan.Status, plan.Default, plan.Archived = group.Code, billing.KindPlan, billing.Published, false, false
	group.Fallback = plan.Code

	version := plan.Versions[0]
	version.Plan, version.Number = plan.Code, 1
	version.Align = calendar.Calendar
	version.Cycle, version.Trial.Then, version.Trial.CardPromptDays = calendar.Year, billing.End, 9
	var sold, counted billing.Item
	storetest.Fill(5, &sold)
	storetest.Fill(6, &counted)
	sold.Feature, sold.Interval, sold.PriceNameDefaulted = charge.Code, calendar.Week, false
	sold.PerQuantity, sold.Align, counted.Align = false, "", calendar.Calendar
	sold.Min, sold.Max, sold.Limit, sold.Reset, sold.OverLimit, sold.UnitAmount, sold.Tiers = nil, nil, "", "", billing.OverLimit{}, nil, nil
	counted.Feature, counted.Limit, counted.Reset, counted.OverLimit.Policy, counted.PriceNameDefaulted = metered.Code, billing.Soft, billing.Reset(calendar.Day), billing.Grace, false
	counted.FixedCharge, counted.Interval, counted.Annual, counted.UnitAmount = 0, "", nil, nil
	priced := counted
	priced.Feature, priced.Tiers, priced.UnitAmount = "priced", nil, new(decimal.MustParse("61.25"))
	counted.Tiers = append(counted.Tiers, billing.Tier{UnitAmount: decimal.MustParse("71.5")})
	version.Items = []billing.Item{sold, counted, priced}
	return &billing.Catalog{
		Currency: "usd",
		Features: map[billing.Code]*billing.Feature{charge.Code: &charge, metered.Code: &metered,
			"priced": {Code: "priced", Name: "Priced", Type: billing.Metered, Reset: billing.ResetCycle}},
		Groups: map[billing.Code]*billing.PlanGroup{group.Code: &group},
		Plans:  map[billing.Code]*billing.Plan{plan.Code: &plan},
	}
}

// Every field of what is stored is in an answer: each has a value that nothing
// else has.
func TestEveryFieldIsAnswered(t *testing.T) {
	st := openStore(t, databases["sqlite"](t))
	w := worldOn(t, st, 0)
	c := filledCatalog()
	putCatalog(t, st, c)
	var plan *billing.Plan
	for _, p := range c.Plans {
		plan = p
	}
	text := w.ask(t, "GET", "/v1/features", "").Body.String() + w.ask(t, "GET", "/v1/plan_groups", "").Body.String() +
		w.ask(t, "GET", "/v1/plans/"+string(plan.Code), "").Body.String()
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
		return last == ".ID" || last == ".PublishedOn" || last == ".Rev" || last == ".ChangedOn"
	}, cmp.Ignore())
	if diff := cmp.Diff(want, got, decimals, made); diff != "" {
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
