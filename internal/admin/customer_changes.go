package admin

import (
	"cmp"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// customerChanges are all that may be done to a customer, by the last part of their
// addresses.
var customerChanges = []change{
	{
		name: "plan", title: "Put on a plan", verb: "Put on this plan", scopes: []string{api.ScopeCreateBillingAgreements},
		fields: []string{"plan_code", "version", "quantity", "annual", "starts_on", "expires_on", "when", "trial", "scheduled"}, do: putOnPlan,
		defaults: func(f *changeForm) { f.Values.Set("start", cmp.Or(f.Get("start"), "now")) },
	},
	{
		name: "agreement", title: "Change an end", verb: "Set these ends", scopes: []string{api.ScopeCreateBillingAgreements},
		fields: []string{"trial_ends_on", "expires_on"}, do: changeEnds, defaults: endsOf,
	},
	{
		name: "cancel", title: "Cancel", verb: "Cancel the agreement", danger: true, scopes: []string{api.ScopeDeleteBillingAgreements},
		fields: []string{"when", "scheduled"}, do: cancelAgreement,
		defaults: func(f *changeForm) { f.Values.Set("when", api.WhenPeriodEnd) },
	},
	{name: "resume", title: "Resume", verb: "Take the end back", scopes: []string{api.ScopeCreateBillingAgreements}, do: resumeAgreement},
	{
		name: "override", title: "Set an override", verb: "Set the override", scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"feature_code", "max", "at_least", "add", "deny", "value", "note", "expires_on"}, do: setOverride, defaults: overrideOf,
	},
	{
		name: "end-override", title: "End the override", verb: "End the override", danger: true, scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"feature_code"}, do: endOverride,
	},
	{
		name: "grant", title: "Give a grant", verb: "Give it", scopes: []string{api.ScopeCreateGrants},
		fields: []string{"feature_code", "amount", "kind", "effective_on", "expires_on", "priority", "cost_basis", "note", "pack", "quantity", "external_id"}, do: giveGrant,
	},
	{
		name: "void", title: "Void the grant", verb: "Void the grant", danger: true, scopes: []string{api.ScopeCreateGrants},
		fields: []string{"claw_back"}, do: voidGrant,
	},
	{name: "suspend", title: "Suspend", verb: "Suspend", danger: true, scopes: []string{api.ScopeUpdateCustomers}, do: setStatus(api.CustomerSuspended, "suspended")},
	{name: "reactivate", title: "Reactivate", verb: "Reactivate", scopes: []string{api.ScopeUpdateCustomers}, do: setStatus(api.CustomerActive, "active again")},
	{
		name: "edit", title: "Edit", verb: "Save", scopes: []string{api.ScopeUpdateCustomers},
		fields: []string{"name", "email", "org_code", "user_id", "external_id", "time_zone", "anchor_on", "metadata"}, do: editCustomer, defaults: fieldsOf,
	},
	{
		name: "delete", title: "Delete", verb: "Delete the customer", danger: true, scopes: []string{api.ScopeDeleteCustomers},
		fields: []string{"typed"}, do: deleteCustomer,
	},
}

// createCustomer makes a customer.
var createCustomer = change{
	name: "new", title: "New customer", verb: "Make the customer", scopes: []string{api.ScopeCreateCustomers},
	fields: []string{"type", "name", "email", "org_code", "user_id", "external_id", "plan_code", "time_zone"}, do: makeCustomer,
	defaults: func(f *changeForm) { f.Values.Set("type", cmp.Or(f.Get("type"), api.CustomerOrganization)) },
}

// Link is the address of a change, with what it is about.
func (p *customerPage) Link(name string, about ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(about); i += 2 {
		q.Set(about[i], about[i+1])
	}
	if len(q) == 0 {
		return p.Path + "/" + name
	}
	return p.Path + "/" + name + "?" + q.Encode()
}
