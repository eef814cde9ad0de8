package httpapi

import (
	"net/http"

	"github.com/allot-dev/allot/api"
)

// Route is one thing that can be asked of the server.
type Route struct {
	Method  string // GET serves HEAD too
	Pattern string // of the path, as [http.ServeMux] and OpenAPI both write it
	Scope   string // that the token must have, or several with a space between; "" if none is asked for

	dialect dialect
	handle  handler
}

// served is a route with what need not be found out on each request.
type served struct {
	Route
	name   string   // method and pattern, as [http.Request].Pattern has them
	scopes []string // in Route.Scope
	// observe is told of every answer.
	observe Observer
}

// endpoint is where a route is that has no variable in its path.
type endpoint struct{ method, path string }

// handler answers the requests of a route. [reads], [changes] and [bulk] make it.
type handler struct {
	answer  func(*adapter, *call) (answer, error)
	maxBody int64 // bytes
}

// reads is the handler of a route that changes nothing.
func reads(answer func(*adapter, *call) (answer, error)) handler {
	return handler{answer, api.MaxBodyBytes}
}

// bulk lets a handler take larger bodies.
func bulk(h handler) handler {
	h.maxBody = api.MaxBulkBodyBytes
	return h
}

// dialect is how a route speaks of errors.
type dialect uint8

const (
	open    dialect = iota // about the server itself, without credentials
	kinde                  // after Kinde's management API
	account                // after Kinde's account API, for tokens of users
	native                 // Allot's own
)

// Routes are all that this package serves. The token endpoint and the keys are
// those of package oauth.
var Routes = []Route{
	{http.MethodGet, "/api/v1/billing/entitlements", api.ScopeReadBillingEntitlements, kinde, reads((*adapter).billingEntitlements)},
	{http.MethodGet, "/api/v1/billing/agreements", api.ScopeReadBillingAgreements, kinde, reads((*adapter).billingAgreements)},
	{http.MethodPost, "/api/v1/billing/agreements", api.ScopeCreateBillingAgreements, kinde, changes((*adapter).createBillingAgreement)},
	{http.MethodDelete, "/api/v1/billing/agreements", api.ScopeDeleteBillingAgreements, kinde, changes((*adapter).cancelBillingAgreement)},
	{http.MethodPost, "/api/v1/billing/meter_usage", api.ScopeCreateMeterUsage, kinde, changes((*adapter).createMeterUsage)},
	{http.MethodPost, "/api/v1/users/{user_id}/billing_customer", api.ScopeCreateUserBillingCustomers, kinde, changes((*adapter).createUserBillingCustomer)},

	{http.MethodGet, "/account_api/v1/entitlements", "", account, reads((*adapter).accountEntitlements)},
	{http.MethodGet, "/account_api/v1/entitlement", "", account, reads((*adapter).accountEntitlementByKey)},
	{http.MethodGet, "/account_api/v1/entitlement/{key}", "", account, reads((*adapter).accountEntitlementByKey)},

	{http.MethodGet, "/v1/catalog", api.ScopeReadCatalog, native, reads((*adapter).catalog)},
	{http.MethodPut, "/v1/catalog", api.ScopeUpdateCatalog, native, changes((*adapter).putCatalog)},
	{http.MethodGet, "/v1/plans", api.ScopeReadCatalog, native, reads((*adapter).plans)},
	{http.MethodGet, "/v1/plans/{code}", api.ScopeReadCatalog, native, reads((*adapter).plan)},
	{http.MethodPost, "/v1/plans/{code}/preview", api.ScopeReadCatalog + " " + api.ScopeReadCustomers, native, changes((*adapter).previewPlan)},
	{http.MethodPost, "/v1/plans/{code}/migrate", api.ScopeUpdateCatalog, native, changes((*adapter).migratePlan)},
	{http.MethodGet, "/v1/features", api.ScopeReadCatalog, native, reads((*adapter).features)},
	{http.MethodGet, "/v1/plan_groups", api.ScopeReadCatalog, native, reads((*adapter).planGroups)},

	{http.MethodGet, "/v1/customers", api.ScopeReadCustomers, native, reads((*adapter).customers)},
	{http.MethodPost, "/v1/customers", api.ScopeCreateCustomers, native, changes((*adapter).createCustomer)},
	{http.MethodGet, "/v1/customers/{id}", api.ScopeReadCustomers, native, reads((*adapter).customer)},
	{http.MethodPatch, "/v1/customers/{id}", api.ScopeUpdateCustomers, native, changes((*adapter).updateCustomer)},
	{http.MethodDelete, "/v1/customers/{id}", api.ScopeDeleteCustomers, native, changes((*adapter).deleteCustomer)},
	{http.MethodPost, "/v1/customers/{id}/agreements", api.ScopeCreateBillingAgreements, native, changes((*adapter).createAgreement)},
	{http.MethodDelete, "/v1/agreements/{id}", api.ScopeDeleteBillingAgreements, native, changes((*adapter).cancelAgreement)},
	{http.MethodPut, "/v1/customers/{id}/overrides/{feature_code}", api.ScopeUpdateCustomers, native, changes((*adapter).setOverride)},
	{http.MethodDelete, "/v1/customers/{id}/overrides/{feature_code}", api.ScopeUpdateCustomers, native, changes((*adapter).endOverride)},

	{http.MethodGet, "/v1/customers/{id}/entitlements", api.ScopeReadBillingEntitlements, native, reads((*adapter).entitlements)},
	{http.MethodGet, "/v1/customers/{id}/usage", api.ScopeReadUsage, native, reads((*adapter).usage)},
	{http.MethodPost, "/v1/check", api.ScopeCheckEntitlements, native, changes((*adapter).check)},
	{http.MethodPost, "/v1/consume", api.ScopeCreateMeterUsage, native, changes((*adapter).consume)},
	{http.MethodPost, "/v1/holds", api.ScopeCreateMeterUsage, native, changes((*adapter).createHold)},
	{http.MethodPost, "/v1/holds/{id}/confirm", api.ScopeCreateMeterUsage, native, changes((*adapter).confirmHold)},
	{http.MethodPost, "/v1/holds/{id}/release", api.ScopeCreateMeterUsage, native, changes((*adapter).releaseHold)},
	{http.MethodPost, "/v1/usage", api.ScopeCreateMeterUsage, native, bulk(changes((*adapter).recordUsage))},

	{http.MethodGet, "/openapi.yaml", "", open, reads((*adapter).openAPI)},
	{http.MethodGet, "/healthz", "", open, reads((*adapter).health)},
	{http.MethodGet, "/readyz", "", open, reads((*adapter).ready)},
}
