package door

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// serveRoutes serves routes for anybody by a server that grants a request very little.
func serveRoutes(t *testing.T, grants time.Duration, log io.Writer, routes ...Route) *httptest.Server {
	t.Helper()
	d := New(Config{Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))}, routes)
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout, server.Config.WriteTimeout = grants, grants
	server.Start()
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// A request that chooses to wait is neither cut off by what the server grants one, nor
// does it count as slow.
func TestAwait(t *testing.T) {
	const grants, wait = 30 * time.Millisecond, 150 * time.Millisecond
	var log strings.Builder
	observed := time.Hour
	d := New(Config{
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Observe: func(_, pattern string) Observer {
			return func(_ int, _ string, took time.Duration) {
				if pattern == "/wait" {
					observed = took
				}
			}
		},
	}, []Route{{Method: "GET", Pattern: "/wait", Dialect: &Dialect{}, Handle: Reads(func(c *Call) (Answer, error) {
		defer c.Await(wait)()
		select {
		case <-c.Context().Done():
			t.Error("the context ends while it waits")
		case <-time.After(wait):
		}
		return Answer{Body: "waited"}, nil
	})}})
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadTimeout, server.Config.WriteTimeout = grants, grants
	server.Start()
	resp := get(t, server.URL+"/wait")
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "\"waited\"\n" {
		t.Errorf("the answer is %q: %v", body, err)
	}
	server.Close() // when all is noted
	if observed > wait/2 {
		t.Errorf("it counts as one that took %s", observed)
	}
}

// A stream goes on for as long as it is read, part by part as it is sent.
func TestStream(t *testing.T) {
	next := make(chan string)
	routes := []Route{{Method: "GET", Pattern: "/stream", Dialect: &Dialect{}, Handle: Reads(func(c *Call) (Answer, error) {
		return Answer{Body: Stream{ContentType: "text/plain", Write: func(w *StreamWriter) {
			for part := range next {
				select {
				case <-c.Context().Done():
					t.Error("the context ends while it is read")
				case <-time.After(60 * time.Millisecond):
				}
				if err := w.Send([]byte(part)); err != nil {
					t.Error(err)
				}
			}
		}}}, nil
	})}}
	server := serveRoutes(t, 30*time.Millisecond, io.Discard, routes...)
	defer close(next)
	resp := get(t, server.URL+"/stream")
	defer resp.Body.Close()
	if resp.Header.Get("Content-Type") != "text/plain" || resp.Header.Get("Cache-Control") != "no-store" || resp.ContentLength != -1 {
		t.Errorf("its headers are %v", resp.Header)
	}
	lines := bufio.NewScanner(resp.Body)
	for _, part := range []string{"one", "two", "three"} {
		next <- part + "\n"
		if !lines.Scan() || lines.Text() != part {
			t.Errorf("it has %q, want %q: %v", lines.Text(), part, lines.Err())
		}
	}
	head, err := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(head); err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("its head is %v: %v", resp, err)
	} else {
		resp.Body.Close()
	}
}

// Who does not read is cut off.
func TestStreamThatIsNotRead(t *testing.T) {
	ended := make(chan error)
	routes := []Route{{Method: "GET", Pattern: "/stream", Dialect: &Dialect{}, Handle: Reads(func(*Call) (Answer, error) {
		return Answer{Body: Stream{ContentType: "text/plain", Write: func(w *StreamWriter) {
			w.patience = 50 * time.Millisecond
			ended <- w.Send(make([]byte, 64<<20))
		}}}, nil
	})}}
	server := serveRoutes(t, time.Minute, io.Discard, routes...)
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /stream HTTP/1.1\r\nHost: allot\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("64 MiB were sent to who does not read")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("who does not read holds the stream")
	}
}
