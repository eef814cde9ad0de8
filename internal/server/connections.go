package server

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/allot-dev/allot/internal/admission"
)

// connections is the listener of a server. It bounds how many connections there are, in
// all and from one address: past the bound one goes on which nothing is asked, and if there
// is none the new one. So nobody is kept out by those who only hold connections.
type connections struct {
	net.Listener
	most, each int

	mu sync.Mutex
	of map[string]*address
	resting
	open int

	evicted, refused atomic.Uint64

	// until is by when the port closes; nil before it is to.
	until atomic.Pointer[time.Time]
	// accepted is closed when nobody is accepted any more.
	accepted  chan struct{}
	accepting sync.Once
}

// address is what comes from one.
type address struct {
	name string
	open int
	resting
}

// resting are connections on which nothing is asked, those that have been so for longest
// first: fresh ones never asked anything, and on those that leave nothing is asked any more.
type resting struct{ fresh, idle, leaving list.List }

// haste is within what time who has connected asks something, if it means to.
const haste = 250 * time.Millisecond

// victim is the one that makes way: one that leaves, or else, before those of others who come
// back, the connection of somebody who does not mean to ask anything. It is nil if there is none.
func (r *resting) victim(now time.Time) *connection {
	if leaving := front(&r.leaving); leaving != nil {
		return leaving
	}
	fresh, idle := front(&r.fresh), front(&r.idle)
	if fresh != nil && (idle == nil || now.Sub(fresh.since) > haste) {
		return fresh
	}
	return idle
}

// connection is one of a server's.
type connection struct {
	*lateConn
	all  *connections
	from *address
	// inAll and inOwn are where it is among those that are idle; nil while it is not.
	inAll, inOwn *list.Element
	since        time.Time // when it was accepted
	asked        bool      // something, so far
	gone         bool
}

// bounded makes a listener of at most so many connections, three quarters of them from one address.
func bounded(l net.Listener, most int) *connections {
	return &connections{Listener: l, most: most, each: max(1, most*3/4), of: make(map[string]*address), accepted: make(chan struct{})}
}

// sendBuffer is how much of an answer the system keeps for a caller that does not read.
const sendBuffer = 256 << 10

// Accept returns the next connection for which there is room.
func (s *connections) Accept() (net.Conn, error) {
	for {
		if until := s.until.Load(); until != nil && (!pending(s.Listener) || time.Now().After(*until)) {
			s.Listener.Close()
		}
		inner, err := s.Listener.Accept()
		if err != nil {
			if s.until.Load() != nil && errors.Is(err, os.ErrDeadlineExceeded) {
				_ = s.interrupt(closeTimeout) // for those who wait, if there are any
				continue
			}
			if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
				if s.evict() {
					continue
				}
				return nil, err // the server asks again in a moment
			}
			s.accepting.Do(func() { close(s.accepted) })
			return nil, err
		}
		if tcp, ok := inner.(*net.TCPConn); ok {
			_ = tcp.SetWriteBuffer(sendBuffer)
		}
		if c := s.admit(inner); c != nil {
			return c, nil
		}
		s.refused.Add(1)
		inner.Close()
	}
}

// admit makes room for a connection. It returns nil if there is none.
func (s *connections) admit(inner net.Conn) *connection {
	name := admission.Address(inner.RemoteAddr().String())
	s.mu.Lock()
	from := s.of[name]
	if from == nil {
		from = &address{name: name}
		s.of[name] = from
	}
	var victim *connection
	full, now := true, time.Now()
	switch {
	case from.open >= s.each:
		victim = from.victim(now)
	case s.open >= s.most:
		victim = s.victim(now)
	default:
		full = false
	}
	if full && victim == nil {
		s.forget(from)
		s.mu.Unlock()
		return nil
	}
	c := &connection{lateConn: newLateConn(inner), all: s, from: from, since: now}
	s.open++
	from.open++
	c.rest() // until a request comes
	if victim != nil {
		victim.stir()
	}
	s.mu.Unlock()
	if victim != nil {
		s.evicted.Add(1)
		victim.Close()
	}
	return c
}

// evict closes the connection that has been idle for longest. It reports false if none is.
func (s *connections) evict() bool {
	s.mu.Lock()
	victim := s.victim(time.Now())
	if victim != nil {
		victim.stir()
	}
	s.mu.Unlock()
	if victim == nil {
		return false
	}
	s.evicted.Add(1)
	victim.Close()
	return true
}

