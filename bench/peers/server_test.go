package main

import "testing"

func TestWire(t *testing.T) {
	r := request{method: "POST", path: "/check?a=b", header: [][2]string{{"Content-Type", "application/json"}}, body: []byte("{}")}
	const want = "POST /check?a=b HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
	if got := string(r.wire("127.0.0.1:1")); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
