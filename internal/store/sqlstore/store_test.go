package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var errBusy = errors.New("busy")

// newStore is a store to which errBusy means that it may try again.
func newStore(t *testing.T) *sqlstore.Store {
	t.Helper()
	st, _ := newBackend(t)
	return st
}

// newBackend is a store with what is behind it.
func newBackend(t *testing.T) (*sqlstore.Store, sqlstore.Backend) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	backend := db.Backend()
	backend.Busy = func(err error) bool { return errors.Is(err, errBusy) }
	return sqlstore.New(backend), backend
}

func TestUpdateTriesAgain(t *testing.T) {
	st := newStore(t)
	runs := 0
	err := st.ForClients().Update(t.Context(), func(tx record.Tx) error {
		runs++
		if err := tx.CreateClient(record.Client{ID: "a"}); err != nil {
			return err // of a run before
		}
		if runs < 4 {
			return errBusy
		}
		return nil
	})
	if err != nil || runs != 4 {
		t.Errorf("%d runs: %v", runs, err)
	}
	runs = 0
	other := errors.New("other")
	if err := st.Update(t.Context(), func(service.Tx) error { runs++; return other }); !errors.Is(err, other) || runs != 1 {
		t.Errorf("another error: %d runs, %v", runs, err)
	}
}

// A database that does not answer in the time that it was given is one that cannot be reached.
// Who has gone is told nothing of that.
func TestTimeRunsOut(t *testing.T) {
	st := newStore(t)
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	for name, do := range map[string]func(context.Context) error{
		"view":   func(ctx context.Context) error { return st.View(ctx, func(service.Reader) error { return nil }) },
		"update": func(ctx context.Context) error { return st.Update(ctx, func(service.Tx) error { return nil }) },
	} {
		err := do(late)
		if e, ok := errors.AsType[*billing.Error](err); !ok || e.Kind != billing.Unavailable || e.Code != sqlstore.CodeUnreachable {
			t.Errorf("%s, late: %v", name, err)
		}
		err = do(gone)
		if _, told := errors.AsType[*billing.Error](err); told || !errors.Is(err, context.Canceled) {
			t.Errorf("%s, gone: %v", name, err)
		}
	}
}

func TestUpdateGivesUp(t *testing.T) {
	t.Parallel()
	st := newStore(t)
	runs := 0
	err := st.Update(t.Context(), func(service.Tx) error { runs++; return errBusy })
	if !errors.Is(err, errBusy) || runs < 5 || runs > 50 {
		t.Errorf("%d runs: %v", runs, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runs = 0
	err = st.Update(ctx, func(service.Tx) error { runs++; cancel(); return errBusy })
	if !errors.Is(err, context.Canceled) || runs != 1 {
		t.Errorf("cancelled: %d runs, %v", runs, err)
	}
}

func TestCommittedSignalsChanges(t *testing.T) {
	st := newStore(t)
	signalled := func() bool {
		select {
		case <-st.Committed():
			return true
		default:
			return false
		}
	}
	change := func(tx service.Tx) error {
		_, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys})
		return err
	}
	update := func(fn func(service.Tx) error) {
		t.Helper()
		if err := st.Update(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	update(change)
	update(change)
	if !signalled() || signalled() {
		t.Error("two changes are not one signal")
	}
	if err := st.Update(t.Context(), func(tx service.Tx) error { return errors.Join(change(tx), context.Canceled) }); err == nil {
		t.Error("an update did not fail")
	}
	err := st.ForFeed().Update(t.Context(), func(tx feed.Tx) error { _, err := tx.Sequence(10, time.Now()); return err })
	if err != nil {
		t.Fatal(err)
	}
	if signalled() {
		t.Error("signalled without a change to sequence")
	}
}

// A counter that is gone, from a damaged database or one that was moved without
// its counters, is made again from the records.
func TestLockCountersSumsRecords(t *testing.T) {
	st, backend := newBackend(t)
	c := billing.Customer{ID: billing.CustomerID{1}}
	err := st.Update(t.Context(), func(tx service.Tx) error {
		err := tx.CreateCustomer(c)
		_, lockErr := tx.LockCounters(c.ID, "calls", time.Time{}, time.Time{})
		err = errors.Join(err, lockErr)
		for i := range 3 {
			u := usage.Record{CustomerID: c.ID, ID: fmt.Sprint(i), Feature: "calls", Change: billing.Units(i) + 1}
			err = errors.Join(err, tx.CreateUsage(u))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := backend.Writer.ExecContext(t.Context(), "delete from counters"); err != nil {
		t.Fatal(err)
	}
	err = st.Update(t.Context(), func(tx service.Tx) error {
		counters, err := tx.LockCounters(c.ID, "calls", time.Time{}, time.Time{})
		if err == nil && (len(counters) != 1 || counters[0].Used != 6 || !counters[0].Window.AllTime()) {
			t.Errorf("counters: %+v", counters)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a gate refuses is not begun, in a transaction or in one statement, and not tried
// again; reads pass.
func TestGate(t *testing.T) {
	st := newStore(t)
	var shut error
	st.AddGate(func() error { return nil })
	st.AddGate(func() error { return shut })
	asked := 0
	write := func() error { return st.Update(t.Context(), func(service.Tx) error { asked++; return nil }) }
	if err := write(); err != nil || asked != 1 {
		t.Fatalf("an open gate: %d runs, %v", asked, err)
	}
	shut = billing.Unavailable.Errorf("SOME_CODE", "some message")
	if err := write(); !errors.Is(err, shut) || asked != 1 {
		t.Errorf("a shut gate: %d runs, %v", asked, err)
	}
	shut = nil
	late := func(tx service.Tx) error {
		shut = billing.Unavailable.Errorf("SOME_CODE", "some message")
		return tx.CreateCustomer(billing.Customer{ID: billing.CustomerID{1}, Type: billing.Organization, Status: billing.Active})
	}
	if err := st.Update(t.Context(), late); !errors.Is(err, shut) {
		t.Errorf("a gate that shuts before the commit: %v", err)
	}
	if err := st.View(t.Context(), func(r service.Reader) error {
		_, err := r.Customer(billing.CustomerID{1})
		return err
	}); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("it was written all the same: %v", err)
	}
	if _, err := st.Apply(t.Context(), 0, []service.LaneChange{{}}); !errors.Is(err, shut) {
		t.Errorf("apply at a shut gate: %v", err)
	}
	if err := st.View(t.Context(), func(service.Reader) error { return nil }); err != nil {
		t.Errorf("a read at a shut gate: %v", err)
	}
}
