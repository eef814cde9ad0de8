package server

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// net/http sets seven deadlines for a request, nearly all of them later than the one
// before: each costs a timer of the runtime, and hardly one ever fires. lateListener
// gives connections on which a deadline that moves later is only noted. When the
// timer of an earlier one fires, whoever waits is told of it only if the deadline
// that holds by then has passed, and else waits on. One that moves earlier takes
// effect at once. So every deadline holds to the moment, as it does without this.
type lateListener struct{ net.Listener }

func (l lateListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	return &lateConn{Conn: c, read: deadline{set: c.SetReadDeadline, began: began}, write: deadline{set: c.SetWriteDeadline, began: began}}, nil
}

// lateConn is a connection whose deadlines are of that kind.
type lateConn struct {
	net.Conn
	read, write deadline
}

func (c *lateConn) SetReadDeadline(t time.Time) error  { return c.read.want(t) }
func (c *lateConn) SetWriteDeadline(t time.Time) error { return c.write.want(t) }

func (c *lateConn) SetDeadline(t time.Time) error {
	return errors.Join(c.read.want(t), c.write.want(t))
}

func (c *lateConn) Read(b []byte) (int, error) {
	if err := c.read.begin(); err != nil {
		return 0, err
	}
	for {
		n, err := c.Conn.Read(b)
		if err == nil || n > 0 || !c.read.early(err) {
			return n, err
		}
	}
}

func (c *lateConn) Write(b []byte) (int, error) {
	if err := c.write.begin(); err != nil {
		return 0, err
	}
	for written := 0; ; {
		n, err := c.Conn.Write(b[written:])
		written += n
		if err == nil || !c.write.early(err) {
			return written, err
		}
	}
}

// CloseWrite is for net/http, which lets a peer read an answer before it closes the
// connection.
func (c *lateConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// deadline is that of one direction.
type deadline struct {
	set   func(time.Time) error // the timer of the runtime
	began time.Time             // no deadline before it is to come

	mu     sync.Mutex
	wanted time.Time // the one that holds; zero if there is none
	timer  time.Time // the one that is set, never after wanted; zero if there is none
}

// want makes t the deadline.
func (d *deadline) want(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if t.IsZero() || !d.timer.IsZero() && !t.Before(d.timer) {
		return nil
	}
	d.timer = t
	return d.set(t)
}

// soon is how far ahead a timer is set that was not to come. The next deadline is
// mostly later, and need not be set then.
const soon = 4 * time.Second

// begin is for who is about to wait. A timer that was set to interrupt somebody else
// is taken back, or it would fire at once.
func (d *deadline) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer.IsZero() || !d.timer.Before(d.began) || !d.wanted.IsZero() && d.wanted.Before(d.began) {
		return nil
	}
	d.timer = d.wanted
	if near := time.Now().Add(soon); near.Before(d.wanted) {
		d.timer = near
	}
	return d.set(d.timer)
}

// early reports whether an error is that of a timer that fired before the deadline,
// and sets it anew.
func (d *deadline) early(err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return false
	}
	d.timer = d.wanted
	return d.set(d.timer) == nil
}
