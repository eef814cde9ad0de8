package client_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// What Kinde really sends, against its description: floats for integers, nulls,
// dates alone, offsets of two digits, fields it does not describe, no message.
func TestKindesRealAnswers(t *testing.T) {
	s := newScript(t,
		answer(200, `{"code":"OK","has_more":false,"entitlements":[
			{"id":"e1","fixed_charge":0.0,"price_name":null,"unit_amount":12.000,"feature_code":"f","feature_name":"F","entitlement_limit_max":2147483647,"entitlement_limit_min":0},
			{"id":"e2","fixed_charge":null,"price_name":"P","unit_amount":null,"feature_code":"g","feature_name":"G","entitlement_limit_max":null,"new":{"field":1}}],
			"plans":[{"code":"pro","name":"Pro","subscribed_on":"2026-11-22"},{"code":"old","subscribed_on":"2024-11-18T13:32:03+11"}]}`),
		answer(200, `{"entitlements":null,"plans":null}`),
		answer(200, `{"code":"OK","agreements":[{"id":"a","plan_code":"pro","expires_on":"2024-11-18 13:32:03.25+00","current_period_end":"2024-11-18T13:32:03"}]}`),
	)
	c := overLoopback(t, s)
	got, err := c.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	want := &api.BillingEntitlementList{
		Code: "OK",
		Entitlements: []api.BillingEntitlement{
			{ID: "e1", FixedCharge: new(int64), UnitAmount: new(int64(12)), FeatureCode: "f", FeatureName: "F", EntitlementLimitMax: new(int64(2147483647)), EntitlementLimitMin: new(int64)},
			{ID: "e2", PriceName: "P", FeatureCode: "g", FeatureName: "G"},
		},
		Plans: []api.BillingPlan{
			{Code: "pro", SubscribedOn: api.Time{Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}},
			{Code: "old", SubscribedOn: api.Time{Time: time.Date(2024, 11, 18, 2, 32, 3, 0, time.UTC)}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	if got, err := c.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: "c"}); err != nil || len(got.Entitlements) != 0 {
		t.Errorf("got %v, %v", got, err)
	}

	agreements, err := c.Agreements.List(t.Context(), client.AgreementParams{CustomerID: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]api.BillingAgreement{{
		ID: "a", PlanCode: "pro",
		ExpiresOn:        api.NewTime(time.Date(2024, 11, 18, 13, 32, 3, 250e6, time.UTC)),
		CurrentPeriodEnd: api.NewTime(time.Date(2024, 11, 18, 13, 32, 3, 0, time.UTC)),
	}}, agreements.Agreements); diff != "" {
		t.Error(diff)
	}
}

// An amount that no int64 holds must not turn into another one.
func TestIntegersThatAreNone(t *testing.T) {
	for _, amount := range []string{"12.5", "1e3", "9223372036854775808", `"ten"`, "true"} {
		s := newScript(t, answer(200, `{"entitlements":[{"id":"e","fixed_charge":`+amount+`}]}`))
		got, err := overLoopback(t, s).Entitlements.List(t.Context(), client.EntitlementParams{})
		if err == nil {
			t.Errorf("%s was read as %d", amount, *got.Entitlements[0].FixedCharge)
		}
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"customers":[]`, `{"customers":{}}`, `[]`} {
		s := newScript(t, answer(200, body))
		if got, err := overLoopback(t, s).Customers.List(t.Context(), client.CustomerParams{}); err == nil {
			t.Errorf("%q was read as %+v", body, got)
		}
	}
	big := bytes.Repeat([]byte(" "), 64<<20)
	s := newScript(t, answer(200, string(big)+"{}"))
	if _, err := overLoopback(t, s).Customers.List(t.Context(), client.CustomerParams{}); err == nil {
		t.Error("an answer of more than 64 MiB was read")
	}
}
