//go:build unix

package conformance

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadme runs every command of the README, in order and in one shell, in a
// copy of the tree, and compares what each prints. In the README "…" stands for
// anything; the port is another one here.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root(t), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	readme := strings.ReplaceAll(string(text), "8080", port)
	dir := t.TempDir()
	clone := exec.CommandContext(t.Context(), "git", "clone", "-q", root(t), dir)
	if out, err := clone.CombinedOutput(); err != nil {
		t.Fatalf("git clone: %v\n%s", err, out)
	}
	catalog := between(t, readme, "```yaml\n", "```")
	if err := os.WriteFile(filepath.Join(dir, "catalog.yaml"), []byte(catalog), 0o600); err != nil {
		t.Fatal(err)
	}
	terminal := newShell(t, dir, port)
	sh, commands := terminal, 0
	var stopDev func()
	var picture []string // what the terminal beside the toy shows
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(readme, -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, want, _ := strings.Cut(part, "\n")
			commands++
			switch command {
			case "make test": // is running this
			case "go run ./cmd/allot dev": // what follows is typed beside it
				var line string
				line, stopDev = dev(t, dir, command, want)
				sh = newShell(t, dir, port)
				sh.run(t, strings.Split(line, " && ")[0])
			case "make build": // the toy is done with
				stopDev()
				sh = terminal
				if got := sh.run(t, command); !matches(want, got) {
					t.Fatalf("$ %s\nprints\n%s", command, got)
				}
			case "bin/allot serve": // in a terminal of its own
				const beside = "mkfifo serve.log; bin/allot serve 2> serve.log & exec 3< serve.log; read -r line <&3; echo \"$line\""
				if got := sh.run(t, beside); !matches(want, got) {
					t.Fatalf("$ %s\nprints\n%s\nand in the README\n%s", command, got, want)
				}
			default:
				got := sh.run(t, command)
				if stopDev != nil && sh != terminal {
					picture = append(picture, "$ "+command)
					if got = strings.TrimSpace(got); got != "" {
						picture = append(picture, strings.Split(got, "\n")...)
					}
				}
				if !matches(want, got) {
					t.Errorf("$ %s\nprints\n%s\nand in the README\n%s", command, got, want)
				}
			}
		}
	}
	if commands < 8 {
		t.Errorf("found %d commands in the README", commands)
	}
	checkPicture(t, picture)
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, text, ok := strings.Cut(text, from)
	text, _, ok2 := strings.Cut(text, to)
	if !ok || !ok2 {
		t.Fatalf("the README has nothing between %q and %q", from, to)
	}
	return text
}

// matches compares a printed text with one in which … stands for anything.
func matches(pattern, text string) bool {
	parts := strings.Split(strings.TrimRight(pattern, "\n"), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile(`(?s)\A` + strings.Join(parts, ".*") + `\z`).MatchString(strings.TrimRight(text, "\n"))
}

// dev runs the newcomer's command and pastes the line it prints. It runs until it
// is stopped.
func dev(t *testing.T, dir, command, want string) (line string, stop func()) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run has a child
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // it is ended by a signal
	}
	t.Cleanup(stop)
	lines := bufio.NewScanner(out)
	first := ""
	for line == "" && lines.Scan() {
		if first == "" {
			first = lines.Text()
		}
		if strings.HasPrefix(lines.Text(), ". ") {
			line = lines.Text()
		}
	}
	wantFirst := regexp.MustCompile(`:\d+;`).ReplaceAllString(strings.Split(want, "\n")[0], ":…;")
	if !matches(wantFirst, first) {
		t.Errorf("%s begins\n%s\nand in the README\n%s", command, first, wantFirst)
	}
	answer, err := exec.CommandContext(ctx, "sh", "-c", line).Output()
	if err != nil || !strings.HasPrefix(string(answer), `{"code":"OK","message":"Success","has_more":false,"entitlements":[`) {
		t.Errorf("the line that dev prints answers %.200s (%v)", answer, err)
	}
	return line, stop
}

// shell is one shell that runs commands one after the other.
type shell struct {
	in  io.Writer
	out *bufio.Reader
}

// newShell starts a shell whose own server, if it starts one, listens on a port.
// What it started is ended with it.
func newShell(t *testing.T, dir, port string) *shell {
	cmd := exec.CommandContext(t.Context(), "sh")
	cmd.Dir = dir
	cmd.Env = append(environ(), "ALLOT_LISTEN=127.0.0.1:"+port, "ALLOT_URL=http://127.0.0.1:"+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		in.Close()
		_ = cmd.Wait() // it is ended by a signal
		r.Close()
	})
	return &shell{in: in, out: bufio.NewReader(r)}
}

const endOfCommand = "--- end of command ---"

// run runs a command and returns what it printed.
func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	if _, err := io.WriteString(s.in, command+"\necho '"+endOfCommand+"'\n"); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		var printed strings.Builder
		for {
			line, err := s.out.ReadString('\n')
			if strings.TrimSpace(line) != endOfCommand {
				printed.WriteString(line)
			}
			if err != nil || strings.TrimSpace(line) == endOfCommand {
				lines <- printed.String()
				return
			}
		}
	}()
	select {
	case printed := <-lines:
		return printed
	case <-time.After(3 * time.Minute):
		t.Fatalf("$ %s does not end", command)
		return ""
	}
}
