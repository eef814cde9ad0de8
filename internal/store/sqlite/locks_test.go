package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/usage"
)

// A transaction that only took locks, as of a consume that is refused, leaves
// nothing to be written to the disk.
func TestLocksAloneWriteNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	st, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	now := time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)
	id := billing.CustomerID{1}
	update := func(fn func(service.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	locks := func(tx service.Tx) error {
		_, err := tx.LockCustomer(id)
		if err == nil {
			_, err = tx.LockCounters(id, "seats", now, now)
		}
		if err == nil {
			_, err = tx.LockCatalog()
		}
		return err
	}
	update(func(tx service.Tx) error {
		err := tx.CreateCustomer(billing.Customer{ID: id, Type: billing.Organization, Status: billing.Active, CreatedOn: now})
		if err == nil {
			_, err = tx.AppendChange(billing.Change{Scope: id.Scope(), On: now, Kind: "customer.created"})
		}
		if err == nil {
			err = locks(tx) // makes the counter of all time
		}
		return err
	})
	size := func() int64 {
		t.Helper()
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	before := size()
	for range 10 {
		update(locks)
	}
	if after := size(); after != before {
		t.Errorf("the log grew from %d to %d bytes", before, after)
	}
	update(func(tx service.Tx) error { // but what is written beside them stays
		if err := locks(tx); err != nil {
			return err
		}
		return tx.PutCounters(usage.Counter{CustomerID: id, Feature: "seats", Used: billing.OneUnit})
	})
	err = st.View(t.Context(), func(r service.Reader) error {
		c, err := r.Counter(id, "seats", billing.Window{})
		if err == nil && c.Used != billing.OneUnit {
			t.Errorf("used %s", c.Used)
		}
		return err
	})
	if err != nil || size() == before {
		t.Errorf("%v; the log has %d bytes", err, size())
	}
}
