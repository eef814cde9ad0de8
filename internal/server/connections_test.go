package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// Whoever only holds connections keeps nobody out: the one goes that has been idle for
// longest.
func TestIdleConnectionsMakeWay(t *testing.T) {
	r := start(t, Config{MaxConnections: 40})
	_, token := r.token(t)
	var held []net.Conn
	for range 100 {
		held = append(held, r.dial(t))
	}
	for range 3 {
		if status, body := r.get(t, "/v1/catalog", token); status != http.StatusOK {
			t.Errorf("%d %s", status, body)
		}
		r.http.CloseIdleConnections()
	}
	// One address has three quarters of all. What is above it is closed.
	if open, _ := r.listener.count(); open > 30 {
		t.Errorf("%d connections are open, want at most 30", open)
	}
	if err := held[0].SetReadDeadline(time.Now().Add(atOnce)); err != nil {
		t.Fatal(err)
	}
	if _, err := held[0].Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the first connection is still open: %v", err)
	}
	if r.listener.evicted.Load() == 0 {
		t.Error("none was counted")
	}
	for _, c := range held {
		c.Close()
	}
	r.http.CloseIdleConnections()
	for deadline := time.Now().Add(atOnce); ; time.Sleep(time.Millisecond) {
		if open, idle := r.listener.count(); open == 0 && idle == 0 && len(r.listener.of) == 0 {
			return
		} else if time.Now().After(deadline) {
			t.Fatalf("%d connections are counted, %d idle, after all were closed", open, idle)
		}
	}
}

// Those whose last answer was sent are open for a moment yet, and make way before one of
// somebody who comes back.
func TestThoseThatLeaveMakeWay(t *testing.T) {
	all := bounded(nil, 4) // of which one address has three
	admit := func() *connection {
		inner, peer := net.Pipe()
		t.Cleanup(func() { peer.Close() })
		c := all.admit(inner)
		if c != nil {
			all.state(c, http.StateActive)
		}
		return c
	}
	polite, first, second := admit(), admit(), admit()
	all.state(polite, http.StateIdle)
	for _, c := range []*connection{first, second} {
		leave(inContext(t.Context(), c))
		if next := admit(); next == nil || !c.gone || polite.gone {
			t.Errorf("there is room: %t; the one that leaves has made way: %t, and the one that comes back: %t", next != nil, c.gone, polite.gone)
		}
		c.Close() // as net/http does after a while
	}
	if next := admit(); next == nil || !polite.gone {
		t.Errorf("there is room: %t; nobody leaves, and the idle one has made way: %t", next != nil, polite.gone)
	}
	if open, idle := all.count(); open != 3 || idle != 0 || all.leaving.Len() != 0 {
		t.Errorf("%d are open, %d idle, %d leave", open, idle, all.leaving.Len())
	}
}

// One leaves once a refusal was sent of a request whose body may still come, over TLS too.
func TestRefusedConnectionsLeave(t *testing.T) {
	cert, key, roots := certificate(t)
	for _, cfg := range []Config{{}, {TLSCert: cert, TLSKey: key}} {
		r := start(t, cfg)
		conn := r.dial(t)
		if cfg.TLSCert != "" {
			conn = tls.Client(conn, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"})
		}
		leaving := func() int {
			r.listener.mu.Lock()
			defer r.listener.mu.Unlock()
			return r.listener.leaving.Len()
		}
		fmt.Fprint(conn, "POST /v1/check HTTP/1.1\r\nHost: allot.test\r\nContent-Length: 900000000\r\n\r\n{")
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		for deadline := time.Now().Add(atOnce); leaving() != 1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("TLS %t: %d leave", cfg.TLSCert != "", leaving())
			}
		}
		for deadline := time.Now().Add(atOnce); leaving() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("TLS %t: %d leave for good", cfg.TLSCert != "", leaving())
			}
		}
	}
}

// One that is asked something is not closed: then there is no room.
func TestBusyConnectionsStay(t *testing.T) {
	r := start(t, Config{MaxConnections: 2}) // one for each address
	_, token := r.token(t)
	busy := r.dial(t)
	fmt.Fprintf(busy, "GET /v1/events?after=end&wait=30 HTTP/1.1\r\nHost: allot.test\r\nAuthorization: Bearer %s\r\n\r\n", token)
	for deadline := time.Now().Add(atOnce); ; time.Sleep(time.Millisecond) {
		if open, idle := r.listener.count(); open == 1 && idle == 0 {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%d open, %d idle, want one that is busy", open, idle)
		}
	}
	other := r.dial(t)
	if err := other.SetReadDeadline(time.Now().Add(atOnce)); err != nil {
		t.Fatal(err)
	}
	if _, err := other.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("there was room: %v", err)
	}
	if n := r.listener.refused.Load(); n != 1 {
		t.Errorf("%d refused, want 1", n)
	}
}

