package server

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/pgtest"
)

// relay passes connections on to an address until it is hushed: from then on it takes what comes,
// connections too, and passes nothing on.
type relay struct {
	net.Listener
	to string

	mu      sync.Mutex
	silent  bool
	conns   []net.Conn
	working sync.WaitGroup
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{Listener: l, to: to}
	r.working.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.take(conn)
		}
	})
	return r
}

// close cuts everybody off.
func (r *relay) close() {
	r.Close()
	r.mu.Lock()
	for _, conn := range r.conns {
		conn.Close()
	}
	r.mu.Unlock()
	r.working.Wait()
}

func (r *relay) hush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.silent = true
}

// take passes on what comes on a connection, both ways.
func (r *relay) take(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns = append(r.conns, conn)
	if r.silent {
		return
	}
	back, err := net.Dial("tcp", r.to) //nolint:noctx // on this machine
	if err != nil {
		conn.Close()
		return
	}
	r.conns = append(r.conns, back)
	pass := func(to, from net.Conn) {
		for buffer := make([]byte, 4096); ; {
			n, err := from.Read(buffer)
			r.mu.Lock()
			silent := r.silent
			r.mu.Unlock()
			if silent {
				return
			}
			if err != nil {
				to.Close()
				return
			}
			_, _ = to.Write(buffer[:n]) // whose end its own reading sees
		}
	}
	r.working.Go(func() { pass(back, conn) })
	r.working.Go(func() { pass(conn, back) })
}

// A database that says nothing any more is 503 with a code as well, as one that is away: nothing
// of it is a fault of ours, nor of the key file.
func TestSilentStore(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{})
	u, err := url.Parse(cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	between := newRelay(t, u.Host)
	t.Cleanup(between.close)
	u.Host = between.Addr().String()
	r := start(t, Config{Place: Place{Data: t.TempDir(), Database: u.String()}})
	made, secret, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	token, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := r.get(t, "/v1/customers", token.AccessToken); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	ids := r.customers(t, token.AccessToken, 6)
	for _, id := range ids { // so that they are known, as is how their usage stands
		if status, body, _ := r.ask(t, "POST", "/v1/consume", token.AccessToken, fmt.Sprintf(useOne, id)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	between.hush()
	var asking sync.WaitGroup
	// What is under way may be counted, and nobody may be told that it is not; of a bulk it is said
	// that it is to be sent again with the same ids.
	for _, id := range ids {
		for _, c := range []struct{ path, body string }{
			{"/v1/consume", fmt.Sprintf(useOne, id)},
			{"/v1/usage", fmt.Sprintf(`{"records":[{"id":"r1","customer_id":%q,"feature_code":"api_calls","value":"1"},{"id":"r2","customer_id":%q,"feature_code":"api_calls","value":"1"}]}`, id, ids[0])},
		} {
			asking.Go(func() {
				began := time.Now()
				status, body, retry := r.ask(t, "POST", c.path, token.AccessToken, c.body)
				took := time.Since(began)
				if took > 45*time.Second || status == 503 && retry != "1" || status != 503 && (status != 500 || c.path != "/v1/consume") {
					t.Errorf("%s after %s: %d %s, Retry-After %q", c.path, took, status, body, retry)
				}
				t.Log(c.path, took, status, body)
			})
		}
	}
	time.Sleep(time.Second) // who holds what it knows for a moment does not know any more
	asking.Go(func() {
		if code := codeOf(r.probe.try(t.Context())); code != api.CodeStoreUnreachable {
			t.Errorf("to sign is %q", code)
		}
	})
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {made.ID}, "client_secret": {secret}}.Encode()
	for _, c := range []struct{ method, path, body, code string }{
		{"POST", "/oauth2/token", form, `"error":"temporarily_unavailable"`},
		{"GET", "/.well-known/jwks", "", `"error":"temporarily_unavailable"`},
		{"GET", "/v1/customers", "", `"code":"STORE_UNREACHABLE"`},
		{"GET", "/api/v1/billing/entitlements?customer_id=customer_01a202b2c50070008000000000000001", "", `"code":"STORE_UNREACHABLE"`},
		{"GET", "/readyz", "", `"code":"STORE_UNREACHABLE"`},
	} {
		asking.Go(func() {
			req, err := http.NewRequestWithContext(t.Context(), c.method, r.URL()+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Error(err)
				return
			}
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if c.body == "" {
				req.Header.Set("Authorization", "Bearer "+token.AccessToken)
			}
			resp, err := r.http.Do(req)
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), c.code) {
				t.Errorf("%s %s: %d %s %v", c.method, c.path, resp.StatusCode, body, err)
			}
		})
	}
	asking.Wait()
	began := time.Now()
	r.end(t)
	if took := time.Since(began); took > 2*drainTimeout {
		t.Errorf("the end took %s", took)
	}
}
