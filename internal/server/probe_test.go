package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/allot-dev/allot/api"
)

// small is a directory on a disk of its own of a few MiB.
func small(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8m")
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skipf("a disk of its own needs the right to mount one: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill leaves no room on the disk of a directory, and returns what makes some again.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	name := filepath.Join(dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	for size := 1 << 16; size > 0; {
		if _, err := f.Write(bytes.Repeat([]byte{1}, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

// A full disk is said by readiness, and by the refusal of what would be written; reads go on.
func TestReadyOnAFullDisk(t *testing.T) {
	r := start(t, Config{Place: Place{Data: small(t)}})
	c, token := r.client(t)
	if code := write(t, c); code != "" {
		t.Fatal(code)
	}
	if status, body := r.get(t, "/readyz", ""); status != 200 {
		t.Fatalf("with room: %d %s", status, body)
	}
	free := fill(t, filepath.Dir(r.keyFile))
	await(t, func() bool { return write(t, c) == api.CodeDiskFull })
	await(t, func() bool {
		status, body := r.get(t, "/readyz", "")
		return status == 503 && strings.Contains(body, `"code":"DISK_FULL"`)
	})
	if status, body := r.get(t, "/v1/customers", token); status != 200 {
		t.Errorf("a read on a full disk: %d %s", status, body)
	}
	free()
	await(t, func() bool { return write(t, c) == "" })
	await(t, func() bool { status, _ := r.get(t, "/readyz", ""); return status == 200 })
}

// A signing key that the key file does not open is said by readiness: every token would be a
// fault.
func TestReadyWithoutSigning(t *testing.T) {
	place := Place{Data: t.TempDir()}
	r := start(t, Config{Place: place})
	if status, body := r.get(t, "/readyz", ""); status != 200 {
		t.Fatalf("%d %s", status, body)
	}
	other := place
	other.KeyFile = filepath.Join(t.TempDir(), "other.key")
	tool, err := Open(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	rotate(t, tool)
	await(t, func() bool {
		status, body := r.get(t, "/readyz", "")
		return status == 503 && strings.Contains(body, `"code":"KEY_UNREADABLE"`) && strings.Contains(body, "allot key rotate")
	})
}

// rotate makes a new signing key, with a key file that need not be the right one.
func rotate(t *testing.T, i *Installation) {
	t.Helper()
	if _, err := i.RotateKey(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// However often readiness is asked for, little is written for it.
func TestProbeIsBounded(t *testing.T) {
	r := start(t, Config{Place: Place{Data: t.TempDir()}})
	tries := 0
	try := r.probe.try
	r.probe.try = func(ctx context.Context) error { tries++; return try(ctx) }
	for range 200 {
		if status, body := r.get(t, "/readyz?"+rand.Text(), ""); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	if tries > 2 {
		t.Errorf("200 requests wrote %d times", tries)
	}
}
