package routes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/allot-dev/allot/api"
)

// exampleChanges are what the examples speak of and the catalog of the goldens
// lacks: a second version of pro, and a default plan for users.
const exampleChanges = `{"features": [{"code": "history_days", "name": "History", "type": "config", "of": "number"}], "plans": [
	{"code": "pro", "name": "Pro", "group": "teams", "status": "published", "items": [{"feature": "seats", "max": 20}, {"feature": "api_calls"}, {"feature": "sso"}]},
	{"code": "solo", "name": "Solo", "group": "people", "status": "published", "default": true, "items": [{"feature": "sso"}]}
]}`

// Every example of a request in openapi.yaml is one that can be typed: its form is
// accepted, with the examples of its parameters. What it names may not be there.
func TestExamplesAreAccepted(t *testing.T) {
	d := describe(t, false)
	sent := 0
	for path, item := range d.doc.Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil || op.Extensions["x-scope"] == nil {
				continue
			}
			target := exampleTarget(t, path, item, op)
			for mime, media := range op.RequestBody.Value.Content {
				for title, body := range exampleBodies(t, media) {
					w := newWorld(t)
					w.settle(t)
					ask[api.CatalogChanges](t, w, "PUT", "/v1/catalog", exampleChanges)
					at := target
					if title == "a value" { // which only a feature of type config has
						at = strings.Replace(target, "/seats?", "/history_days?", 1)
					}
					rec := w.ask(t, method, at, body, "Content-Type", mime)
					if fault := faultOfForm(rec); fault != "" {
						t.Errorf("%s %s: example %s is refused: %d %s", method, target, title, rec.Code, fault)
					}
					sent++
				}
			}
		}
	}
	if sent < 20 {
		t.Errorf("only %d examples were sent", sent)
	}
}

// exampleTarget is the path and query of an operation with its examples.
func exampleTarget(t *testing.T, path string, item *openapi3.PathItem, op *openapi3.Operation) string {
	t.Helper()
	query := url.Values{}
	for _, ref := range append(slices.Clone(item.Parameters), op.Parameters...) {
		switch p := ref.Value; {
		case p.In == openapi3.ParameterInPath && p.Example == nil:
			t.Errorf("%s: parameter %s has no example", path, p.Name)
		case p.In == openapi3.ParameterInPath:
			path = strings.ReplaceAll(path, "{"+p.Name+"}", url.PathEscape(fmt.Sprint(p.Example)))
		case p.In == openapi3.ParameterInQuery && p.Example != nil:
			query.Set(p.Name, fmt.Sprint(p.Example))
		}
	}
	return path + "?" + query.Encode()
}

// exampleBodies are the bodies of a medium by title: text as it stands, all else
// as JSON.
func exampleBodies(t *testing.T, media *openapi3.MediaType) map[string]string {
	t.Helper()
	values := map[string]any{}
	if media.Example != nil {
		values["it"] = media.Example
	}
	for title, example := range media.Examples {
		values[title] = example.Value.Value
	}
	bodies := map[string]string{}
	for title, value := range values {
		if text, ok := value.(string); ok {
			bodies[title] = text
			continue
		}
		body, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		bodies[title] = string(body)
	}
	return bodies
}

// faultOfForm is what an answer has against the form of a request; "" if it was
// done, or its things are not there or in another state.
func faultOfForm(rec *httptest.ResponseRecorder) string {
	if rec.Code < 300 || rec.Code == http.StatusNotFound || rec.Code == http.StatusConflict {
		return ""
	}
	var refusal api.Errors
	if err := json.Unmarshal(rec.Body.Bytes(), &refusal); err != nil {
		return rec.Body.String()
	}
	for _, e := range refusal.Errors {
		if !strings.HasSuffix(e.Code, "_NOT_FOUND") {
			return e.Code + ": " + e.Message
		}
	}
	return ""
}
