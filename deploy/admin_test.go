package deploy

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// A command that allot-admin runs is the process that was started, by another user, and has as
// long to end as it needs: runuser kills what it runs two seconds after SIGTERM.
func TestAdminLetsACommandEnd(t *testing.T) {
	nobody, err := user.Lookup("nobody") // any will do
	if _, missing := exec.LookPath("setpriv"); err != nil || missing != nil || os.Getuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("as root, with setpriv and a user nobody, a command is run as another user: %v, %v, uid %d", missing, err, os.Getuid())
		}
		t.Skipf("no command can be run as another user: %v, %v, uid %d", missing, err, os.Getuid())
	}
	dir, err := os.MkdirTemp("", "allot-admin") // which others may enter, unlike that of a test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	text, err := os.ReadFile("systemd/allot-admin")
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := write("allot", `#!/bin/sh
trap 'sleep 3; echo ended; exit 7' TERM
echo "$$ $(id -u) $*"
while :; do sleep 0.1; done
`)
	script := strings.NewReplacer("/usr/local/bin/allot", program,
		"--reuid allot", "--reuid "+nobody.Uid, "--regid allot", "--regid "+nobody.Gid).Replace(string(text))
	cmd := exec.CommandContext(t.Context(), write("allot-admin", script), "serve", "a b")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	said, err := lines.ReadString('\n')
	if want := strconv.Itoa(cmd.Process.Pid) + " " + nobody.Uid + " serve a b\n"; err != nil || said != want {
		t.Errorf("it says %q, %v; want %q", said, err, want)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(lines)
	_ = cmd.Wait() // its code is looked at
	if code := cmd.ProcessState.ExitCode(); err != nil || string(rest) != "ended\n" || code != 7 {
		t.Errorf("it says %q, %v, and exits %d: it was not left to end", rest, err, code)
	}
}
