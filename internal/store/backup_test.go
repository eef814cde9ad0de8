package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
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
