package load

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// What a process writes is counted as its own.
func TestWrittenBytes(t *testing.T) {
	before, known := WrittenBytes(os.Getpid())
	if runtime.GOOS != "linux" {
		if known {
			t.Error("it is known where nobody tells")
		}
		return
	}
	if !known {
		if os.Getenv("CI") == "true" {
			t.Fatal("the system does not count what processes write")
		}
		t.Skip("the system does not count what processes write")
	}
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 1 << 20
	if _, err := f.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := Sync(f); err != nil {
		t.Fatal(err)
	}
	after, _ := WrittenBytes(os.Getpid())
	if after-before < size || after-before > 2*size {
		t.Errorf("%d bytes are counted of %d", after-before, size)
	}
	if _, known := WrittenBytes(0); known {
		t.Error("a process that there is not has written")
	}
	if Runs(os.Getpid(), "postgres") {
		t.Error("this program is taken for another")
	}
	if !SameDisk(f.Name(), filepath.Dir(f.Name())) || SameDisk(f.Name(), "/proc/self") {
		t.Error("a file is on its directory's disk, and not on that of /proc")
	}
}
