package routes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/allot-dev/allot/api"
)

// description is openapi.yaml, asked by request.
type description struct {
	doc *openapi3.T
	mux *http.ServeMux // of its paths
}

// describe reads openapi.yaml. Closed, no object may have a property that is not
// described: answers are so, while of requests the unknown is ignored.
func describe(t *testing.T, closed bool) description {
	t.Helper()
	// To the letter: with what it says in x-one-of and x-also, which no generator
	// of clients is asked to read.
	doc, err := openapi3.NewLoader().LoadFromData(bytes.ReplaceAll(api.OpenAPI, []byte("x-one-of:"), []byte("oneOf:")))
	if err != nil {
		t.Fatal(err)
	}
	for _, schema := range doc.Components.Schemas {
		if also, ok := schema.Value.Extensions["x-also"].(string); ok {
			*schema.Value.Type = append(*schema.Value.Type, also)
		}
	}
	d := description{doc, http.NewServeMux()}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			d.mux.Handle(method+" "+path, http.NotFoundHandler())
			for _, r := range op.Responses.Map() {
				for _, media := range r.Value.Content {
					if closed {
						closeSchema(media.Schema)
					}
				}
			}
		}
	}
	for _, schema := range doc.Components.Schemas {
		if closed {
			closeSchema(schema)
		}
	}
	return d
}

func closeSchema(ref *openapi3.SchemaRef) {
	if ref == nil || ref.Value.AdditionalProperties.Has != nil || ref.Value.AdditionalProperties.Schema != nil {
		return
	}
	s := ref.Value
	if len(s.Properties) > 0 {
		s.AdditionalProperties.Has = new(false)
	}
	closeSchema(s.Items)
	for _, property := range s.Properties {
		closeSchema(property)
	}
	for _, several := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, one := range several {
			closeSchema(one)
		}
	}
}

// operation is that of a request, named "METHOD /path"; nil if it has none.
func (d description) operation(r *http.Request) (name string, op *openapi3.Operation) {
	escaped := r.URL.EscapedPath()
	if strings.Contains(escaped, "//") { // which the door serves as if it were one
		for strings.Contains(escaped, "//") {
			escaped = strings.ReplaceAll(escaped, "//", "/")
		}
		r.URL.Path, r.URL.RawPath = escaped, ""
	}
	if clean := path.Clean(escaped); escaped != clean && escaped != clean+"/" {
		return "", nil
	}
	if r.URL.Path == "/account_api/v1/entitlement/" { // a key that is empty
		r.URL.Path = "/account_api/v1/entitlement"
	}
	_, name = d.mux.Handler(r)
	method, pattern, _ := strings.Cut(name, " ")
	if item := d.doc.Paths.Value(pattern); item != nil {
		op = item.GetOperation(method)
	}
	return name, op
}

// sent is the request of an exchange and its body.
func (x exchangeText) sent() (*http.Request, string) {
	method, target, _ := strings.Cut(x.request[0], " ")
	for i, line := range x.request[1:] {
		if line != "" && line[0] != '@' && !isHeaderLine(line) {
			return httptest.NewRequestWithContext(context.Background(), method, target, nil), strings.Join(x.request[1+i:], "\n")
		}
	}
	return httptest.NewRequestWithContext(context.Background(), method, target, nil), ""
}

func isHeaderLine(line string) bool {
	name, _, ok := strings.Cut(line, ": ")
	return ok && name == http.CanonicalHeaderKey(name) && !strings.ContainsAny(name, " {\"")
}

// Every answer of a golden is as openapi.yaml describes it: its status is one of
// the route's, and its body is what the schema says and nothing more. So is every
// request that was accepted.
func TestGoldensAreAsDescribed(t *testing.T) {
	answers, requests := describe(t, true), describe(t, false)
	answered, accepted := map[string]bool{}, 0
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			r, body := x.sent()
			if r.Method == http.MethodOptions || strings.HasSuffix(r.URL.Path, "/also") {
				continue // what a browser asks, and the route of another package
			}
			name, op := answers.operation(r)
			status, _, _ := strings.Cut(x.answer, "\n")
			answered[name] = true
			if err := answers.describesAnswer(op, r.Method, status, x.answer); err != nil {
				t.Errorf("%s: %s: %s answers %s: %v", file, x.title, name, status, err)
			}
			if _, op := requests.operation(r); op != nil && status < "300" {
				accepted++
				if err := requests.describesRequest(op, r, body, x.answer); err != nil {
					t.Errorf("%s: %s: %s accepts what openapi.yaml does not: %v", file, x.title, name, err)
				}
			}
		}
	}
	for _, r := range All(Config{}) {
		if name := r.Method + " " + r.Pattern; !answered[name] {
			t.Errorf("no golden shows %s", name)
		}
	}
	if accepted < 100 {
		t.Errorf("goldens show %d requests that are accepted: the test sees too little", accepted)
	}
}

