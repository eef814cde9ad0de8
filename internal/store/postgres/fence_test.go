package postgres

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var fenceDay = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// fenced are customers with a lane each, on two nodes.
type fenced struct {
	t         testing.TB
	url       string
	db        *DB
	one, two  *sqlstore.Store
	customers []billing.CustomerID
}

func newFenced(t testing.TB, customers int) *fenced {
	t.Helper()
	url := pgtest.URL(t)
	f := &fenced{t: t, url: url, db: mustOpen(t, Options{URL: url})}
	f.one, f.two = sqlstore.New(f.db.Backend()), sqlstore.New(mustOpen(t, Options{URL: url}).Backend())
	for i := range customers {
		id := billing.CustomerID{15: byte(i + 1)}
		f.customers = append(f.customers, id)
		f.update(func(tx service.Tx) error {
			return tx.CreateCustomer(billing.Customer{ID: id, ExternalID: id.String(), OrgCode: id.String()})
		})
		f.update(func(tx service.Tx) error {
			_, err := tx.LockCounters(id, "calls", fenceDay, fenceDay)
			if err != nil {
				return err
			}
			w := billing.Window{Span: calendar.Span{Start: fenceDay, End: fenceDay.AddDate(0, 1, 0)}}
			if err := tx.CreateUsage(f.record(id, "first")); err != nil { // which says how far the upgrade is
				return err
			}
			return tx.PutCounters(usage.Counter{CustomerID: id, Feature: "calls", Used: 1, ChangedOn: fenceDay,
				Lane: usage.Lane{Window: &w, InWindow: 1, HeldOn: fenceDay}})
		})
	}
	return f
}

func (f *fenced) update(fn func(service.Tx) error) {
	f.t.Helper()
	f.updateOf(f.one, fn)
}

func (f *fenced) updateOf(st *sqlstore.Store, fn func(service.Tx) error) {
	f.t.Helper()
	if err := st.Update(f.t.Context(), fn); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fenced) record(id billing.CustomerID, name string) usage.Record {
	return usage.Record{CustomerID: id, ID: name, Feature: "calls", Kind: usage.Consumed, Value: 1, Change: 1,
		Stamp: fenceDay, CountedOn: fenceDay, RecordedOn: fenceDay}
}

// decide is a change by one record of each customer, made on what stands, and the
// revision of the catalog.
func (f *fenced) decide(name string) (int64, []service.LaneChange) {
	f.t.Helper()
	var asks []service.Ask
	for _, id := range f.customers {
		asks = append(asks, service.Ask{Customer: id, Feature: "calls", At: fenceDay})
	}
	standings, err := f.one.Standings(f.t.Context(), asks...)
	if err != nil {
		f.t.Fatal(err)
	}
	var changes []service.LaneChange
	for i, s := range standings {
		c := service.LaneChange{Lane: s.Lanes[0].Counter, Records: []usage.Record{f.record(f.customers[i], name)}}
		c.Lane.Used++
		c.Lane.Lane.InWindow++
		changes = append(changes, c)
	}
	return standings[0].Revision.Catalog, changes
}

// waiting returns when a statement of any node waits for a lock.
func (f *fenced) waiting() {
	f.t.Helper()
	for {
		var n int
		err := f.db.reader.QueryRowContext(f.t.Context(), `select count(*) from pg_locks l join pg_stat_activity a using (pid)
			where not l.granted and a.datname = current_database() and a.query like 'with lane as %'`).Scan(&n)
		if err != nil {
			f.t.Fatal(err)
		}
		if n > 0 {
			return
		}
	}
}

// meets has changes applied while a transaction of another node is under way, which has
// run fn and commits once they wait for it.
func (f *fenced) meets(catalog int64, changes []service.LaneChange, fn func(service.Tx) error) (made []bool, err error) {
	f.t.Helper()
	var applied sync.WaitGroup
	updated := f.two.Update(f.t.Context(), func(tx service.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		applied.Go(func() { made, err = f.one.Apply(context.WithoutCancel(f.t.Context()), catalog, changes) })
		f.waiting()
		return nil
	})
	applied.Wait()
	if updated != nil {
		f.t.Fatal(updated)
	}
	return made, err
}

