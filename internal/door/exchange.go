package door

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admission"
)

// exchange is one request and its answer, as far as the log has to know them.
type exchange struct {
	http.ResponseWriter
	id     string // of the request
	client string // the client's id, once it is known
	status int    // 0 until it is sent
	code   string // of the first error, if it was refused
	cause  error  // of a refusal that does not say why, for the log only
	shed   bool   // whether it was refused for want of room

	observe Observer
	came    time.Time
	waited  time.Duration // of what it took, by choice

	unlimited context.Context // of the request, without its end in time; nil if it has none
	cancel    context.CancelFunc

	door    *door
	pass    admission.Pass // of the gate that it went through
	kind    admission.Kind // of a stranger's request
	address string         // of a stranger; "" once it is none
	whose   admission.Flow // who has bytes
	bytes   int64          // of the body, in memory
	read    bool           // whether the body has come to its end

	incoming *http.Request
	bounded  http.Request // incoming with a bound on its body, if it has one
	sent     io.Reader    // its body without the bound; nil if it has none
	after    func()       // what is done when the answer was sent; nil before

	call   Call
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

// begin sets what every answer has.
func (x *exchange) begin(d *door, r *http.Request) {
	x.door, x.incoming = d, r
	if r.Body != nil {
		x.sent = r.Body
	}
	h := x.Header()
	for name, value := range d.Headers {
		h[name] = value
	}
	if d.Draining != nil && d.Draining() {
		h["Connection"] = connectionClose
	}
}

// end gives back what the request had.
func (x *exchange) end(d *door) {
	x.pass.Leave()
	if x.unlimited != nil {
		x.cancel()
	}
	if x.bytes > 0 {
		d.Control.Bodies.Give(x.whose, x.bytes)
	}
	if x.after != nil {
		x.after()
	}
}

// connectionClose ends the connection with the answer.
var connectionClose = []string{"close"}

// WriteHeader notes the status.
func (x *exchange) WriteHeader(status int) {
	if x.status == 0 {
		x.status = status
		x.pass.Leave()
		x.after = x.early()
	}
	x.ResponseWriter.WriteHeader(status)
}

func (x *exchange) Write(b []byte) (int, error) {
	if x.status == 0 {
		x.WriteHeader(http.StatusOK)
	}
	return x.ResponseWriter.Write(b)
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
	return 0 < len(id) && len(id) <= 128 && !maySecret(id)
}

// longestWord is how many letters and digits an id may have in a row: those of requests
// are shorter, and secrets and the parts of tokens are longer.
const longestWord = 36

// maySecret reports whether a text looks like a secret or a token that was sent in the
// wrong header.
func maySecret(id string) bool {
	if strings.HasPrefix(id, "eyJ") || strings.HasPrefix(id, "whsec_") {
		return true
	}
	word := 0
	for i := range len(id) {
		if word++; !isWord(id[i]) {
			word = 0
		}
		if word > longestWord {
			return true
		}
	}
	return false
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

// send encodes the body before anything of the answer leaves, so that a body
// that cannot be encoded is a fault of ours and not half an answer.
//
// Kinde: the content type is application/json; charset=utf-8, whatever Accept says
func (x *exchange) send(status int, body any) {
	doc := Document{ContentType: ContentTypeJSON}
	switch body := body.(type) {
	case Document:
		doc = body
	case *Buffer:
		defer body.free()
		doc.Text = body.Text
	default:
		var err error
		if doc.Text, err = Encode(body); err != nil {
			x.code, x.cause = api.CodeInternalError, fmt.Errorf("encode the answer: %w", err)
			x.Header().Del(api.HeaderRevision)
			status = http.StatusInternalServerError
			doc.Text, _ = Encode(internalError(x.id)) // two strings
		}
	}
	x.door.charge(x, len(doc.Text))
	x.setHeader("Content-Type", doc.ContentType)
	x.setHeader("Content-Length", strconv.Itoa(len(doc.Text)))
	x.WriteHeader(status)
	_, _ = x.Write(doc.Text) // a caller that went away is not told anything
}

// Encode is a body as it goes over the wire.
func Encode(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return b.Bytes(), err
}
