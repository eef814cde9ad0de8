package server

import (
	"net/http"

	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/web"
)

// pages are what people see of a server. They call its own handler, which they are served
// by: so they are put in first and opened when that is there.
type pages struct{ console http.Handler }

// routes puts the pages among what the door serves.
func (p *pages) routes(cfg Config, also map[string]http.Handler) {
	if cfg.NoConsole {
		return
	}
	also["GET "+web.StaticPath+"{name}"] = http.HandlerFunc(web.ServeStatic)
	also[admin.Path] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.console.ServeHTTP(w, r) })
}

// open makes the pages of a server whose handler is there. No request comes before.
func (p *pages) open(cfg Config, s *Server, handler http.Handler) (err error) {
	if cfg.NoConsole {
		return nil
	}
	p.console, err = admin.New(admin.Options{
		API: handler, SignIn: cfg.SignIn, Clients: consoleClients{s.Credentials}, URL: s.url, Now: cfg.Clock, Log: cfg.Log,
	})
	return err
}
