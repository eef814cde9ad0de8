package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// Config is what the routes are served with. What may be left out says so.
type Config struct {
	Billing  *billing.Service
	Verifier *auth.Verifier
	Limiter  *auth.Limiter
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
	// Ready returns nil if requests can be answered. The error is logged.
	Ready func(context.Context) error
	// Also are the handlers of other packages, by their pattern as
	// [http.ServeMux] reads it. They check credentials themselves; request ids,
	// the limit of bodies, the log and the answer to an unknown route are those
	// of all. May be nil.
	Also map[string]http.Handler
}

// New returns the handler of [Routes] and of those in Config.Also.
func New(c Config) http.Handler {
	a := &adapter{Config: c, mux: http.NewServeMux()}
	for _, route := range Routes {
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
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			limitBody(w.(*exchange), r, api.MaxBodyBytes)
			handler.ServeHTTP(w, r)
		})
	}
	// Any method, or the mux would answer a wrong one by itself.
	a.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.notFound(w.(*exchange), r)
	})
	return a
}
