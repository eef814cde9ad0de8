package routes

import (
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// What a client library writes for what nobody gave is as if it were not written: an empty
// parameter of the query, and null of a field that cannot be null. Each exchange of the
// goldens, with all of those added that it does without, has the same answer. Only in a PATCH
// null is never absent: it clears, or is refused.
func TestEmptyParametersAndNullFieldsAreAbsent(t *testing.T) {
	d := describe(t, false)
	parameters, fields := 0, map[string]int{}
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := worldOn(t, openStore(t, databases["sqlite"](t)), 0)
		w.settle(t)
		server := httptest.NewServer(w)
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			r, body := x.sent()
			name, op := d.operation(r)
			again := x
			again.request = slices.Clone(x.request)
			if op != nil && x.answer < "300" {
				var empty []string
				for _, ref := range op.Parameters {
					if p := ref.Value; p.In == openapi3.ParameterInQuery && !p.Required && !r.URL.Query().Has(p.Name) {
						empty = append(empty, p.Name+"=")
					}
				}
				parameters += len(empty)
				again.request[0] = withQuery(x.request[0], strings.Join(empty, "&"))
				if nulls := nullFields(op, body); nulls != "" && r.Method != http.MethodPatch {
					fields[name]++
					line := len(x.request) - 1 - strings.Count(body, "\n")
					again.request[line] = strings.Replace(again.request[line], "{", "{"+nulls, 1)
				}
			}
			if diff := cmp.Diff(x.answer, w.play(t, server, again)); diff != "" {
				t.Errorf("%s: %s (-without +with what is empty):\n%s", again.request[0], x.title, diff)
			}
		}
		server.Close()
	}
	if parameters < 100 || len(fields) < 15 {
		t.Errorf("only %d parameters and %d routes with fields were tried", parameters, len(fields))
	}
}

// withQuery is a request line with more parameters.
func withQuery(line, more string) string {
	switch {
	case more == "":
		return line
	case strings.Contains(line, "?"):
		return line + "&" + more
	}
	return line + "?" + more
}

// nullFields are the fields of an operation's JSON object that it can do without, that
// cannot be null and that a body has not, as null, to stand before those that it has.
func nullFields(op *openapi3.Operation, body string) string {
	rest, isObject := strings.CutPrefix(strings.TrimSpace(body), "{")
	if op.RequestBody == nil || isCatalog(op) || !isObject {
		return ""
	}
	schema := op.RequestBody.Value.Content.Get("application/json").Schema.Value
	var nulls []string
	for name, property := range schema.Properties {
		if !slices.Contains(schema.Required, name) && !property.Value.Nullable && !strings.Contains(body, `"`+name+`"`) {
			nulls = append(nulls, `"`+name+`":null`)
		}
	}
	slices.Sort(nulls)
	text := strings.Join(nulls, ",")
	if text != "" && strings.TrimSpace(rest) != "}" {
		text += ","
	}
	return text
}
