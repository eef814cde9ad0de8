package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/snapshot"
)

// Config is what the routes are served with. What may be left out says so.
type Config struct {
	Billing *billing.Service
	// Snapshots is where what customers hold is read.
	Snapshots *snapshot.Cache
	Verifier  *auth.Verifier
	Limiter   *auth.Limiter
	// Issuer is our own. In the change log a client of another one is named with
	// its issuer, because two issuers may have clients of the same id.
	Issuer string
	// AccountOrg shows a user on the account API what the organization of its
	// token holds, if it is no customer itself. Kinde keeps that from browsers.
	AccountOrg bool
	// Origins are those whose pages may read the account API, as browsers write
	// them, such as https://app.example; "*" is all. May be empty.
	Origins []string
	// Log gets one line for each request. It never gets a token, a query or
	// anything else that may be personal.
	Log *slog.Logger
	// Ready says how requests can be answered, or returns why they cannot, which
	// is logged.
	Ready func(context.Context) (api.Readiness, error)
	// Observe returns who is told of the answers of a route: their status and how
	// long they took. It is called once for each route, by its method ("" is any)
	// and pattern; both are "" for what no route serves. May be nil.
	Observe func(method, pattern string) Observer
	// Also are the handlers of other packages, by their pattern as
	// [http.ServeMux] reads it. They check credentials themselves; request ids,
	// the limit of bodies, the log and the answer to an unknown route are those
	// of all. May be nil.
	Also map[string]http.Handler
}

// Observer is told of an answer.
type Observer func(status int, took time.Duration)

// New returns the handler of [Routes] and of those in Config.Also.
func New(c Config) http.Handler {
	a := &adapter{Config: c, mux: http.NewServeMux(), exact: make(map[endpoint]*served)}
	a.unserved = a.observer("", "")
	for _, r := range Routes {
		route := &served{r, r.Method + " " + r.Pattern, strings.Fields(r.Scope), a.observer(r.Method, r.Pattern)}
		if !strings.Contains(r.Pattern, "{") {
			a.exact[endpoint{r.Method, r.Pattern}] = route
		}
		patterns := []string{route.Pattern}
		if bare, ok := strings.CutSuffix(route.Pattern, "{key}"); ok {
			patterns = append(patterns, bare+"{$}") // a key that is empty
		}
		for _, pattern := range patterns {
			a.mux.HandleFunc(route.Method+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
				a.serve(route, w.(*exchange), r)
			})
			if route.dialect == account {
				a.mux.HandleFunc(http.MethodOptions+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
					a.preflight(w.(*exchange), r)
				})
			}
		}
	}
	for pattern, handler := range c.Also {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = "", pattern
		}
		observe := a.observer(method, path)
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := w.(*exchange)
			x.observe = observe
			limitBody(x, r, api.MaxBodyBytes)
			handler.ServeHTTP(w, r)
		})
	}
	// Any method, or the mux would answer a wrong one by itself.
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.notFound(w.(*exchange), r)
	})
	return a
}

func (c *Config) observer(method, pattern string) Observer {
	if c.Observe == nil {
		return func(int, time.Duration) {}
	}
	return c.Observe(method, pattern)
}
