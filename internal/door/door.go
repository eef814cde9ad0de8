package door

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/auth"
)

// Config is what the door is built with. What may be left out says so.
type Config struct {
	Verifier *auth.Verifier
	Limiter  *auth.Limiter
	// Control decides which requests are let in when there are more than can be
	// answered. Nil: all are.
	Control *admission.Control
	// Bounded says that the store may not answer: each request is given up in time then, counted
	// from when it came.
	Bounded bool
	// Ending is closed when the server is about to end. May be nil.
	Ending <-chan struct{}
	// Draining, if not nil, says whether callers are to go elsewhere: then each
	// connection ends with the answer.
	Draining func() bool
	// Leaving, if not nil, is told of requests after whose answer their connection is closed,
	// while something of their bodies may still come.
	Leaving func(context.Context)
	// Headers are what every answer has; each is one value by its canonical name. May be
	// nil.
	Headers map[string][]string
	// Issuer is our own. In the change log a client of another one is named with
	// its issuer, because two issuers may have clients of the same id.
	Issuer string
	// Origins are those whose pages may read the routes that a dialect lets pages
	// read, as browsers write them, such as https://app.example; "*" is all. May
	// be empty.
	Origins []string
	// Log gets one line for each request. It never gets a token, a query or
	// anything else that may be personal.
	Log *slog.Logger
	// Explain is an error of the use cases as the caller is told it; nil if it is
	// not meant for the caller.
	Explain func(error) Errors
	// Revision returns an error if a text is no revision that an answer may have
	// carried.
	Revision func(string) error
	// Sealer seals answers that have a secret, to be kept under a key.
	Sealer Sealer
	// Observe returns who is told of the answers of a route: their status and how
	// long they took. It is called once for each route, by its method ("" is any)
	// and pattern; both are "" for what no route serves. May be nil.
	Observe func(method, pattern string) Observer
	// Trace is told of each request when it comes. It returns the request to go on
	// with, which has the context of its trace, and who is told when it is over. Nil:
	// nothing is traced, and that costs nothing.
	Trace func(*http.Request) (_ *http.Request, end func(Traced))
	// Also are handlers that are no routes, by their pattern as [http.ServeMux]
	// reads it. They check credentials themselves; request ids, the limit of
	// bodies, the log and the answer to an unknown route are those of all. May be
	// nil.
	Also map[string]http.Handler
}

// Sealer encrypts what is kept and only the server may read.
type Sealer interface {
	SealAnswer(text []byte) []byte
	OpenAnswer(sealed []byte) ([]byte, error)
}

// Observer is told of an answer: its status, or 0 if there was none, the code of the
// first error if it is a refusal, and how long it took.
type Observer func(status int, code string, took time.Duration)

// Traced is an answer as its trace has it.
type Traced struct {
	Pattern   string // of the route, as [http.Request].Pattern has it
	Status    int    // 0 if nobody was answered
	RequestID string
	Code      string // of the first error, if it was refused
}

// door is the handler of all requests.
type door struct {
	Config
	mux   *http.ServeMux
	exact map[endpoint]*served // what mux would find, without its search
	pages []string             // see [Dialect].Pages
	// unserved is told of requests that no route serves.
	unserved Observer
	// few is the log of requests without credentials, and of those for which there is no room.
	few *slog.Logger
	// unknown has room for the tokens whose keys are being read.
	unknown chan struct{}
	// lingering is how many refused bodies are read on.
	lingering atomic.Int64
}

// tokenPath is where tokens are given: strangers have a budget for it of its own.
const tokenPath = "/oauth2/token"

// New returns the handler of some routes and of those in Config.Also.
func New(c Config, routes []Route) http.Handler {
	d := &door{Config: c, mux: http.NewServeMux(), exact: make(map[endpoint]*served), few: c.Log, unknown: make(chan struct{}, mostUnknown)}
	if c.Control != nil {
		d.few = admission.Lines(c.Log)
	}
	d.unserved = d.observer("", "")
	for _, r := range routes {
		d.add(r)
	}
	for pattern, handler := range c.Also {
		method, path, ok := strings.Cut(pattern, " ")
		if !ok {
			method, path = "", pattern
		}
		observe, kind := d.observer(method, path), admission.Open
		if path == tokenPath {
			kind = admission.Token
		}
		d.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			x := w.(*exchange)
			x.observe = observe
			r = limitBody(x, r, api.MaxBodyBytes)
			if err := d.stranger(x, r, kind); err != nil {
				d.refuseAlso(x, r, err)
				return
			}
			handler.ServeHTTP(w, r)
			if kind == admission.Token && x.status == http.StatusOK && d.Control != nil {
				d.Control.Proved(kind, x.address)
			}
		})
	}
	// Any method, or the mux would answer a wrong one by itself.
	d.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		d.notFound(w.(*exchange), r)
	})
	return d
}

func (d *door) add(r Route) {
	route := &served{r, r.Method + " " + r.Pattern, strings.Fields(r.Scope), d.observer(r.Method, r.Pattern)}
	if !strings.Contains(r.Pattern, "{") {
		d.exact[endpoint{r.Method, r.Pattern}] = route
	}
	patterns := []string{route.Pattern}
	if bare, ok := strings.CutSuffix(route.Pattern, "{key}"); ok {
		patterns = append(patterns, bare+"{$}") // a key that is empty
	}
	for _, pattern := range patterns {
		d.mux.HandleFunc(route.Method+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
			d.serve(route, w.(*exchange), r)
		})
		if route.Dialect.Pages != "" {
			d.mux.HandleFunc(http.MethodOptions+" "+pattern, func(w http.ResponseWriter, r *http.Request) {
				d.preflight(w.(*exchange), r)
			})
		}
		if route.Dialect.Everybody {
			d.mux.HandleFunc(http.MethodOptions+" "+pattern, func(w http.ResponseWriter, _ *http.Request) {
				x := w.(*exchange)
				x.readableBy("*")
				x.sendPreflight()
			})
		}
	}
	if pages := route.Dialect.Pages; pages != "" && !slices.Contains(d.pages, pages) {
		d.pages = append(d.pages, pages)
	}
}

func (d *door) observer(method, pattern string) Observer {
	if d.Observe == nil {
		return func(int, string, time.Duration) {}
	}
	return d.Observe(method, pattern)
}
