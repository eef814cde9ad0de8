package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// closedBody is a closed body that a handler has asked for some names.
func closedBody(t *testing.T, text string, names ...string) *Body {
	t.Helper()
	b, err := ParseBody([]byte(text), new(Faults))
	if err != nil {
		t.Fatal(err)
	}
	b.Close()
	for _, name := range names {
		b.Has(name)
	}
	return b
}

func TestUnknownFieldsAreNamedWithWhatWasMeant(t *testing.T) {
	consume := []string{"customer_id", "org_code", "user_id", "feature_code", "units"}
	override := []string{"max", "add", "note", "expires_on", "deny"}
	long := strings.Repeat("é", 70)
	for _, c := range []struct {
		field string
		known []string
		want  string
	}{
		{"quantity", consume, "there is no field quantity here; did you mean units?"},
		{"qty", consume, "there is no field qty here; did you mean units?"},
		{"user", consume, "there is no field user here; did you mean user_id?"},
		{"amount", consume, "there is no field amount here; did you mean units?"},
		{"feature", consume, "there is no field feature here; did you mean feature_code?"},
		{"customerId", consume, "there is no field customerId here; did you mean customer_id?"},
		{"Org-Code", consume, "there is no field Org-Code here; did you mean org_code?"},
		{"unit", consume, "there is no field unit here; did you mean units?"},
		{"uints", consume, "there is no field uints here; did you mean units?"},
		{"featurecode", consume, "there is no field featurecode here; did you mean feature_code?"},
		{"limit", override, "there is no field limit here; did you mean max?"},
		{"reason", override, "there is no field reason here; did you mean note?"},
		{"colour", override, "there is no field colour here; there are add, deny, expires_on, max, note"},
		{"x", nil, "there is no field x here; the body has none"},
		{"", override, "there is no field  here; there are add, deny, expires_on, max, note"},
		{long, []string{"max"}, "there is no field " + strings.Repeat("é", 64) + "… here; there are max"},
		{"a\u0007b", []string{"max"}, "there is no field a\uFFFDb here; there are max"},
	} {
		text, err := json.Marshal(map[string]int{c.field: 1})
		if err != nil {
			t.Fatal(err)
		}
		b := closedBody(t, string(text), c.known...)
		var errs Errors
		if !errors.As(b.Err(), &errs) || len(errs) != 1 || errs[0].Code != "FIELD_UNKNOWN" || errs[0].Message != c.want {
			t.Errorf("%q: %v, want %q", c.field, b.Err(), c.want)
		}
	}
}

// What is asked for in any way is known, and what is not is refused only where a
// body is closed.
func TestWhatIsAskedForIsKnown(t *testing.T) {
	text := `{"a":1,"b":"x","c":null,"d":"2","e":true,"f":"2026-11-22","g":{"x":"y"},"h":"","i":null,"j":"q"}`
	b := closedBody(t, text)
	b.Integer("a", 0, 9)
	b.Text("b", SomeText)
	b.IsNull("c")
	Decimal(b, "d", func(s string) (string, error) { return s, nil })
	b.Boolean("e")
	b.Time("f")
	b.Metadata("g")
	b.Change("h")
	b.ChangeOrClear("i")
	b.OneOf("j", "q", "q")
	if err := b.Err(); err != nil {
		t.Error(err)
	}
	open, err := ParseBody([]byte(text), new(Faults))
	if err != nil || open.Err() != nil {
		t.Errorf("an open body: %v, %v", err, open.Err())
	}
}

// Who sends many unknown fields is told of few, the same each time, before what is
// missing.
func TestUnknownFieldsAreBounded(t *testing.T) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, `"field%03d":1,`, i)
	}
	b := closedBody(t, "{"+text.String()+`"z":1}`)
	b.Required("units", AnAmount)
	var errs Errors
	if !errors.As(b.Err(), &errs) || len(errs) != maxUnknown+1 {
		t.Fatalf("%d errors", len(errs))
	}
	if first, last := errs[0], errs[maxUnknown]; !strings.Contains(first.Message, "field000") || last.Code != "UNITS_REQUIRED" {
		t.Errorf("first %v, last %v", first, last)
	}
}
