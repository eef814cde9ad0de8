package door

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/auth"
)

// Call is a request that was let in.
type Call struct {
	*http.Request
	By    *auth.Principal // nil where no credentials are asked for
	Actor string          // the caller as the change log names it, of a change
	// Least is the revision of a state that the caller has seen already; "" if it
	// does not say.
	Least string
	// Stale is for how long changes may have gone unheard that the answer is to
	// show; 0 if it is as new as it should be. The handler sets it.
	Stale time.Duration

	door     *door
	route    *served
	exchange *exchange
	// requestID names the request in the log.
	requestID string
	// key is the caller's name for the work of a POST; "" if it gave none.
	key string
	// until is by when a change is to be answered.
	until time.Time
}

// Until is by when the caller of a change is to be answered.
func (c *Call) Until() time.Time { return c.until }

// came is when the request did.
func (c *Call) came() time.Time {
	if c.exchange == nil {
		return time.Now()
	}
	return c.exchange.came
}

// limit has all that is done for the request end at a time, if the store may not answer; zero is
// never.
func (c *Call) limit(until time.Time) {
	if !c.door.Bounded {
		return
	}
	x := c.exchange
	if x.unlimited == nil {
		x.unlimited = c.Context()
	} else if x.cancel(); until.IsZero() {
		x.cancel = func() {}
		c.Request = c.Request.WithContext(x.unlimited)
		return
	}
	var ctx context.Context
	ctx, x.cancel = context.WithDeadline(x.unlimited, until)
	c.Request = c.Request.WithContext(ctx)
}

// Note writes a line to the log, with the request's id. Give it codes and ids, and
// nothing that may be personal.
func (c *Call) Note(message string, attrs ...slog.Attr) {
	c.door.Log.LogAttrs(c.Context(), slog.LevelInfo, message, append(attrs, slog.String("request_id", c.requestID))...)
}

// Turn is that of the request; nil if nothing is let in in turns.
func (c *Call) Turn() Turn {
	if c.exchange == nil {
		return nil
	}
	return &c.exchange.pass
}

// Errors are an error as the caller is told it; nil if it is not meant for the
// caller.
func (c *Call) Errors(err error) Errors { return c.door.errors(c.route, err) }

// Answer is what a handler has to say when nothing went wrong.
type Answer struct {
	Status   int    // 0 is 200
	Revision string // of the state it was computed from; "" if it depends on none
	Body     any    // a wire type, a [Document], a [Stream] or a *[Buffer]
	// Secret is whether the body has a secret or a link: kept under a key, it is
	// sealed.
	Secret bool
	// Passing is whether some of the work was not done for what passes: it is not kept under
	// a key, which is to do the rest.
	Passing bool

	replayed bool   // it was said before
	code     string // of the first error, if what is said again or kept is a refusal
}

// Document is a body that is not encoded but sent as it is.
type Document struct {
	ContentType string
	Text        []byte
}

// Content types of documents.
const (
	ContentTypeJSON = "application/json; charset=utf-8"
	ContentTypeYAML = "application/yaml"
)

// Buffer is a body of JSON that was put together. Once sent, it is used again.
type Buffer struct{ Text []byte }

var buffers = sync.Pool{New: func() any { return new(Buffer) }}

// NewBuffer returns an empty buffer.
func NewBuffer() *Buffer { return buffers.Get().(*Buffer) }

// maxKept is the largest buffer that is worth keeping, in bytes.
const maxKept = 64 << 10

func (b *Buffer) free() {
	if cap(b.Text) <= maxKept {
		b.Text = b.Text[:0]
		buffers.Put(b)
	}
}

// Rename makes the path name a thing in the one way that all others stand for, so
// that a key is the same however the caller named it.
func (c *Call) Rename(variable, value string) {
	u := *c.URL
	u.Path, u.RawPath = strings.Replace(u.Path, "/"+c.Request.PathValue(variable), "/"+value, 1), ""
	r := *c.Request
	r.URL = &u
	c.Request = &r
	c.SetPathValue(variable, value)
}
