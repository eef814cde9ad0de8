package cli_test

import (
	"context"
	"net"
	"net/url"
	"sync"
	"testing"
)

// link is what a server is connected to its database through.
type link struct {
	listener net.Listener
	to       string // address

	mu      sync.Mutex
	changed *sync.Cond // of mu
	state   linkState
	conns   map[net.Conn]bool
}

type linkState int

const (
	linkOpen    linkState = iota
	linkCut               // every connection is closed, and every new one
	linkStalled           // nothing is closed, and nothing goes through
)

func newLink(t *testing.T, to string) *link {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &link{listener: listener, to: to, conns: map[net.Conn]bool{}}
	l.changed = sync.NewCond(&l.mu)
	var relaying sync.WaitGroup
	relaying.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			relaying.Go(func() { l.relay(t.Context(), conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		l.set(linkCut)
		relaying.Wait()
	})
	return l
}

// set changes the state. Once it is cut nothing goes through any more.
func (l *link) set(state linkState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = state
	if state == linkCut {
		for conn := range l.conns {
			conn.Close()
		}
	}
	l.changed.Broadcast()
}

// pass waits while the link is stalled, and reports whether it is open.
func (l *link) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.state == linkStalled {
		l.changed.Wait()
	}
	return l.state == linkOpen
}

// relay passes on what comes on one connection, both ways, until either side is
// closed.
func (l *link) relay(ctx context.Context, from net.Conn) {
	defer from.Close()
	if !l.pass() {
		return
	}
	to, err := new(net.Dialer).DialContext(ctx, "tcp", l.to)
	if err != nil {
		return
	}
	defer to.Close()
	defer l.drop(from, to)
	if !l.keep(from, to) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { l.copy(from, to) })
	l.copy(to, from)
	back.Wait()
}

func (l *link) copy(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && l.pass() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			l.pass() // while it is stalled the other side does not hear of the end either
			return
		}
	}
}

// keep notes connections to close when the link is cut, unless it is.
func (l *link) keep(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		l.conns[conn] = true
	}
	return l.state != linkCut
}

func (l *link) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range conns {
		delete(l.conns, conn)
	}
}

// through is the URL of a database with the link in between.
func (l *link) through(u url.URL) string {
	u.Host = l.listener.Addr().String()
	return u.String()
}
