package server

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// moment is long enough to tell what ends at once from what waits.
const moment = 50 * time.Millisecond

// pair is a connection as the server has it, and its other end.
func pair(t *testing.T) (*lateConn, net.Conn) {
	t.Helper()
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer inner.Close()
	peer, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := inner.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c := newLateConn(accepted)
	t.Cleanup(func() { peer.Close(); c.Close() })
	return c, peer
}

// wait is for how long a read waits that ends with its deadline.
func wait(t *testing.T, c net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%d bytes and %v, want the deadline", n, err)
	}
	return time.Since(began)
}

func (c *lateConn) mustWant(t *testing.T, at time.Time) {
	t.Helper()
	if err := c.SetReadDeadline(at); err != nil {
		t.Fatal(err)
	}
}

func TestDeadlineHolds(t *testing.T) {
	c, _ := pair(t)
	c.mustWant(t, time.Now().Add(moment))
	if d := wait(t, c); d < moment-moment/10 {
		t.Errorf("the read ended after %s, want %s", d, moment)
	}
	wait(t, c) // it stays
}

// The timer of the first fires: whoever reads goes on until the second.
func TestDeadlineThatMovesLater(t *testing.T) {
	c, peer := pair(t)
	c.mustWant(t, time.Now().Add(moment))
	c.mustWant(t, time.Now().Add(3*moment))
	if d := wait(t, c); d < 2*moment {
		t.Errorf("the read ended after %s, want %s", d, 3*moment)
	}
	c.mustWant(t, time.Now().Add(moment))
	c.mustWant(t, time.Time{})
	defer time.AfterFunc(2*moment, func() { _, _ = peer.Write([]byte("x")) }).Stop()
	if n, err := c.Read(make([]byte, 1)); n != 1 {
		t.Errorf("%d bytes and %v, want one: there is no deadline", n, err)
	}
}

func TestDeadlineThatMovesEarlier(t *testing.T) {
	c, _ := pair(t)
	c.mustWant(t, time.Now().Add(time.Hour))
	c.mustWant(t, time.Now().Add(moment))
	wait(t, c)
}

// net/http ends a read under way by a deadline that has passed, and then sets the
// one that holds.
func TestDeadlineThatInterrupts(t *testing.T) {
	long := time.Unix(1, 0)
	c, peer := pair(t)
	for range 3 {
		c.mustWant(t, time.Now().Add(time.Hour))
		ended := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}()
		c.mustWant(t, long)
		if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%v, want the deadline", err)
		}
		wait(t, c) // it holds for who begins to read now, too
		c.mustWant(t, time.Time{})
		c.mustWant(t, time.Now().Add(time.Hour))
		defer time.AfterFunc(moment, func() { _, _ = peer.Write([]byte("x")) }).Stop()
		if n, err := c.Read(make([]byte, 1)); n != 1 {
			t.Fatalf("%d bytes and %v, want one: the deadline is in an hour", n, err)
		}
	}
}

// A write whose timer fires before its deadline goes on where it was.
func TestWriteDeadlineThatMovesLater(t *testing.T) {
	c, peer := pair(t)
	if err := errors.Join(c.SetWriteDeadline(time.Now().Add(moment)), c.SetWriteDeadline(time.Now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	sent := make([]byte, 32<<20) // more than buffers take
	for i := range sent {
		sent[i] = byte(i >> 10)
	}
	var got []byte
	read := make(chan error)
	time.AfterFunc(3*moment, func() {
		var err error
		got, err = io.ReadAll(peer)
		read <- err
	})
	if n, err := c.Write(sent); n != len(sent) || err != nil {
		t.Errorf("%d bytes written and %v, want all %d", n, err, len(sent))
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil || string(got) != string(sent) {
		t.Errorf("%d bytes came and %v, want the %d that were sent", len(got), err, len(sent))
	}
}

func TestWriteDeadlineHolds(t *testing.T) {
	c, _ := pair(t)
	if err := c.SetWriteDeadline(time.Now().Add(moment)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 32<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%v, want the deadline: nobody reads", err)
	}
}

// What is set while nobody waits costs no timer, as nearly all that is set for a request.
func TestDeadlineCostsNoTimerWhileNobodyWaits(t *testing.T) {
	set := 0
	d := deadline{began: time.Now(), set: func(time.Time) error { set++; return nil }}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	request := func() { // what net/http sets for one that is answered before anybody reads behind it
		for _, at := range []time.Time{time.Now().Add(time.Minute), {}, time.Unix(1, 0)} {
			must(d.want(at))
		}
		if err := d.begin(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%v, want the deadline: the read is over", err)
		}
		must(d.want(time.Time{}))
		must(d.want(time.Now().Add(time.Hour)))
		must(d.begin())
		d.end()
	}
	request()
	first := set
	for range 100 {
		request()
	}
	if first != 1 || set != first {
		t.Errorf("a timer is set %d times for the first request and %d for a hundred more, want 1 and 0", first, set-first)
	}
}
