package httpapi

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/billing"
)

// adapter stands between HTTP and the use cases.
type adapter struct {
	Config
	mux   *http.ServeMux
	exact map[endpoint]*served      // what mux would find, without its search
	texts atomic.Pointer[planTexts] // of the newest catalog seen; nil at first
	// unserved is told of requests that no route serves.
	unserved Observer
}

// call is a request that was let in.
type call struct {
	*http.Request
	dialect dialect
	by      *auth.Principal // nil on an open route
	actor   billing.Actor   // the caller as the change log names it, of a change
	// least is the state the caller has seen already; nil if it does not say.
	least *billing.Revision
	// stale is for how long changes may have gone unheard that the answer is to
	// show; 0 if it is as new as it should be.
	stale time.Duration
	// key is the caller's name for the work of a POST; "" if it gave none.
	key string
}

// answer is what a handler has to say when nothing went wrong.
type answer struct {
	status   int    // 0 is 200
	revision string // of the state it was computed from; "" if it depends on none
	body     any    // a wire type, a document or a *buffer
	replayed bool   // it was said before
	code     string // of the first error, if what is said again or kept is a refusal
}

// document is a body that is not encoded but sent as it is.
type document struct {
	contentType string
	text        []byte
}

const (
	contentTypeJSON = "application/json; charset=utf-8"
	contentTypeYAML = "application/yaml"
)

// exchange is one request and its answer, as far as the log has to know them.
type exchange struct {
	http.ResponseWriter
	id     string // of the request
	client string // the client's id, once it is known
	status int    // 0 until it is sent
	code   string // of the first error, if it was refused
	cause  error  // of a refusal that does not say why, for the log only

	observe Observer

	call   call
	values [4]string // of the headers that were set
	set    int       // how many of them
}

// Unwrap is for [http.ResponseController].
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// setHeader sets a header by its canonical name. Those that every answer has are
// set at no cost of memory.
func (x *exchange) setHeader(name, value string) {
	if x.set == len(x.values) {
		x.Header().Set(name, value)
		return
	}
	x.values[x.set] = value
	x.set++
	x.Header()[name] = x.values[x.set-1 : x.set : x.set]
}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	return x.ResponseWriter.Write(b)
}

func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := time.Now()
	x := &exchange{ResponseWriter: w, id: r.Header.Get(api.HeaderRequestID), observe: a.unserved}
	if !loggable(x.id) {
		x.id = newRequestID()
	}
	x.setHeader(api.HeaderRequestID, x.id)
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
		took := time.Since(began)
		x.observe(x.status, took)
		a.log(x, r, took)
	}()
	if !normalise(r) {
		a.notFound(x, r)
	} else if route := a.exact[endpoint{r.Method, r.URL.Path}]; route != nil && r.URL.RawPath == "" {
		r.Pattern = route.name
		a.serve(route, x, r)
	} else {
		a.mux.ServeHTTP(x, r)
	}
}

// loggable reports whether a caller's own request id may be taken over into our
// log.
func loggable(id string) bool {
	for i := range len(id) {
		c := id[i]
		if !isWord(c) && strings.IndexByte("._:/+=-", c) < 0 {
			return false
		}
	}
	return 0 < len(id) && len(id) <= 128
}

