package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// loadOpenAPI reads openapi.yaml to the letter: what it says in x-one-of is held
// too, which no generator of clients is asked to read.
func loadOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(bytes.ReplaceAll(OpenAPI, []byte("x-one-of:"), []byte("oneOf:")))
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

// It also holds every example against its schema, as generators read that and
// to the letter.
func TestOpenAPIIsValid(t *testing.T) {
	plain, err := openapi3.NewLoader().LoadFromData(OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for _, doc := range []*openapi3.T{plain, loadOpenAPI(t)} {
		if err := doc.Validate(t.Context()); err != nil {
			t.Fatal(err)
		}
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

		// x-scope is there exactly if a client's token is asked for. Several
		// scopes, all of which are needed, are separated by spaces.
		scope, _ := op.Extensions["x-scope"].(string)
		if bearer := op.Security == nil; bearer != (scope != "") {
			t.Errorf("%s: bearer token %v, x-scope %q", name, bearer, scope)
		}
		needed := strings.Fields(scope)
		for _, s := range needed {
			if _, ok := scopes[s]; !ok {
				t.Errorf("%s: x-scope %q is not in Scopes", name, s)
			}
			scopes[s] = true
		}
		if want := scopeSentence(needed); !strings.Contains(op.Description, want) {
			t.Errorf("%s: the description does not say %q", name, want)
		}

		user := op.Security != nil && len(*op.Security) == 1 && (*op.Security)[0]["user"] != nil
		if user != strings.Contains(name, " /account_api/") {
			t.Errorf("%s: a user's token %v", name, user)
		}
		if scope != "" || user {
			for _, status := range statuses(name, op) {
				if op.Responses.Value(status) == nil {
					t.Errorf("%s: no answer %s", name, status)
				}
			}
			if op.Parameters.GetByInAndName("header", HeaderMinRevision) == nil {
				t.Errorf("%s does not take %s", name, HeaderMinRevision)
			}
		}

		// Not the token endpoint: a token is a secret, and no work.
		keyed := strings.HasPrefix(name, "POST ") && scope != ""
		if takes := op.Parameters.GetByInAndName("header", HeaderIdempotencyKey) != nil; takes != keyed {
			t.Errorf("%s: takes %s: %v", name, HeaderIdempotencyKey, takes)
		}
		for status, response := range op.Responses.Map() {
			says := response.Value.Headers[HeaderIdempotencyReplayed] != nil
			if says != (keyed && status < "300") {
				t.Errorf("%s: %s says %s: %v", name, status, HeaderIdempotencyReplayed, says)
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

// statuses are the refusals that every operation of its form can answer: 400 for
// Allot-Min-Revision alone.
func statuses(name string, op *openapi3.Operation) []string {
	all := []string{"400", "403", "429", "500"}
	if !strings.Contains(name, " /v1/") {
		return all
	}
	if op.RequestBody != nil {
		all = append(all, "413")
	}
	if strings.Contains(name, "{") {
		all = append(all, "404")
	}
	return all
}

// scopeSentence is what the description of an operation says of its scopes.
func scopeSentence(scopes []string) string {
	switch len(scopes) {
	case 0:
		return ""
	case 1:
		return "Scope: `" + scopes[0] + "`."
	}
	return "Scopes: `" + strings.Join(scopes, "` and `") + "`."
}

// wireTypes are the Go types of the schemas of the same name.
var wireTypes = map[string]any{
	"ApiError": Error{}, "Errors": Errors{}, "RouteNotFound": RouteNotFound{}, "Success": Success{}, "Readiness": Readiness{},
	"BillingEntitlementList": BillingEntitlementList{}, "BillingEntitlement": BillingEntitlement{}, "BillingPlan": BillingPlan{},
	"BillingAgreementList": BillingAgreementList{}, "BillingAgreement": BillingAgreement{},
	"BillingAgreementEntitlement": BillingAgreementEntitlement{}, "CreateBillingAgreementRequest": CreateBillingAgreementRequest{},
	"CancelBillingAgreementRequest": CancelBillingAgreementRequest{},
	"CreateMeterUsageRequest":       CreateMeterUsageRequest{}, "CreateUserBillingCustomerRequest": CreateUserBillingCustomerRequest{},
	"UserBillingCustomer": UserBillingCustomer{}, "BillingCustomer": BillingCustomer{},
	"CreateOrganizationRequest": CreateOrganizationRequest{}, "CreatedOrganization": CreatedOrganization{}, "OrganizationRef": OrganizationRef{},
	"OrganizationDetails": OrganizationDetails{}, "OrganizationBilling": OrganizationBilling{}, "OrganizationAgreement": OrganizationAgreement{},
	"UserList": UserList{}, "UserDetails": UserDetails{}, "UserBilling": UserBilling{},
	"GeneratePortalURLRequest": GeneratePortalURLRequest{}, "PortalLink": PortalLink{},
	"AccountEntitlementList": AccountEntitlementList{}, "AccountEntitlements": AccountEntitlements{}, "AccountPlan": AccountPlan{},
	"AccountEntitlement": AccountEntitlement{}, "AccountPage": AccountPage{},
	"AccountEntitlementOne": AccountEntitlementOne{}, "AccountEntitlementData": AccountEntitlementData{},
	"Customer": Customer{}, "CustomerList": CustomerList{}, "CreateCustomerRequest": CreateCustomerRequest{}, "UpdateCustomerRequest": UpdateCustomerRequest{},
	"PutCustomerRequest": PutCustomerRequest{}, "AnswerWarning": Warning{},
	"Agreement": Agreement{}, "CreateCustomerAgreementRequest": CreateCustomerAgreementRequest{},
	"SetOverrideRequest": SetOverrideRequest{}, "CustomerOverride": Override{},
	"CheckRequest": CheckRequest{}, "ConsumeRequest": ConsumeRequest{}, "Decision": Decision{}, "DecisionList": DecisionList{},
	"NextChange": NextChange{}, "Source": Source{}, "CapStanding": CapStanding{}, "CapChange": CapChange{}, "ValueChange": ValueChange{}, "EntitlementList": EntitlementList{}, "Entitlement": Entitlement{},
	"CreateHoldRequest": CreateHoldRequest{}, "Hold": Hold{}, "ConfirmHoldRequest": ConfirmHoldRequest{}, "ClosedHold": ClosedHold{},
	"CreateGrantRequest": CreateGrantRequest{}, "Grant": Grant{}, "GrantPurchase": GrantPurchase{}, "GrantList": GrantList{},
	"CreateWebhookRequest": CreateWebhookRequest{}, "UpdateWebhookRequest": UpdateWebhookRequest{}, "Webhook": Webhook{}, "WebhookList": WebhookList{},
	"WebhookEvents": WebhookEvents{}, "RotateWebhookRequest": RotateWebhookRequest{}, "ReplayWebhookRequest": ReplayWebhookRequest{},
	"WebhookTest": WebhookTest{}, "Delivery": Delivery{}, "DeliveryList": DeliveryList{},
	"VoidGrantRequest": VoidGrantRequest{}, "VoidedGrant": VoidedGrant{}, "Refund": Refund{},
	"PoolUse": PoolUse{}, "CreditDraw": CreditDraw{}, "CreditWindow": CreditWindow{},
	"Credits": Credits{}, "CreditSource": CreditSource{}, "CreditLedger": CreditLedger{}, "CreditEntry": CreditEntry{},
	"UsageSeries": UsageSeries{}, "UsageBucket": UsageBucket{}, "UsageShare": UsageShare{},
	"ExtendHoldRequest": ExtendHoldRequest{}, "HoldDetail": HoldDetail{}, "HoldList": HoldList{}, "UpdateAgreementRequest": UpdateAgreementRequest{},
	"RecordUsageRequest": RecordUsageRequest{}, "UsageReport": UsageReport{}, "UsageResultList": UsageResultList{}, "UsageResult": UsageResult{},
	"Usage": Usage{}, "UsageWindow": UsageWindow{}, "UsageRecord": UsageRecord{},
	"PreviewPlanRequest": PreviewPlanRequest{}, "PlanPreview": PlanPreview{}, "PreviewCounts": PreviewCounts{}, "PreviewGroup": PreviewGroup{},
	"PlanVersionRef": PlanVersionRef{}, "PlanEffect": PlanEffect{}, "LimitChange": LimitChange{}, "LimitExcess": LimitExcess{},
	"MigratePlanRequest": MigratePlanRequest{}, "PlanMigration": PlanMigration{},
	"Catalog": Catalog{}, "Feature": Feature{}, "PlanGroup": PlanGroup{}, "Plan": Plan{}, "IntervalMultiple": IntervalMultiple{}, "Trial": Trial{}, "Item": Item{}, "Tier": Tier{},
	"LimitCap": Cap{}, "Rollover": Rollover{}, "Burns": Burns{}, "ItemGrant": ItemGrant{}, "UsageRate": Rate{},
	"PlanSummary": PlanSummary{}, "PlanDetail": PlanDetail{}, "PlanVersion": PlanVersion{}, "PlanItem": PlanItem{},
	"PlanList": PlanList{}, "FeatureList": FeatureList{}, "PriceList": PriceList{}, "PricedPlan": PricedPlan{}, "PlanCharge": PlanCharge{}, "PlanGroupList": PlanGroupList{},
	"CatalogChanges": CatalogChanges{}, "CatalogChange": CatalogChange{}, "CatalogThing": CatalogThing{},
	"FeedEvent": Event{}, "EventActor": EventActor{}, "FeedEventList": EventList{},
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
	notStructs := []string{"Code", "DecimalText", "DecimalInput", "ConfigValue"}
	for name, ref := range doc.Components.Schemas {
		if slices.Contains(notStructs, name) {
			continue
		}
		if len(ref.Value.OneOf) > 0 {
			checkOneOf(t, name, ref.Value)
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

// checkOneOf: a schema that is one of several has the fields of all of them, and
// needs none.
func checkOneOf(t *testing.T, name string, schema *openapi3.Schema) {
	t.Helper()
	want, got := map[string]field{}, map[string]field{}
	for _, one := range schema.OneOf {
		for property, p := range one.Value.Properties {
			want[property] = field{Nullable: p.Value.Nullable}
		}
	}
	for property, p := range schema.Properties {
		got[property] = field{slices.Contains(schema.Required, property), p.Value.Nullable}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: what it is one of (-), it (+):\n%s", name, diff)
	}
}

// Each example, read into its Go type and written again, is itself: so the types
// lose nothing and add nothing. Of an answer that has one of several types, it is
// exactly one.
func TestExamplesRoundTrip(t *testing.T) {
	doc := loadOpenAPI(t)
	checked := 0
	check := func(where string, content openapi3.Content) {
		media := content["application/json"]
		if media == nil || strings.HasPrefix(where, "GET /openapi.json") { // the description is not one of the types
			return
		}
		schemas := media.Schema.Value.OneOf
		if len(schemas) == 0 {
			schemas = openapi3.SchemaRefs{media.Schema}
		}
		var types []reflect.Type
		for _, schema := range schemas {
			value, ok := wireTypes[strings.TrimPrefix(schema.Ref, "#/components/schemas/")]
			if !ok {
				t.Errorf("%s: schema %q has no Go type", where, schema.Ref)
				return
			}
			types = append(types, reflect.TypeOf(value))
		}
		for title, example := range media.Examples {
			in, err := json.Marshal(example.Value.Value)
			if err != nil {
				t.Fatal(err)
			}
			var faults []string
			for _, typ := range types {
				if err := roundTrip(in, reflect.New(typ).Interface()); err != nil {
					faults = append(faults, err.Error())
				}
			}
			if len(faults) != len(types)-1 {
				t.Errorf("%s: example %s fits %d of %d types: %v", where, title, len(types)-len(faults), len(types), faults)
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
	if checked < 250 {
		t.Errorf("only %d examples checked", checked)
	}
}

// roundTrip reads in into a value, and tells how what that writes differs.
func roundTrip(in []byte, into any) error {
	if err := strictDecode(in, into); err != nil {
		return err
	}
	out, err := json.Marshal(into)
	if err != nil {
		return err
	}
	var want, got any
	if err := errors.Join(json.Unmarshal(in, &want), json.Unmarshal(out, &got)); err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return errors.New("is not itself again:\n" + diff)
	}
	return nil
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
