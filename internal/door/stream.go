package door

import (
	"errors"
	"net/http"
	"time"

	"github.com/allot-dev/allot/internal/auth"
)

// Stream is a body that comes to be while it is sent.
type Stream struct {
	ContentType string
	// Write sends it, and returns when it ends or Send returns an error.
	Write func(*StreamWriter)
}

// StreamWriter sends the parts of a [Stream].
type StreamWriter struct {
	to       http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // with a caller that takes no chunk
}

const (
	// patience is what an answer may take after all waiting.
	patience = time.Minute
	// streamChunk are the bytes of a stream that a caller must take within
	// streamPatience: one that reads on is never cut, however much there is.
	streamChunk    = 64 << 10
	streamPatience = 30 * time.Second
)

// Send sends a part at once. The error is that the caller is gone, or reads too slowly.
func (w *StreamWriter) Send(text []byte) error {
	for len(text) > 0 {
		chunk := text[:min(len(text), streamChunk)]
		text = text[len(chunk):]
		if err := supported(w.control.SetWriteDeadline(time.Now().Add(w.patience))); err != nil {
			return err
		}
		if _, err := w.to.Write(chunk); err != nil {
			return err
		}
		if err := w.control.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// supported is an error of a deadline, if it is not that there are none here.
func supported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// stream sends a body that comes to be. That takes as long as it takes.
func (x *exchange) stream(status int, body Stream) {
	x.setHeader("Content-Type", body.ContentType)
	x.Header().Set("Cache-Control", "no-store")
	x.Header().Set("X-Accel-Buffering", "no") // of nginx, which would gather it
	x.WriteHeader(status)
	if x.call.Method == http.MethodHead {
		return
	}
	defer x.call.Await(0)()
	control := http.NewResponseController(x.ResponseWriter)
	_ = control.Flush() // the headers, before there is anything to say
	body.Write(&StreamWriter{x, control, streamPatience})
}

// Await lets the answer come up to d later than the server grants it otherwise. The time
// until done is called is not how long the request took, but how long it chose to wait.
func (c *Call) Await(d time.Duration) (done func()) {
	c.exchange.pass.Leave() // who waits does not keep others waiting
	began := time.Now()
	if d > 0 {
		c.limit(began.Add(d + readTime))
	}
	control := http.NewResponseController(c.exchange.ResponseWriter)
	// Without a deadline for reading, or the context would end with it.
	_ = control.SetReadDeadline(time.Time{})
	_ = control.SetWriteDeadline(began.Add(d + patience))
	return func() { c.exchange.waited += time.Since(began) }
}

// Admitted is nil while the caller may still do what it was let in for: its token may end,
// or be taken away, while it waits.
func (c *Call) Admitted() error {
	if by := insider(c.Request); by != nil { // its session is looked at by who let it in
		return nil
	}
	token, err := auth.Bearer(c.Header)
	if err != nil {
		return err
	}
	by, err := c.door.Verifier.Verify(c.Context(), token)
	if err != nil {
		return err
	}
	return c.route.Dialect.Admission.Check(composedPrincipal(by), c.route.scopes)
}
