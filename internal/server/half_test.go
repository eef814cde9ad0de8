package server

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// Whoever sends half a body keeps a server that is told to end from it for a while, and does not
// make a failure of the end.
func TestHalfABodyIsNoFailureOfTheEnd(t *testing.T) {
	r := start(t, Config{Place: Place{Data: t.TempDir()}})
	_, token := r.token(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprintf(conn, "POST /v1/customers HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"type\":", token); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // until it is read
	began := time.Now()
	r.end(t)
	if took := time.Since(began); took < drainTimeout/2 {
		t.Errorf("nothing was under way: it took %s", took)
	}
	if !strings.Contains(r.log.String(), "were cut off") {
		t.Error("the log does not say that a request was cut off")
	}
}
