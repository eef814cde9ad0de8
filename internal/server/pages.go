package server

import (
	"context"
	"net/http"

	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/site"
	"github.com/allot-dev/allot/internal/web"
)

// pages are what people see of a server. They call its own handler, which they are served
// by: so they are put in first and opened when that is there.
type pages struct {
	console http.Handler
	site    *site.Site
}

// routes puts the pages among what the door serves.
func (p *pages) routes(cfg Config, also map[string]http.Handler) {
	also["GET "+web.StaticPath+"{name}"] = http.HandlerFunc(web.ServeStatic) // customers' pages need it, too
	if cfg.NoConsole {
		return
	}
	also["GET "+web.Icon] = http.HandlerFunc(web.ServeIcon)
	for _, pattern := range site.Patterns() {
		also[pattern] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.site.ServeHTTP(w, r) })
	}
	also[admin.Path] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.console.ServeHTTP(w, r) })
}

// open makes the pages of a server whose handler is there. No request comes before.
func (p *pages) open(cfg Config, s *Server, handler http.Handler) (err error) {
	if cfg.NoConsole {
		return nil
	}
	p.console, err = admin.New(admin.Options{
		API: handler, SignIn: cfg.SignIn, Clients: consoleClients{s.Credentials},
		Health: &health{Server: s, cfg: cfg, began: cfg.Clock()}, Example: ExampleCatalog(), CountHolders: s.countHolders,
		URL: s.url, Now: cfg.Clock, Log: cfg.Log,
	})
	if err != nil {
		return err
	}
	p.site, err = site.New(site.Options{API: handler, URL: s.url, Console: admin.Path, Pricing: cfg.PublicPricing, Log: cfg.Log})
	return err
}

// countHolders counts who is on a plan, for the console.
func (s *Server) countHolders(ctx context.Context, plan string) (admin.Holders, error) {
	all, on, whole, err := s.billing.CountHolders(ctx, billing.Code(plan))
	out := admin.Holders{All: all, On: make(map[int64]int, len(on)), Least: !whole}
	for version, n := range on {
		out.On[int64(version)] = n
	}
	return out, err
}
