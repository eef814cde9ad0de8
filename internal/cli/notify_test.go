package cli_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Who starts the server as systemd does is told once it answers, and not before.
func TestServeNotifies(t *testing.T) {
	dir, err := os.MkdirTemp("", "") // whose name is short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address := filepath.Join(dir, "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Skipf("there are no sockets of this kind: %v", err)
	}
	defer socket.Close()
	b, url, err := spawn("allot", dir, append(os.Environ(), "NOTIFY_SOCKET="+address, "ALLOT_DATA="+dir), "serve", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer b.kill()
	if err := socket.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	text := make([]byte, 100)
	n, err := socket.Read(text)
	if err != nil || string(text[:n]) != "READY=1" {
		t.Fatalf("it says %q, %v", text[:n], err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, <-url+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("it does not answer: %v", err)
	}
}
