package deptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A source archive that is unpacked inside another repository is built with its own
// version and not with the tag of that one, and without bash.
func TestVersionOfAnArchive(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	outer := t.TempDir()
	dir := filepath.Join(outer, "allot")
	tools := filepath.Join(outer, "tools")
	for _, d := range []string{dir, tools} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "git", "sed", "make"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(tools, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(in string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		cmd.Dir = in
		cmd.Env = append(os.Environ(), "PATH="+tools, "GIT_CONFIG_GLOBAL=/dev/null", "MAKEFLAGS=", "MAKELEVEL=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run(outer, "git", "init", "-q")
	run(outer, "git", "-c", "user.email=a@b.example", "-c", "user.name=x", "commit", "-q", "--allow-empty", "-m", "x")
	run(outer, "git", "tag", "v9.9.9")
	for _, name := range []string{"Makefile", "VERSION"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ text, want string }{
		{"", "unknown"}, // as it is in a copy that git did not make
		{"v1.2.3\nabcdef0\n", "v1.2.3"},
		{"\nabcdef0\n", "abcdef0"}, // without a tag
	} {
		if c.text != "" {
			if err := os.WriteFile(filepath.Join(dir, "VERSION"), []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		line := run(dir, "make", "-n", "build")
		if !strings.Contains(line, "main.version="+c.want+"'") || !strings.Contains(line, "-buildvcs=false") {
			t.Errorf("VERSION %q: %s; want the version %s", c.text, line, c.want)
		}
	}
}