// The port stays open until those who ask whether the server is ready have been told that
// it is not, and nobody who connects meanwhile stays unanswered.
func TestDrainInTwoSteps(t *testing.T) {
	r := start(t, Config{DrainDelay: 500 * time.Millisecond})
	_, token := r.token(t)
	if status, _ := r.get(t, "/readyz", ""); status != http.StatusOK {
		t.Fatalf("status %d before", status)
	}
	var answered, told atomic.Int64
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			each := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/v1/catalog", nil)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.Addr().String())
				if err != nil {
					return // the port is closed
				}
				each.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) { return conn, nil }
				resp, err := each.Do(req)
				if err != nil {
					t.Errorf("a request on an open connection was not answered: %v", err)
					return
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("status %d, %v", resp.StatusCode, err)
				}
				resp.Body.Close()
				answered.Add(1)
			}
		})
	}
	for answered.Load() < 100 {
		time.Sleep(time.Millisecond)
	}
	r.stop()
	r.log.await(t, "msg=draining")
	for told.Load() == 0 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL()+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Fatalf("nobody was told that the server is not ready: %v", err)
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusServiceUnavailable && resp.Close {
			told.Add(1)
		}
	}
	asking.Wait()
	if err := r.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d requests were answered, each on a connection of its own", answered.Load())
}

// Where nobody has asked whether the server is ready, it does not wait.
func TestNobodyIsWaitedFor(t *testing.T) {
	r := start(t, Config{DrainDelay: time.Hour / 10})
	began := time.Now()
	r.stop()
	if err := r.Wait(); err != nil || time.Since(began) > time.Minute {
		t.Errorf("the end took %s: %v", time.Since(began), err)
	}
}

// short is a listener that has no descriptor for the next connections.
type short struct {
	net.Listener
	times int
}

func (l *short) Accept() (net.Conn, error) {
	if l.times--; l.times >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

// A shortage of descriptors that passes is not taken for the end of the port: that is waited for
// still.
func TestShortageIsNoEnd(t *testing.T) {
	inner, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := bounded(&short{inner, 1}, 10)
	ended := func() bool {
		select {
		case <-l.accepted:
			return true
		default:
			return false
		}
	}
	if _, err := l.Accept(); !errors.Is(err, syscall.EMFILE) || ended() {
		t.Errorf("%v, and it has ended: %v", err, ended())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) || !ended() {
		t.Errorf("%v, and it has ended: %v", err, ended())
	}
}

// piped is a connection on which nothing is taken that is not read.
func piped(t *testing.T) (*lateConn, net.Conn) {
	server, peer := net.Pipe()
	t.Cleanup(func() { server.Close(); peer.Close() })
	return newLateConn(server), peer
}

func TestPeerThatDoesNotReadIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := piped(t)
		if err := c.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := c.Write(make([]byte, 1<<20))
		if took := time.Since(began); !os.IsTimeout(err) || took > time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
	})
}

// One that takes a few bytes now and then is cut, too.
func TestPeerThatHardlyReadsIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := piped(t)
		var reading sync.WaitGroup
		reading.Go(func() {
			for {
				time.Sleep(time.Second)
				if _, err := peer.Read(make([]byte, 100)); err != nil {
					return
				}
			}
		})
		if err := c.SetWriteDeadline(time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := c.Write(make([]byte, 1<<20))
		if took := time.Since(began); !os.IsTimeout(err) || took > time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
		c.Close()
		reading.Wait()
	})
}

// One that reads on gets all of it, though that takes longer than an answer may.
func TestPeerThatReadsOnIsNotCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, peer := piped(t)
		var reading sync.WaitGroup
		reading.Go(func() {
			into := make([]byte, 8<<10)
			for {
				time.Sleep(time.Second)
				if _, err := peer.Read(into); err != nil {
					return
				}
			}
		})
		if err := c.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		n, err := c.Write(make([]byte, 1<<20))
		if took := time.Since(began); err != nil || n != 1<<20 || took < writeTimeout {
			t.Errorf("%d bytes after %s: %v", n, took, err)
		}
		c.Close()
		reading.Wait()
	})
}
