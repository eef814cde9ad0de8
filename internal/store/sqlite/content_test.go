//go:build unix

package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// writeTo puts customers into a database.
func writeTo(t *testing.T, db *DB, from, to int) (err error) {
	t.Helper()
	st := sqlstore.New(db.Backend())
	for i := from; i < to && err == nil; i++ {
		err = st.Update(t.Context(), func(tx service.Tx) error { return createCustomer(tx, i) })
	}
	return err
}

// older makes a database with some customers that were put in since a copy of it was made.
func older(t *testing.T) (path, old string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "allot.db")
	old = path + ".old"
	for i := range 2 {
		db, err := Open(t.Context(), Options{Path: path, Serve: true})
		if err == nil {
			err = errors.Join(writeTo(t, db, 100*i, 100*i+100), db.Close())
		}
		if err == nil && i == 0 {
			err = overwrite(old, path)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return path, old
}

func wroteOver(err error) bool {
	e, ok := errors.AsType[*billing.Error](err)
	return ok && e != nil && e.Code == codeReplaced && strings.Contains(e.Message, "written over")
}

// Nothing is written any more to a file that somebody writes over, and it is not taken for that where
// only its time was set, or where another program copied the log.
func TestWrittenOver(t *testing.T) {
	for name, test := range map[string]struct {
		do    func(t *testing.T, path, old string) error
		noted bool
	}{
		"a backup over it": {do: func(_ *testing.T, path, old string) error { return overwrite(path, old) }, noted: true},
		"nothing left":     {do: func(_ *testing.T, path, _ string) error { return os.Truncate(path, 0) }, noted: true},
		"cut":              {do: func(_ *testing.T, path, _ string) error { return os.Truncate(path, 3*PageSize) }, noted: true},
		"a page": {do: func(_ *testing.T, path, _ string) error {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteAt(make([]byte, PageSize), 0)
			return errors.Join(err, f.Close())
		}, noted: true},
		"no log left": {do: func(_ *testing.T, path, _ string) error { return os.Truncate(path+"-wal", 0) }, noted: true},
		"a log cut":   {do: func(_ *testing.T, path, _ string) error { return os.Truncate(path+"-wal", 2*PageSize) }, noted: true},
		"nothing":     {do: func(*testing.T, string, string) error { return nil }},
		"its time": {do: func(_ *testing.T, path, _ string) error {
			return os.Chtimes(path, time.Time{}, time.Now().Add(time.Hour))
		}},
		"the same over": {do: func(_ *testing.T, path, _ string) error { return overwrite(path, path) }},
		"a log copied by another": {do: func(t *testing.T, path, _ string) error {
			tool, err := connect(path, 1, "")
			if err != nil {
				return err
			}
			_, err = checkpoint(t.Context(), tool, "passive")
			return errors.Join(err, tool.Close())
		}},
		"a log copied and begun anew by another": {do: func(t *testing.T, path, _ string) error {
			tool, err := connect(path, 1, "")
			if err != nil {
				return err
			}
			_, err = checkpoint(t.Context(), tool, "truncate")
			return errors.Join(err, tool.Close())
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path, old := older(t)
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := writeTo(t, db, 200, 210); err != nil {
				t.Fatal(err)
			}
			time.Sleep(20 * time.Millisecond) // as fine as the times of files may be
			if err := test.do(t, path, old); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * lookAgain)
			err = writeTo(t, db, 300, 310)
			if test.noted != wroteOver(err) || !test.noted && err != nil {
				t.Errorf("the next write: %v", err)
			}
			time.Sleep(2 * lookAgain)
			if err := writeTo(t, db, 310, 320); test.noted != wroteOver(err) {
				t.Errorf("a write after it: %v", err)
			}
		})
	}
}

