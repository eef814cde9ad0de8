package door

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admission"
)

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{ResponseWriter: w, id: first(r.Header[api.HeaderRequestID]), observe: d.unserved}
	if d.Trace == nil {
		d.handle(x, r)
		return
	}
	r, end := d.Trace(r)
	defer func() { end(Traced{Pattern: r.Pattern, Status: x.status, RequestID: x.id, Code: x.code}) }()
	d.handle(x, r)
}

// handle answers a request, whatever comes of it.
func (d *door) handle(x *exchange, r *http.Request) {
	began := time.Now()
	x.came = began
	if !loggable(x.id) {
		x.id = newRequestID()
	}
	x.setHeader(api.HeaderRequestID, x.id)
	x.begin(d, r)
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // the one that is meant to pass
			}
			x.code, x.cause = api.CodeInternalError, fmt.Errorf("panic: %v\n%s", p, debug.Stack())
			if x.status == 0 {
				x.send(http.StatusInternalServerError, internalError(x.id))
			}
		}
		x.end(d)
		took := time.Since(began) - x.waited
		x.observe(x.status, x.code, took)
		d.log(x, r, took)
	}()
	if !normalise(r) {
		d.notFound(x, r)
	} else if route := d.exact[endpoint{r.Method, r.URL.Path}]; route != nil && r.URL.RawPath == "" {
		r.Pattern = route.name
		d.serve(route, x, r)
	} else {
		d.mux.ServeHTTP(x, r)
	}
}

// first is a header's value; "" if there is none.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// slow is how long a request may take without being noted.
const slow = time.Second

// log writes the line of a request. The route is its pattern: a path may name a
// customer. One that came to what it should, in time, is of interest to nobody
// but in a search for something, and there may be many thousands a second.
func (d *door) log(x *exchange, r *http.Request, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case x.status >= http.StatusInternalServerError && r.Context().Err() == nil && !x.shed:
		level = slog.LevelError
	case x.status >= http.StatusBadRequest || took >= slow:
		level = slog.LevelInfo
	}
	log := d.Log
	if x.client == "" || x.shed {
		log = d.few
	}
	if !log.Enabled(r.Context(), level) {
		return
	}
	route := r.Pattern[max(0, strings.IndexByte(r.Pattern, '/')):]
	attrs := []slog.Attr{
		slog.String("method", r.Method), slog.String("route", route), slog.Int("status", x.status),
		slog.Duration("took", took), slog.String("client", x.client), slog.String("request_id", x.id),
	}
	if x.code != "" {
		attrs = append(attrs, slog.String("code", x.code))
	}
	if x.cause != nil {
		attrs = append(attrs, slog.Any("cause", x.cause))
	}
	log.LogAttrs(r.Context(), level, "request", attrs...)
}

// notFound answers what no route serves.
//
// Kinde: errors is an object in the answer to an unknown route, and only there
func (d *door) notFound(x *exchange, r *http.Request) {
	for _, pages := range d.pages {
		if strings.HasPrefix(r.URL.Path, pages) {
			d.allowOrigin(x, r)
		}
	}
	if err := d.stranger(x, r, admission.Open); err != nil {
		d.refuseAlso(x, r, err)
		return
	}
	x.code = api.CodeRouteNotFound
	x.send(http.StatusNotFound, api.RouteNotFound{Errors: api.Error{
		Code:    api.CodeRouteNotFound,
		Message: "no route has this path and method; /openapi.yaml lists them all",
	}})
}

// limitBody bounds the body of a request. The connection of one that goes on
// behind the bound is closed, which takes the server's own writer. The bound is put on a
// copy of the request: by its own one the server tells whether the body was waited for.
func limitBody(x *exchange, r *http.Request, limit int64) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	x.bounded = *r
	x.bounded.Body = http.MaxBytesReader(x.ResponseWriter, r.Body, limit)
	x.incoming = &x.bounded
	return &x.bounded
}

// serve is the one way from a route to its handler and back.
func (d *door) serve(route *served, x *exchange, r *http.Request) {
	if route.Dialect.Pages != "" {
		d.allowOrigin(x, r)
	}
	if route.Dialect.Everybody {
		x.readableBy("*")
	}
	r = limitBody(x, r, route.Handle.maxBody)
	x.observe = route.observe
	c := &x.call
	c.Request, c.door, c.route, c.exchange, c.requestID = r, d, route, x, x.id
	c.limit(x.came.Add(cmp.Or(route.Handle.patience, readTime)))
	err := d.admit(route, x, c)
	if errors.Is(err, context.DeadlineExceeded) { // nothing was done yet
		err = fmt.Errorf("%w: %w", errUnreachable, err)
	}
	var ans Answer
	if err == nil {
		ans, err = route.Handle.answer(c)
	}
	if err != nil {
		d.refuse(route, x, err)
		return
	}
	if ans.Revision != "" {
		x.setHeader(api.HeaderRevision, ans.Revision)
	}
	if c.Stale > 0 {
		x.Header().Set(api.HeaderStale, strconv.Itoa(int(math.Ceil(c.Stale.Seconds()))))
	}
	if ans.replayed {
		x.Header().Set(api.HeaderIdempotencyReplayed, "true")
	}
	x.code = ans.code
	if body, ok := ans.Body.(Stream); ok {
		c.limit(time.Time{})
		x.stream(cmp.Or(ans.Status, http.StatusOK), body)
		return
	}
	x.send(cmp.Or(ans.Status, http.StatusOK), ans.Body)
}
