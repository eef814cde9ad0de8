package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// A file gets its name where there are no links too, and there too only one of several gets it
// and nothing that is there is written over.
func TestCreate(t *testing.T) {
	for name, fault := range map[string]error{"links": nil, "EPERM": syscall.EPERM, "ENOTSUP": syscall.ENOTSUP, "ENOSYS": syscall.ENOSYS} {
		t.Run(name, func(t *testing.T) {
			link := os.Link
			if fault != nil {
				link = func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: fault} }
			}
			dir := t.TempDir()
			to := filepath.Join(dir, "file")
			var placed, refused atomic.Int32
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					made := filepath.Join(dir, string(rune('a'+i)))
					if err := os.WriteFile(made, []byte{byte(i + 1)}, 0o600); err != nil {
						t.Error(err)
						return
					}
					err := Create(made, to, link)
					switch b, _ := os.ReadFile(to); {
					case err == nil && len(b) == 1 && b[0] == byte(i+1):
						placed.Add(1)
					case errors.Is(err, fs.ErrExist):
						refused.Add(1)
					default:
						t.Errorf("%q, %v", b, err)
					}
				})
			}
			all.Wait()
			if placed.Load() != 1 || refused.Load() != 15 {
				t.Errorf("%d were placed, %d refused", placed.Load(), refused.Load())
			}
			if err := Create(filepath.Join(dir, "none"), filepath.Join(dir, "other"), link); err == nil {
				t.Error("what is not there was placed")
			}
			if _, err := os.Lstat(filepath.Join(dir, "other")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("an empty file is left: %v", err)
			}
		})
	}
}
