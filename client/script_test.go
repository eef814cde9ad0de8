package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/allot-dev/allot/client"
)

// script answers each request with the next of its steps, and fails the test if
// it gets more requests or fewer. It plays exact situations on the wire; it
// knows no rules of a server.
type script struct {
	t     *testing.T
	steps []http.HandlerFunc

	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func newScript(t *testing.T, steps ...http.HandlerFunc) *script {
	s := &script{t: t, steps: steps}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.requests) != len(s.steps) {
			t.Errorf("got %d requests, want %d", len(s.requests), len(s.steps))
		}
	})
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	if n >= len(s.steps) {
		http.Error(w, "the script has ended", http.StatusTeapot)
		return
	}
	s.steps[n](w, r)
}

// lines are the requests so far, without what is the same in all.
func (s *script) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, r := range s.requests {
		lines = append(lines, r.Method+" "+r.RequestURI)
	}
	return lines
}

// authorizations are the Authorization headers of the requests so far.
func (s *script) authorizations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var values []string
	for _, r := range s.requests {
		values = append(values, r.Header.Get("Authorization"))
	}
	return values
}

// request is the n-th request with its body.
func (s *script) request(n int) (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[n], s.bodies[n]
}

// answer is a step with a JSON body and pairs of header names and values.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for pair := range slices.Chunk(header, 2) {
			w.Header().Set(pair[0], pair[1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// hangUp is a step that closes the connection without an answer.
func hangUp(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// overLoopback serves a script on a loopback port, for a client that never
// waits.
func overLoopback(t *testing.T, s *script, opts ...client.Option) *client.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// overPipes serves a script through memory, which a synctest bubble needs to
// see that everybody waits. Both sides are net/http all the same.
func overPipes(t *testing.T, s *script, opts ...client.Option) *client.Client {
	t.Helper()
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: s}
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	transport := &http.Transport{DialContext: func(_ context.Context, network, address string) (net.Conn, error) { return l.dial(network, address) }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		server.Close()
	})
	c, err := client.New("http://allot.test", append(opts, client.WithHTTPClient(&http.Client{Transport: transport}))...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) dial(string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return near, nil
	case <-l.closed:
		return nil, errors.New("the listener is closed")
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
