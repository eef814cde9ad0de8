package clients

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestPackages(t *testing.T) {
	binary := build(t)
	t.Run("python", func(t *testing.T) { t.Parallel(); python(t, binary) })
	t.Run("javascript", func(t *testing.T) { t.Parallel(); javascript(t, binary) })
}

// build builds the binary as it is shipped.
func build(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "allot")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../cmd/allot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// environment is where "make test" put what a package's tests need. Without it
// the test is skipped, except where that would go unseen.
func environment(t *testing.T, name string) string {
	dir := abs(t, filepath.Join("..", ".cache", "clients", name))
	if _, err := os.Stat(filepath.Join(dir, ".installed")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("what the tests of clients/%s need is not installed: %v", name, err)
		}
		t.Skipf("what the tests of clients/%s need is not installed, \"make test\" installs it: %v", name, err)
	}
	return dir
}

// python packs, installs and tests clients/python.
func python(t *testing.T, binary string) {
	cache := environment(t, "python")
	source := abs(t, "python")
	dir := t.TempDir()
	tools := filepath.Join(cache, "bin", "python")

	// The wheel is built from the source distribution, so that is tried as well.
	run(t, dir, nil, tools, "-m", "build", "--no-isolation", "--outdir", dir, source)
	wheel := only(t, filepath.Join(dir, "allot-*.whl"))
	run(t, dir, nil, tools, "-m", "venv", "--without-pip", "venv")
	interpreter := filepath.Join(dir, "venv", "bin", "python")
	run(t, dir, nil, tools, "-m", "pip", "--python", interpreter, "install",
		"--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", wheel)
	// The rest is lent by the cache.
	write(t, filepath.Join(filepath.Dir(only(t, filepath.Join(dir, "venv/lib/*/site-packages/allot"))), "lent.pth"),
		filepath.Dir(only(t, filepath.Join(cache, "lib/*/site-packages/pytest"))))

	tests := filepath.Join(source, "tests")
	if from := run(t, dir, nil, interpreter, "-c", "import allot; print(allot.__file__)"); !strings.HasPrefix(from, filepath.Join(dir, "venv")) {
		t.Fatalf("the tests would run %s, which is not the wheel", strings.TrimSpace(from))
	}
	mypy := []string{"-m", "mypy", "--strict", "--cache-dir", filepath.Join(cache, "mypy")}
	run(t, dir, nil, interpreter, append(mypy, "-p", "allot")...)
	run(t, dir, nil, interpreter, append(mypy, tests)...)
	env := []string{"ALLOT_BINARY=" + binary, "PYTHONDONTWRITEBYTECODE=1"}
	t.Log(lastLine(run(t, dir, env, interpreter, "-m", "pytest", "--rootdir", source, tests)))
}

// javascript packs, installs and tests clients/js.
func javascript(t *testing.T, binary string) {
	cache := environment(t, "js")
	source := abs(t, "js")
	dir := t.TempDir()
	// Whoever looks for a module below dir finds what the cache lends.
	link(t, filepath.Join(cache, "node_modules"), filepath.Join(dir, "node_modules"))

	pack := filepath.Join(dir, "pack")
	copyTo(t, pack, source, "package.json", "tsconfig.json", "README.md", "LICENSE", "src")
	run(t, pack, nil, "npm", "pack", "--silent", "--pack-destination", dir)
	archive := only(t, filepath.Join(dir, "allot-dev-allot-*.tgz"))

	app := filepath.Join(dir, "app")
	copyTo(t, app, source, "tsconfig.json", "test")
	copyTo(t, dir, abs(t, "."), "testdata")
	copyTo(t, app, abs(t, filepath.Join("..", "examples")), "express-app")
	write(t, filepath.Join(app, "package.json"), `{"private": true, "type": "module"}`)
	run(t, app, nil, "npm", "install", "--silent", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", archive)
	if _, err := os.Stat(filepath.Join(app, "node_modules", "@allot-dev", "allot", "src")); !os.IsNotExist(err) {
		t.Errorf("the package has its sources: %v", err)
	}

	readme := filepath.Join(source, "README.md")
	tests := filepath.Join(app, "test")
	run(t, tests, nil, "node", "extract.mjs", readme, "readme.ts")
	run(t, tests, nil, filepath.Join(cache, "node_modules", ".bin", "tsc"), "-p", ".")
	env := []string{
		"ALLOT_BINARY=" + binary,
		"ALLOT_README=" + readme,
		"ALLOT_EXAMPLE=" + filepath.Join(app, "express-app", "app.mjs"),
	}
	files, err := filepath.Glob(filepath.Join(tests, "*.test.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	printed := run(t, tests, env, "node", append([]string{"--test", "--test-reporter=spec"}, files...)...)
	_, counts, _ := strings.Cut(printed, "ℹ tests ")
	t.Logf("%s tests passed", strings.SplitN(counts, "\n", 2)[0])
}

// run runs a program that must end well, and returns what it printed.
func run(t *testing.T, dir string, env []string, name string, arg ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, arg...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost"), env...)
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(arg, " "), err, out)
	}
	return string(out)
}

// only is the one file that the pattern names.
func only(t *testing.T, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s names %d files, want 1", pattern, len(files))
	}
	return files[0]
}

// copyTo copies files and folders of one folder into another.
func copyTo(t *testing.T, to, from string, names ...string) {
	t.Helper()
	for _, name := range names {
		info, err := os.Stat(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(to, name), os.DirFS(filepath.Join(from, name)))
		} else if err = os.MkdirAll(to, 0o700); err == nil {
			var text []byte
			if text, err = os.ReadFile(filepath.Join(from, name)); err == nil {
				err = os.WriteFile(filepath.Join(to, name), text, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
