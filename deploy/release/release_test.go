package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"debug/buildinfo"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// source copies what is built from, as an archive of it would have it, into a directory.
func source(t *testing.T, to string) {
	t.Helper()
	from := filepath.Join("..", "..")
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "node_modules" || name == "bin" || name == "dist" || name == "conformance"):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !entry.Type().IsRegular() || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), text, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Two who make a release of the same source make the same bytes, though their directories,
// zones and settings differ, and one of them unpacked it within another repository.
func TestReleaseComesOutTheSame(t *testing.T) {
	target := runtime.GOOS + "/" + runtime.GOARCH
	made := make([]map[string][]byte, 2)
	for i, dir := range []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "elsewhere", "in another", "repository")} {
		source(t, dir)
		env := append(os.Environ(), "TZ=UTC")
		if i == 1 {
			if git, err := exec.LookPath("git"); err == nil {
				if out, err := exec.CommandContext(t.Context(), git, "init", "-q", filepath.Dir(dir)).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			env = append(os.Environ(), "TZ=Asia/Tokyo", "GOFLAGS=-buildvcs=auto -tags=poison", "CGO_ENABLED=1", "USER=somebody", "GOAMD64=v2")
		}
		cmd := exec.CommandContext(t.Context(), "go", "run", "./deploy/release", "-version", "v1.2.3-test", "-targets", target)
		cmd.Dir, cmd.Env = dir, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		made[i] = map[string][]byte{}
		files, err := os.ReadDir(filepath.Join(dir, "dist"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if made[i][f.Name()], err = os.ReadFile(filepath.Join(dir, "dist", f.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
	name := "allot_v1.2.3-test_" + runtime.GOOS + "_" + runtime.GOARCH
	if len(made[0]) != 3 || made[0][name+".cdx.json"] == nil || made[0]["SHA256SUMS"] == nil {
		t.Fatalf("made are %v", len(made[0]))
	}
	for file, text := range made[0] {
		if !bytes.Equal(text, made[1][file]) {
			t.Errorf("%s comes out differently", file)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	unpacked(t, name, made[0][name+".tar.gz"], made[0][name+".cdx.json"])
}

// unpacked looks at what an archive has.
func unpacked(t *testing.T, name string, archive, bom []byte) {
	t.Helper()
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(zipped); ; {
		h, err := r.Next()
		if err == io.EOF { //nolint:errorlint // it is returned as it is
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Uname != "" || h.ModTime.Year() != 1980 || !strings.HasPrefix(h.Name, name+"/") {
			t.Errorf("the archive has %+v", h)
		}
		if files[strings.TrimPrefix(h.Name, name+"/")], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range append(shipped(runtime.GOOS), "allot", "bom.cdx.json") {
		if len(files[want]) == 0 {
			t.Errorf("the archive does not have %s", want)
		}
	}
	program := filepath.Join(t.TempDir(), "allot")
	if err := os.WriteFile(program, files["allot"], 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), program, "version", "--json").Output()
	if err != nil {
		t.Fatal(err)
	}
	var version struct{ Version, Commit string }
	if err := json.Unmarshal(out, &version); err != nil || version.Version != "v1.2.3-test" || version.Commit != "" {
		t.Errorf("the program says %s, %v", out, err)
	}
	if bytes.Contains(files["allot"], []byte("TestReleaseComesOutTheSame")) { // a part of where it was built
		t.Error("the program has a path of who built it")
	}
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(bom, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Metadata.Component.Version != "v1.2.3-test" || b.Metadata.Component.Purl != "pkg:golang/github.com/allot-dev/allot@v1.2.3-test" ||
		len(b.Components) != len(info.Deps)+1 || len(b.Dependencies[0].DependsOn) != len(b.Components) {
		t.Errorf("the bill of materials: %s of %d components, the program has %d modules", b.Metadata.Component.Purl, len(b.Components), len(info.Deps))
	}
	if !bytes.Equal(bom, files["bom.cdx.json"]) {
		t.Error("the bill in the archive is another one")
	}
}

func TestVersionsOfReleases(t *testing.T) {
	for _, wrong := range []string{"", "../v1", "v1 2", "-X", "v1/2"} {
		r := release{version: wrong, out: t.TempDir()}
		if err := r.make(t.Context()); err == nil || !strings.Contains(err.Error(), "want one such as v1.2.3") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "allot_v0_linux_amd64.tar.gz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&release{version: "v1", out: full}).make(t.Context()); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a release beside another: %v", err)
	}
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := sourceTime(); err == nil {
		t.Error("a time that is none is taken")
	}
}

// The archive for Windows is one that its own tools read, with what they show.
func TestZipped(t *testing.T) {
	at := time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	var out bytes.Buffer
	if err := zipped(&out, "allot_v1", []file{{"allot.exe", []byte("MZ"), 0o755}, {"docs/deploy.md", []byte("x"), 0o644}}, at); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 2 || r.File[0].Name != "allot_v1/allot.exe" || !r.File[0].Modified.Equal(at) {
		t.Errorf("the archive has %+v", r.File)
	}
}
