package billing_test

import (
	"fmt"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// untold are the fields that the facts of a row leave out, and why.
var untold = map[string]string{
	"Agreement.CustomerID": "is the scope of the change",
	"Agreement.ExternalID": "may be of a person: it is named when it changes",
	"Agreement.Metadata":   "may be of a person: it is named when it changes",

	"Override.CustomerID": "is the scope of the change",
	"Override.Note":       "may be of a person, and never changes but when it is erased",

	"Grant.CustomerID": "is in its id",
	"Grant.Note":       "may be of a person, and never changes but when it is erased",
	"Grant.ExternalID": "may be of a person, and never changes but when it is erased",
	"Grant.VoidedAs":   "may be of a person, and never changes once it is set but when it is erased",
	"Grant.Asked":      "is made of what may be of a person",

	"Customer.ID":              "is the scope of the change",
	"Customer.OrgCode":         "is personal: it is named when it changes",
	"Customer.UserID":          "is personal: it is named when it changes",
	"Customer.ExternalID":      "is personal: it is named when it changes",
	"Customer.Name":            "is personal: it is named when it changes",
	"Customer.Email":           "is personal: it is named when it changes",
	"Customer.Metadata":        "is personal: it is named when it changes",
	"Customer.DigestKey":       "is what digests of personal data are made with",
	"Customer.ChangedOn":       "is the instant of the change",
	"Customer.Rev":             "is the revision of the change",
	"Customer.LastAgreementMS": "follows from the ids of agreements",
}

// A field of a row is in the facts that the change log has of it, or is left out for
// a reason; and the facts can be read back.
func TestEveryFieldIsInTheLog(t *testing.T) {
	t.Run("agreement", func(t *testing.T) { everyFieldIsTold(t, billing.AgreementFacts, billing.ParseAgreement) })
	t.Run("override", func(t *testing.T) { everyFieldIsTold(t, billing.OverrideFacts, billing.ParseOverride) })
	t.Run("grant", func(t *testing.T) { everyFieldIsTold(t, billing.GrantFacts, billing.ParseGrant) })
	t.Run("customer", func(t *testing.T) { everyFieldIsTold(t, billing.CustomerFacts, billing.ParseCustomer) })
}

func everyFieldIsTold[T any](t *testing.T, facts func(*T) map[string]string, parse func(map[string]string) (T, error)) {
	name := reflect.TypeFor[T]().Name()
	filled := func() *T {
		var row T
		storetest.Fill(1, &row)
		return &row
	}
	seen := map[string]bool{}
	for _, field := range storetest.Fields(filled(), 2) {
		top := reflect.TypeFor[T]().Field(topOf(t, reflect.TypeFor[T](), field.Path)).Name
		key := name + "." + top
		seen[key] = true
		next := filled()
		field.Set(next)
		told := !maps.Equal(facts(filled()), facts(next))
		if _, left := untold[key]; told == left {
			t.Errorf("%s.%s: a change of it is in the log: %v; left out by the list: %v", name, field.Path, told, left)
		}
	}
	if len(seen) != reflect.TypeFor[T]().NumField() {
		t.Errorf("%s has %d fields, %d were tried", name, reflect.TypeFor[T]().NumField(), len(seen))
	}
	rapid.Check(t, func(t *rapid.T) {
		row := drawRow[T](t)
		back, err := parse(facts(&row))
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(&row).Elem()
		for i := range v.NumField() {
			if _, left := untold[name+"."+v.Type().Field(i).Name]; left {
				v.Field(i).SetZero()
			}
		}
		if !reflect.DeepEqual(row, back) {
			t.Fatalf("written %+v\nread    %+v\nfacts %v", row, back, facts(&row))
		}
	})
}

// A field of what the catalog has is in the facts of its row too.
func TestEveryFieldOfTheCatalogIsInTheLog(t *testing.T) {
	left := map[string]string{
		"Features.Code": "is in the name of the row", "Groups.Code": "is in the name of the row", "Plans.Code": "is in the name of the row",
		"Plans.Versions": "are rows of their own",
	}
	digest := func(terms *billing.Terms) (string, error) { return fmt.Sprint(terms.Cycle, terms.AskForCard), nil }
	facts := func(c *billing.Catalog) map[string]string {
		_, is, err := c.RowFacts(nil, digest)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	check := func(kind string, row any, in func(row any) *billing.Catalog) {
		fresh := func() any {
			v := reflect.New(reflect.TypeOf(row))
			storetest.Fill(1, v.Interface())
			return v.Interface()
		}
		for _, field := range storetest.Fields(fresh(), 2) {
			top := kind + "." + reflect.TypeOf(row).Field(topOf(t, reflect.TypeOf(row), field.Path)).Name
			next := fresh()
			field.Set(next)
			if _, out := left[top]; maps.Equal(facts(in(fresh())), facts(in(next))) != out {
				t.Errorf("%s.%s: a change of it is in the log: %v", kind, field.Path, out)
			}
		}
	}
	check("Features", billing.Feature{}, func(row any) *billing.Catalog {
		return &billing.Catalog{Features: map[billing.Code]*billing.Feature{"x": row.(*billing.Feature)}}
	})
	check("Groups", billing.PlanGroup{}, func(row any) *billing.Catalog {
		return &billing.Catalog{Groups: map[billing.Code]*billing.PlanGroup{"x": row.(*billing.PlanGroup)}}
	})
	check("Plans", billing.Plan{}, func(row any) *billing.Catalog {
		p := *row.(*billing.Plan)
		p.Versions = nil
		return &billing.Catalog{Plans: map[billing.Code]*billing.Plan{"x": &p}}
	})
}

func topOf(t *testing.T, of reflect.Type, path string) int {
	for i := range of.NumField() {
		name := of.Field(i).Name
		if path == name || len(path) > len(name) && path[:len(name)] == name && (path[len(name)] == '.' || path[len(name)] == '[') {
			return i
		}
	}
	t.Fatalf("no field of %v for %s", of, path)
	return -1
}

// drawRow draws a row as the store may have it.
func drawRow[T any](t *rapid.T) (row T) {
	drawValue(t, reflect.ValueOf(&row).Elem(), "")
	switch r := any(&row).(type) {
	case *billing.Agreement:
		r.CreatedOn, r.Version = storedTime(t, false), rapid.IntRange(1, 9).Draw(t, "version")
	case *billing.Override:
		if r.StartsOn = storedTime(t, false); !r.HasMax {
			r.Max = nil
		}
	case *billing.Grant:
		r.CreatedOn = storedTime(t, false)
	case *billing.Customer:
		r.CreatedOn = storedTime(t, false)
	}
	return row
}

func storedTime(t *rapid.T, zero bool) time.Time {
	if zero && rapid.Bool().Draw(t, "zero") {
		return time.Time{}
	}
	return time.UnixMicro(rapid.Int64Range(-62135596799_000000, 253402300799_999999).Draw(t, "time")).UTC()
}

func drawValue(t *rapid.T, v reflect.Value, name string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(storedTime(t, true)))
		return
	case decimal.Decimal:
		v.Set(reflect.ValueOf(decimal.MustNew(rapid.Int64Range(0, 1e18).Draw(t, "price"), rapid.IntRange(0, 18).Draw(t, "scale"))))
		return
	case calendar.Zone:
		v.Set(reflect.ValueOf(calendar.Zone{Name: rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Etc/GMT+5"}).Draw(t, "zone"), From: storedTime(t, true)}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			drawValue(t, v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, name) {
			v.Set(reflect.New(v.Type().Elem()))
			drawValue(t, v.Elem(), name)
		}
	case reflect.Slice:
		if n := rapid.IntRange(0, 3).Draw(t, name); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				drawValue(t, v.Index(i), name)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			drawValue(t, v.Index(i), name)
		}
		v.Index(0).SetUint(1) // no id is zero
	case reflect.String:
		v.SetString(rapid.StringMatching(`[a-z0-9][a-z0-9_.-]{0,63}`).Draw(t, name))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, name))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(0, billing.MaxAmount).Draw(t, name))
	case reflect.Uint8:
		v.SetUint(uint64(rapid.Byte().Draw(t, name)))
	case reflect.Map: // metadata, which no facts have
	default:
		t.Fatalf("no way to draw a %v", v.Type())
	}
}
