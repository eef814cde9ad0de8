package admin

import (
	"context"
	"embed"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/web"
)

// Path is where the console is served, with all below it.
const Path = "/console/"

// Session is who is signed in.
type Session struct {
	Name   string   // of the administrator; the change log has "admin:NAME"
	Role   string   // for people
	Scopes []string // of the API, that the role has
}

// SignIn says who is signed in, and serves the pages for that.
type SignIn interface {
	// Session is whose a request is; nil if nobody is signed in. It may set a cookie. An
	// error is a fault of ours, or a [*client.Error] of status 503.
	Session(w http.ResponseWriter, r *http.Request) (*Session, error)
	// Still is as Session, for an answer that was begun already: nothing is noted and no
	// cookie is changed. It is nil for a session whose role is another now.
	Still(r *http.Request) (*Session, error)
	// Routes are the pages of signing in and out, by patterns of [http.ServeMux] below
	// [Path]. They say themselves who may see them.
	Routes() map[string]http.HandlerFunc
}

// Options are what the console is built with.
type Options struct {
	// API is the server's own handler, of [door.New].
	API http.Handler
	// SignIn says who is signed in.
	SignIn SignIn
	// Clients are who may call the API.
	Clients Clients
	// URL is where clients find the server, without a slash at the end.
	URL string
	// Health says how the server stands.
	Health Health
	// CountHolders counts who is on a plan, by its code.
	CountHolders func(ctx context.Context, plan string) (Holders, error)
	// Example is a catalog file to begin with.
	Example []byte
	// Now tells the time.
	Now func() time.Time
	// Log gets what went wrong. Nothing personal.
	Log *slog.Logger
}

// Holders are how many customers are on a plan, in all and by version.
type Holders struct {
	All int
	On  map[int64]int
	// Least says that these are some of them: there are too many to be counted.
	Least bool
}

//go:embed all:screens
var files embed.FS

var templates = web.Screens(files, "screens", funcs)

// console serves all below [Path].
type console struct {
	Options
	api *client.Client
	mux *http.ServeMux
	// done is what came of forms.
	done Once[came]
}

// New returns the handler of the console, for all requests below [Path].
func New(o Options) (http.Handler, error) {
	c := &console{Options: o, mux: http.NewServeMux()}
	var err error
	// The address is in no request: the transport does not leave the process.
	c.api, err = client.New("http://allot.internal",
		client.WithHTTPClient(&http.Client{Transport: door.Inside(o.API)}), client.WithAttempts(1))
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	for _, at := range screens {
		c.mux.HandleFunc(at.pattern, func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, at.handle) })
	}
	c.mux.HandleFunc(Path, func(w http.ResponseWriter, r *http.Request) { c.serve(w, r, nothing) })
	for pattern, handler := range o.SignIn.Routes() {
		c.mux.HandleFunc(pattern, handler)
	}
	// A form of another site is not let in, whoever is signed in here.
	guard := http.NewCrossOriginProtection()
	// A proxy may have another Host than the browser has asked for.
	if u, err := url.Parse(o.URL); err == nil && u.Host != "" {
		if err := guard.AddTrustedOrigin(u.Scheme + "://" + u.Host); err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c.refuse(w, nil, &web.Refusal{
			Status: http.StatusForbidden, Title: "This form came from another site", Message: "Nothing was changed. Open the page here and send it again.",
		})
	}))
	return guard.Handler(c.mux), nil
}

// Principal is the caller that a session's requests to the API are of.
func (s *Session) Principal() *auth.Principal { return auth.NewAdministrator(s.Name, s.Scopes) }

// nav are the ways to the screens that a session may see, of one of them.
func nav(s *Session, at string) []web.Link {
	links := []web.Link{
		{Href: "/console/", Text: "Overview"},
		{Href: "/console/customers", Text: "Customers"},
		{Href: "/console/plans", Text: "Plans"},
		{Href: "/console/events", Text: "Events"},
		{Href: "/console/webhooks", Text: "Webhooks"},
		{Href: "/console/clients", Text: "Clients"},
		{Href: "/console/health", Text: "Health"},
	}
	if !slices.Contains(s.Scopes, api.ScopeManageWebhooks) { // there is no scope to read them alone
		links = slices.DeleteFunc(links, func(l web.Link) bool { return l.Text == "Webhooks" })
	}
	for i := range links {
		links[i].Current = links[i].Href == at
	}
	return links
}

// Frame is what stands around a page of the console, for pages that are served beside its
// screens: at is the nearest of the screens of the navigation, "" is none.
func Frame(s *Session, at, title string) *web.Page {
	page := &web.Page{Title: title, Home: Path}
	if s != nil {
		page.Nav, page.User, page.Role = nav(s, at), s.Name, s.Role
	}
	return page
}
