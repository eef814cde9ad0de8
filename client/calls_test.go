package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// Every call, as the request that it sends and the value that it reads.
func TestCalls(t *testing.T) {
	at := api.NewTime(time.Date(2026, 11, 22, 21, 0, 0, 0, time.FixedZone("", 11*3600)))
	const (
		customer  = `{"id":"customer_1","type":"user","status":"active","created_on":"2026-11-22T10:00:00Z","agreements":[]}`
		agreement = `{"id":"agreement_1","customer_id":"customer_1","plan_code":"pro","version":1,"kind":"plan","quantity":1,"annual":false,"status":"live","starts_on":"2026-11-22T10:00:00Z","expires_on":null,"current_period_start":null,"current_period_end":null,"created_on":"2026-11-22T10:00:00Z"}`
		success   = `{"code":"OK","message":"Success"}`
		noPlans   = `{"plans":[],"has_more":false}`
	)
	done := func(err error) (any, error) { return nil, err }
	for name, c := range map[string]struct {
		call   func(context.Context, *client.Client) (any, error)
		want   string // method and target
		body   string
		answer string // JSON that is read into a value which writes it again
	}{
		"entitlements": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Entitlements.List(ctx, client.EntitlementParams{CustomerID: "c c/ü&", PageSize: 5, StartingAfter: "e1", EndingBefore: "e2", MaxValue: new(int64(0)), Expand: api.ExpandPlans})
			},
			want:   "GET /api/v1/billing/entitlements?customer_id=c+c%2F%C3%BC%26&ending_before=e2&expand=plans&max_value=0&page_size=5&starting_after=e1",
			answer: `{"code":"OK","message":"Success","has_more":true,"entitlements":[{"id":"e","fixed_charge":0,"price_name":"p","unit_amount":3,"feature_code":"f","feature_name":"F","entitlement_limit_max":9007199254740991,"entitlement_limit_min":1}],"plans":[{"code":"pro","subscribed_on":"2026-11-22T10:00:00Z"}]}`,
		},
		"entitlements, only what is required": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Entitlements.List(ctx, client.EntitlementParams{CustomerID: "c"})
			},
			want:   "GET /api/v1/billing/entitlements?customer_id=c",
			answer: `{"code":"OK","message":"Success","has_more":false,"entitlements":[]}`,
		},
		"agreements": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Agreements.List(ctx, client.AgreementParams{CustomerID: "c", PageSize: 500, StartingAfter: "a", FeatureCode: "seats"})
			},
			want:   "GET /api/v1/billing/agreements?customer_id=c&feature_code=seats&page_size=500&starting_after=a",
			answer: `{"code":"OK","message":"Success","has_more":false,"agreements":[{"id":"a","plan_code":"pro","expires_on":null,"billing_group_id":"sbg_1","current_period_start":"2026-11-22T10:00:00Z","current_period_end":null,"entitlements":[{"feature_code":"seats","entitlement_id":"e"}]}]}`,
		},
		"create agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Agreements.Create(ctx, api.CreateBillingAgreementRequest{CustomerID: "c", PlanCode: "pro", IsProrate: new(false)}))
			},
			want:   "POST /api/v1/billing/agreements",
			body:   `{"customer_id":"c","plan_code":"pro","is_prorate":false}`,
			answer: success,
		},
		"cancel agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Agreements.Cancel(ctx, "agreement_1"))
			},
			want:   "DELETE /api/v1/billing/agreements?agreement_id=agreement_1",
			answer: success,
		},
		"customers": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.List(ctx, client.CustomerParams{Q: "a b", OrgCode: "o", UserID: "u", PlanCode: "p", PageParams: client.PageParams{PageSize: 2, EndingBefore: "c"}})
			},
			want:   "GET /v1/customers?ending_before=c&org_code=o&page_size=2&plan_code=p&q=a+b&user_id=u",
			answer: `{"customers":[],"has_more":false}`,
		},
		"create customer on the default plan": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerUser, UserID: "u", AnchorOn: at})
			},
			want:   "POST /v1/customers",
			body:   `{"type":"user","user_id":"u","anchor_on":"2026-11-22T10:00:00Z"}`,
			answer: customer,
		},
		"create customer on no plan": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerUser, PlanCode: api.Null[string](), Metadata: map[string]string{"a": "b"}})
			},
			want:   "POST /v1/customers",
			body:   `{"type":"user","plan_code":null,"metadata":{"a":"b"}}`,
			answer: customer,
		},
		"get customer": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Get(ctx, "customer_1")
			},
			want:   "GET /v1/customers/customer_1",
			answer: customer,
		},
		"an id stays one part of the path": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Get(ctx, "../catalog?x=1#y")
			},
			want:   "GET /v1/customers/..%2Fcatalog%3Fx=1%23y",
			answer: customer,
		},
		"update customer": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Update(ctx, "customer_1", api.UpdateCustomerRequest{Email: api.Null[string](), Status: api.Some(api.CustomerSuspended)})
			},
			want:   "PATCH /v1/customers/customer_1",
			body:   `{"email":null,"status":"suspended"}`,
			answer: customer,
		},
		"delete customer": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Customers.Delete(ctx, "customer_1"))
			},
			want:   "DELETE /v1/customers/customer_1",
			answer: success,
		},
		"purge customer": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Customers.Purge(ctx, "customer_1"))
			},
			want:   "DELETE /v1/customers/customer_1?purge=true",
			answer: success,
		},
		"create customer's agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.CreateAgreement(ctx, "customer_1", api.CreateCustomerAgreementRequest{PlanCode: "pro", Version: new(int64(2)), Annual: true, StartsOn: at, When: api.WhenPeriodEnd})
			},
			want:   "POST /v1/customers/customer_1/agreements",
			body:   `{"plan_code":"pro","version":2,"annual":true,"starts_on":"2026-11-22T10:00:00Z","when":"period_end"}`,
			answer: agreement,
		},
		"cancel customer's agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.CancelAgreement(ctx, "agreement_1", api.WhenPeriodEnd)
			},
			want:   "DELETE /v1/agreements/agreement_1?when=period_end",
			answer: agreement,
		},
		"apply": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Apply(ctx, []byte("currency: usd\n"), false)
			},
			want:   "PUT /v1/catalog",
			body:   "currency: usd\n",
			answer: `{"dry_run":false,"changes":[{"action":"create","kind":"currency","code":"usd","details":[]}],"untouched":[],"warnings":["w"],"revision":"1"}`,
		},
		"apply, dry": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Apply(ctx, []byte("{}"), true)
			},
			want:   "PUT /v1/catalog?dry_run=true",
			body:   "{}",
			answer: `{"dry_run":true,"changes":[],"untouched":[],"warnings":[],"revision":"1"}`,
		},
		"catalog": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Get(ctx)
			},
			want:   "GET /v1/catalog",
			answer: `{"currency":"usd","plans":[{"code":"p","name":"P","group":"g","items":[{"feature":"f","unit_amount":0.04,"over_limit":{"grace":{"days":2}}}]}]}`,
		},
		"plans": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Plans(ctx, client.PageParams{StartingAfter: "free"})
			},
			want:   "GET /v1/plans?starting_after=free",
			answer: noPlans,
		},
		"plan": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Plan(ctx, "pro")
			},
			want:   "GET /v1/plans/pro",
			answer: `{"code":"pro","name":"Pro","group":"g","kind":"plan","status":"draft","archived":false,"default":false,"versions":[]}`,
		},
		"features": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Features(ctx, client.PageParams{PageSize: 1})
			},
			want:   "GET /v1/features?page_size=1",
			answer: `{"features":[{"code":"f","name":"F","type":"charge"}],"has_more":true}`,
		},
		"plan groups": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.PlanGroups(ctx, client.PageParams{EndingBefore: "x"})
			},
			want:   "GET /v1/plan_groups?ending_before=x",
			answer: `{"plan_groups":[{"code":"g","name":"G","customer_type":"user","default":true}],"has_more":false}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, answer(200, c.answer))
			got, err := c.call(t.Context(), overLoopback(t, s, client.WithToken("t")))
			if err != nil {
				t.Fatal(err)
			}
			r, body := s.request(0)
			if diff := cmp.Diff(c.want, r.Method+" "+r.RequestURI); diff != "" {
				t.Errorf("request:\n%s", diff)
			}
			if diff := cmp.Diff(c.body, body); diff != "" {
				t.Errorf("body:\n%s", diff)
			}
			wantType := ""
			if body != "" {
				wantType = "application/json"
				if r.Method == "PUT" {
					wantType = "application/yaml"
				}
			}
			if got := r.Header.Get("Content-Type"); got != wantType {
				t.Errorf("Content-Type is %q, want %q", got, wantType)
			}
			if got == nil {
				return
			}
			out, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.answer, string(out)); diff != "" {
				t.Errorf("answer:\n%s", diff)
			}
		})
	}
}

func TestGetYAML(t *testing.T) {
	const file = "currency: usd\n"
	s := newScript(t, answer(200, file, "Content-Type", "application/yaml"))
	got, err := overLoopback(t, s).Catalog.GetYAML(t.Context())
	if err != nil || string(got) != file {
		t.Errorf("got %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"GET /v1/catalog?format=yaml"}, s.lines()); diff != "" {
		t.Error(diff)
	}
}

// An empty name would turn a call on one thing into one on all of them.
func TestNamesThatNameNothing(t *testing.T) {
	c := overLoopback(t, newScript(t)) // gets no request
	for _, id := range []string{"", ".", ".."} {
		_, getErr := c.Customers.Get(t.Context(), id)
		_, updateErr := c.Customers.Update(t.Context(), id, api.UpdateCustomerRequest{})
		_, createErr := c.Customers.CreateAgreement(t.Context(), id, api.CreateCustomerAgreementRequest{})
		_, cancelErr := c.Customers.CancelAgreement(t.Context(), id, api.WhenNow)
		_, planErr := c.Catalog.Plan(t.Context(), id)
		for i, err := range []error{getErr, updateErr, createErr, cancelErr, planErr, c.Customers.Delete(t.Context(), id), c.Customers.Purge(t.Context(), id)} {
			if err == nil {
				t.Errorf("call %d with the name %q was sent", i, id)
			}
		}
	}
}

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