// isWord reports whether a byte is an ASCII letter or digit.
func isWord(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// newRequestID makes an id that no other request has. Nobody gains by guessing
// it.
func newRequestID() string {
	var random [16]byte
	binary.BigEndian.PutUint64(random[:8], rand.Uint64())
	binary.BigEndian.PutUint64(random[8:], rand.Uint64())
	var digits [2 * len(random)]byte
	hex.Encode(digits[:], random[:])
	return string(digits[:])
}

// slow is how long a request may take without being noted.
const slow = time.Second

// log writes the line of a request. The route is its pattern: a path may name a
// customer. One that came to what it should, in time, is of interest to nobody
// but in a search for something, and there may be many thousands a second.
func (a *adapter) log(x *exchange, r *http.Request, took time.Duration) {
	level := slog.LevelDebug
	switch {
	case x.status >= http.StatusInternalServerError && r.Context().Err() == nil:
		level = slog.LevelError
	case x.status >= http.StatusBadRequest || took >= slow:
		level = slog.LevelInfo
	}
	if !a.Log.Enabled(r.Context(), level) {
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
	a.Log.LogAttrs(r.Context(), level, "request", attrs...)
}

// normalise makes every run of slashes in the path one, and reports whether the
// path is then one that a route could serve. The mux would redirect the others.
//
// Kinde: a doubled slash in a path is served as if it were one
func normalise(r *http.Request) bool {
	if r.URL.RawPath == "" && plain(r.URL.Path) {
		return true
	}
	escaped := r.URL.EscapedPath()
	if strings.Contains(escaped, "//") {
		var b strings.Builder
		for i := range len(escaped) {
			if escaped[i] != '/' || i == 0 || escaped[i-1] != '/' {
				b.WriteByte(escaped[i])
			}
		}
		escaped = b.String()
		plain, err := url.PathUnescape(escaped)
		if err != nil {
			return false
		}
		u := *r.URL
		u.Path, u.RawPath = plain, escaped
		r.URL = &u
	}
	return strings.HasPrefix(escaped, "/") && (path.Clean(escaped) == escaped || path.Clean(escaped)+"/" == escaped)
}

// plain reports whether a path is words between single slashes, as that of
// nearly every request is: there is nothing to escape in it and nothing to clean.
func plain(path string) bool {
	before := byte(0)
	for i := range len(path) {
		c := path[i]
		if c == '/' && before == '/' || c != '/' && c != '_' && c != '-' && !isWord(c) {
			return false
		}
		before = c
	}
	return path != "" && path[0] == '/'
}

// notFound answers what no route serves.
//
// Kinde: errors is an object in the answer to an unknown route, and only there
func (a *adapter) notFound(x *exchange, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/account_api/") {
		a.allowOrigin(x, r)
	}
	x.code = api.CodeRouteNotFound
	x.send(http.StatusNotFound, api.RouteNotFound{Errors: api.Error{
		Code:    api.CodeRouteNotFound,
		Message: "no route has this path and method; /openapi.yaml lists them all",
	}})
}

// limitBody bounds the body of a request. The connection of one that goes on
// behind the bound is closed, which takes the server's own writer.
func limitBody(x *exchange, r *http.Request, limit int64) {
	if r.Body == http.NoBody {
		return
	}
	r.Body = http.MaxBytesReader(x.ResponseWriter, r.Body, limit)
}

// serve is the one way from a route to its handler and back.
func (a *adapter) serve(route *served, x *exchange, r *http.Request) {
	if route.dialect == account {
		a.allowOrigin(x, r)
	}
	limitBody(x, r, route.handle.maxBody)
	x.observe = route.observe
	c := &x.call
	c.Request, c.dialect = r, route.dialect
	err := a.admit(route, x, c)
	var ans answer
	if err == nil {
		ans, err = route.handle.answer(a, c)
	}
	if err != nil {
		a.refuse(route, x, err)
		return
	}
	if ans.revision != "" {
		x.setHeader(api.HeaderRevision, ans.revision)
	}
	if c.stale > 0 {
		x.Header().Set(api.HeaderStale, strconv.Itoa(int(math.Ceil(c.stale.Seconds()))))
	}
	if ans.replayed {
		x.Header().Set(api.HeaderIdempotencyReplayed, "true")
	}
	x.code = ans.code
	x.send(cmp.Or(ans.status, http.StatusOK), ans.body)
}

// admit finds out who calls and whether it may.
func (a *adapter) admit(route *served, x *exchange, c *call) error {
	if route.dialect == open {
		return nil
	}
	token, err := auth.Bearer(c.Header)
	if err != nil {
		return err
	}
	if c.by, err = a.Verifier.Verify(c.Context(), token); err != nil {
		return err
	}
	x.client = c.by.ClientID
	if err := a.take(x, c); err != nil {
		return err
	}
	if route.dialect == account {
		err = requireUser(c.by)
	} else {
		err = c.by.Require(route.scopes...)
	}
	if err != nil {
		return err
	}
	if err := c.readLeast(); err != nil {
		return err
	}
	return c.readKey()
}

// actor is a caller as the change log names it.
func (a *adapter) actor(by *auth.Principal) billing.Actor {
	name := "client:" + by.ClientID
	if by.Issuer != a.Issuer {
		name += "@" + by.Issuer
	}
	return billing.Actor(name)
}

// requireUser returns nil if the token is a user's and says whose: without that
// it would speak for the organization it names.
func requireUser(by *auth.Principal) error {
	if !by.User || by.Subject == "" {
		return fmt.Errorf("%w: token of a client where one of a user is wanted", auth.ErrInvalidCredentials)
	}
	return nil
}

// errThrottled is a request above the rate limit.
var errThrottled = errors.New("too many requests")

// take counts the request against the client's rate limit.
func (a *adapter) take(x *exchange, c *call) error {
	quota := a.Limiter.Take(c.by)
	if quota.Limit > 0 {
		x.Header().Set("RateLimit-Limit", strconv.Itoa(quota.Limit))
		x.Header().Set("RateLimit-Remaining", strconv.Itoa(quota.Remaining))
		x.Header().Set("RateLimit-Reset", strconv.Itoa(quota.Reset))
	}
	if quota.Allowed {
		return nil
	}
	// Kinde: Retry-After is sent on POST only
	if c.Method == http.MethodPost {
		x.Header().Set("Retry-After", strconv.Itoa(quota.RetryAfter))
	}
	return errThrottled
}

// refuse answers a request that came to nothing.
func (a *adapter) refuse(route *served, x *exchange, err error) {
	if challenge := auth.Challenge(err); challenge != "" {
		x.Header().Set("WWW-Authenticate", challenge)
	}
	status, body := refusal(route.dialect, x.id, named(route.name, err))
	// The messages of the others may repeat what the caller sent.
	if status == http.StatusForbidden || status >= http.StatusInternalServerError {
		x.cause = err
	}
	x.code = body.Errors[0].Code
	x.send(status, body)
}

// send encodes the body before anything of the answer leaves, so that a body
// that cannot be encoded is a fault of ours and not half an answer.
//
// Kinde: the content type is application/json; charset=utf-8, whatever Accept says
func (x *exchange) send(status int, body any) {
	doc := document{contentType: contentTypeJSON}
	switch body := body.(type) {
	case document:
		doc = body
	case *buffer:
		defer body.free()
		doc.text = body.text
	default:
		var err error
		if doc.text, err = encode(body); err != nil {
			x.code, x.cause = api.CodeInternalError, fmt.Errorf("encode the answer: %w", err)
			x.Header().Del(api.HeaderRevision)
			status = http.StatusInternalServerError
			doc.text, _ = encode(internalError(x.id)) // two strings
		}
	}
	x.setHeader("Content-Type", doc.contentType)
	x.setHeader("Content-Length", strconv.Itoa(len(doc.text)))
	x.WriteHeader(status)
	_, _ = x.Write(doc.text) // a caller that went away is not told anything
}

func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return b.Bytes(), err
}