// After many passes of its own, and beside a tool that copies the log as well, a file is never taken for
// written over.
func TestCopyingIsNoWritingOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	db, err := Open(t.Context(), Options{Path: path, Serve: true, limits: limits{pass: 20, rest: 4, most: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ended := make(chan error)
	stop := make(chan struct{})
	go func() {
		tool, err := connect(path, 1, "")
		for err == nil {
			select {
			case <-stop:
				ended <- tool.Close()
				return
			default:
			}
			for _, mode := range []string{"passive", "restart", "truncate"} {
				if _, failed := checkpoint(t.Context(), tool, mode); failed != nil && !busy(failed) {
					err = failed
				}
			}
		}
		ended <- err
	}()
	for i := range 30 {
		if err := writeTo(t, db, 20*i, 20*i+20); err != nil {
			t.Fatal(err)
		}
		_ = db.look()
	}
	close(stop)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if now, err := db.LogStats(t.Context()); err != nil || now.Passes == 0 {
		t.Errorf("%+v, %v", now, err)
	}
	if err := db.look(); err != nil {
		t.Error(err)
	}
}

// A server that is ended in order over a file that was written over leaves all as it is, so that the
// next start says so and spoils nothing.
func TestStartAfterWritingOver(t *testing.T) {
	path, old := older(t)
	end := servedApart(t, path)
	tool, err := Open(t.Context(), Options{Path: path})
	if err == nil {
		err = errors.Join(writeTo(t, tool, 500, 510), tool.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * lookEvery) // it has seen that there is a log
	if err := overwrite(path, old); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil || len(log) == 0 {
		t.Fatalf("%d bytes of log, %v", len(log), err)
	}
	time.Sleep(2 * lookEvery)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadFile(path + "-wal"); err != nil || string(left) != string(log) {
		t.Errorf("%d bytes of log are left of %d, %v", len(left), len(log), err)
	}
	next, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		next.Close()
	}
	if _, ok := errors.AsType[*DamageError](err); !ok {
		t.Errorf("the next start: %v", err)
	}
}

// What is copied out of the log goes into no file that was written over just before, also if nobody has
// looked since.
func TestNothingIsCopiedOverAnother(t *testing.T) {
	path, old := older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		err = writeTo(t, db, 200, 210)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.present.close() // nobody looks
	time.Sleep(20 * time.Millisecond)
	if err := overwrite(path, old); err != nil {
		t.Fatal(err)
	}
	db.checkpoints.forget(t.Context())
	if err := db.look(); !wroteOver(err) {
		t.Errorf("it is seen as %v", err)
	}
	is, err := os.ReadFile(path)
	want, failed := os.ReadFile(old)
	if err := errors.Join(err, failed); err != nil || !bytes.Equal(is, want) {
		t.Errorf("the file is no longer what was written over it: %v", err)
	}
}

// A file that is written over while it has another name is left alone once it has its own again.
func TestWrittenOverElsewhere(t *testing.T) {
	path, old := older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		err = writeTo(t, db, 200, 210)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	elsewhere := path + ".elsewhere"
	if err := os.Rename(path, elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := db.look(); err == nil || wroteOver(err) {
		t.Fatalf("of a file that is gone: %v", err)
	}
	time.Sleep(20 * time.Millisecond)
	if err := errors.Join(overwrite(elsewhere, old), os.Rename(elsewhere, path)); err != nil {
		t.Fatal(err)
	}
	if err := db.look(); !wroteOver(err) {
		t.Errorf("it is seen as %v", err)
	}
	select {
	case <-db.checkpoints.done:
	case <-time.After(10 * time.Second):
		t.Error("its log is copied on")
	}
}

// An index that is read while the log begins anew says that the log of now has as many frames as the one
// before: that is no log that was cut.
func TestTornIndex(t *testing.T) {
	path, _ := older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		err = writeTo(t, db, 200, 210)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now, ok := db.index.log()
	file, err := os.Stat(path)
	log, failed := os.Stat(path + "-wal")
	if err := errors.Join(err, failed); err != nil || !ok {
		t.Fatal(ok, err)
	}
	now.frames += 1000
	if err := db.present.content.look(now, file, log); err != nil {
		t.Error(err)
	}
}

// A file that cannot be read once its log was copied is not taken for written over when it can be.
func TestUnreadAfterCopying(t *testing.T) {
	path, _ := older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		err = writeTo(t, db, 200, 210)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.present.close() // nobody else looks
	c := &db.present.content
	closed, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	time.Sleep(20 * time.Millisecond)
	c.beginCopy()
	_, err = checkpoint(t.Context(), db.checkpoints.file, "passive")
	c.file, closed = closed, c.file
	c.endCopy()
	c.file = closed
	if err != nil {
		t.Fatal(err)
	}
	if gone := db.look(); gone != nil {
		t.Error(gone)
	}
}
