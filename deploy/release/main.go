// The command release makes what is given out of a version: for each system and machine an
// archive with the program and what belongs to it, its bill of materials, and the checksums of
// all:
//
//	go run ./deploy/release -version v1.2.3 -out dist
//
// The same source and the same Go make the same bytes, wherever it is built and whatever
// the environment says: no path, user, time or state of a version control is in them. Times are
// SOURCE_DATE_EPOCH, or the first of 1980.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// targets are the systems and machines that a release is for.
const targets = "linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var r release
	flag.StringVar(&r.version, "version", "", "the version, such as v1.2.3")
	flag.StringVar(&r.out, "out", "dist", "the directory to put it in; must be empty or not be there")
	chosen := flag.String("targets", targets, "systems and machines, GOOS/GOARCH, separated by spaces")
	flag.Parse()
	r.targets = strings.Fields(*chosen)
	if err := r.make(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is one version for some targets.
type release struct {
	version string
	out     string
	targets []string
	time    time.Time
}

// versions are what a release may be called: it is part of names of files.
var versions = regexp.MustCompile(`^v?[0-9A-Za-z][0-9A-Za-z.+_-]*$`)

func (r *release) make(ctx context.Context) error {
	if !versions.MatchString(r.version) {
		return fmt.Errorf("version %q: want one such as v1.2.3", r.version)
	}
	if there, err := os.ReadDir(r.out); err == nil && len(there) > 0 {
		return fmt.Errorf("%s: is not empty, and what lies there would be taken for a part of the release", r.out)
	}
	var err error
	if r.time, err = sourceTime(); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return err
	}
	var sums []string
	for _, target := range r.targets {
		made, err := r.target(ctx, target)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		for _, name := range made {
			text, err := os.ReadFile(filepath.Join(r.out, name))
			if err != nil {
				return err
			}
			sums = append(sums, fmt.Sprintf("%x  %s\n", sha256.Sum256(text), name))
			fmt.Println(filepath.Join(r.out, name))
		}
	}
	slices.SortFunc(sums, func(a, b string) int { return strings.Compare(a[64:], b[64:]) })
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(strings.Join(sums, "")), 0o644)
}

// sourceTime is the time that all that is made has.
func sourceTime() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC), nil // before which zip knows no time
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 315532800 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH %q: want seconds since 1970, from 1980 on", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// target makes the files of one target and returns their names.
func (r *release) target(ctx context.Context, target string) ([]string, error) {
	system, machine, ok := strings.Cut(target, "/")
	if !ok {
		return nil, errors.New("want GOOS/GOARCH")
	}
	name := strings.Join([]string{"allot", r.version, system, machine}, "_")
	program := "allot"
	if system == "windows" {
		program += ".exe"
	}
	dir, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, program)
	if err := r.build(ctx, system, machine, binary); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	bill, err := r.bill(binary, text, target)
	if err != nil {
		return nil, err
	}
	files := []file{{program, text, 0o755}, {"bom.cdx.json", bill, 0o644}}
	for _, path := range shipped(system) {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		mode := fs.FileMode(0o644)
		if bytes.HasPrefix(text, []byte("#!")) {
			mode = 0o755
		}
		files = append(files, file{path, text, mode})
	}
	var archive bytes.Buffer
	ending := ".tar.gz"
	if system == "windows" {
		ending = ".zip"
		err = zipped(&archive, name, files, r.time)
	} else {
		err = tarred(&archive, name, files, r.time)
	}
	if err != nil {
		return nil, err
	}
	made := map[string][]byte{name + ending: archive.Bytes(), name + ".cdx.json": bill}
	var names []string
	for name, text := range made {
		if err := os.WriteFile(filepath.Join(r.out, name), text, 0o644); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// shipped are the files of the source that go with the program, for a system.
func shipped(system string) []string {
	files := []string{"LICENSE", "README.md", "CHANGELOG.md", "docs/deploy.md", "docs/operations.md", "docs/runbook.md"}
	if system == "linux" {
		files = append(files, "deploy/systemd/allot.service", "deploy/systemd/allot.sysusers", "deploy/systemd/allot.env", "deploy/systemd/allot-admin")
	}
	return append(files, "deploy/prometheus/allot.rules.yaml", "deploy/grafana/allot.json")
}

// build builds the program, whatever the environment would have it built with.
func (r *release) build(ctx context.Context, system, machine, to string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", to, "./cmd/allot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+machine,
		"GOFLAGS=-mod=readonly", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off", "GODEBUG=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}
