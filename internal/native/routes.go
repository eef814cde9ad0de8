package native

import (
	"context"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// Config is what the routes are served with.
type Config struct {
	Billing *service.Service
	Work    door.Worker[*service.Work]
	// Ready says how requests can be answered, or returns why they cannot, which
	// is logged.
	Ready func(context.Context) (api.Readiness, error)
	// Webhooks are what is told of events.
	Webhooks *outbox.Outbox
	// PublicPricing lets anybody read the price list, from any page.
	PublicPricing bool
	// Feed is what GET /v1/events gives out.
	Feed *service.EventFeed
	// Ending is closed when the server is about to end: who waits is answered. Nil: it
	// is not said.
	Ending <-chan struct{}
	// BulkTime is for how long the records of one request are counted; 0 is as long as any change may take.
	BulkTime time.Duration
}

// Own is the dialect of what is under /v1, for clients.
var Own = &door.Dialect{
	Admission: door.Clients, Details: true, RetryReads: true,
	Invalid: http.StatusBadRequest, NotFound: http.StatusNotFound, Conflict: http.StatusConflict, TooLarge: http.StatusRequestEntityTooLarge,
}

// Open is the dialect of what is about the server itself, for anybody.
var Open = &door.Dialect{
	RetryReads: true, Invalid: http.StatusBadRequest, NotFound: http.StatusNotFound, TooLarge: http.StatusRequestEntityTooLarge,
}

// public is the dialect of what is under /v1 for the whole world.
var public = &door.Dialect{
	Everybody: true, RetryReads: true, Invalid: http.StatusBadRequest, NotFound: http.StatusNotFound, TooLarge: http.StatusRequestEntityTooLarge,
}

// Routes are all that is Allot's own. The token endpoint and the keys are those
// of package oauth.
func Routes(c Config) []door.Route {
	h := &handlers{Config: c}
	own := func(method, pattern, scope string, handle door.Handler) door.Route {
		return door.Route{Method: method, Pattern: pattern, Scope: scope, Dialect: Own, Handle: handle}
	}
	open := func(pattern string, answer func(*door.Call) (door.Answer, error)) door.Route {
		return door.Route{Method: http.MethodGet, Pattern: pattern, Dialect: Open, Handle: door.Reads(answer)}
	}
	health := func(pattern string, answer func(*door.Call) (door.Answer, error)) door.Route {
		r := open(pattern, answer)
		r.Health = true
		return r
	}
	reads := door.Reads
	changes := func(prepare func(*door.Call) (change, error)) door.Handler { return door.Changes(c.Work, prepare) }
	pricing := own(http.MethodGet, "/v1/pricing", api.ScopeReadCatalog, reads(h.pricing))
	if c.PublicPricing {
		pricing.Dialect, pricing.Scope = public, ""
	}
	return append(h.webhookRoutes(),
		own(http.MethodGet, "/v1/catalog", api.ScopeReadCatalog, reads(h.catalog)),
		own(http.MethodPut, "/v1/catalog", api.ScopeUpdateCatalog, door.OneAtATime(door.AnyText(door.Bulk(changes(h.putCatalog))))),
		own(http.MethodGet, "/v1/plans", api.ScopeReadCatalog, reads(h.plans)),
		own(http.MethodGet, "/v1/plans/{code}", api.ScopeReadCatalog, reads(h.plan)),
		own(http.MethodPost, "/v1/plans/{code}/preview", api.ScopeReadCatalog+" "+api.ScopeReadCustomers, changes(h.previewPlan)),
		own(http.MethodPost, "/v1/plans/{code}/migrate", api.ScopeUpdateCatalog, changes(h.migratePlan)),
		pricing,
		own(http.MethodGet, "/v1/features", api.ScopeReadCatalog, reads(h.features)),
		own(http.MethodGet, "/v1/plan_groups", api.ScopeReadCatalog, reads(h.planGroups)),

		own(http.MethodGet, "/v1/customers", api.ScopeReadCustomers, reads(h.customers)),
		own(http.MethodPost, "/v1/customers", api.ScopeCreateCustomers, changes(h.createCustomer)),
		own(http.MethodGet, "/v1/customers/{id}", api.ScopeReadCustomers, reads(h.customer)),
		own(http.MethodPut, "/v1/customers/{id}", api.ScopeCreateCustomers+" "+api.ScopeUpdateCustomers, changes(h.putCustomer)),
		own(http.MethodPatch, "/v1/customers/{id}", api.ScopeUpdateCustomers, changes(h.updateCustomer)),
		own(http.MethodDelete, "/v1/customers/{id}", api.ScopeDeleteCustomers, changes(h.deleteCustomer)),
		own(http.MethodPost, "/v1/customers/{id}/agreements", api.ScopeCreateBillingAgreements, changes(h.createAgreement)),
		own(http.MethodPatch, "/v1/agreements/{id}", api.ScopeCreateBillingAgreements, changes(h.updateAgreement)),
		own(http.MethodPost, "/v1/agreements/{id}/resume", api.ScopeCreateBillingAgreements, changes(h.resumeAgreement)),
		own(http.MethodDelete, "/v1/agreements/{id}", api.ScopeDeleteBillingAgreements, changes(h.cancelAgreement)),
		own(http.MethodPut, "/v1/customers/{id}/overrides/{feature_code}", api.ScopeUpdateCustomers, changes(h.setOverride)),
		own(http.MethodDelete, "/v1/customers/{id}/overrides/{feature_code}", api.ScopeUpdateCustomers, changes(h.endOverride)),

		own(http.MethodGet, "/v1/customers/{id}/entitlements", api.ScopeReadBillingEntitlements, reads(h.entitlements)),
		own(http.MethodGet, "/v1/customers/{id}/usage", api.ScopeReadUsage, reads(h.usage)),
		own(http.MethodGet, "/v1/customers/{id}/usage/series", api.ScopeReadUsage, reads(h.usageSeries)),
		own(http.MethodPost, "/v1/check", api.ScopeCheckEntitlements, door.Asks(changes(h.check))),
		own(http.MethodPost, "/v1/consume", api.ScopeCreateMeterUsage, changes(h.consume)),
		own(http.MethodPost, "/v1/holds", api.ScopeCreateMeterUsage, changes(h.createHold)),
		own(http.MethodGet, "/v1/holds/{id}", api.ScopeReadUsage, reads(h.hold)),
		own(http.MethodGet, "/v1/customers/{id}/holds", api.ScopeReadUsage, reads(h.holds)),
		own(http.MethodPost, "/v1/holds/{id}/extend", api.ScopeCreateMeterUsage, changes(h.extendHold)),
		own(http.MethodPost, "/v1/holds/{id}/confirm", api.ScopeCreateMeterUsage, changes(h.confirmHold)),
		own(http.MethodPost, "/v1/holds/{id}/release", api.ScopeCreateMeterUsage, changes(h.releaseHold)),
		own(http.MethodPost, "/v1/usage", api.ScopeCreateMeterUsage, door.Listing(door.Bulk(changes(h.recordUsage)), "records", someRecords, api.MaxUsageRecords)),

		own(http.MethodPost, "/v1/customers/{id}/grants", api.ScopeCreateGrants, changes(h.createGrant)),
		own(http.MethodGet, "/v1/customers/{id}/grants", api.ScopeReadUsage, reads(h.grants)),
		own(http.MethodGet, "/v1/grants/{id}", api.ScopeReadUsage, reads(h.grant)),
		own(http.MethodPost, "/v1/grants/{id}/void", api.ScopeCreateGrants, changes(h.voidGrant)),

		own(http.MethodGet, "/v1/customers/{id}/credits/{feature_code}", api.ScopeReadUsage, reads(h.credits)),
		own(http.MethodGet, "/v1/customers/{id}/credits/{feature_code}/ledger", api.ScopeReadUsage, reads(h.creditLedger)),
		own(http.MethodGet, "/v1/customers/{id}/credits/{feature_code}/series", api.ScopeReadUsage, reads(h.creditSeries)),

		own(http.MethodGet, "/v1/events", api.ScopeReadEvents, reads(h.events)),

		open("/openapi.yaml", h.openAPI),
		open("/openapi.json", h.openAPIAsJSON),
		health("/healthz", h.health),
		health("/readyz", h.ready),
	)
}

// change is what a request of these routes asks to be done.
type change = door.Change[*service.Work]

// handlers answer the requests.
type handlers struct {
	Config
	waiters waiters
}

// fresh is the answer of what read gives, as new as the caller asked for.
func fresh[T any](c *door.Call, read func() (T, billing.Revision, error)) (door.Answer, error) {
	body, rev, err := door.Fresh(c, wire.Least(c.Least), read)
	return door.Answer{Revision: rev.String(), Body: body}, err
}
