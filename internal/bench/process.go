package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// process is this program, run again as something that listens.
type process struct {
	cmd     *exec.Cmd
	cancel  context.CancelFunc
	stdin   io.Closer
	address string
	ready   time.Duration // from its start to its listening
	log     chan string   // receives what it has said, once it has ended
}

// endsIn is how long a process that was told to end may take.
const endsIn = 20 * time.Second

// start runs the program with some arguments, and returns once it says where it
// listens, in a log line with address=HOST:PORT. What it is given on standard
// input may be followed by nothing more, but the input stays open until stop: a
// process that watches it ends with this one, whatever happens.
func start(ctx context.Context, program string, env []string, input []byte, args ...string) (_ *process, err error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &process{cancel: cancel, log: make(chan string, 1)}
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Args[0] = os.Args[0] // by which a program of several names knows which one it is
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = endsIn
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p.stdin = stdin
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	address := make(chan string, 1)
	go p.read(stderr, address)
	if len(input) > 0 {
		if _, err := stdin.Write(input); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", strings.Join(args, " "), err), p.stop())
		}
	}
	var ok bool
	if p.address, ok = <-address; !ok {
		_ = p.cmd.Wait() // what it said tells more than how it ended
		return nil, fmt.Errorf("%s does not listen: %s", strings.Join(args, " "), <-p.log)
	}
	p.ready = time.Since(began)
	return p, nil
}

// read goes through the process's log. It keeps the end of it, for when the
// process fails.
func (p *process) read(log io.Reader, address chan<- string) {
	const keep = 4 << 10
	var said bytes.Buffer
	found := false
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if said.Len() > keep {
			said.Reset()
		}
		said.WriteString(lines.Text())
		said.WriteByte('\n')
		if at, ok := listeningAt(lines.Text()); ok && !found {
			address <- at
			found = true
		}
	}
	close(address)
	p.log <- said.String()
}

// listeningAt is the address in the line that says that a process listens. Others name
// addresses too, such as that of its metrics.
func listeningAt(line string) (string, bool) {
	if !strings.Contains(line, "msg=listening ") {
		return "", false
	}
	_, at, ok := strings.Cut(line, " address=")
	at, _, _ = strings.Cut(at, " ")
	return at, ok
}

// pid is for measuring what it costs.
func (p *process) pid() int { return p.cmd.Process.Pid }

// stop ends the process and waits until it has.
func (p *process) stop() error {
	p.cancel()
	p.stdin.Close()
	said := <-p.log
	err := p.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && !exit.Success() {
		return fmt.Errorf("%s ended with %w: %s", p.cmd.Args[1], err, said)
	}
	return nil // it was told to end
}

// environment is this process's without the settings of Allot: what is measured
// has the settings it is given here and no others.
func environment(settings ...string) []string {
	env := []string{}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ALLOT_") {
			env = append(env, v)
		}
	}
	return append(env, settings...)
}