// records is how many customers have the second record.
func (f *fenced) records() (n int) {
	f.t.Helper()
	err := f.one.View(f.t.Context(), func(r service.Reader) error {
		n = 0
		for _, id := range f.customers {
			if _, err := r.UsageRecord(id, "second"); err == nil {
				n++
			} else if !errors.Is(err, billing.ErrNotFound) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return n
}

// A decision that waits for its lane while the customer's facts change is not made; those
// of others are.
func TestFenceMeetsChangeOfFacts(t *testing.T) {
	f := newFenced(t, 3)
	catalog, changes := f.decide("second")
	made, err := f.meets(catalog, changes, func(tx service.Tx) error {
		c, err := tx.LockCustomer(f.customers[1])
		if err != nil {
			return err
		}
		_, err = tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: fenceDay, Kind: billing.AgreementCreated})
		return err
	})
	if err != nil || !slices.Equal(made, []bool{true, false, true}) || f.records() != 2 {
		t.Errorf("made %v, %v, %d records", made, err, f.records())
	}
}

// One that waits while the same lane is used is not made.
func TestFenceMeetsUsage(t *testing.T) {
	f := newFenced(t, 2)
	catalog, changes := f.decide("second")
	made, err := f.meets(catalog, changes, func(tx service.Tx) error {
		counters, err := tx.LockCounters(f.customers[0], "calls", fenceDay, fenceDay)
		if err != nil {
			return err
		}
		return tx.PutCounters(counters[0])
	})
	if err != nil || !slices.Equal(made, []bool{false, true}) || f.records() != 1 {
		t.Errorf("made %v, %v, %d records", made, err, f.records())
	}
}

// None is made if the catalog changes while one of them waits, whatever it waits for.
func TestFenceMeetsChangeOfCatalog(t *testing.T) {
	f := newFenced(t, 2)
	catalog, changes := f.decide("second")
	made, err := f.meets(catalog, changes, func(tx service.Tx) error {
		// The lock is had, and nothing changed.
		if _, err := tx.LockCounters(f.customers[1], "calls", fenceDay, fenceDay); err != nil {
			return err
		}
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		if err := tx.PutCatalog(&billing.Catalog{Currency: "usd"}); err != nil {
			return err
		}
		_, err := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: fenceDay, Kind: billing.CatalogApplied})
		return err
	})
	if err != nil || !slices.Equal(made, []bool{false, false}) || f.records() != 0 {
		t.Errorf("made %v, %v, %d records", made, err, f.records())
	}
}

// Of an id or a key that another transaction gives at once nothing is made, for certain.
func TestFenceMeetsSameID(t *testing.T) {
	for what, create := range map[string]func(tx service.Tx, f *fenced) error{
		"record": func(tx service.Tx, f *fenced) error {
			if _, err := tx.LockCounters(f.customers[0], "other", fenceDay, fenceDay); err != nil {
				return err
			}
			u := f.record(f.customers[0], "second")
			u.Feature = "other"
			return tx.CreateUsage(u)
		},
		"answer": func(tx service.Tx, f *fenced) error {
			return tx.CreateAnswers(service.StoredAnswer{Scope: f.customers[0].Scope(), Key: "k"})
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFenced(t, 2)
			catalog, changes := f.decide("second")
			changes[0].Answers = []service.StoredAnswer{{Scope: f.customers[0].Scope(), Key: "k"}}
			_, err := f.meets(catalog, changes, func(tx service.Tx) error { return create(tx, f) })
			if !errors.Is(err, service.ErrNotApplied) {
				t.Errorf("%v, want ErrNotApplied", err)
			}
			if made, err := f.one.Apply(t.Context(), catalog, changes[1:]); err != nil || !made[0] {
				t.Errorf("of another customer: %v, %v", made, err)
			}
		})
	}
}

// Which errors of a batch leave its outcome open.
func TestRefusedIsTheServersWord(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{&pgconn.PgError{Code: "23505", SeverityUnlocalized: "ERROR"}, true},
		{&pgconn.PgError{Code: "40P01", SeverityUnlocalized: "ERROR"}, true},
		{&pgconn.PgError{Code: "57P01", SeverityUnlocalized: "FATAL"}, false},
		{&pgconn.PgError{Code: "08P01", SeverityUnlocalized: "FATAL"}, false},
		{&pgconn.PgError{Code: "57P02", SeverityUnlocalized: "PANIC"}, false},
		{&pgconn.PgError{Code: "23505"}, false}, // of a server that does not say
		{context.DeadlineExceeded, false},
		{context.Canceled, false},
		{errors.New("connection reset"), false},
		{pgx.ErrPreprocessingBatch{}, true},
		{nil, false},
	} {
		if got := refused(test.err); got != test.want {
			t.Errorf("refused(%v) = %t", test.err, got)
		}
	}
}

