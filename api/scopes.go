package api

// The scopes, one for each kind of call. Where Kinde has the call, the scope is
// Kinde's.
const (
	ScopeReadBillingEntitlements    = "read:billing_entitlements"
	ScopeReadBillingAgreements      = "read:billing_agreements"
	ScopeCreateBillingAgreements    = "create:billing_agreements"
	ScopeDeleteBillingAgreements    = "delete:billing_agreements"
	ScopeReadCatalog                = "read:catalog"
	ScopeUpdateCatalog              = "update:catalog"
	ScopeReadCustomers              = "read:customers"
	ScopeCreateCustomers            = "create:customers"
	ScopeUpdateCustomers            = "update:customers"
	ScopeDeleteCustomers            = "delete:customers"
	ScopeCheckEntitlements          = "check:entitlements"
	ScopeCreateMeterUsage           = "create:meter_usage"
	ScopeReadUsage                  = "read:usage"
	ScopeManageWebhooks             = "manage:webhooks"
	ScopeCreateGrants               = "create:grants"
	ScopeReadEvents                 = "read:events"
	ScopeCreateUserBillingCustomers = "create:user_billing_customers"
	ScopeCreateOrganizations        = "create:organizations"
	ScopeReadOrganizations          = "read:organizations"
	ScopeReadUsers                  = "read:users"
)

// Scope is a permission that a client is given and a token carries.
type Scope struct {
	Name    string // as it stands in a token, such as read:catalog
	Permits string // one sentence for people
}

// Scopes lists every scope there is. Read it, do not change it.
var Scopes = []Scope{
	{ScopeReadBillingEntitlements, "Ask what a customer is entitled to."},
	{ScopeReadBillingAgreements, "List the agreements of a customer."},
	{ScopeCreateBillingAgreements, "Put a customer on a plan or an add-on."},
	{ScopeDeleteBillingAgreements, "Cancel an agreement."},
	{ScopeReadCatalog, "Read features, plan groups, plans and their versions."},
	{ScopeUpdateCatalog, "Change the catalog."},
	{ScopeReadCustomers, "List, find and read customers, and make links to their pages."},
	{ScopeCreateCustomers, "Create customers."},
	{ScopeUpdateCustomers, "Change and suspend customers, and give them terms of their own."},
	{ScopeDeleteCustomers, "Delete customers and erase their personal data."},
	{ScopeCheckEntitlements, "Ask whether a customer may use a feature."},
	{ScopeCreateMeterUsage, "Record, consume and hold usage."},
	{ScopeReadUsage, "Read the usage and the grants of a customer."},
	{ScopeManageWebhooks, "Say who is told of events, and read what was sent."},
	{ScopeCreateGrants, "Give customers credits, and void them."},
	{ScopeReadEvents, "Hear of every change, of all customers, clients and keys."},
	{ScopeCreateUserBillingCustomers, "Make a user a billing customer."},
	{ScopeCreateOrganizations, "Give out the code of an organization, and make it a customer."},
	{ScopeReadOrganizations, "Find the customer that an organization is."},
	{ScopeReadUsers, "List users and find the customers that they are."},
}
