package site_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"golang.org/x/net/html"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// The list has every operation of openapi.yaml, and the page of each says what the file
// says: parameters, scopes, each status, each code of an example, and what to send.
func TestDocsHaveEveryOperation(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, server.Config{})
	list := w.get("/docs").Wants(200)
	safe(list)
	listed := map[string]string{} // by address
	for _, li := range list.All("li", "data-op", "") {
		listed[href(webtest.All(li, "a", "", "")[0])] = webtest.Said(li)
	}
	count := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			count++
			at := "/docs/" + op.OperationID
			if want := method + " " + path + " " + op.Summary; listed[at] != want {
				t.Errorf("%s is listed as %q, want %q", at, listed[at], want)
			}
			p := w.get(at).Wants(200)
			safe(p)
			text := p.Said()
			for _, want := range []string{op.Summary, method + " " + path} {
				if !strings.Contains(text, want) {
					t.Errorf("%s does not say %q", at, want)
				}
			}
			scope, _ := op.Extensions["x-scope"].(string)
			for _, s := range strings.Fields(scope) {
				if !hasCode(p, s) {
					t.Errorf("%s does not name the scope %s", at, s)
				}
			}
			form := p.All("section", "data-try", method)
			if len(form) != 1 {
				t.Errorf("%s has %d forms to try", at, len(form))
				continue
			}
			for _, q := range slices.Concat(item.Parameters, op.Parameters) {
				if len(webtest.All(form[0], "input", "data-name", q.Value.Name)) != 1 {
					t.Errorf("%s cannot be tried with %s", at, q.Value.Name)
				}
			}
			if (len(webtest.All(form[0], "textarea", "name", "body")) == 1) != (op.RequestBody != nil) {
				t.Errorf("%s: a body to try: %v", at, op.RequestBody == nil)
			}
			for status, answer := range op.Responses.Map() {
				if !strings.Contains(text, " "+status+" ") {
					t.Errorf("%s does not tell of %s", at, status)
				}
				for _, content := range answer.Value.Content {
					for _, e := range content.Examples {
						for _, code := range codesOf(e.Value.Value) {
							if !hasCode(p, code) {
								t.Errorf("%s does not name the code %s", at, code)
							}
						}
					}
				}
				if op.RequestBody != nil {
					for _, content := range op.RequestBody.Value.Content {
						for name := range content.Schema.Value.Properties {
							if !hasCode(p, name) {
								t.Errorf("%s does not have the field %s", at, name)
							}
						}
					}
				}
			}
		}
	}
	if len(listed) != count || count < 70 {
		t.Errorf("%d are listed, the file has %d", len(listed), count)
	}
}

// codesOf are the codes of the errors of an example.
func codesOf(of any) (codes []string) {
	body, _ := of.(map[string]any)
	errs, _ := body["errors"].([]any)
	for _, e := range errs {
		one, _ := e.(map[string]any)
		code, _ := one["code"].(string)
		codes = append(codes, code)
	}
	return codes
}

// hasCode reports whether the page has a text as code.
func hasCode(p *webtest.Page, text string) bool {
	return slices.ContainsFunc(p.All("code", "", ""), func(n *html.Node) bool { return webtest.Said(n) == text })
}

func TestDocsSearch(t *testing.T) {
	w := newWorld(t, server.Config{})
	paths := func(query string) (out []string) {
		for _, li := range w.get("/docs?q="+query).Wants(200).All("li", "data-op", "") {
			out = append(out, href(webtest.All(li, "a", "", "")[0]))
		}
		return out
	}
	if got := paths("holds+release"); !slices.Equal(got, []string{"/docs/releaseHold"}) {
		t.Errorf("two words find %v", got)
	}
	if got := paths("manage%3Awebhooks"); len(got) < 5 {
		t.Errorf("a scope finds %v", got)
	}
	if p := w.get("/docs?q=%3Cscript%3Ealert(1)%3C/script%3E").Wants(200); len(paths("%3Cscript")) > 0 || !strings.Contains(p.Said(), "<script>alert(1)</script>") {
		t.Errorf("what finds nothing: %s", p.Said())
	} else {
		safe(p)
	}
	w.get("/docs/nothing").Wants(404)
	for _, path := range []string{"/docs/", "/docs/check/more"} {
		if p := w.get(path); p.Status != 404 {
			t.Errorf("%s is %d", path, p.Status)
		}
	}
}

// What is shown for a shell says what the example of the file says.
func TestDocsCurl(t *testing.T) {
	w := newWorld(t, server.Config{})
	for at, want := range map[string]string{
		"/docs/getCustomer": `curl -sS '` + w.url + `/v1/customers/customer_01a202b2c50070008000000000000001' \ -H "Authorization: Bearer $ALLOT_TOKEN"`,
		"/docs/createToken": `-u "$ALLOT_CLIENT_ID:$ALLOT_CLIENT_SECRET" \ -H 'Content-Type: application/x-www-form-urlencoded' \ --data-binary '`,
		"/docs/getPricing":  `curl -sS '` + w.url + `/v1/pricing'`,
		"/docs/putCatalog":  `curl -sS -X PUT '` + w.url + `/v1/catalog' \ -H "Authorization: Bearer $ALLOT_TOKEN" \ -H 'Content-Type: application/json' \ --data-binary '{ "currency": "usd",`,
	} {
		code := w.get(at).Wants(200).All("code", "data-curl", "")
		if len(code) != 1 || !strings.Contains(webtest.Said(code[0]), want) {
			t.Errorf("%s: %q, want %q", at, webtest.Said(code[0]), want)
		}
	}
}
