package door

import (
	"bytes"
	"context"
	"io"
	"net/http"

	"github.com/allot-dev/allot/internal/auth"
)

// principalKey is where a context has the principal of requests from inside.
type principalKey struct{}

// WithPrincipal is a context whose requests are those of by, without a token. Only this
// process can make one: what comes over a network has no context.
func WithPrincipal(ctx context.Context, by *auth.Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, by)
}

// insider is who a request from inside is of; nil for one that came over a network.
func insider(r *http.Request) *auth.Principal {
	by, _ := r.Context().Value(principalKey{}).(*auth.Principal)
	return by
}

// Inside sends requests to a handler of [New] in the same process. Each is answered whole
// before it returns; for a stream, call the handler itself. The context says whose they
// are: see [WithPrincipal].
func Inside(handler http.Handler) http.RoundTripper { return inside{handler} }

type inside struct{ handler http.Handler }

func (i inside) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer r.Body.Close()
	}
	answer := &answer{header: http.Header{}}
	// The handler may change its request, which a RoundTripper must not.
	served := r.Clone(r.Context())
	if served.Body == nil {
		served.Body = http.NoBody
	}
	i.handler.ServeHTTP(answer, served)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if answer.status == 0 {
		answer.status = http.StatusOK
	}
	return &http.Response{
		Status: http.StatusText(answer.status), StatusCode: answer.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.header, Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: r,
	}, nil
}

// answer is what a handler answers, in memory.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(text []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(text)
}

// Known says of a request to a handler of [Config].Also, which checks credentials itself,
// that it is no stranger's: from here on it costs the budget of strangers nothing, and the
// log names by. w is what the handler was given.
func Known(w http.ResponseWriter, by *auth.Principal) {
	x, ok := w.(*exchange)
	if !ok {
		return // a handler that is tested without its door
	}
	x.pass.Leave()
	x.client = actorOf(by)
	if x.address != "" {
		x.door.Control.Proved(x.kind, x.address)
		x.address = ""
	}
}