func front(l *list.List) *connection {
	if e := l.Front(); e != nil {
		return e.Value.(*connection)
	}
	return nil
}

// rest notes that a connection is idle from now on.
func (c *connection) rest() {
	switch {
	case c.inAll != nil:
	case c.asked:
		c.inAll, c.inOwn = c.all.idle.PushBack(c), c.from.idle.PushBack(c)
	default:
		c.inAll, c.inOwn = c.all.fresh.PushBack(c), c.from.fresh.PushBack(c)
	}
}

// stir notes that it is not.
func (c *connection) stir() {
	if c.inAll != nil {
		for _, l := range []*list.List{&c.all.idle, &c.all.fresh, &c.all.leaving} { // one has it
			l.Remove(c.inAll)
		}
		for _, l := range []*list.List{&c.from.idle, &c.from.fresh, &c.from.leaving} {
			l.Remove(c.inOwn)
		}
		c.inAll, c.inOwn = nil, nil
	}
}

func (s *connections) forget(from *address) {
	if from.open == 0 {
		delete(s.of, from.name)
	}
}

// connectionKey is for the connection of a request, in its context.
type connectionKey struct{}

// inContext has a context know its connection.
func inContext(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connectionKey{}, connectionOf(conn))
}

// connectionOf is one of a server's; nil if it is another.
func connectionOf(conn net.Conn) *connection {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	c, _ := conn.(*connection)
	return c
}

// leave notes that nothing more is asked on the connection of a request, which stays open for a
// while, so that the peer sees the answer to what it is still sending. Such ones make way first:
// thousands a second of them would use up the room of those who come back.
func leave(ctx context.Context) {
	c, _ := ctx.Value(connectionKey{}).(*connection)
	if c == nil {
		return
	}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.gone {
		c.stir()
		c.inAll, c.inOwn = c.all.leaving.PushBack(c), c.from.leaving.PushBack(c)
	}
}

// Close closes the connection.
func (c *connection) Close() error {
	err := c.lateConn.Close()
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if !c.gone {
		c.gone = true
		c.stir()
		c.all.open--
		c.from.open--
		c.all.forget(c.from)
	}
	return err
}

// state is told by the server what a connection does. Until its first request is read it
// does nothing, and so does one between two requests.
func (s *connections) state(conn net.Conn, state http.ConnState) {
	c := connectionOf(conn)
	if c == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case c.gone:
	case state == http.StateActive:
		c.stir()
		c.asked = true
	case state == http.StateIdle:
		c.rest()
	}
}

// count is how many connections there are, and how many of them are idle.
func (s *connections) count() (open, idle int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open, s.fresh.Len() + s.idle.Len()
}

// closeTimeout is for how long those who connect are waited for when the port closes.
const closeTimeout = time.Second

// finish closes the port at a moment at which nobody is connected who was not accepted: the
// system would cut them off. It is closed by who accepts, so that no moment passes between
// a look at who waits and the end.
func (s *connections) finish() {
	until := time.Now().Add(closeTimeout)
	s.until.Store(&until)
	if s.interrupt(0) != nil {
		s.Listener.Close()
	}
	<-s.accepted
}

// Close closes the port, which may be closed.
func (s *connections) Close() error {
	if err := s.Listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// interrupt has who accepts wait no longer than d.
func (s *connections) interrupt(d time.Duration) error {
	l, ok := s.Listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return errors.ErrUnsupported
	}
	return l.SetDeadline(time.Now().Add(d))
}

const (
	// firstRequest is how long who has connected may take to ask something, before the
	// server ends.
	firstRequest = 500 * time.Millisecond
	settlePoll   = time.Millisecond
)

// settle returns when all requests are answered, those included that come on connections on
// which nothing was asked yet; or when ctx ends. The server itself, once it is shut down,
// answers no request that it has not begun to work on.
func (s *connections) settle(ctx context.Context) {
	began := time.Now()
	for ctx.Err() == nil {
		s.mu.Lock()
		fresh := s.fresh.Len()
		busy := s.open - s.idle.Len() - fresh
		s.mu.Unlock()
		if busy == 0 && (fresh == 0 || time.Since(began) > firstRequest) {
			return
		}
		time.Sleep(settlePoll)
	}
}
