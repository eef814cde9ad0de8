package httpapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// Config is what the routes are served with. All of it is required but Also.
type Config struct {
	Billing  *billing.Service
	Verifier *auth.Verifier
	Limiter  *auth.Limiter
	// Log gets one line for each request. It never gets a token, a query or
	// anything else that may be personal.
	Log *slog.Logger
	// Ready returns nil if requests can be answered. The error is logged.
	Ready func(context.Context) error
	// Also are the handlers of other packages, by their pattern as
	// [http.ServeMux] reads it. They check credentials themselves; request ids,
	// the limit of bodies, the log and the answer to an unknown route are those
	// of all.
	Also map[string]http.Handler
}

// New returns the handler of [Routes] and of those in Config.Also.
func New(c Config) http.Handler {
	a := &adapter{Config: c, mux: http.NewServeMux()}
	for _, route := range Routes {
		a.mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			a.serve(route, w.(*exchange), r)
		})
	}
	for pattern, handler := range c.Also {
		a.mux.Handle(pattern, handler)
	}
	// Any method, or the mux would answer a wrong one by itself.
	a.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		a.notFound(w.(*exchange))
	})
	return a
}
