package api

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptional(t *testing.T) {
	for in, want := range map[string]UpdateCustomerRequest{
		`{}`:                                  {},
		`{"name":null}`:                       {Name: Null[string]()},
		`{"name":""}`:                         {Name: Some("")},
		`{"metadata":{"a":"b"},"email":null}`: {Metadata: Some(map[string]string{"a": "b"}), Email: Null[string]()},
	} {
		var got UpdateCustomerRequest
		if err := strictDecode([]byte(in), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s read:\n%s", in, diff)
		}
		out, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(anyJSON(t, []byte(in)), anyJSON(t, out)); diff != "" {
			t.Errorf("%s written:\n%s", in, diff)
		}
	}
	var o Optional[string]
	if err := json.Unmarshal([]byte(`7`), &o); err == nil || o.Set {
		t.Errorf("a number was read as a string: %v", o)
	}
}

// Kinde's Go client refuses a page that holds one null integer.
func TestNullPolicy(t *testing.T) {
	for name, c := range map[string]struct {
		body any
		want string
	}{
		"bare entitlement": {
			BillingEntitlementList{Code: CodeOK, Message: MessageSuccess, Entitlements: []BillingEntitlement{{ID: "e", PriceName: "p"}}},
			`{"code":"OK","message":"Success","has_more":false,"entitlements":[{"id":"e","price_name":"p","feature_code":"","feature_name":""}]}`,
		},
		"zeros are values": {
			BillingEntitlement{FixedCharge: new(int64), UnitAmount: new(int64), EntitlementLimitMax: new(int64(MaxInteger)), EntitlementLimitMin: new(int64)},
			`{"id":"","fixed_charge":0,"price_name":"","unit_amount":0,"feature_code":"","feature_name":"","entitlement_limit_max":9007199254740991,"entitlement_limit_min":0}`,
		},
		"plans asked for, none held": {
			BillingEntitlementList{Entitlements: []BillingEntitlement{}, Plans: []BillingPlan{}},
			`{"code":"","message":"","has_more":false,"entitlements":[],"plans":[]}`,
		},
		"the four nullable fields": {
			BillingAgreement{ID: "a", PlanCode: "pro", Entitlements: []BillingAgreementEntitlement{}},
			`{"id":"a","plan_code":"pro","expires_on":null,"billing_group_id":null,"current_period_start":null,"current_period_end":null,"entitlements":[]}`,
		},
		"customer in a list": {
			Customer{ID: "c", Type: CustomerUser, Status: CustomerActive, TimeZone: "UTC"},
			`{"id":"c","type":"user","status":"active","anchor_on":null,"time_zone":"UTC","created_on":"0001-01-01T00:00:00Z"}`,
		},
		"customer alone, without agreements": {
			Customer{ID: "c", Type: CustomerUser, Status: CustomerActive, TimeZone: "UTC", Agreements: []Agreement{}, Overrides: []Override{}},
			`{"id":"c","type":"user","status":"active","anchor_on":null,"time_zone":"UTC","created_on":"0001-01-01T00:00:00Z","agreements":[],"overrides":[]}`,
		},
		"bare account entitlement": {
			AccountEntitlement{ID: "e", PriceName: "p", FeatureKey: "f", FeatureName: "F"},
			`{"id":"e","fixed_charge":null,"price_name":"p","unit_amount":null,"feature_key":"f","feature_name":"F","entitlement_limit_max":null,"entitlement_limit_min":null}`,
		},
		"first page of an account without anything": {
			AccountEntitlementList{Data: AccountEntitlements{Plans: []AccountPlan{}, Entitlements: []AccountEntitlement{}}},
			`{"data":{"org_code":null,"plans":[],"entitlements":[]},"metadata":{"has_more":false,"next_page_starting_after":null}}`,
		},
		"later page of an account": {
			AccountEntitlementList{Data: AccountEntitlements{Entitlements: []AccountEntitlement{}}},
			`{"data":{"org_code":null,"entitlements":[]},"metadata":{"has_more":false,"next_page_starting_after":null}}`,
		},
		"one of an account": {
			AccountEntitlementOne{Data: AccountEntitlementData{Entitlement: AccountEntitlement{ID: "e"}}},
			`{"data":{"org_code":null,"entitlement":{"id":"e","fixed_charge":null,"price_name":"","unit_amount":null,"feature_key":"","feature_name":"","entitlement_limit_max":null,"entitlement_limit_min":null}},"metadata":{}}`,
		},
		"decision without anything": {
			Decision{Reason: ReasonNotEntitled, FeatureCode: "f", Type: FeatureUnmetered, Used: "0", Held: "0", Sources: []Source{}, Revision: "1.1"},
			`{"allowed":false,"reason":"not_entitled","feature_code":"f","type":"unmetered","limit":null,"used":"0","held":"0","remaining":null,"soft":false,"resets_on":null,"next_change":null,"sources":[],"revision":"1.1"}`,
		},
		"refused hold": {
			Hold{Decision: Decision{Reason: ReasonLimitReached, FeatureCode: "f", Type: FeatureMetered, Limit: new(int64), Used: "0", Held: "0", Remaining: new(Decimal("0")), Sources: []Source{{Kind: SourceOverride, ID: "o", Max: new(int64), Counts: true}}}},
			`{"allowed":false,"reason":"limit_reached","feature_code":"f","type":"metered","limit":0,"used":"0","held":"0","remaining":"0","soft":false,"resets_on":null,"next_change":null,"sources":[{"kind":"override","id":"o","max":0,"counts":true}],"revision":""}`,
		},
		"override of nothing set": {
			Override{ID: "o", FeatureCode: "f"},
			`{"id":"o","feature_code":"f","starts_on":"0001-01-01T00:00:00Z","expires_on":null}`,
		},
		"override that unlimits": {
			Override{ID: "o", FeatureCode: "f", Max: Null[int64]()},
			`{"id":"o","feature_code":"f","max":null,"starts_on":"0001-01-01T00:00:00Z","expires_on":null}`,
		},
		"override down to nothing": {
			SetOverrideRequest{Max: Some[int64](0)},
			`{"max":0}`,
		},
		"no trial":          {TrialChoice{}, `false`},
		"a trial of days":   {TrialChoice{Days: 14}, `{"days":14}`},
		"nothing of trials": {UpdateAgreementRequest{}, `{}`},
		"unknown route": {
			RouteNotFound{Error{Code: CodeRouteNotFound, Message: "no route serves this path"}},
			`{"errors":{"code":"ROUTE_NOT_FOUND","message":"no route serves this path"}}`,
		},
		"success": {OK(), `{"code":"OK","message":"Success"}`},
	} {
		out, err := json.Marshal(c.body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(out)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestOverLimit(t *testing.T) {
	for in, want := range map[string]OverLimit{
		`"block"`:               {Policy: OverLimitBlock},
		`"allow"`:               {Policy: OverLimitAllow},
		`{"grace":{"days":14}}`: {Policy: OverLimitGrace, Days: 14},
	} {
		var got OverLimit
		if err := json.Unmarshal([]byte(in), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s read:\n%s", in, diff)
		}
		if out, err := json.Marshal(got); err != nil || string(out) != in {
			t.Errorf("%s written: %s, %v", in, out, err)
		}
	}
	for _, bad := range []string{`"grace"`, `""`, `null`, `7`, `{}`, `{"grace":14}`, `{"grace":{"days":0}}`, `{"grace":{"days":1,"hours":2}}`} {
		var got OverLimit
		if err := got.UnmarshalJSON([]byte(bad)); err == nil {
			t.Errorf("%s was read as %+v", bad, got)
		}
	}
	if out, err := json.Marshal(OverLimit{Policy: "forgive"}); err == nil {
		t.Errorf("an unknown policy was written as %s", out)
	}
}

// Prices are decimals and never pass through a float.
func TestUnitAmountStaysAsWritten(t *testing.T) {
	const in = `{"feature":"calls","tiers":[{"up_to":1000,"unit_amount":0},{"unit_amount":0.0400000000000000001}]}`
	var item Item
	if err := strictDecode([]byte(in), &item); err != nil {
		t.Fatal(err)
	}
	if out, err := json.Marshal(item); err != nil || string(out) != in {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestParameterCodes(t *testing.T) {
	if got := RequiredCode("plan_code"); got != "PLAN_CODE_REQUIRED" {
		t.Error(got)
	}
	if got := InvalidCode("page_size"); got != "PAGE_SIZE_INVALID" {
		t.Error(got)
	}
}
