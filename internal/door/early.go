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
	linger = 500 * time.Millisecond
)

// early is called before an answer is sent to a request whose body may not have been read,
// and what it returns after it: so a refusal does not wait for the body. The server would
// read that first.
func (x *exchange) early() (after func()) {
	after = func() {}
	r := x.incoming
	if x.read || r == nil || r.Body == nil || r.ContentLength == 0 || r.ProtoMajor != 1 {
		return after
	}
	control := http.NewResponseController(x.ResponseWriter)
	if r.Header.Get("Expect") != "" { // nobody asked for it, and the server knows
		_ = control.SetReadDeadline(time.Now())
		return after
	}
	if r.ContentLength <= maxAtHand {
		_ = control.SetReadDeadline(time.Now().Add(atHand))
		_, err := io.CopyN(io.Discard, r.Body, maxAtHand+1)
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
		_ = control.SetReadDeadline(time.Now().Add(linger))
		_, _ = io.Copy(io.Discard, r.Body)
		_ = control.SetReadDeadline(time.Now())
	}
}
