package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// sent are the names that calls have sent, by method and path: those of the query
// after "?", those of a body's fields after ".", those of a record's after "[].".
type sent map[string]map[string]bool

func (s sent) note(t *testing.T, r *http.Request, body string) {
	t.Helper()
	target, err := url.Parse(r.RequestURI)
	if err != nil {
		t.Fatal(err)
	}
	call := r.Method + " " + target.Path
	if s[call] == nil {
		s[call] = map[string]bool{}
	}
	for name := range target.Query() {
		s[call]["?"+name] = true
	}
	if !strings.HasPrefix(body, "{") {
		return
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &fields); err != nil {
		t.Fatal(err)
	}
	for name, value := range fields {
		s[call]["."+name] = true
		var records []map[string]json.RawMessage
		if json.Unmarshal(value, &records) != nil {
			continue // no list of objects
		}
		for _, record := range records {
			for field := range record {
				s[call]["[]."+field] = true
			}
		}
	}
}

// unsent is what openapi.yaml describes and no call sends, on purpose.
var unsent = map[string]string{
	"cancelBillingAgreement.agreement_id": "it is sent in the query",
	"getAccountEntitlements?limit":        "page_size is the same",
}

// unspoken are the operations that the client has no method for, on purpose.
var unspoken = map[string]string{
	"getAccountEntitlementByQuery": "the same as getAccountEntitlement",
	"createToken":                  "what WithClientCredentials does: see token_test.go",
	"getJWKS":                      "for who checks tokens",
	"getJWKSFile":                  "for who checks tokens",
	"getOpenIDConfiguration":       "for who checks tokens",
	"getHealth":                    "for who runs a server",
	"getReadiness":                 "for who runs a server",
	"getOpenAPI":                   "for who reads it",
	"getOpenAPIAsJSON":             "for who reads it",
	"createOrganization":           "for apps of Kinde's, with Kinde's SDKs; Customers.Put is ours",
	"getOrganization":              "for apps of Kinde's, with Kinde's SDKs; Customers.Get is ours",
	"getUser":                      "for apps of Kinde's, with Kinde's SDKs; Customers.Get is ours",
	"getUsers":                     "for apps of Kinde's, with Kinde's SDKs; Customers.List is ours",
	"generatePortalURL":            "for apps of Kinde's, with Kinde's SDKs",
	"getPortalLink":                "for pages of apps of Kinde's, with Kinde's SDKs",
}

// full is a value with every field set.
func full[T any]() T {
	var v T
	sample(reflect.ValueOf(&v).Elem())
	return v
}

func sample(v reflect.Value) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("1")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
		if v.Type() == reflect.TypeFor[time.Duration]() {
			v.SetInt(int64(time.Second))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		sample(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		sample(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("1"), reflect.ValueOf("1"))
	case reflect.Struct:
		for i := range v.NumField() {
			sample(v.Field(i))
		}
	default:
		panic(fmt.Sprintf("no way to fill a %v: teach fill one", v.Type()))
	}
}

