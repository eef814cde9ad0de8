//go:build !windows

// On Windows what is being written is not locked: a lock keeps others from writing there.

package store

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A backup that was killed leaves what it was writing, which has all that the database has: the
// next one there removes it, whatever its own name, and not what another is writing.
func TestBackupAfterOneThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	st, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(dir, "allot.db"), Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, name := range []string{"monday.db.allot-partial", "tuesday.db.allot-partial", "mine.partial"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("Ada"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	none := func(*Store) error { return nil }
	err = st.Backup(t.Context(), filepath.Join(dir, "tuesday.db"), func(*Store) error {
		if err := st.Backup(t.Context(), filepath.Join(dir, "tuesday.db"), none); err == nil || !strings.Contains(err.Error(), "being written by another") {
			t.Errorf("two to one file: %v", err)
		}
		return st.Backup(t.Context(), filepath.Join(dir, "wednesday.db"), none)
	})
	if err != nil {
		t.Fatal(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*y.db*"))
	if err != nil || len(left) != 2 {
		t.Errorf("there are %q, %v", left, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "mine.partial")); err != nil {
		t.Error("what is no backup was removed")
	}
}
