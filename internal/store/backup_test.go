package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// A backup that is made while others write has all that was acknowledged before it began,
// and is restored as it was made.
func TestBackupUnderLoad(t *testing.T) {
	const writers = 4
	dir := t.TempDir()
	st, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(dir, "allot.db"), Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var acknowledged atomic.Int64
	var writing sync.WaitGroup
	stop := make(chan struct{})
	enough := make(chan struct{})
	for w := range writers {
		writing.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := billing.CustomerID{byte(w), byte(i >> 8), byte(i), 1}
				err := st.Update(t.Context(), func(tx service.Tx) error {
					return tx.CreateCustomer(billing.Customer{ID: id, Type: billing.Organization, Status: billing.Active, ExternalID: fmt.Sprint(w, " ", i)})
				})
				if err != nil {
					t.Error(err)
					return
				}
				if acknowledged.Add(1) == 100 {
					close(enough)
				}
			}
		})
	}
	<-enough
	file := filepath.Join(dir, "backup.db")
	before := acknowledged.Load()
	var has int
	err = st.Backup(t.Context(), file, func(copied *Store) (err error) {
		if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it has its name before it was checked: %v", err)
		}
		has, err = countCustomers(t, copied)
		return err
	})
	during := acknowledged.Load()
	close(stop)
	writing.Wait()
	if err != nil || int64(has) < before {
		t.Fatalf("%d customers of %d, %v", has, before, err)
	}
	t.Logf("%d before, %d in it, %d when it was done", before, has, during)
	failed := errors.New("it is not right")
	if err := st.Backup(t.Context(), filepath.Join(dir, "bad.db"), func(*Store) error { return failed }); !errors.Is(err, failed) {
		t.Errorf("a backup that is not right: %v", err)
	}
	if err := st.Backup(t.Context(), file, func(*Store) error { return nil }); err == nil {
		t.Error("a backup was written over another")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "b*")); len(left) != 1 {
		t.Errorf("left: %q", left)
	}
	place := filepath.Join(dir, "restored", "allot.db")
	err = Restore(t.Context(), file, Options{URL: "sqlite:" + place}, func(st *Store) error {
		n, err := countCustomers(t, st)
		if n != has {
			t.Errorf("%d customers restored of %d", n, has)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := Restore(t.Context(), file, Options{URL: "sqlite:" + place, New: true}, func(*Store) error { return nil }); err == nil {
		t.Error("restored over a database")
	}
	if left, _ := filepath.Glob(place + "*"); len(left) != 2 { // and the lock of the schema
		t.Errorf("restored: %q", left)
	}
}

// What may only be read is backed up as it is.
func TestBackupOfWhatMayNotBeWritten(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "allot.db")
	st, err := Open(t.Context(), Options{URL: url, Mode: Serve})
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	still, err := Open(t.Context(), Options{URL: url, Mode: Existing, read: true})
	if err != nil {
		t.Fatal(err)
	}
	defer still.Close()
	to := t.TempDir()
	before, _ := os.ReadDir(dir)
	if err := still.Backup(t.Context(), filepath.Join(to, "backup.db"), func(*Store) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadDir(dir); len(after) != len(before) {
		t.Errorf("there was %v and is %v: something was put beside it", before, after)
	}
}

// A backup of which the end is missing is refused by its name, wherever it was cut.
func TestRestoreOfABackupThatIsCutOff(t *testing.T) {
	dir := t.TempDir()
	st, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(dir, "allot.db"), Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	whole := filepath.Join(dir, "whole.db")
	if err := st.Backup(t.Context(), whole, func(*Store) error { return nil }); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(dir, "cut.db")
	for _, n := range []int{16, 60, 100, 4096, len(content) / 2, len(content) - 4096, len(content) - 1} {
		if err := os.WriteFile(cut, content[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		err := Restore(t.Context(), cut, Options{URL: "sqlite:" + filepath.Join(dir, "new", "allot.db")}, func(*Store) error { return nil })
		if err == nil || !strings.Contains(err.Error(), cut+" is cut off: it has "+strconv.Itoa(n)+" bytes") {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
}

// A restore that was killed leaves what it was making. The next one, of whatever backup, begins
// anew.
func TestRestoreAfterOneThatWasKilled(t *testing.T) {
	dir := t.TempDir()
	st, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(dir, "allot.db"), Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	older, newer := filepath.Join(dir, "older.db"), filepath.Join(dir, "newer.db")
	const customers = 200
	backup := func(file string) {
		t.Helper()
		if err := st.Backup(t.Context(), file, func(*Store) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	backup(older)
	for i := range customers {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			return tx.CreateCustomer(billing.Customer{ID: billing.CustomerID{byte(i), 1}, Type: billing.Organization, Status: billing.Active, ExternalID: fmt.Sprint(i)})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	backup(newer)
	place := Options{URL: "sqlite:" + filepath.Join(dir, "restored.db")}
	made, left := filepath.Join(dir, "restored.db.restored"), map[string][]byte{}
	killed := errors.New("killed")
	err = Restore(t.Context(), older, place, func(st *Store) error {
		if err := st.Write(t.Context(), func(tx *sqlstore.Tx) error { return tx.AcceptClock(time.Unix(1, 0)) }); err != nil {
			return err
		}
		for _, end := range []string{"", "-wal", "-shm", ".mark", ".schema-lock"} {
			if left[end], err = os.ReadFile(made + end); err != nil {
				return err
			}
		}
		return killed
	})
	if !errors.Is(err, killed) {
		t.Fatal(err)
	}
	for end, text := range left {
		if err := os.WriteFile(made+end, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	err = Restore(t.Context(), newer, place, func(st *Store) (err error) {
		if n, err := countCustomers(t, st); n != customers || err != nil {
			t.Errorf("%d customers restored of %d, %v", n, customers, err)
		}
		found, err = st.Integrity(t.Context())
		return err
	})
	if err != nil || len(found) > 0 {
		t.Errorf("restored: %v, damaged: %q", err, found)
	}
	if still, _ := filepath.Glob(made + "*"); len(still) > 0 {
		t.Errorf("left: %q", still)
	}
}

func countCustomers(t *testing.T, st *Store) (n int, err error) {
	err = st.View(t.Context(), func(r service.Reader) error {
		for after := (*billing.CustomerID)(nil); ; {
			page, more, err := r.Customers(service.CustomerFilter{}, service.Page[billing.CustomerID]{Size: 500, After: after})
			n += len(page)
			if err != nil || !more {
				return err
			}
			after = &page[len(page)-1].ID
		}
	})
	return n, err
}
