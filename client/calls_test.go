package client_test

import (
	"context"
	"encoding/json"
	"strings"
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
		customer  = `{"id":"customer_1","type":"user","status":"active","anchor_on":null,"time_zone":"UTC","created_on":"2026-11-22T10:00:00Z","agreements":[]}`
		agreement = `{"id":"agreement_1","customer_id":"customer_1","plan_code":"pro","version":1,"kind":"plan","quantity":1,"annual":false,"status":"live","starts_on":"2026-11-22T10:00:00Z","expires_on":null,"current_period_start":null,"current_period_end":null,"created_on":"2026-11-22T10:00:00Z"}`
		success   = `{"code":"OK","message":"Success"}`
		noPlans   = `{"plans":[],"has_more":false}`
		decision  = `"allowed":true,"reason":"within_limit","feature_code":"seats","type":"metered","limit":9007199254740991,"used":"0.1","held":"0","remaining":"9","soft":false,"resets_on":"2026-12-22T10:00:00Z","next_change":{"on":"2026-12-01T00:00:00Z","why":"grace_ends"},"sources":[{"kind":"override","id":"o","max":null,"counts":true}],"revision":"42.7"`
		closed    = `{"id":"hold_1","state":"confirmed","units":"1.5",` + decision + `}`
		webhook   = `{"id":"webhook_1","url":"https://a.example","format":"standard","events":["agreement.created"],"status":"disabled","disabled_reason":"r","disabled_on":"2026-11-22T10:00:00Z","failing_since":"2026-11-22T10:00:00Z","replay_after":3,"created_on":"2026-11-22T10:00:00Z","changed_on":"2026-11-22T10:00:00Z","secret":"whsec_YQ==","old_secret_until":"2026-11-22T10:00:00Z","warnings":[{"code":"EVENTS_MISSED","message":"m"}]}`
		grant     = `{"id":"grant_1","customer_id":"customer_1","feature_code":"calls","amount":"500","kind":"paid","status":"voided","priority":50,"effective_on":"2026-11-22T10:00:00Z","expires_on":null,"only":["chats"],"cost_basis":0.04,"note":"n","pack":"bundle","external_id":"pay_1","created_on":"2026-11-22T10:00:00Z","ended_on":"2026-11-22T10:00:00Z","clawed_back_on":"2026-11-22T10:00:00Z","remaining":"0","drawn":"100","held":"0","debt":"100","refundable":"400","warnings":[{"code":"GRANTS_MANY","message":"m"}]}`
		held      = `{"id":"hold_1","customer_id":"customer_1","feature_code":"seats","state":"confirmed","units":"2","counted":"3","created_on":"2026-11-22T10:00:00Z","expires_on":"2026-11-22T10:01:00Z"}`
		usage     = `{"customer_id":"customer_1","windows":[{"feature_code":"f","starts_on":null,"ends_on":null,"used":"1"}],"records":[],"has_more":false}`
		account   = `{"data":{"org_code":null,"plans":[{"key":"pro","name":"Pro","subscribed_on":"2026-11-22T10:00:00Z"}],"entitlements":[{"id":"e","fixed_charge":null,"price_name":"p","unit_amount":3,"feature_key":"f","feature_name":"F","entitlement_limit_max":9007199254740991,"entitlement_limit_min":null}]},"metadata":{"has_more":true,"next_page_starting_after":"e"}}`
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
		"events": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Events.List(ctx, client.EventParams{After: 7, Types: []string{api.EventAgreementCreated, api.EventAgreementEnded}, CustomerID: "customer_1", PageSize: 5, Wait: 9 * time.Second})
			},
			want:   "GET /v1/events?after=7&customer_id=customer_1&page_size=5&types=agreement.created%2Cagreement.ended&wait=9",
			answer: `{"events":[{"id":8,"type":"agreement.ended","on":"2026-11-22T10:00:00Z","customer_id":"customer_1","actor":{"kind":"time","id":""},"data":{"id":"agreement_1"}}],"has_more":true,"next":9007199254740991}`,
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
				return c.Customers.CreateAgreement(ctx, "customer_1", api.CreateCustomerAgreementRequest{PlanCode: "pro", Version: new(int64(2)), Annual: new(true), StartsOn: at, When: api.WhenPeriodEnd})
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
		"an agreement without trial": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.CreateAgreement(ctx, "customer_1", api.CreateCustomerAgreementRequest{PlanCode: "pro", Trial: new(api.TrialChoice), Anchor: api.AnchorKeep, Scheduled: api.ScheduledDrop})
			},
			want:   "POST /v1/customers/customer_1/agreements",
			body:   `{"plan_code":"pro","trial":false,"anchor":"keep","scheduled":"drop"}`,
			answer: agreement,
		},
		"an agreement of history, with a trial of days": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.CreateAgreement(ctx, "customer_1", api.CreateCustomerAgreementRequest{PlanCode: "pro", Annual: new(false), Trial: &api.TrialChoice{Days: 14}, Import: true, ExternalID: "sub_1", Metadata: map[string]string{"a": "b"}})
			},
			want:   "POST /v1/customers/customer_1/agreements",
			body:   `{"plan_code":"pro","annual":false,"trial":{"days":14},"import":true,"external_id":"sub_1","metadata":{"a":"b"}}`,
			answer: `{"id":"agreement_1","customer_id":"customer_1","plan_code":"pro","version":1,"kind":"plan","quantity":1,"annual":false,"status":"live","starts_on":"2026-11-22T10:00:00Z","expires_on":null,"anchor_on":"2026-11-22T10:00:00Z","current_period_start":null,"current_period_end":null,"created_on":"2026-11-22T10:00:00Z","origin":"import","external_id":"sub_1","metadata":{"a":"b"},"withdrawn":["agreement_2"],"warnings":[{"code":"STARTS_IN_PAST","message":"m"}]}`,
		},
		"cancel an agreement and what comes after": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.CancelAgreementWith(ctx, "agreement_1", client.CancelParams{When: api.WhenNow, Scheduled: api.ScheduledDrop})
			},
			want:   "DELETE /v1/agreements/agreement_1?scheduled=drop&when=now",
			answer: agreement,
		},
		"change an agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.UpdateAgreement(ctx, "agreement_1", api.UpdateAgreementRequest{TrialEndsOn: api.Some(*at), ExpiresOn: api.Null[api.Time](), ExternalID: api.Some("x")})
			},
			want:   "PATCH /v1/agreements/agreement_1",
			body:   `{"trial_ends_on":"2026-11-22T10:00:00Z","expires_on":null,"external_id":"x"}`,
			answer: agreement,
		},
		"resume an agreement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.ResumeAgreement(ctx, "agreement_1")
			},
			want:   "POST /v1/agreements/agreement_1/resume",
			answer: agreement,
		},
		"entitlements as they are known now": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.EntitlementsKnownNow(ctx, "customer_1", at.Time)
			},
			want:   "GET /v1/customers/customer_1/entitlements?at=2026-11-22T10%3A00%3A00Z&known=now",
			answer: `{"customer_id":"customer_1","at":"2026-11-22T10:00:00Z","entitlements":[],"revision":"42.7"}`,
		},
		"confirm more than is held": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.ConfirmWith(ctx, "hold_1", api.ConfirmHoldRequest{Units: "3", Over: api.OverAvailable})
			},
			want:   "POST /v1/holds/hold_1/confirm",
			body:   `{"units":"3","over":"available"}`,
			answer: closed,
		},
		"extend a hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Extend(ctx, "hold_1", 90*time.Second)
			},
			want:   "POST /v1/holds/hold_1/extend",
			body:   `{"expires_in":90}`,
			answer: held,
		},
		"a hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Get(ctx, "hold_1")
			},
			want:   "GET /v1/holds/hold_1",
			answer: held,
		},
		"holds": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.List(ctx, client.HoldListParams{CustomerID: "customer_1", FeatureCode: "seats", PageParams: client.PageParams{PageSize: 2}})
			},
			want:   "GET /v1/customers/customer_1/holds?feature_code=seats&page_size=2",
			answer: `{"holds":[` + held + `],"has_more":true}`,
		},
		"a grant": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Grants.Create(ctx, "customer_1", api.CreateGrantRequest{
					FeatureCode: "calls", Amount: "0.5", Kind: api.GrantPromotional, EffectiveOn: at, ExpiresOn: at, Priority: new(int64(0)),
					Only: []string{"chats"}, CostBasis: "0.04", Note: "n", ExternalID: "pay_1",
				})
			},
			want: "POST /v1/customers/customer_1/grants",
			body: `{"feature_code":"calls","amount":"0.5","kind":"promotional","effective_on":"2026-11-22T10:00:00Z","expires_on":"2026-11-22T10:00:00Z",` +
				`"priority":0,"only":["chats"],"cost_basis":0.04,"note":"n","external_id":"pay_1"}`,
			answer: grant,
		},
		"a pack": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Grants.Buy(ctx, "org_code:o", client.BuyParams{Pack: "bundle", Quantity: 3, ExternalID: "pay_1"})
			},
			want:   "POST /v1/customers/org_code:o/grants",
			body:   `{"pack":"bundle","quantity":3,"external_id":"pay_1"}`,
			answer: `{"grants":[` + grant + `],"warnings":[{"code":"GRANTS_MANY","message":"m"}]}`,
		},
		"get a grant": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Grants.Get(ctx, "grant_1")
			},
			want:   "GET /v1/grants/grant_1",
			answer: grant,
		},
		"void a grant": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Grants.Void(ctx, "grant_1", api.VoidGrantRequest{ClawBack: true, ExternalID: "refund_1"})
			},
			want:   "POST /v1/grants/grant_1/void",
			body:   `{"claw_back":true,"external_id":"refund_1"}`,
			answer: `{"grant":` + grant + `,"refundable":{"units":"400","amount":800},"debt":"100"}`,
		},
		"grants": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Grants.List(ctx, client.GrantListParams{CustomerID: "customer_1", FeatureCode: "calls", PageParams: client.PageParams{PageSize: 2}})
			},
			want:   "GET /v1/customers/customer_1/grants?feature_code=calls&page_size=2",
			answer: `{"grants":[` + grant + `],"has_more":true}`,
		},
		"a webhook": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Create(ctx, api.CreateWebhookRequest{URL: "https://a.example", Format: api.WebhookStandard, Description: "d"})
			},
			want:   "POST /v1/webhooks",
			body:   `{"url":"https://a.example","format":"standard","events":"all","description":"d"}`,
			answer: webhook,
		},
		"update a webhook": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Update(ctx, "webhook_1", api.UpdateWebhookRequest{Events: &api.WebhookEvents{"agreement.created"}})
			},
			want:   "PATCH /v1/webhooks/webhook_1",
			body:   `{"events":["agreement.created"]}`,
			answer: webhook,
		},
		"rotate a webhook": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Rotate(ctx, "webhook_1", api.RotateWebhookRequest{Overlap: new(int64(0))})
			},
			want:   "POST /v1/webhooks/webhook_1/rotate",
			body:   `{"overlap":0}`,
			answer: webhook,
		},
		"enable a webhook": {
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.Enable(ctx, "webhook_1") },
			want:   "POST /v1/webhooks/webhook_1/enable",
			answer: webhook,
		},
		"replay a webhook": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Replay(ctx, "webhook_1", 0)
			},
			want:   "POST /v1/webhooks/webhook_1/replay",
			body:   `{"after":0}`,
			answer: webhook,
		},
		"test a webhook": {
			call:   func(ctx context.Context, c *client.Client) (any, error) { return c.Webhooks.Test(ctx, "webhook_1") },
			want:   "POST /v1/webhooks/webhook_1/test",
			answer: `{"delivered":false,"http_status":500,"duration_ms":12,"error":"the answer was 500"}`,
		},
		"webhooks": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.List(ctx, client.PageParams{PageSize: 2})
			},
			want:   "GET /v1/webhooks?page_size=2",
			answer: `{"webhooks":[` + webhook + `],"has_more":true}`,
		},
		"deliveries": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Webhooks.Deliveries(ctx, "webhook_1", client.PageParams{EndingBefore: "msg_1"})
			},
			want: "GET /v1/webhooks/webhook_1/deliveries?ending_before=msg_1",
			answer: `{"deliveries":[{"id":"msg_1","event_id":4,"type":"agreement.created","customer_id":"customer_1","status":"delivered","attempts":2,` +
				`"created_on":"2026-11-22T10:00:00Z","attempted_on":"2026-11-22T10:00:00Z","http_status":204,"duration_ms":12,"done_on":"2026-11-22T10:00:00Z"}],"has_more":false}`,
		},
		"credits": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Credits.Get(ctx, client.CreditParams{CustomerID: "org_code:o", FeatureCode: "calls", At: at.Time, KnownNow: true})
			},
			want: "GET /v1/customers/org_code:o/credits/calls?at=2026-11-22T10%3A00%3A00Z&known=now",
			answer: `{"customer_id":"customer_1","feature_code":"calls","at":"2026-11-22T10:00:00Z","available":"-100","unlimited":false,"debt":"100","held":"1","overage":"2",` +
				`"sources":[{"kind":"promotional","id":"grant_1","only":["chats"],"amount":"5","remaining":"3","held":"1","expires_on":"2026-12-22T10:00:00Z"},` +
				`{"kind":"allowance","window":{"starts_on":null,"ends_on":null},"amount":null,"remaining":null,"held":"0","expires_on":null}],` +
				`"next_change":{"on":"2026-12-01T00:00:00Z","why":"grant_expires"},"revision":"42.7"}`,
		},
		"ledger": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Credits.Ledger(ctx, client.CreditLedgerParams{
					CreditParams: client.CreditParams{CustomerID: "customer_1", FeatureCode: "calls", At: at.Time, KnownNow: true},
					PageParams:   client.PageParams{PageSize: 2, StartingAfter: "a", EndingBefore: "b"},
				})
			},
			want: "GET /v1/customers/customer_1/credits/calls/ledger?at=2026-11-22T10%3A00%3A00Z&ending_before=b&known=now&page_size=2&starting_after=a",
			answer: `{"customer_id":"customer_1","feature_code":"calls","entries":[{"id":"u","type":"burned","change":"20","counted_on":"2026-11-22T10:00:00Z","recorded_on":"2026-11-22T10:00:00Z",` +
				`"corrects":"c","of":"v","burned_by":"images","pays_for":"grant_1","draws":[{"kind":"rollover","id":"i","window":{"starts_on":"2026-11-22T10:00:00Z","ends_on":"2026-12-22T10:00:00Z"},"units":"20"}]}],"has_more":true}`,
		},
		"series of credits": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				of := client.SeriesParams{CustomerID: "org_code:o", FeatureCode: "calls", Bucket: api.BucketWeek, From: at.Time, To: at.Time}
				return c.Credits.Series(ctx, client.CreditSeriesParams{SeriesParams: of, ByFeature: true})
			},
			want: "GET /v1/customers/org_code:o/credits/calls/series?bucket=week&by=feature&from=2026-11-22T10%3A00%3A00Z&to=2026-11-22T10%3A00%3A00Z",
			answer: `{"customer_id":"customer_1","feature_code":"calls","bucket":"week","time_zone":"UTC","from":"2026-11-16T00:00:00Z","to":"2026-11-23T00:00:00Z",` +
				`"series":[{"starts_on":"2026-11-16T00:00:00Z","ends_on":"2026-11-23T00:00:00Z","units":"7","by":[{"units":"2"},{"feature_code":"chats","units":"5"}]}]}`,
		},
		"series of usage": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Usage.Series(ctx, client.SeriesParams{CustomerID: "customer_1", FeatureCode: "calls"})
			},
			want:   "GET /v1/customers/customer_1/usage/series?feature_code=calls",
			answer: `{"customer_id":"customer_1","feature_code":"calls","bucket":"day","time_zone":"UTC","from":"2026-11-22T00:00:00Z","to":"2026-11-23T00:00:00Z","series":[{"starts_on":"2026-11-22T00:00:00Z","ends_on":"2026-11-23T00:00:00Z","units":"0"}]}`,
		},
		"apply": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Apply(ctx, []byte("currency: usd\n"), false)
			},
			want:   "PUT /v1/catalog",
			body:   "currency: usd\n",
			answer: `{"dry_run":false,"changes":[{"action":"create","kind":"currency","code":"usd","details":[]}],"untouched":[],"warnings":[{"code":"PLAN_WITHOUT_PRICE","message":"m"}],"revision":"1"}`,
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
		"pricing": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Catalog.Pricing(ctx, "teams")
			},
			want:   "GET /v1/pricing?group=teams",
			answer: `{"currency":"usd","plans":[{"code":"pro","name":"Pro","group":"teams","kind":"plan","version":1,"cycle":"month","charges":[{"amount":2500,"interval":"month"}],"items":[{"feature":"f","value":[],"feature_name":"F","feature_type":"config"}]}]}`,
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
		"check": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Check(ctx, client.CheckParams{CustomerID: "customer_1", FeatureCode: "seats"})
			},
			want:   "POST /v1/check",
			body:   `{"customer_id":"customer_1","feature_code":"seats"}`,
			answer: `{` + decision + `}`,
		},
		"check all": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				all, err := c.CheckAll(ctx, client.CheckAllParams{OrgCode: "o", UserID: "u", FeatureCodes: []string{"seats", "sso"}, Units: "0.5"})
				return api.DecisionList{Results: all}, err
			},
			want:   "POST /v1/check",
			body:   `{"org_code":"o","user_id":"u","feature_codes":["seats","sso"],"units":"0.5"}`,
			answer: `{"results":[{` + decision + `}]}`,
		},
		"consume": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Consume(ctx, client.ConsumeParams{OrgCode: "o", FeatureCode: "seats", Units: "0.1"})
			},
			want:   "POST /v1/consume",
			body:   `{"org_code":"o","feature_code":"seats","units":"0.1"}`,
			answer: `{` + decision + `}`,
		},
		"hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Create(ctx, client.HoldParams{UserID: "u", FeatureCode: "seats", Units: "2", ExpiresIn: 10 * time.Minute})
			},
			want:   "POST /v1/holds",
			body:   `{"user_id":"u","feature_code":"seats","units":"2","expires_in":600}`,
			answer: `{"id":"hold_1","expires_on":"2026-11-22T11:10:00Z",` + decision + `}`,
		},
		"hold refused": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Create(ctx, client.HoldParams{CustomerID: "c", FeatureCode: "seats", Units: "2", ExpiresIn: time.Second})
			},
			want:   "POST /v1/holds",
			body:   `{"customer_id":"c","feature_code":"seats","units":"2","expires_in":1}`,
			answer: `{` + decision + `}`,
		},
		"confirm all of a hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Confirm(ctx, "hold_1", "")
			},
			want:   "POST /v1/holds/hold_1/confirm",
			body:   `{}`,
			answer: closed,
		},
		"confirm a part of a hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Confirm(ctx, "hold_1", "1.5")
			},
			want:   "POST /v1/holds/hold_1/confirm",
			body:   `{"units":"1.5"}`,
			answer: closed,
		},
		"release hold": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Holds.Release(ctx, "hold_1")
			},
			want:   "POST /v1/holds/hold_1/release",
			answer: closed,
		},
		"meter": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Usage.Meter(ctx, api.CreateMeterUsageRequest{CustomerAgreementID: "agreement_1", BillingFeatureCode: "f", MeterValue: "0.10", MeterUsageTimestamp: at, MeterTypeCode: api.UsageAbsolute}))
			},
			want:   "POST /api/v1/billing/meter_usage",
			body:   `{"customer_agreement_id":"agreement_1","billing_feature_code":"f","meter_value":"0.10","meter_usage_timestamp":"2026-11-22T10:00:00Z","meter_type_code":"absolute"}`,
			answer: success,
		},
		"record": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				results, err := c.Usage.Record(ctx, []api.UsageReport{{ID: "r", CustomerID: "c", FeatureCode: "f", Value: "1", Timestamp: at}, {AgreementID: "a", FeatureCode: "f", Value: "-1", Type: api.UsageDelta, Corrects: "r"}})
				return api.UsageResultList{Results: results}, err
			},
			want:   "POST /v1/usage",
			body:   `{"records":[{"id":"r","customer_id":"c","feature_code":"f","value":"1","timestamp":"2026-11-22T10:00:00Z"},{"agreement_id":"a","feature_code":"f","value":"-1","type":"delta","corrects":"r"}]}`,
			answer: `{"results":[{"id":"r","status":"recorded","uncovered":"150"},{"id":"","status":"failed","error":{"code":"VALUE_INVALID","message":"m"}}]}`,
		},
		"usage": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Usage.List(ctx, client.UsageParams{CustomerID: "customer_1", FeatureCode: "f", From: at.Time, To: at.Add(time.Microsecond), PageParams: client.PageParams{PageSize: 2, EndingBefore: "r 1"}})
			},
			want:   "GET /v1/customers/customer_1/usage?ending_before=r+1&feature_code=f&from=2026-11-22T10%3A00%3A00Z&page_size=2&to=2026-11-22T10%3A00%3A00.000001Z",
			answer: usage,
		},
		"usage, only what is required": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Usage.List(ctx, client.UsageParams{CustomerID: "customer_1"})
			},
			want:   "GET /v1/customers/customer_1/usage",
			answer: usage,
		},
		"set override": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.SetOverride(ctx, "customer_1", "seats", api.SetOverrideRequest{Max: api.Null[int64](), Add: 5, Note: "n", ExpiresOn: at})
			},
			want:   "PUT /v1/customers/customer_1/overrides/seats",
			body:   `{"max":null,"add":5,"note":"n","expires_on":"2026-11-22T10:00:00Z"}`,
			answer: `{"id":"o","feature_code":"seats","max":null,"add":5,"note":"n","starts_on":"2026-11-22T09:00:00Z","expires_on":"2026-11-22T10:00:00Z"}`,
		},
		"end override": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return done(c.Customers.EndOverride(ctx, "customer_1", "a/b"))
			},
			want:   "DELETE /v1/customers/customer_1/overrides/a%2Fb",
			answer: success,
		},
		"entitlements now": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Entitlements(ctx, "customer_1", time.Time{})
			},
			want:   "GET /v1/customers/customer_1/entitlements",
			answer: `{"customer_id":"customer_1","at":"2026-11-22T10:00:00Z","entitlements":[{"feature_code":"f","feature_name":"F","type":"unmetered","limit":null,"used":"0","held":"0","remaining":null,"soft":false,"resets_on":null,"next_change":null,"sources":[]}],"revision":"1.1"}`,
		},
		"entitlements at an instant": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Customers.Entitlements(ctx, "customer_1", at.Time)
			},
			want:   "GET /v1/customers/customer_1/entitlements?at=2026-11-22T10%3A00%3A00Z",
			answer: `{"customer_id":"customer_1","at":"2026-11-22T10:00:00Z","entitlements":[],"revision":"1.1"}`,
		},
		"create billing customer": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				made, err := c.Customers.CreateBillingCustomer(ctx, "kp/1", api.CreateUserBillingCustomerRequest{OrgCode: "o", BillingEmail: "a@b.example"})
				return api.UserBillingCustomer{Code: "OK", Message: "Success", BillingCustomer: *made}, err
			},
			want:   "POST /api/v1/users/kp%2F1/billing_customer",
			body:   `{"org_code":"o","billing_email":"a@b.example"}`,
			answer: `{"code":"OK","message":"Success","billing_customer":{"id":"customer_1","agreement_id":"agreement_1"}}`,
		},
		"preview": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Plans.Preview(ctx, "pro", api.PreviewPlanRequest{All: true, Version: new(int64(2))})
			},
			want:   "POST /v1/plans/pro/preview",
			body:   `{"all":true,"version":2}`,
			answer: `{"plan_code":"pro","version":2,"customers":[{"customer_id":"c","from":null,"gains":["f"],"loses":[],"limits":[{"feature_code":"s","from":null,"to":0}],"exceeds":[{"feature_code":"s","limit":0,"used":"1","held":"0.5"}]}],"counts":{"customers":1,"gain":1,"lose":0,"exceed":1},"groups":[]}`,
		},
		"migrate": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Plans.Migrate(ctx, "pro", api.MigratePlanRequest{ToVersion: new(int64(2)), When: api.WhenPeriodEnd, DryRun: true, After: "c", Limit: 7})
			},
			want:   "POST /v1/plans/pro/migrate",
			body:   `{"to_version":2,"when":"period_end","dry_run":true,"after":"c","limit":7}`,
			answer: `{"to_version":2,"dry_run":true,"moved":["d"],"skipped":[],"after":"d","has_more":true}`,
		},
		"account entitlements": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Account.Entitlements(ctx, client.AccountParams{PageSize: 1, StartingAfter: "d"})
			},
			want:   "GET /account_api/v1/entitlements?page_size=1&starting_after=d",
			answer: account,
		},
		"account entitlements, a later page": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				return c.Account.Entitlements(ctx, client.AccountParams{})
			},
			want:   "GET /account_api/v1/entitlements",
			answer: `{"data":{"org_code":"o","entitlements":[]},"metadata":{"has_more":false,"next_page_starting_after":null}}`,
		},
		"account entitlement": {
			call: func(ctx context.Context, c *client.Client) (any, error) {
				e, err := c.Account.Entitlement(ctx, "f")
				return api.AccountEntitlementOne{Data: api.AccountEntitlementData{Entitlement: *e}}, err
			},
			want:   "GET /account_api/v1/entitlement/f",
			answer: `{"data":{"org_code":null,"entitlement":{"id":"e","fixed_charge":0,"price_name":"p","unit_amount":null,"feature_key":"f","feature_name":"F","entitlement_limit_max":null,"entitlement_limit_min":null}},"metadata":{}}`,
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
				if strings.HasPrefix(r.RequestURI, "/v1/catalog") {
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

// Refused before anything is sent.
func TestRequestsThatCannotBeRight(t *testing.T) {
	c := overLoopback(t, newScript(t)) // gets no request
	for _, n := range []int{0, api.MaxUsageRecords + 1} {
		if _, err := c.Usage.Record(t.Context(), make([]api.UsageReport, n)); err == nil {
			t.Errorf("%d records were sent", n)
		}
	}
	if _, err := c.Holds.Create(t.Context(), client.HoldParams{CustomerID: "c", FeatureCode: "f", Units: "1", ExpiresIn: 1500 * time.Millisecond}); err == nil {
		t.Error("a hold of 1.5 seconds was sent")
	}
	for _, key := range []string{"", " ", " k", "k\n", "ü", strings.Repeat("k", 256)} {
		if _, err := c.Consume(t.Context(), client.ConsumeParams{}, client.WithIdempotencyKey(key)); err == nil {
			t.Errorf("the key %q was sent", key)
		}
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
		_, overrideErr := c.Customers.SetOverride(t.Context(), id, "seats", api.SetOverrideRequest{})
		_, featureErr := c.Customers.SetOverride(t.Context(), "customer_1", id, api.SetOverrideRequest{})
		_, entitlementsErr := c.Customers.Entitlements(t.Context(), id, time.Time{})
		_, billingErr := c.Customers.CreateBillingCustomer(t.Context(), id, api.CreateUserBillingCustomerRequest{})
		_, usageErr := c.Usage.List(t.Context(), client.UsageParams{CustomerID: id})
		_, confirmErr := c.Holds.Confirm(t.Context(), id, "")
		_, releaseErr := c.Holds.Release(t.Context(), id)
		_, previewErr := c.Plans.Preview(t.Context(), id, api.PreviewPlanRequest{})
		_, migrateErr := c.Plans.Migrate(t.Context(), id, api.MigratePlanRequest{})
		_, accountErr := c.Account.Entitlement(t.Context(), id)
		for i, err := range []error{
			getErr, updateErr, createErr, cancelErr, planErr, c.Customers.Delete(t.Context(), id), c.Customers.Purge(t.Context(), id),
			overrideErr, featureErr, c.Customers.EndOverride(t.Context(), id, "seats"), c.Customers.EndOverride(t.Context(), "customer_1", id),
			entitlementsErr, billingErr, usageErr, confirmErr, releaseErr, previewErr, migrateErr, accountErr,
		} {
			if err == nil {
				t.Errorf("call %d with the name %q was sent", i, id)
			}
		}
	}
}
