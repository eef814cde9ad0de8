package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
)

// background is a running "allot serve" or "allot dev".
type background struct {
	cmd    *exec.Cmd
	url    string        // where it serves
	exited chan struct{} // closed when the process has ended

	mu       sync.Mutex
	written  *sync.Cond // of mu
	out, log bytes.Buffer
	ended    bool // nothing more will be written
}

var ready = regexp.MustCompile(`msg=listening .*url=(\S+)|Allot is ready at (\S+);|"url": "(\S+)"`)

// launch runs the program, an allot, in the background and returns once it serves, or with an
// error once it has ended.
func launch(program, dir string, env []string, args ...string) (*background, error) {
	b, url, err := spawn(program, dir, env, args...)
	if err != nil {
		return nil, err
	}
	select {
	case b.url = <-url:
		return b, nil
	case <-b.exited:
		return nil, fmt.Errorf("allot %s ended before it listened: %s", strings.Join(args, " "), b.text(&b.log))
	}
}

// spawn runs the program in the background; the channel receives where it serves.
func spawn(program, dir string, env []string, args ...string) (*background, <-chan string, error) {
	b := &background{cmd: exec.CommandContext(context.Background(), program, args...), exited: make(chan struct{})}
	b.written = sync.NewCond(&b.mu)
	b.cmd.Dir, b.cmd.Env = dir, env
	out, err := b.cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	log, err := b.cmd.StderrPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := b.cmd.Start(); err != nil {
		return nil, nil, err
	}
	url := make(chan string, 1)
	var reading sync.WaitGroup
	reading.Go(func() { b.read(out, &b.out, url) })
	reading.Go(func() { b.read(log, &b.log, url) })
	go func() {
		defer close(b.exited)
		reading.Wait()
		b.mu.Lock()
		b.ended = true
		b.mu.Unlock()
		b.written.Broadcast()
		_ = b.cmd.Wait() // its outcome is in ProcessState
	}()
	return b, url, nil
}

// address is where it listens, which its URL need not tell.
func (b *background) address() string {
	_, address, _ := strings.Cut(b.text(&b.log), "address=")
	address, _, _ = strings.Cut(address, " ")
	return address
}

// awaitLog returns whether the log has a text, or will have before the end.
func (b *background) awaitLog(text string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !strings.Contains(b.log.String(), text) {
		if b.ended {
			return false
		}
		b.written.Wait()
	}
	return true
}

// kill ends the process as a crash does.
func (b *background) kill() {
	_ = b.cmd.Process.Kill() // it may have ended
	<-b.exited
}

// read keeps what the process writes and sends the URL it serves at. Of dev,
// that is once it has written all it has to say.
func (b *background) read(r io.Reader, to *bytes.Buffer, url chan<- string) {
	lines := bufio.NewScanner(r)
	found := ""
	for lines.Scan() {
		b.mu.Lock()
		fmt.Fprintln(to, lines.Text())
		b.mu.Unlock()
		b.written.Broadcast()
		if m := ready.FindStringSubmatch(lines.Text()); m != nil {
			found = strings.Join(m[1:], "")
		}
		last := strings.Contains(lines.Text(), "msg=listening") || lines.Text() == "Ctrl-C stops it." || lines.Text() == "}"
		if last && found != "" {
			url <- found
			found = ""
		}
	}
}

func (b *background) text(of *bytes.Buffer) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return of.String()
}
