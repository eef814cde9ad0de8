package cli_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gofrs/flock"
)

// hang sends a server a request that does not end before the test does.
func hang(t *testing.T, address, token string) {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "PUT /v1/catalog HTTP/1.1\r\nHost: allot.test\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n", token)
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "100") {
		t.Fatalf("the server does not wait for the body: %q, %v", line, err)
	}
}

// The second signal is deadly to allot dev as to any server, but nothing of what it
// made stays: the credentials are in there.
func TestSecondSignalLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	tmp := filepath.Join(dir, "tmp")
	if err := os.Mkdir(tmp, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := launch("allot", dir, []string{"TMPDIR=" + tmp}, "dev", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	env, err := filepath.Glob(filepath.Join(tmp, "*", "env"))
	if err != nil || len(env) != 1 {
		t.Fatalf("files of credentials: %q, %v", env, err)
	}
	text, err := os.ReadFile(env[0])
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(string(text), "ALLOT_TOKEN=")
	token, _, _ = strings.Cut(token, "\n")
	address := strings.TrimPrefix(b.url, "http://")
	hang(t, address, token)

	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for { // until it listens no more, and so has taken the first
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-b.exited
	if status := b.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("the second signal was not deadly: %v", b.cmd.ProcessState)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// A server goes on without its log once whoever reads that has gone.
func TestServeOutlivesItsLog(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "allot", "serve", "--listen", "127.0.0.1:0", "--log-level", "debug")
	cmd.Dir, cmd.Env = dir, []string{"ALLOT_DATA=" + dir, "ALLOT_DRAIN_DELAY=0s"}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := ""
	for lines := bufio.NewScanner(log); url == "" && lines.Scan(); {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	for range 3 { // each is logged
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// A server that is ended while it starts has done what it was told; that it waits for
// another process it says in one line.
func TestServeEndedWhileItStarts(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(filepath.Join(dir, "data", "allot.db.schema-lock"))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	cmd := exec.CommandContext(t.Context(), "allot", "serve", "--data", "data", "--listen", "127.0.0.1:0")
	cmd.Dir, cmd.Env = dir, []string{}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), "waiting for another process") {
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Wait(); err != nil || len(said) != 2 || !strings.Contains(said[1], "stopped before it listened") {
		t.Errorf("it ended with %v and said %q", err, said)
	}
}

// A server whose log nobody reads any more, though it is open, answers and ends.
func TestServeWhoseLogStalls(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "allot", "serve", "--listen", "127.0.0.1:0", "--log-level", "debug")
	cmd.Dir, cmd.Env = dir, []string{"ALLOT_DATA=" + dir, "ALLOT_DRAIN_DELAY=0s"}
	log, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	url := ""
	lines := bufio.NewScanner(log)
	for url == "" && lines.Scan() {
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	// Each makes a line of some 150 bytes: several times what a pipe holds.
	for n := range 2500 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("after %d requests: %v", n, err)
		}
		resp.Body.Close()
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// Wait would close the pipe, and so wake up who writes.
	state, err := cmd.Process.Wait()
	if err != nil || !state.Success() {
		t.Errorf("it ended with %v, %v", state, err)
	}
}
