package httpapi

import (
	"net/http"

	"github.com/allot-dev/allot/api"
)

// Route is one thing that can be asked of the server.
type Route struct {
	Method  string // GET serves HEAD too
	Pattern string // of the path, as [http.ServeMux] and OpenAPI both write it
	Scope   string // that the token must have; "" if no token is asked for

	dialect dialect
	handle  func(*adapter, *call) (answer, error)
}

// dialect is how a route speaks of errors.
type dialect uint8

const (
	open   dialect = iota // about the server itself, without credentials
	kinde                 // after Kinde's billing API
	native                // Allot's own
)

// Routes are all that this package serves. The token endpoint and the keys are
// those of package oauth.
var Routes = []Route{
	{http.MethodGet, "/api/v1/billing/entitlements", api.ScopeReadBillingEntitlements, kinde, (*adapter).billingEntitlements},
	{http.MethodGet, "/api/v1/billing/agreements", api.ScopeReadBillingAgreements, kinde, (*adapter).billingAgreements},
	{http.MethodPost, "/api/v1/billing/agreements", api.ScopeCreateBillingAgreements, kinde, (*adapter).createBillingAgreement},
	{http.MethodDelete, "/api/v1/billing/agreements", api.ScopeDeleteBillingAgreements, kinde, (*adapter).cancelBillingAgreement},

	{http.MethodGet, "/v1/catalog", api.ScopeReadCatalog, native, (*adapter).catalog},
	{http.MethodPut, "/v1/catalog", api.ScopeUpdateCatalog, native, (*adapter).putCatalog},
	{http.MethodGet, "/v1/plans", api.ScopeReadCatalog, native, (*adapter).plans},
	{http.MethodGet, "/v1/plans/{code}", api.ScopeReadCatalog, native, (*adapter).plan},
	{http.MethodGet, "/v1/features", api.ScopeReadCatalog, native, (*adapter).features},
	{http.MethodGet, "/v1/plan_groups", api.ScopeReadCatalog, native, (*adapter).planGroups},

	{http.MethodGet, "/v1/customers", api.ScopeReadCustomers, native, (*adapter).customers},
	{http.MethodPost, "/v1/customers", api.ScopeCreateCustomers, native, (*adapter).createCustomer},
	{http.MethodGet, "/v1/customers/{id}", api.ScopeReadCustomers, native, (*adapter).customer},
	{http.MethodPatch, "/v1/customers/{id}", api.ScopeUpdateCustomers, native, (*adapter).updateCustomer},
	{http.MethodDelete, "/v1/customers/{id}", api.ScopeDeleteCustomers, native, (*adapter).deleteCustomer},
	{http.MethodPost, "/v1/customers/{id}/agreements", api.ScopeCreateBillingAgreements, native, (*adapter).createAgreement},
	{http.MethodDelete, "/v1/agreements/{id}", api.ScopeDeleteBillingAgreements, native, (*adapter).cancelAgreement},

	{http.MethodGet, "/openapi.yaml", "", open, (*adapter).openAPI},
	{http.MethodGet, "/healthz", "", open, (*adapter).health},
	{http.MethodGet, "/readyz", "", open, (*adapter).ready},
}
