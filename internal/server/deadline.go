package server

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// net/http sets seven deadlines for a request, nearly all of them later than the one
// before: each costs a timer of the runtime, and hardly one ever fires. lateConn is a
// connection on which a deadline is only noted if nobody waits, or if it moves later. Whoever
// begins to wait sees to the timer then. When the
// timer of an earlier one fires, whoever waits is told of it only if the deadline
// that holds by then has passed, and else waits on. One that moves earlier takes
// effect at once. So every deadline holds to the moment, as it does without this.
type lateConn struct {
	net.Conn
	read, write deadline
}

func newLateConn(c net.Conn) *lateConn {
	began := time.Now()
	return &lateConn{Conn: c, read: deadline{set: c.SetReadDeadline, began: began}, write: deadline{set: c.SetWriteDeadline, began: began}}
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
	defer c.read.end()
	for {
		n, err := c.Conn.Read(b)
		if err == nil || n > 0 || !c.read.early(err) {
			return n, err
		}
	}
}

// Write gives up on a peer that hardly reads, however far the deadline is, and does not on
// one that reads on, though the deadline has passed.
func (c *lateConn) Write(b []byte) (int, error) {
	if err := c.write.begin(); err != nil {
		return 0, err
	}
	defer c.write.end()
	c.write.glance()
	for written, taken, stalled := 0, 0, 0; ; {
		n, err := c.Conn.Write(b[written:])
		written += n
		taken += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		switch early := c.write.early(err); {
		case taken >= leastTaken:
			taken, stalled = 0, 0
			c.write.postpone()
		case !early || stalled >= mostStalled:
			return written, err
		default:
			stalled++
		}
		c.write.glance()
	}
}

const (
	// leastTaken is how many bytes a peer has to take in the time of soon, for what is
	// written to it to go on.
	leastTaken = 16 << 10
	// mostStalled is how often it may fail to.
	mostStalled = 6
)

// glance has the timer fire soon, to see how far what is written has come.
func (d *deadline) glance() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.near {
		return
	}
	if near := time.Now().Add(soon); d.timer.IsZero() || near.Before(d.timer) {
		d.near, d.timer = true, near
		_ = d.set(near) // of a connection that is closed, whose write fails
	}
}

// postpone moves a deadline that has passed to what comes soon.
func (d *deadline) postpone() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if near := time.Now().Add(soon); !d.wanted.IsZero() && d.wanted.Before(near) {
		d.wanted = near
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
	timer  time.Time // the one that is set, never after wanted while somebody waits; zero if there is none
	near   bool      // whether timer is by glance, so that another one would be later
	waits  int       // how many wait
}

// want makes t the deadline.
func (d *deadline) want(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.waits == 0 {
		return nil
	}
	return d.hasten()
}

// hasten sets the timer if it is later than the deadline.
func (d *deadline) hasten() error {
	if d.wanted.IsZero() || !d.timer.IsZero() && !d.wanted.Before(d.timer) {
		return nil
	}
	return d.reset(d.wanted)
}

func (d *deadline) reset(t time.Time) error {
	d.timer, d.near = t, false
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
	if d.past(d.wanted) {
		return os.ErrDeadlineExceeded
	}
	d.waits++
	if !d.past(d.timer) {
		return d.hasten()
	}
	timer := d.wanted
	if near := time.Now().Add(soon); near.Before(d.wanted) {
		timer = near
	}
	return d.reset(timer)
}

// past reports whether a time is one that was over when the connection began: who sets it
// means to interrupt.
func (d *deadline) past(t time.Time) bool { return !t.IsZero() && t.Before(d.began) }

// end is for who waits no longer.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waits--
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
	return d.reset(d.wanted) == nil
}
