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

// servedOn is such a database, served, with some more in its log.
func servedOn(t *testing.T) (db *DB, path, old string) {
	t.Helper()
	path, old = older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err == nil {
		t.Cleanup(func() { _ = db.Close() }) // it may have been written over
		err = writeTo(t, db, 200, 210)
	}
	if err != nil {
		t.Fatal(err)
	}
	return db, path, old
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

// copyBy has another program copy the log.
func copyBy(t *testing.T, path, mode string) {
	t.Helper()
	tool, err := connect(path, 1, "")
	if err == nil {
		_, err = checkpoint(t.Context(), tool, mode)
		err = errors.Join(err, tool.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An older copy is never taken for the file, however few the pages in which the two differ and whatever
// was copied meanwhile, by whomever: every commit changes the page of the count of commits.
func TestOlderCopyPutBack(t *testing.T) {
	const customers = 12_000
	large := filepath.Join(t.TempDir(), "large.db")
	db, err := Open(t.Context(), Options{Path: large, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	err = sqlstore.New(db.Backend()).Update(t.Context(), func(tx service.Tx) (err error) {
		for i := 0; i < customers && err == nil; i++ {
			err = createCustomer(tx, i)
		}
		return err
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		before  string // how the log is copied before the copy is made
		after   string // and how between that and when it is put back
		more    int    // commits in the log then
		unnoted bool   // the server had no time to look since
	}{
		"copied":                       {before: "truncate", after: "truncate"},
		"copied, at once":              {before: "truncate", after: "truncate", unnoted: true},
		"the log stays":                {before: "passive", after: "passive"},
		"the log stays, at once":       {before: "passive", after: "passive", unnoted: true},
		"the log goes on":              {before: "passive", after: "passive", more: 3},
		"the log begins anew":          {before: "restart", after: "restart", more: 2},
		"the log began anew and stays": {before: "truncate", after: "passive", more: 1},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			if err := overwrite(path, large); err != nil {
				t.Fatal(err)
			}
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			st := sqlstore.New(db.Backend())
			write := func() error {
				return st.Write(t.Context(), func(t *sqlstore.Tx) error { return t.PutProbe("test", time.Now()) })
			}
			look := func() {
				time.Sleep(20 * time.Millisecond) // as fine as the times of files may be
				if !test.unnoted {
					if err := db.look(); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
			copyBy(t, path, test.before)
			look()
			old := path + ".old"
			if err := errors.Join(overwrite(old, path), write(), write()); err != nil {
				t.Fatal(err)
			}
			copyBy(t, path, test.after)
			look()
			for range test.more {
				if err := write(); err != nil {
					t.Fatal(err)
				}
			}
			if n := differ(t, old, path); n == 0 || n > 5 {
				t.Fatalf("they differ in %d pages", n)
			}
			for range 2 { // and again
				if err := putOver(path, old); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * lookAgain)
				if err := write(); !wroteOver(err) {
					t.Errorf("the next write: %v", err)
				}
			}
		})
	}
}

// A log that another program copies in part, no further than somebody reads, is no writing over: pages
// that are written to again behind that stay as they were, that of the count of commits among them.
func TestCopyingInPartIsNoWritingOver(t *testing.T) {
	path, _ := older(t)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for round := range 4 {
		err := sqlstore.New(db.Backend()).Write(t.Context(), func(t *sqlstore.Tx) error { return t.PutProbe("test", time.Now()) })
		if err != nil { // in a page that what follows has not
			t.Fatal(err)
		}
		reader, err := connect(path, 1, "")
		if err != nil {
			t.Fatal(err)
		}
		tx, err := reader.BeginTx(t.Context(), nil)
		if err == nil {
			_, err = tx.ExecContext(t.Context(), "select count(*) from customers")
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := writeTo(t, db, 203+20*round, 206+20*round); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		copyBy(t, path, "passive")
		if now, err := db.LogStats(t.Context()); err != nil || now.Copied == 0 || now.Copied >= now.Pages {
			t.Fatalf("%+v, %v", now, err)
		}
		if err := errors.Join(db.lookError(), writeTo(t, db, 206+20*round, 209+20*round), tx.Rollback(), reader.Close()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if round%2 == 1 {
			copyBy(t, path, "passive")
			if err := db.lookError(); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	}
}

func (db *DB) lookError() error {
	if gone := db.look(); gone != nil {
		return gone
	}
	return nil
}

// putOver writes a file over another of the same size, as `cat old > new` does without the time at which it is
// empty.
func putOver(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(b, 0)
	return errors.Join(err, f.Close())
}

// differ is in how many pages two files do. It is no test of ours if one of them is among those that were
// always compared.
func differ(t *testing.T, one, other string) (pages int) {
	t.Helper()
	a, err := os.ReadFile(one)
	b, failed := os.ReadFile(other)
	if err = errors.Join(err, failed); err != nil || len(a) != len(b) {
		t.Fatalf("%d and %d bytes, %v", len(a), len(b), err)
	}
	sampled := map[int]bool{}
	for i := range samples {
		sampled[i*(len(a)/PageSize)/samples] = true
	}
	for i := range len(a) / PageSize {
		if !bytes.Equal(a[i*PageSize:(i+1)*PageSize], b[i*PageSize:(i+1)*PageSize]) {
			pages++
			if sampled[i] {
				t.Fatalf("page %d of %d was compared", i, len(a)/PageSize)
			}
		}
	}
	return pages
}

// The page of the count of commits is read as SQLite reads it, whatever the count.
func TestReadCount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	db, err := connect(path, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	has, err := readCommits(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	var page int64
	if err := db.QueryRowContext(t.Context(), pageOfCount).Scan(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{0, 1, 2, 127, 128, 255, 256, 32767, 32768, 1 << 23, 1 << 31, 1 << 40, 1 << 47, 1<<63 - 1} {
		if _, err := db.ExecContext(t.Context(), "update commits set counted = ?", want); err != nil {
			t.Fatal(err)
		}
		if _, err := checkpoint(t.Context(), db, "truncate"); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := readCount(b[(page-1)*PageSize:page*PageSize], has.database); got != want || !ok {
			t.Errorf("%d is read as %d, %t", want, got, ok)
		}
		for n := range len(b) / PageSize {
			if _, ok := readCount(b[n*PageSize:(n+1)*PageSize], has.database); ok != (n == int(page-1)) {
				t.Errorf("page %d is that of the count: %t", n+1, ok)
			}
		}
	}
}

// After a crash that is so from the start on, whatever of the log was copied before.
func TestOlderCopyAfterACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	old := path + ".old"
	if err := overwrite(old, path); err != nil {
		t.Fatal(err)
	}
	killed(t, path, 5)
	stopped(t, path)
	killed(t, path, 5)
	db, err := Open(t.Context(), Options{Path: path, Serve: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := writeTo(t, db, 100, 101); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * lookAgain)
	if err := overwrite(path, old); err != nil {
		t.Fatal(err)
	}
	if err := writeTo(t, db, 101, 102); !wroteOver(err) {
		t.Errorf("the next write: %v", err)
	}
}

// A log that is written over within, with its length kept, is noticed in a moment, before SQLite comes upon it or
// copies it into the database; what was written there is not zeros then.
func TestLogWrittenOver(t *testing.T) {
	for name, at := range map[string]struct{ from, to int64 }{
		"from the third page on": {2 * PageSize, 1 << 30},
		"its header":             {0, logHeaderSize},
		"a page in it":           {logHeaderSize + 20*(frameHeaderSize+PageSize) + 100, logHeaderSize + 20*(frameHeaderSize+PageSize) + 200},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := writeTo(t, db, 0, 10); err != nil {
				t.Fatal(err)
			}
			log, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			info, err := log.Stat()
			if err == nil {
				_, err = log.WriteAt(bytes.Repeat([]byte{0x5a}, int(min(at.to, info.Size())-at.from)), at.from)
			}
			if err := errors.Join(err, log.Close()); err != nil {
				t.Fatal(err)
			}
			for began := time.Now(); db.present.gone.Load() == nil; time.Sleep(time.Millisecond) {
				if time.Since(began) > 5*time.Second {
					t.Fatal("it is not noticed")
				}
			}
			if err := writeTo(t, db, 20, 21); !wroteOver(err) {
				t.Errorf("the next write: %v", err)
			}
		})
	}
}

// What is copied out of the log goes into no file that was written over just before, also if nobody has
// looked since.
func TestNothingIsCopiedOverAnother(t *testing.T) {
	db, path, old := servedOn(t)
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
	db, path, old := servedOn(t)
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
	db, path, _ := servedOn(t)
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
	db, _, _ := servedOn(t)
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