func (d description) describesAnswer(op *openapi3.Operation, method, status, answer string) error {
	var schema *openapi3.SchemaRef
	at := strings.Index(answer, "\n{")
	if op == nil {
		schema = d.doc.Components.Schemas["RouteNotFound"]
	} else {
		response := op.Responses.Value(status)
		if response == nil {
			return fmt.Errorf("openapi.yaml does not describe this status")
		}
		if method == http.MethodHead {
			return nil
		}
		media := response.Value.Content["application/json"]
		if strings.Contains(answer, "\nContent-Type: ") || media == nil {
			return d.describesText(response.Value, answer)
		}
		schema = media.Schema
	}
	if at < 0 {
		return fmt.Errorf("it has no body")
	}
	var body any
	if err := json.Unmarshal([]byte(answer[at:]), &body); err != nil {
		return err
	}
	return schema.Value.VisitJSON(body, openapi3.VisitAsResponse(), openapi3.EnableFormatValidation(), openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
}

// describesText is of a body that is not JSON: there is its type.
func (d description) describesText(response *openapi3.Response, answer string) error {
	_, rest, ok := strings.Cut(answer, "\nContent-Type: ")
	mime, _, _ := strings.Cut(rest, "\n")
	mime, _, _ = strings.Cut(mime, ";")
	if ok && response.Content[mime] == nil {
		return fmt.Errorf("openapi.yaml does not describe a body of %s", mime)
	}
	return nil
}

// describesRequest tells what of a request that was accepted the description
// would refuse.
func (d description) describesRequest(op *openapi3.Operation, r *http.Request, body, answer string) error {
	query := r.URL.Query()
	for _, p := range op.Parameters {
		value := query.Get(p.Value.Name)
		if p.Value.In != openapi3.ParameterInQuery || value == "" {
			continue // an empty one is absent
		}
		schema := p.Value.Schema.Value
		if err := schema.VisitJSON(parameterValue(schema, value), openapi3.DisableSchemaErrorDetails()); err != nil {
			return fmt.Errorf("%s: %w", p.Value.Name, err)
		}
	}
	switch {
	case op.RequestBody == nil:
		return nil // it is not read
	case strings.TrimSpace(body) == "" && op.RequestBody.Value.Required:
		return fmt.Errorf("a body is required")
	}
	media := op.RequestBody.Value.Content["application/json"]
	var fields map[string]any
	if media == nil || json.Unmarshal([]byte(body), &fields) != nil {
		return nil // of another type, which is described beside it
	}
	dropAbsent(media.Schema.Value, fields)
	if records, ok := fields["records"].([]any); ok {
		fields["records"] = withoutFailed(records, answer)
	}
	return media.Schema.Value.VisitJSON(fields, openapi3.VisitAsRequest(), openapi3.MultiErrors(), openapi3.DisableSchemaErrorDetails())
}

// dropAbsent takes away fields that count as absent: an empty text, and null but
// where it is described.
func dropAbsent(schema *openapi3.Schema, fields map[string]any) {
	for name, value := range fields {
		property := schema.Properties[name]
		if value == "" || value == nil && property != nil && !property.Value.Nullable {
			delete(fields, name)
		}
	}
}

// withoutFailed leaves those of several records that were accepted.
func withoutFailed(records []any, answer string) []any {
	var list api.UsageResultList
	if json.Unmarshal([]byte(answer[strings.Index(answer, "\n{")+1:]), &list) != nil || len(list.Results) != len(records) {
		return records
	}
	var left []any
	for i, record := range records {
		if list.Results[i].Error == nil {
			left = append(left, record)
		}
	}
	return left
}

// parameterValue is a parameter as its schema would have it.
func parameterValue(schema *openapi3.Schema, s string) any {
	if n, err := strconv.ParseFloat(s, 64); err == nil && (schema.Type.Is("integer") || schema.Type.Is("number")) {
		return n
	}
	if schema.Type.Is("boolean") && (s == "true" || s == "false") {
		return s == "true"
	}
	if schema.Type.Is("array") {
		var list []any
		for part := range strings.SplitSeq(s, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list
	}
	return s
}
