package kinde

import (
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/wire"
)

// Config is what the routes are served with.
type Config struct {
	Billing *service.Service
	Work    door.Worker[*service.Work]
	// Snapshots is where what customers hold is read.
	Snapshots *snapshot.Cache
	// AccountOrg shows a user on the account API what the organization of its
	// token holds, if it is no customer itself. Kinde keeps that from browsers.
	AccountOrg bool
	// Origins are those that a link to a customer's page may lead back to, as
	// [door.Config] has them.
	Origins []string
	// PortalLink makes a link to a customer's page, which leads back to returnURL
	// unless that is "".
	PortalLink func(customer billing.CustomerID, returnURL string) (string, error)
}

// Management is the dialect of the management API, for clients.
//
// Kinde: an error of the request is 400, unknown things included
var Management = &door.Dialect{
	Admission: door.Clients,
	Invalid:   http.StatusBadRequest, NotFound: http.StatusBadRequest, Conflict: http.StatusBadRequest, TooLarge: http.StatusBadRequest,
}

// Account is the dialect of the account API, for users, whose pages may call it
// themselves.
var Account = &door.Dialect{
	Admission: door.Users,
	Invalid:   http.StatusBadRequest, NotFound: http.StatusNotFound, TooLarge: http.StatusRequestEntityTooLarge,
	Pages: "/account_api/",
}

// Routes are all that Kinde's clients ask for.
func Routes(c Config) []door.Route {
	h := &handlers{Config: c, lists: wire.NewLists(door.Encode)}
	manage := func(method, pattern, scope string, handle door.Handler, parameters map[string]string) door.Route {
		return door.Route{Method: method, Pattern: pattern, Scope: scope, Dialect: Management, Handle: handle, Parameters: parameters}
	}
	account := func(method, pattern string, handle door.Handler) door.Route {
		return door.Route{Method: method, Pattern: pattern, Dialect: Account, Handle: handle}
	}
	changes := func(prepare func(*door.Call) (change, error)) door.Handler { return door.Changes(c.Work, prepare) }
	return []door.Route{
		manage(http.MethodGet, "/api/v1/billing/entitlements", api.ScopeReadBillingEntitlements, door.Reads(h.billingEntitlements), nil),
		manage(http.MethodGet, "/api/v1/billing/agreements", api.ScopeReadBillingAgreements, door.Reads(h.billingAgreements), map[string]string{
			api.CodeFeatureNotFound: "feature_code",
		}),
		manage(http.MethodPost, "/api/v1/billing/agreements", api.ScopeCreateBillingAgreements, changes(h.createBillingAgreement), map[string]string{
			api.CodePlanNotFound:     "plan_code",
			api.CodePlanNotPublished: "plan_code",
			api.CodePlanNotAvailable: "plan_code",
		}),
		manage(http.MethodDelete, "/api/v1/billing/agreements", api.ScopeDeleteBillingAgreements, changes(h.cancelBillingAgreement), map[string]string{
			api.CodeAgreementNotFound: "agreement_id",
		}),
		manage(http.MethodPost, "/api/v1/billing/meter_usage", api.ScopeCreateMeterUsage, changes(h.createMeterUsage), map[string]string{
			api.CodeAgreementNotFound:      "customer_agreement_id",
			api.CodeAgreementNotActive:     "customer_agreement_id",
			api.CodeFeatureNotFound:        "billing_feature_code",
			api.CodeFeatureNotMetered:      "billing_feature_code",
			api.InvalidCode("meter_value"): "meter_value",
		}),
		manage(http.MethodPost, "/api/v1/users/{user_id}/billing_customer", api.ScopeCreateUserBillingCustomers, changes(h.createUserBillingCustomer), map[string]string{
			api.CodePlanNotFound:     "billing_plan_code",
			api.CodePlanNotPublished: "billing_plan_code",
			api.CodePlanNotAvailable: "billing_plan_code",
		}),
		manage(http.MethodPost, "/api/v1/organization", api.ScopeCreateOrganizations, changes(h.createOrganization), map[string]string{
			api.CodePlanNotFound:     "billing_plan_code",
			api.CodePlanNotPublished: "billing_plan_code",
			api.CodePlanNotAvailable: "billing_plan_code",
		}),
		manage(http.MethodGet, "/api/v1/organization", api.ScopeReadOrganizations, door.Reads(h.organization), nil),
		manage(http.MethodGet, "/api/v1/user", api.ScopeReadUsers, door.Reads(h.user), nil),
		manage(http.MethodGet, "/api/v1/users", api.ScopeReadUsers, door.Reads(h.users), nil),
		manage(http.MethodPost, "/api/v1/portal/generate_url", api.ScopeReadCustomers, changes(h.generatePortalURL), nil),

		account(http.MethodGet, "/account_api/v1/portal_link", door.Reads(h.accountPortalLink)),
		account(http.MethodGet, "/account_api/v1/entitlements", door.Reads(h.accountEntitlements)),
		account(http.MethodGet, "/account_api/v1/entitlement", door.Reads(h.accountEntitlementByKey)),
		account(http.MethodGet, "/account_api/v1/entitlement/{key}", door.Reads(h.accountEntitlementByKey)),
	}
}

// change is what a request of these routes asks to be done.
type change = door.Change[*service.Work]

// handlers answer the requests.
type handlers struct {
	Config
	lists *wire.Lists
}

// snapshot reads a customer as fresh as the caller wants it, with the limits of what
// is over them, and the instant that it is then.
func (h *handlers) snapshot(c *door.Call, id billing.CustomerID) (*billing.Snapshot, time.Time, error) {
	least := wire.Least(c.Least)
	read, _, err := door.Fresh(c, least, func() (snapshot.Reading, billing.Revision, error) {
		read, err := h.Snapshots.Get(c.Context(), id, least)
		if err != nil {
			return read, billing.Revision{}, err
		}
		return read, read.Snapshot.Revision(), nil
	})
	c.Stale = read.Stale
	if err != nil {
		return nil, time.Time{}, err
	}
	snap, err := h.Billing.Listed(c.Context(), read.Snapshot, read.Now)
	return snap, read.Now, err
}
