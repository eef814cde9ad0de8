package door

import (
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	// atHand is how long a body may take to come that is sent with its request.
	atHand = 10 * time.Millisecond
	// maxAtHand is how much of a body is read for nothing, so that its connection goes on.
	maxAtHand = 64 << 10
	// linger is for how long what still comes is read behind a refusal: the connection is
	// closed then, and a caller whose bytes nobody reads would not see the answer.
	linger = time.Second
	// lingerBytes are read of it each lingerEach, by all that linger: most callers see the
	// answer while they send, and stop.
	lingerBytes = 256 << 10
	lingerEach  = 2 * time.Millisecond
)

// early is called before an answer is sent to a request whose body may not have been read,
// and what it returns after it: so a refusal does not wait for the body. The server would
// read that first.
func (x *exchange) early() (after func()) {
	after = func() {}
	r := x.incoming
	if x.read || r == nil || x.sent == nil || r.ContentLength == 0 || r.ProtoMajor != 1 {
		return after
	}
	control := http.NewResponseController(x.ResponseWriter)
	if r.Header.Get("Expect") != "" { // nobody asked for it, and the server knows
		_ = control.SetReadDeadline(time.Now())
		return after
	}
	if r.ContentLength <= maxAtHand {
		_ = control.SetReadDeadline(time.Now().Add(atHand))
		_, err := io.CopyN(io.Discard, x.sent, maxAtHand+1)
		_ = control.SetReadDeadline(time.Now().Add(linger))
		if errors.Is(err, io.EOF) {
			return after
		}
	}
	if control.EnableFullDuplex() != nil {
		return after
	}
	x.Header()["Connection"] = connectionClose
	return func() {
		_ = control.Flush()
		if x.door.Leaving != nil {
			x.door.Leaving(r.Context())
		}
		x.door.discard(control, x.sent) // also behind the bound
		_ = control.SetReadDeadline(time.Now())
	}
}

// discard reads what still comes of a body behind its answer, for a while and no faster than
// all of them together may: bytes that nobody asked for must not cost others their time.
func (d *door) discard(control *http.ResponseController, body io.Reader) {
	until := time.Now().Add(linger)
	_ = control.SetReadDeadline(until)
	defer d.lingering.Add(-1)
	for others := d.lingering.Add(1); ; others = d.lingering.Load() {
		wait := time.Duration(others) * lingerEach
		if time.Until(until) < wait {
			return
		}
		time.Sleep(wait)
		if _, err := io.CopyN(io.Discard, body, lingerBytes); err != nil {
			return
		}
	}
}