// The client has a call for every operation that openapi.yaml describes, and a
// field for every parameter of its query and every field of its body: calls with
// all that their types have send all of them.
func TestWhatIsDescribedCanBeSent(t *testing.T) {
	s := sent{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		s.note(t, r, string(body))
	}))
	defer server.Close()
	c, err := client.New(server.URL, client.WithToken("t"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	// What they come to is an error: nothing is answered.
	_, _ = c.Account.Entitlements(ctx, full[client.AccountParams]())
	_, _ = c.Account.Entitlement(ctx, "f")
	_, _ = c.Agreements.List(ctx, full[client.AgreementParams]())
	_ = c.Agreements.Create(ctx, full[api.CreateBillingAgreementRequest]())
	_ = c.Agreements.Cancel(ctx, "a")
	_, _ = c.Catalog.Apply(ctx, []byte("currency: usd"), true)
	_, _ = c.Catalog.GetYAML(ctx)
	_, _ = c.Catalog.Plan(ctx, "p")
	_, _ = c.Catalog.Pricing(ctx, "teams")
	_, _ = c.Catalog.Plans(ctx, full[client.PageParams]())
	_, _ = c.Catalog.Features(ctx, full[client.PageParams]())
	_, _ = c.Catalog.PlanGroups(ctx, full[client.PageParams]())
	_, _ = c.Check(ctx, full[client.CheckParams]())
	_, _ = c.CheckAll(ctx, full[client.CheckAllParams]())
	_, _ = c.Consume(ctx, full[client.ConsumeParams]())
	_, _ = c.Customers.List(ctx, full[client.CustomerParams]())
	_, _ = c.Customers.Create(ctx, full[api.CreateCustomerRequest]())
	_, _ = c.Customers.Get(ctx, "c")
	_, _ = c.Customers.Update(ctx, "c", full[api.UpdateCustomerRequest]())
	_, _ = c.Customers.Put(ctx, "c", full[api.PutCustomerRequest]())
	_ = c.Customers.Purge(ctx, "c")
	_, _ = c.Customers.CreateAgreement(ctx, "c", full[api.CreateCustomerAgreementRequest]())
	_, _ = c.Customers.CancelAgreementWith(ctx, "a", full[client.CancelParams]())
	_, _ = c.Customers.UpdateAgreement(ctx, "a", full[api.UpdateAgreementRequest]())
	_, _ = c.Customers.ResumeAgreement(ctx, "a")
	_, _ = c.Customers.SetOverride(ctx, "c", "f", full[api.SetOverrideRequest]())
	_ = c.Customers.EndOverride(ctx, "c", "f")
	_, _ = c.Customers.Entitlements(ctx, "c", full[time.Time]())
	_, _ = c.Customers.EntitlementsKnownNow(ctx, "c", full[time.Time]())
	_, _ = c.Customers.CreateBillingCustomer(ctx, "u", full[api.CreateUserBillingCustomerRequest]())
	_, _ = c.Entitlements.List(ctx, full[client.EntitlementParams]())
	_, _ = c.Events.List(ctx, full[client.EventParams]())
	_, _ = c.Holds.Create(ctx, full[client.HoldParams]())
	_, _ = c.Holds.ConfirmWith(ctx, "h", full[api.ConfirmHoldRequest]())
	_, _ = c.Holds.Extend(ctx, "h", time.Minute)
	_, _ = c.Holds.Get(ctx, "h")
	_, _ = c.Holds.List(ctx, full[client.HoldListParams]())
	_, _ = c.Holds.Release(ctx, "h")
	_, _ = c.Grants.Create(ctx, "c", full[api.CreateGrantRequest]())
	_, _ = c.Grants.Get(ctx, "g")
	_, _ = c.Grants.List(ctx, full[client.GrantListParams]())
	_, _ = c.Grants.Void(ctx, "g", full[api.VoidGrantRequest]())
	_, _ = c.Webhooks.Create(ctx, full[api.CreateWebhookRequest]())
	_, _ = c.Webhooks.Get(ctx, "w")
	_, _ = c.Webhooks.Update(ctx, "w", full[api.UpdateWebhookRequest]())
	_ = c.Webhooks.Delete(ctx, "w")
	_, _ = c.Webhooks.Rotate(ctx, "w", full[api.RotateWebhookRequest]())
	_, _ = c.Webhooks.Enable(ctx, "w")
	_, _ = c.Webhooks.Replay(ctx, "w", 1)
	_, _ = c.Webhooks.Test(ctx, "w")
	_, _ = c.Webhooks.List(ctx, full[client.PageParams]())
	_, _ = c.Webhooks.Deliveries(ctx, "w", full[client.PageParams]())
	_, _ = c.Credits.Get(ctx, full[client.CreditParams]())
	_, _ = c.Credits.Ledger(ctx, full[client.CreditLedgerParams]())
	_, _ = c.Credits.Series(ctx, full[client.CreditSeriesParams]())
	_, _ = c.Plans.Preview(ctx, "p", full[api.PreviewPlanRequest]())
	_, _ = c.Plans.Migrate(ctx, "p", full[api.MigratePlanRequest]())
	_ = c.Usage.Meter(ctx, full[api.CreateMeterUsageRequest]())
	_, _ = c.Usage.Record(ctx, full[[]api.UsageReport]())
	_, _ = c.Usage.Series(ctx, full[client.SeriesParams]())
	_, _ = c.Usage.List(ctx, full[client.UsageParams]())

	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$")
		for method, op := range item.Operations() {
			got, called := map[string]bool{}, false
			for call, names := range s {
				if m, target, _ := strings.Cut(call, " "); m != method || !pattern.MatchString(target) {
					continue
				}
				called = true
				for name := range names {
					got[name] = true
				}
			}
			if unspoken[op.OperationID] != "" {
				continue
			}
			if !called {
				t.Errorf("no call of the client sends %s %s (%s)", method, path, op.OperationID)
				continue
			}
			for _, name := range described(op) {
				if !got[name] && unsent[op.OperationID+name] == "" {
					t.Errorf("no call of the client sends %s of %s %s (%s): the type of its parameters needs a field", name, method, path, op.OperationID)
				}
			}
		}
	}
}

// described are the names that an operation describes, as [sent] has them.
func described(op *openapi3.Operation) (names []string) {
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			names = append(names, "?"+p.Value.Name)
		}
	}
	if op.RequestBody == nil || op.OperationID == "putCatalog" { // whose body is a file
		return names
	}
	for name, property := range op.RequestBody.Value.Content["application/json"].Schema.Value.Properties {
		names = append(names, "."+name)
		if name == "records" {
			for field := range property.Value.Items.Value.Properties {
				names = append(names, "[]."+field)
			}
		}
	}
	return names
}
