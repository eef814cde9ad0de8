package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// A server is a running process that is measured.
type server struct {
	name     string
	version  string
	settings []string // the flags that bear on speed, as given
	address  string   // host:port of its HTTP

	operations []operation

	cmd   *exec.Cmd
	end   context.CancelFunc
	ended chan struct{} // closed when the process is gone
	log   string        // the file with its standard error
}

// An operation is a request that a server is driven with.
type operation struct {
	name    string
	request request
	// answered returns an error unless the body of an answer says what it should.
	// The driver asks it about one answer in many, and requires of all the others
	// the length of the first.
	answered func(body []byte) error
	// goal is for Allot's requests per second ÷ those of this operation; nil if
	// there is none.
	goal *load.Goal
}

// A request is what goes over the wire, less what the driver adds: the host and
// the length of the body.
type request struct {
	method, path string
	header       [][2]string
	body         []byte
}

// wire is the request as HTTP/1.1.
func (r request) wire(address string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, address)
	for _, h := range r.header {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	if r.body != nil {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(r.body))
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes()
}

// do sends the request once, by the standard library, and returns the body of
// the answer, whose status must be 2xx.
func (r request) do(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, "http://"+address+r.path, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	for _, h := range r.header {
		req.Header.Set(h[0], h[1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: status %d, want 2xx: %s", r.method, r.path, resp.StatusCode, body)
	}
	return body, nil
}

// start runs the program and waits until it answers ready with 2xx. Standard
// output is thrown away, since a peer that logs each request there shall not pay
// for the disk. The process ends with the context or by stop.
func (s *server) start(ctx context.Context, w *workshop, ready request, program string, args ...string) error {
	s.log = filepath.Join(w.temp, s.name+".log")
	log, err := os.Create(s.log)
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, s.end = context.WithCancel(ctx)
	s.cmd = exec.CommandContext(ctx, program, args...)
	s.cmd.Env = environment()
	s.cmd.Stderr = log
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = 10 * time.Second // then it is killed
	if err := s.cmd.Start(); err != nil {
		s.end()
		return err
	}
	s.ended = make(chan struct{})
	go func() {
		defer close(s.ended)
		_ = s.cmd.Wait() // how it ended is in ProcessState
	}()
	if err := s.await(ctx, ready); err != nil {
		s.stop()
		return err
	}
	return nil
}

// await asks until the answer is 2xx.
func (s *server) await(ctx context.Context, r request) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := r.do(ctx, s.address)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.ended:
			said, _ := os.ReadFile(s.log)
			return fmt.Errorf("%s ended before it was ready: %v\n%s", s.name, s.cmd.ProcessState, said)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.name, errors.Join(ctx.Err(), err))
		}
	}
}

// stop ends the process and waits until it is gone.
func (s *server) stop() {
	s.end()
	<-s.ended
}

// A workshop is where programs are built and servers keep what they need.
type workshop struct {
	programs string // kept between runs
	temp     string // of this run
}

// openWorkshop makes the folders. Paths are relative to the folder of this
// command, where it must be run.
func openWorkshop() (*workshop, error) {
	if _, err := os.Stat("openfga_model.json"); err != nil {
		return nil, errors.New("not in the folder of the peers: run it by go run -C bench/peers . PEER")
	}
	programs, err := filepath.Abs(filepath.Join("..", "..", ".cache", "peers"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(programs, 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "allot-peers-")
	if err != nil {
		return nil, err
	}
	return &workshop{programs: programs, temp: temp}, nil
}

func (w *workshop) close() { _ = os.RemoveAll(w.temp) } // what stays is in the system's folder for that

// build compiles the package in the module of the folder and returns the program.
func (w *workshop) build(ctx context.Context, folder, pkg string, flags ...string) (program string, err error) {
	program = filepath.Join(w.programs, filepath.Base(pkg))
	args := append([]string{"build", "-C", folder, "-trimpath", "-o", program}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	fmt.Fprintln(os.Stderr, "building", filepath.Base(pkg))
	_, err = output(cmd)
	return program, err
}

// output runs the command and returns what it prints; an error has what it says.
func output(cmd *exec.Cmd) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, &stderr)
	}
	return stdout.Bytes(), nil
}

// environment is this process's without the settings of Allot: what is measured
// has those it is given here and no others.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "ALLOT_") })
}

// freeAddress is a loopback address that was free a moment ago.
func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
