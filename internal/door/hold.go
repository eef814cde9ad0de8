package door

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/allot-dev/allot/internal/admission"
)

// held is a body that was read before the request got its turn: whoever sends slowly keeps
// nobody waiting but itself.
type held struct {
	text []byte
	err  error // behind text; nil is its end
	at   int
}

func (h *held) Read(into []byte) (int, error) {
	n := copy(into, h.text[h.at:])
	h.at += n
	switch {
	case n > 0 || len(into) == 0:
		return n, nil
	case h.err != nil:
		return 0, h.err
	}
	return 0, io.EOF
}

// Close is for [http.Request].
func (h *held) Close() error { return nil }

const (
	// firstRead is how much of a body is read at first. Nearly all are smaller.
	firstRead = 2 << 10
	// bodyPatience is how long the next bodyChunk bytes of a body may take to come: one
	// that comes steadily is not cut, however long it is.
	bodyChunk    = 64 << 10
	bodyPatience = 30 * time.Second
)

// hold reads the body of a request that was let in. What is wrong with it is told when it
// is asked for, but for what is no fault of the body.
func (d *door) hold(x *exchange, c *Call) error {
	if c.Method == http.MethodGet || c.Method == http.MethodHead || c.Body == nil || c.Body == http.NoBody {
		return nil
	}
	if limit := c.route.Handle.maxBody; c.ContentLength > limit { // nothing of it is waited for
		c.Body = &held{err: &http.MaxBytesError{Limit: limit}}
		return nil
	}
	whose := flow(c.By)
	control := http.NewResponseController(x.ResponseWriter)
	size := firstRead
	if n := c.ContentLength; 0 < n && n < bodyChunk {
		size = int(n) + 1 // and its end is found without another round
	}
	text, err := make([]byte, 0, size), d.room(x, whose, size)
	var shape shape
	shape.list = c.route.Handle.list
	for chunk := bodyChunk; err == nil; {
		var n int
		n, err = c.Body.Read(text[len(text):min(cap(text), len(text)+bodyChunk)])
		if n > 0 && len(text)+n > bodyChunk { // what comes of a large one is looked at in turn
			if busy := d.enter(x, c); busy != nil {
				return busy
			}
		}
		if n > 0 && shape.on(c.route) {
			if fault := shape.read(text[len(text) : len(text)+n]); fault != nil {
				err = fault
			}
		}
		text = text[:len(text)+n]
		if err == nil && len(text) == cap(text) {
			if err = d.room(x, whose, cap(text)); err == nil {
				text = append(make([]byte, 0, 2*cap(text)), text...)
			}
		}
		x.pass.Leave()
		if len(text) >= chunk {
			chunk = len(text) + bodyChunk
			_ = control.SetReadDeadline(time.Now().Add(bodyPatience))
		}
	}
	if errors.Is(err, errBodies) {
		return err
	}
	if errors.Is(err, io.EOF) {
		x.read, err = true, nil
	}
	if len(text) > bodyChunk { // what it asks for may take long
		_ = control.SetReadDeadline(time.Time{}) // or the context would end with it
		_ = control.SetWriteDeadline(time.Now().Add(patience))
	}
	c.Body = &held{text: text, err: err}
	return nil
}

// room takes n more bytes for a request's body, until it is answered.
func (d *door) room(x *exchange, whose admission.Flow, n int) error {
	if d.Control == nil {
		return nil
	}
	if !d.Control.Bodies.Take(whose, int64(n)) {
		d.Control.Shed(admission.Body)
		return errBodies
	}
	x.whose = whose
	x.bytes += int64(n)
	return nil
}
