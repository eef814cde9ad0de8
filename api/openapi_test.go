package api

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// operations calls f for every operation with "METHOD /path" as its name.
func operations(doc *openapi3.T, f func(name string, path *openapi3.PathItem, op *openapi3.Operation)) {
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			f(method+" "+path, item, op)
		}
	}
}

// It also holds every example against its schema.
func TestOpenAPIIsValid(t *testing.T) {
	doc := loadOpenAPI(t)
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestEveryOperationIsDescribed(t *testing.T) {
	doc := loadOpenAPI(t)
	scopes := map[string]bool{}
	for _, s := range Scopes {
		scopes[s.Name] = false
	}
	seen := map[string]string{}
	operations(doc, func(name string, _ *openapi3.PathItem, op *openapi3.Operation) {
		if op.OperationID == "" || op.Summary == "" || len(op.Tags) != 1 {
			t.Errorf("%s: wants operationId, summary and one tag", name)
		}
		if other, ok := seen[op.OperationID]; ok {
			t.Errorf("%s and %s share the operationId %s", name, other, op.OperationID)
		}
		seen[op.OperationID] = name

		// x-scope is there exactly if a bearer token is asked for.
		scope, _ := op.Extensions["x-scope"].(string)
		if bearer := op.Security == nil; bearer != (scope != "") {
			t.Errorf("%s: bearer token %v, x-scope %q", name, bearer, scope)
		}
		if scope != "" {
			if _, ok := scopes[scope]; !ok {
				t.Errorf("%s: x-scope %q is not in Scopes", name, scope)
			}
			scopes[scope] = true
			if !strings.Contains(op.Description, "Scope: `"+scope+"`.") {
				t.Errorf("%s: the description does not name the scope %s", name, scope)
			}
			for _, status := range []string{"403", "429", "500"} {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s: no answer %s", name, status)
				}
			}
		}

		if strings.Contains(name, " /api/v1/") {
			for status := range op.Responses.Map() {
				if !slices.Contains([]string{"200", "400", "403", "429", "500"}, status) {
					t.Errorf("%s: a Kinde-shaped route never answers %s", name, status)
				}
			}
		}
		for status, response := range op.Responses.Map() {
			for mime, content := range response.Value.Content {
				if content.Example == nil && len(content.Examples) == 0 {
					t.Errorf("%s: %s %s has no example", name, status, mime)
				}
			}
		}
	})
	for scope, used := range scopes {
		if !used {
			t.Errorf("no operation asks for %s", scope)
		}
	}
}

// wireTypes are the Go types of the schemas of the same name.
var wireTypes = map[string]any{
	"Error": Error{}, "Errors": Errors{}, "RouteNotFound": RouteNotFound{}, "Success": Success{},
	"BillingEntitlementList": BillingEntitlementList{}, "BillingEntitlement": BillingEntitlement{}, "BillingPlan": BillingPlan{},
	"BillingAgreementList": BillingAgreementList{}, "BillingAgreement": BillingAgreement{},
	"BillingAgreementEntitlement": BillingAgreementEntitlement{}, "CreateBillingAgreementRequest": CreateBillingAgreementRequest{},
	"Customer": Customer{}, "CustomerList": CustomerList{}, "CreateCustomerRequest": CreateCustomerRequest{}, "UpdateCustomerRequest": UpdateCustomerRequest{},
	"Agreement": Agreement{}, "CreateCustomerAgreementRequest": CreateCustomerAgreementRequest{},
	"Catalog": Catalog{}, "Feature": Feature{}, "PlanGroup": PlanGroup{}, "Plan": Plan{}, "Trial": Trial{}, "Item": Item{}, "Tier": Tier{},
	"PlanSummary": PlanSummary{}, "PlanDetail": PlanDetail{}, "PlanVersion": PlanVersion{},
	"PlanList": PlanList{}, "FeatureList": FeatureList{}, "PlanGroupList": PlanGroupList{},
	"CatalogChanges": CatalogChanges{}, "CatalogChange": CatalogChange{}, "CatalogThing": CatalogThing{},
	"Token": Token{}, "TokenError": TokenError{}, "JWKS": JWKS{}, "JWK": JWK{}, "OpenIDConfiguration": OpenIDConfiguration{},
}

// field is what a schema and a Go field both say about a property.
type field struct{ Required, Nullable bool }

// fieldsOf reads the null policy out of a wire type, as doc.go states it.
func fieldsOf(typ reflect.Type) map[string]field {
	fields := map[string]field{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Anonymous {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		fields[name] = field{
			Required: options == "",
			Nullable: options == "" && f.Type.Kind() == reflect.Pointer,
		}
	}
	return fields
}

func TestSchemasEqualTypes(t *testing.T) {
	doc := loadOpenAPI(t)
	notStructs := []string{"Code", "OverLimit"}
	for name, ref := range doc.Components.Schemas {
		if slices.Contains(notStructs, name) {
			continue
		}
		value, ok := wireTypes[name]
		if !ok {
			t.Errorf("schema %s has no Go type", name)
			continue
		}
		optionals := map[string]bool{}
		for f := range reflect.TypeOf(value).Fields() {
			if strings.HasPrefix(f.Type.Name(), "Optional[") {
				key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				optionals[key] = true
			}
		}
		schema := map[string]field{}
		for property, p := range ref.Value.Properties {
			schema[property] = field{
				Required: slices.Contains(ref.Value.Required, property),
				// Whether null is accepted in a request is not in the Go type.
				Nullable: p.Value.Nullable && !optionals[property],
			}
		}
		if diff := cmp.Diff(fieldsOf(reflect.TypeOf(value)), schema); diff != "" {
			t.Errorf("%s: Go type (-), openapi.yaml (+):\n%s", name, diff)
		}
	}
	for name := range wireTypes {
		if doc.Components.Schemas[name] == nil {
			t.Errorf("type %s has no schema", name)
		}
	}
}

// Each example, read into its Go type and written again, is itself: so the types
// lose nothing and add nothing.
func TestExamplesRoundTrip(t *testing.T) {
	doc := loadOpenAPI(t)
	checked := 0
	check := func(where string, content openapi3.Content) {
		media := content["application/json"]
		if media == nil {
			return
		}
		name := strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")
		value, ok := wireTypes[name]
		if !ok {
			t.Errorf("%s: schema %q has no Go type", where, media.Schema.Ref)
			return
		}
		for title, example := range media.Examples {
			in, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			p := reflect.New(reflect.TypeOf(value))
			if err := strictDecode(in, p.Interface()); err != nil {
				t.Errorf("%s: example %s: %v", where, title, err)
				continue
			}
			out, err := json.Marshal(p.Interface())
			if err != nil {
				t.Errorf("%s: example %s: %v", where, title, err)
				continue
			}
			if diff := cmp.Diff(anyJSON(t, in), anyJSON(t, out)); diff != "" {
				t.Errorf("%s: example %s is not itself again:\n%s", where, title, diff)
			}
			checked++
		}
	}
	operations(doc, func(name string, _ *openapi3.PathItem, op *openapi3.Operation) {
		if op.RequestBody != nil {
			check(name, op.RequestBody.Value.Content)
		}
		for status, response := range op.Responses.Map() {
			check(name+" "+status, response.Value.Content)
		}
	})
	if checked < 100 {
		t.Errorf("only %d examples checked", checked)
	}
}

func strictDecode(data []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return err
	}
	return nil
}

func anyJSON(t *testing.T, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
