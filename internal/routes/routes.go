package routes

import (
	"context"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/kinde"
	"github.com/allot-dev/allot/internal/native"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/wire"
)

// Config is what the routes are served with: the door's part of it, and what the
// rooms behind it need.
type Config struct {
	// Config is the door's. Explain and Revision are set here.
	door.Config
	Billing *service.Service
	// Snapshots is where what customers hold is read.
	Snapshots *snapshot.Cache
	// Webhooks are what is told of events.
	Webhooks *outbox.Outbox
	// AccountOrg: see [kinde.Config].
	AccountOrg bool
	// PublicPricing: see [native.Config].
	PublicPricing bool
	// PortalLink: see [kinde.Config].
	PortalLink func(customer billing.CustomerID, returnURL string) (string, error)
	// Feed is what GET /v1/events gives out.
	Feed *service.EventFeed
	// Ending: see [native.Config].
	Ending <-chan struct{}
	// BulkTime: see [native.Config].
	BulkTime time.Duration
	// Ready says how requests can be answered, or returns why they cannot, which
	// is logged.
	Ready func(context.Context) (api.Readiness, error)
}

// All are the routes of every room.
func All(c Config) []door.Route {
	work := worker{c.Billing}
	return append(
		kinde.Routes(kinde.Config{
			Billing: c.Billing, Work: work, Snapshots: c.Snapshots, AccountOrg: c.AccountOrg, Origins: c.Origins, PortalLink: c.PortalLink,
		}),
		native.Routes(native.Config{
			Billing: c.Billing, Work: work, Ready: c.Ready, PublicPricing: c.PublicPricing,
			Feed: c.Feed, Webhooks: c.Webhooks, Ending: c.Ending, BulkTime: c.BulkTime,
		})...)
}

// New returns the handler of all routes and of those in Config.Also.
func New(c Config) http.Handler {
	c.Explain, c.Revision = explain, wire.CheckRevision
	return door.New(c.Config, All(c))
}