// If the connection or the caller goes while a batch is under way, the outcome is not
// known, whatever it is.
func TestFenceWithoutAnswer(t *testing.T) {
	for what, end := range map[string]func(f *fenced, cancel context.CancelFunc) error{
		"connection": func(f *fenced, _ context.CancelFunc) error {
			_, err := f.db.reader.ExecContext(f.t.Context(), `select pg_terminate_backend(a.pid, 60000) from pg_stat_activity a
				where a.datname = current_database() and a.query like 'with lane as %'`)
			return err
		},
		"caller": func(_ *fenced, cancel context.CancelFunc) error {
			cancel()
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFenced(t, 2)
			catalog, changes := f.decide("second")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := f.two.Update(t.Context(), func(tx service.Tx) error {
				if _, err := tx.LockCounters(f.customers[0], "calls", fenceDay, fenceDay); err != nil {
					return err
				}
				applied := make(chan error)
				go func() {
					_, err := f.one.Apply(ctx, catalog, changes)
					applied <- err
				}()
				f.waiting()
				if err := end(f, cancel); err != nil {
					return err
				}
				if err := <-applied; err == nil || errors.Is(err, service.ErrNotApplied) {
					t.Errorf("%v, want one that leaves the outcome open", err)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
	f := newFenced(t, 1)
	catalog, changes := f.decide("second")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.one.Apply(ctx, catalog, changes); !errors.Is(err, service.ErrNotApplied) {
		t.Errorf("of a caller who had gone before: %v, want ErrNotApplied", err)
	}
}

// A lane that somebody has for longer than anybody is let wait is named, so that the others go
// on without it.
func TestFenceNamesWhatIsLocked(t *testing.T) {
	f := newFenced(t, 3)
	f.one = sqlstore.New(mustOpen(t, Options{URL: f.url + "&lock_timeout=200"}).Backend())
	for _, how := range []string{"each", "in one trip"} {
		catalog, changes := f.decide("second")
		var err error
		f.updateOf(f.two, func(tx service.Tx) error {
			if _, err := tx.LockCounters(f.customers[1], "calls", fenceDay, fenceDay); err != nil {
				return err
			}
			_, err = f.one.Apply(t.Context(), catalog, changes)
			return nil
		})
		blamed, ok := errors.AsType[*service.ChangeError](err)
		told, _ := errors.AsType[*billing.Error](err)
		trip := err != nil && strings.Contains(err.Error(), " …: ") == (how == "each")
		if !errors.Is(err, service.ErrNotApplied) || !ok || blamed.At != 1 || told == nil || told.Code != sqlstore.CodeSlow || !trip {
			t.Errorf("%s: err = %v, want that change 1 was not made in time", how, err)
		}
		f.update(func(tx service.Tx) error { // from then on it knows that records are moved
			if _, err := tx.LockCounters(f.customers[0], "calls", fenceDay, fenceDay); err != nil {
				return err
			}
			return tx.CreateUsage(f.record(f.customers[0], "third "+how))
		})
	}
	if n := f.records(); n != 0 {
		t.Errorf("%d are written", n)
	}
}

// Two that lock in the wrong order, as nobody should, have one of them undone, which is
// for certain, and run again.
func TestFenceDeadlock(t *testing.T) {
	f := newFenced(t, 2)
	catalog, changes := f.decide("second")
	var made []bool
	var err error
	var applied sync.WaitGroup
	var started sync.Once
	updated := f.two.Update(t.Context(), func(tx service.Tx) error {
		for _, i := range []int{1, 0} {
			if _, err := tx.LockCounters(f.customers[i], "calls", fenceDay, fenceDay); err != nil {
				return err
			}
			started.Do(func() {
				applied.Go(func() { made, err = f.one.Apply(t.Context(), catalog, changes) })
				f.waiting()
			})
		}
		return nil
	})
	applied.Wait()
	if updated != nil || err != nil || !slices.Equal(made, []bool{true, true}) {
		t.Errorf("made %v, %v; the other: %v", made, err, updated)
	}
}
