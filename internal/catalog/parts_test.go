package catalog

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
)

// largeFile has two lists that are read in parts, whose members begin with the text given.
func largeFile(indent, plan string) string {
	var b strings.Builder
	b.WriteString("---\n# a price list\ncurrency: usd\nfeatures: # what is sold\n")
	for i := range 2500 {
		fmt.Fprintf(&b, "%s- {code: f%d, name: 'F - %d', type: metered}\n", indent, i, i)
		if i%100 == 0 {
			b.WriteString("\n# - {code: no}\n")
		}
	}
	b.WriteString("plan_groups: [{code: g, name: G, customer_type: organization}]\nplans:\n")
	for i := range 2500 {
		fmt.Fprintf(&b, "%s- code: p%d\n%s  name: \"P: %d\"\n%s  group: g\n%s  description: |\n%s    - not a plan\n%s    # nor a comment\n", indent, i, indent, i, indent, indent, indent, indent)
		fmt.Fprintf(&b, "%s  items:\n%s  - feature: f%d\n%s    max: %d\n%s  - {feature: f%d,\n%s     min: 1}\n", indent, indent, i, indent, i, indent, (i+1)%2500, indent)
		b.WriteString(strings.ReplaceAll(plan, "%", indent))
	}
	return b.String()
}

// A file that is read in parts says what it says as a whole, at the same places.
func TestPartsSayWhatTheWholeSays(t *testing.T) {
	inJSON := string(FormatJSON(Parse([]byte(largeFile("  ", ""))).Spec))
	for name, src := range map[string]string{
		"JSON":                 inJSON,
		"JSON, unknown keys":   strings.ReplaceAll(inJSON, `"group": "g"`, `"grup": "g"`),
		"JSON, nested too far": strings.Replace(inJSON, `"p1200"`, strings.Repeat("[", 40)+strings.Repeat("]", 40), 1),
		"JSON, odd members":    strings.Replace(inJSON, `"plans": [`, `"plans": [1 , "x",null,	[],`, 1),
		"indented":             largeFile("  ", ""),
		"not indented":         largeFile("", ""),
		"quoted keys":          strings.NewReplacer("\nfeatures:", "\n\"features\":", "\nplans:", "\n'plans':").Replace(largeFile("  ", "")),
		"unknown keys":         strings.Replace(largeFile("  ", ""), "  group: g\n", "  grup: g\n", 3),
		"many faults":          largeFile("    ", "%  statsu: draft\n"),
		"wrong syntax":         largeFile("  ", "") + "  - {code: x, name: ]}\n",
		"a tag":                largeFile("  ", "") + "  - {code: !x x}\n",
		"text of lines":        strings.Replace(largeFile("  ", ""), "currency: usd", "currency: \"u\nfeatures:\n  - s\n  - d\"", 1),
		"a second list":        largeFile("  ", "") + "features:\n  - {code: again, name: A, type: metered}\n",
		"further left":         largeFile("    ", "") + "  - {code: x}\n",
		"nested too far":       largeFile("  ", "") + "  - " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n",
		"nothing behind":       largeFile("  ", "") + "  -\n  - {code: x, name: X, group: g}\n",
	} {
		t.Run(name, func(t *testing.T) {
			parts, whole := Parse([]byte(src)), parse([]byte(src), true)
			if !reflect.DeepEqual(parts.Faults, whole.Faults) {
				t.Errorf("in parts %.300v, as a whole %.300v", parts.Faults, whole.Faults)
			}
			if !reflect.DeepEqual(parts.Spec, whole.Spec) {
				t.Error("the specs differ")
			}
			for _, path := range []string{"", "currency", "features", "features[0]", "features[2499].code", "plans", "plans[7]", "plans[1200].items[1].min", "plans[2499].description", "plans[2500]", "plans[9999].code"} {
				line, column := parts.Position(path)
				if wantLine, wantColumn := whole.Position(path); line != wantLine || column != wantColumn {
					t.Errorf("%s is at %d, %d in parts, and at %d, %d as a whole", path, line, column, wantLine, wantColumn)
				}
			}
			rules := []billing.Fault{{Path: "plans[3].group", Message: "no"}, {Path: "features[2].name", Message: "no"}}
			if got, want := parts.Locate(rules), whole.Locate(rules); !reflect.DeepEqual(got, want) {
				t.Errorf("located in parts at %.300v, as a whole at %.300v", got, want)
			}
		})
	}
	quoted := strings.Replace(largeFile("  ", ""), "\nplans:", "\n\"plans\":", 1)
	if root, fault := inParts([]byte(quoted)); fault != nil || len(root.entries[3].value.parts) < 4 || root.entries[3].key != "plans" {
		t.Errorf("a list under a key in quotes is not read in parts: %v", fault)
	}
	if root, fault := inParts([]byte(largeFile("  ", ""))); fault != nil || len(root.entries[1].value.parts) < 2 || len(root.entries[3].value.parts) < 4 {
		t.Error("it is not read in parts:", fault)
	}
}

// What the parser would make much of is refused before it does: brackets too deep, and more than is
// read at once.
func TestHugeTextsCostLittle(t *testing.T) {
	for name, c := range map[string]struct {
		src, fault string
	}{
		"brackets":            {strings.Repeat("[", 2_000_000), "nested more than 32 deep"},
		"brackets in a value": {"currency: usd\nfeatures: " + strings.Repeat("[{a: ", 300_000), "nested more than 32 deep"},
		"one list in brackets": {"plans: [\n" + strings.Repeat("{code: a, name: b, group: c, kind: d, status: e, cycle: f, price: g},\n", 19_000) + "]\n",
			"commas, colons, brackets and line breaks that are read at once"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			doc := Parse([]byte(c.src))
			runtime.ReadMemStats(&after)
			if len(doc.Faults) != 1 || !strings.Contains(doc.Faults[0].Message, c.fault) {
				t.Errorf("%.200v", doc.Faults)
			}
			if cost := after.TotalAlloc - before.TotalAlloc; cost > 16<<20 {
				t.Errorf("the refusal of %d bytes cost %d MiB", len(c.src), cost>>20)
			}
		})
	}
	text := "currency: usd\nfeatures:\n  - {code: a, name: '" + strings.Repeat("[", 200) + "', type: unmetered}\n"
	if doc := Parse([]byte(text)); len(doc.Faults) > 0 {
		t.Error("brackets in quotes:", doc.Faults[0])
	}
}
