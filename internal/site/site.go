package site

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/web"
)

// Where the pages are.
const (
	HomePath    = "/"
	PricingPath = "/pricing"
	DocsPath    = "/docs"
)

// Options are what the pages are built with.
type Options struct {
	// API is the server's own handler, of [door.New].
	API http.Handler
	// URL is where clients find the server, without a slash at the end.
	URL string
	// Console is where the console is; "" if there is none.
	Console string
	// Pricing lets anybody see the price list.
	Pricing bool
	// Log gets what went wrong. Nothing personal.
	Log *slog.Logger
}

//go:embed all:screens
var files embed.FS

var templates = web.Screens(files, "screens", nil)

// Site has the pages.
type Site struct {
	Options
	api  *client.Client
	kept kept                   // pages of the price list
	list atomic.Pointer[[]byte] // the page of all requests
}

// New returns the pages of a server.
func New(o Options) (*Site, error) {
	s := &Site{Options: o}
	var err error
	// The address is in no request: the transport does not leave the process.
	s.api, err = client.New("http://allot.internal",
		client.WithHTTPClient(&http.Client{Transport: door.Inside(o.API)}), client.WithAttempts(1))
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	return s, nil
}

// Patterns are those of all pages, as [http.ServeMux] reads them.
func Patterns() []string {
	return []string{"GET /{$}", "GET " + PricingPath, "GET " + DocsPath, "GET " + DocsPath + "/{operation}"}
}

// ServeHTTP answers a request that one of [Patterns] matched.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.URL.Path {
	case HomePath:
		err = s.home(w)
	case PricingPath:
		err = s.pricing(w, r)
	case DocsPath:
		err = s.docs(w, r)
	default:
		err = s.operation(w, r)
	}
	if err != nil && r.Context().Err() == nil {
		s.fail(w, r, err)
	}
}

// fail says what went wrong. A fault of ours is logged and not told.
func (s *Site) fail(w http.ResponseWriter, r *http.Request, err error) {
	why, ok := errors.AsType[*web.Refusal](err)
	refused, told := errors.AsType[*client.Error](err)
	switch {
	case ok:
	case told && refused.Status != http.StatusInternalServerError:
		why = &web.Refusal{Status: refused.Status, Title: "That cannot be shown", Message: refused.Message()}
	default:
		id := w.Header().Get(api.HeaderRequestID)
		s.Log.LogAttrs(r.Context(), slog.LevelError, "site", slog.Any("cause", err), slog.String("request_id", id))
		why = web.Fault(id)
	}
	if err := web.Refuse(w, s.page("", ""), why); err != nil {
		s.Log.Error("site", "cause", err)
	}
}

// page is the frame of a page; at is the one of the navigation that it is.
func (s *Site) page(at, title string) *web.Page {
	page := &web.Page{Title: title, Home: HomePath}
	if s.Pricing {
		page.Nav = append(page.Nav, web.Link{Href: PricingPath, Text: "Price list"})
	}
	page.Nav = append(page.Nav, web.Link{Href: DocsPath, Text: "API"})
	if s.Console != "" {
		page.Nav = append(page.Nav, web.Link{Href: s.Console, Text: "Console"})
	}
	for i := range page.Nav {
		page.Nav[i].Current = page.Nav[i].Href == at
	}
	return page
}

// reader is who the pages ask the API as: somebody who may read the catalog, and nothing
// else.
func reader(ctx context.Context) context.Context {
	return door.WithPrincipal(ctx, auth.NewAdministrator("site", []string{api.ScopeReadCatalog}))
}

// home is what the page at / shows.
type home struct {
	URL, Console, Pricing string
}

func (s *Site) home(w http.ResponseWriter) error {
	shown := home{URL: s.URL, Console: s.Console}
	if s.Pricing {
		shown.Pricing = PricingPath
	}
	page := s.page(HomePath, "What is this customer entitled to right now?")
	page.Data = shown
	return templates.Write(w, http.StatusOK, "home", page)
}
