package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
)

// atOnce is far less than any time for which a server waits for a body.
const atOnce = 3 * time.Second

// dial connects to a server.
func (r *running) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// A refusal does not wait for a body that does not come.
func TestRefusalBeforeTheBody(t *testing.T) {
	r := start(t, Config{})
	for _, headers := range []string{
		"Expect: 100-continue\r\nContent-Length: 900000000\r\n",
		"Expect: 100-continue\r\nContent-Length: 10\r\n",
		"Content-Length: 900000000\r\n",
		"Content-Length: 1000\r\n",
		"Transfer-Encoding: chunked\r\n",
	} {
		for _, path := range []string{"/v1/check", "/v1/nowhere"} {
			conn := r.dial(t)
			if err := conn.SetDeadline(time.Now().Add(atOnce)); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: allot.test\r\n%s\r\n", path, headers)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("%s %q: %v", path, headers, err)
				continue
			}
			if want := map[string]int{"/v1/check": 403, "/v1/nowhere": 404}[path]; resp.StatusCode != want {
				t.Errorf("%s %q: %d, want %d", path, headers, resp.StatusCode, want)
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil {
				t.Errorf("%s %q: the answer is cut off: %v", path, headers, err)
			}
			resp.Body.Close()
			if _, err := in.ReadByte(); err == nil {
				t.Errorf("%s %q: something follows", path, headers)
			}
		}
	}
}

// Nor does one of a body whose length says that it is too large, with good credentials or where
// none are asked for.
func TestRefusalOfALength(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	for _, test := range []struct {
		path string
		size int
		want int
	}{
		{"/v1/check", api.MaxBodyBytes + 1, 413},
		{"/v1/usage", api.MaxBulkBodyBytes + 1, 413},
		{"/api/v1/billing/agreements", 900000000, 400},
		{"/oauth2/token", 900000000, 400},
	} {
		for _, expect := range []string{"", "Expect: 100-continue\r\n"} {
			conn := r.dial(t)
			if err := conn.SetDeadline(time.Now().Add(atOnce)); err != nil {
				t.Fatal(err)
			}
			kind := "application/json"
			if test.path == "/oauth2/token" {
				kind = "application/x-www-form-urlencoded"
			}
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: allot.test\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n%sContent-Length: %d\r\n\r\n",
				test.path, token, kind, expect, test.size)
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Errorf("%s %q: %v", test.path, expect, err)
				continue
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != test.want {
				t.Errorf("%s %q: %d, want %d; %v", test.path, expect, resp.StatusCode, test.want, err)
			}
			resp.Body.Close()
			if _, err := in.ReadByte(); err == nil {
				t.Errorf("%s %q: something follows", test.path, expect)
			}
		}
	}
}

// Who sends all of a body before looking at the answer, as many clients do, sees it all the
// same, however much too large the body is.
func TestRefusalIsSeenBehindTheBody(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	for _, test := range []struct {
		path         string
		token        string
		size, status int
	}{
		{"/v1/check", token, api.MaxBodyBytes + 2, 413},
		{"/v1/check", token, 9 << 20, 413},
		{"/v1/usage", token, api.MaxBulkBodyBytes + 1, 413},
		{"/v1/check", "forged", 9 << 20, 403},
		{"/v1/nowhere", token, 9 << 20, 404},
		{"/api/v1/billing/meter_usage", token, 9 << 20, 400},
	} {
		for _, chunked := range []bool{false, true} {
			conn := r.dial(t)
			if err := conn.SetDeadline(time.Now().Add(5 * atOnce)); err != nil {
				t.Fatal(err)
			}
			body := strings.Repeat(" ", test.size)
			length := fmt.Sprintf("Content-Length: %d\r\n\r\n", test.size)
			if chunked {
				length = fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n", test.size)
				body += "\r\n0\r\n\r\n"
			}
			_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: allot.test\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s%s",
				test.path, test.token, length, body)
			if err != nil {
				t.Errorf("%s of %d bytes, chunked %t: it cannot be sent: %v", test.path, test.size, chunked, err)
				continue
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Errorf("%s of %d bytes, chunked %t: %v", test.path, test.size, chunked, err)
				continue
			}
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != test.status {
				t.Errorf("%s of %d bytes, chunked %t: %d, want %d; %v", test.path, test.size, chunked, resp.StatusCode, test.status, err)
			}
			resp.Body.Close()
		}
	}
}

// What was refused is no reason to close a connection whose body has come.
func TestConnectionOutlivesARefusal(t *testing.T) {
	r := start(t, Config{})
	conn := r.dial(t)
	if err := conn.SetDeadline(time.Now().Add(atOnce)); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	for n := range 5 {
		body := strings.Repeat("x", 5000*n)
		fmt.Fprintf(conn, "POST /v1/check HTTP/1.1\r\nHost: allot.test\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("request %d: %v", n, err)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusForbidden {
			t.Fatalf("request %d: %d, %v", n, resp.StatusCode, err)
		}
		resp.Body.Close()
	}
}

// post sends a body with a token.
func (r *running) post(t testing.TB, path, token, body string) (int, string) {
	t.Helper()
	status, answer, _ := r.ask(t, http.MethodPost, path, token, body)
	return status, answer
}

// A body of millions of things is refused while it is read.
func TestBodyOfMillions(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	const size = 8 << 20
	fill := func(begin, each, end string) string {
		return begin + strings.Repeat(each, (size-len(begin)-len(end)-10)/len(each)) + "0" + end
	}
	for name, test := range map[string]struct{ body, code string }{
		"records":  {fill(`{"records":[`, "[],", "]}"), "RECORDS_INVALID"},
		"another":  {fill(`{"others":[`, "[],", "]}"), api.CodeBodyInvalid},
		"fields":   {fill(`{`, `"a":0,`, `"b":0}`), api.CodeBodyInvalid},
		"deep":     {fill(`{"records":`, "[", ""), api.CodeBodyInvalid},
		"in texts": {fill(`{"records":[{"id":"`, "[,{,", `"}]}`), ""},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		status, text := r.post(t, "/v1/usage", token, test.body)
		runtime.ReadMemStats(&after)
		switch {
		case test.code == "" && (status != http.StatusOK || !strings.Contains(text, `"failed"`)):
			t.Errorf("%s: %d %.300s", name, status, text)
		case test.code != "" && (status != http.StatusBadRequest || !strings.Contains(text, test.code)):
			t.Errorf("%s: %d %.300s, want 400 %s", name, status, text, test.code)
		case test.code != "" && after.TotalAlloc-before.TotalAlloc > 4<<20:
			t.Errorf("%s: %d KiB were allocated", name, (after.TotalAlloc-before.TotalAlloc)>>10)
		}
	}
	for deadline := time.Now().Add(atOnce); r.control.Bodies.Taken() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes of bodies are still counted", r.control.Bodies.Taken())
		}
	}
}
