package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// small limits, so that a few commits reach them. A commit of commitPages is a few
// pages long.
var small = limits{pass: 64, rest: 16, most: 100_000}

// logWorld is a database with a store on it, to write to.
type logWorld struct {
	*DB
	store *sqlstore.Store
	log   *bytes.Buffer // what was logged; read once it is closed
	n     int
	t     *testing.T
}

func newLogWorld(t *testing.T, path string, l limits) *logWorld {
	t.Helper()
	var log bytes.Buffer
	db := mustOpen(t, Options{Path: path, limits: l, Log: slog.New(slog.NewTextHandler(&log, nil))})
	return &logWorld{DB: db, store: sqlstore.New(db.Backend()), log: &log, t: t}
}

// commit writes some pages, in so many transactions.
func (w *logWorld) commit(times int) {
	w.t.Helper()
	for range times {
		w.n++
		if err := w.write(w.t.Context(), fmt.Sprintf("%d-%d", os.Getpid(), w.n)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *logWorld) write(ctx context.Context, id string) error {
	return w.store.ForClients().Update(ctx, func(tx record.Tx) error {
		return tx.CreateClient(record.Client{ID: id, Name: strings.Repeat("x", 9000)})
	})
}

func (w *logWorld) stats() LogStats {
	w.t.Helper()
	s, err := w.LogStats(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// settle has the passes that were asked for be over, and one more. There is room for
// one wake: that the second fits says that the first was taken, and that the third fits,
// that what the first began is over.
func (w *logWorld) settle() {
	w.t.Helper()
	for range 3 {
		w.checkpoints.wake <- struct{}{}
	}
}

func (w *logWorld) clients() (n int) {
	w.t.Helper()
	if err := w.reader.QueryRowContext(w.t.Context(), "select count(*) from clients").Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// While some write and others read without a pause, the log begins anew again and
// again, and no commit does that by itself.
func TestLogIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	w := newLogWorld(t, path, small)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for ctx.Err() == nil {
				if err := w.store.Read(ctx, func(*sqlstore.Reader) error { return nil }); err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	w.commit(600)
	cancel()
	readers.Wait()
	w.settle()
	s := w.stats()
	t.Logf("%+v", s)
	if s.Resets < 3 || s.Failures > 0 {
		t.Errorf("after 600 commits: %+v", s)
	}
	info, err := os.Stat(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	// 600 commits are more than 3,000 pages.
	if most := int64(1500 * 4096); info.Size() > most {
		t.Errorf("the log has %d bytes, want at most %d", info.Size(), most)
	}
	if n := w.clients(); n != 600 {
		t.Errorf("%d clients", n)
	}
}

// Metrics may be asked for while the database is closed, and after.
func TestStatsOfAClosedLog(t *testing.T) {
	db := mustOpen(t, Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	var asking sync.WaitGroup
	asking.Go(func() {
		for range 1000 {
			if _, err := db.LogStats(t.Context()); err != nil {
				return
			}
		}
	})
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	asking.Wait()
	if s, err := db.LogStats(t.Context()); err == nil {
		t.Errorf("a closed database has %+v", s)
	}
}

// No commit copies the log: without passes it only grows.
func TestCommitsDoNotCopyTheLog(t *testing.T) {
	l := ordinary
	l.pass = 1 << 40
	w := newLogWorld(t, filepath.Join(t.TempDir(), "allot.db"), l)
	w.commit(1500)
	if s := w.stats(); s.Copied != 0 || s.Pages < 4096 || s.Passes != 0 {
		t.Errorf("%+v, want more than 4096 pages and none copied", s)
	}
}

// A reader that stays where it is has the log grow: writers go on, and passes are few.
// Once it is gone the log begins anew.
func TestLogGrowsBesideALongView(t *testing.T) {
	l := small
	l.most = 200
	w := newLogWorld(t, filepath.Join(t.TempDir(), "allot.db"), l)
	w.commit(1)
	tx, err := w.reader.BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	before := 0
	if err := tx.QueryRowContext(t.Context(), "select count(*) from clients").Scan(&before); err != nil {
		t.Fatal(err)
	}
	// From this commit on the reader is behind. A pass that began before may have let the
	// log begin anew.
	w.commit(1)
	w.settle()
	resets := w.stats().Resets
	w.commit(300)
	w.settle()
	s := w.stats()
	if s.Resets != resets || s.Held == 0 || s.Pages < 600 {
		t.Errorf("beside a reader: %+v", s)
	}
	if most := uint64(s.Pages)/uint64(l.pass) + 2; s.Passes > mostPasses*most {
		t.Errorf("%d passes for %d pages", s.Passes, s.Pages)
	}
	after := 0
	if err := tx.QueryRowContext(t.Context(), "select count(*) from clients").Scan(&after); err != nil || after != before {
		t.Errorf("the reader saw %d clients and then %d, %v", before, after, err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		w.commit(1)
		w.settle()
	}
	if s := w.stats(); s.Resets == resets {
		t.Errorf("the reader is gone: %+v", s)
	}
}

// A writer waits for a pass if far too much is to be copied, and for no longer than it
// wants to.
func TestWriterWaitsForAPass(t *testing.T) {
	w := newLogWorld(t, filepath.Join(t.TempDir(), "allot.db"), limits{pass: 8, rest: 4, most: 12})
	held, err := w.writer.Conn(t.Context()) // so that no pass ends in a reset
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		_, err := held.ExecContext(t.Context(), "insert into clients (client_id, name, secret_hash, scopes, created_on, revoked_on) values (?, ?, x'', '[]', 0, null)", fmt.Sprint("held", i), strings.Repeat("x", 9000))
		if err != nil {
			t.Fatal(err)
		}
	}
	if s := w.stats(); s.Waits != 0 || s.Pages < 20 {
		t.Fatalf("%+v", s)
	}
	held.Close()
	w.commit(1)
	if s := w.stats(); s.Waits != 1 || s.Passes == 0 {
		t.Errorf("%+v, want one that waited for a pass", s)
	}

	w.checkpoints.stop() // nobody makes a pass any more
	<-w.checkpoints.done
	w.commit(20)
}

// A pass that fails is told of and counted, and the writers go on.
func TestPassThatFails(t *testing.T) {
	w := newLogWorld(t, filepath.Join(t.TempDir(), "allot.db"), small)
	c := w.checkpoints
	c.stop()
	<-c.done
	conn, err := c.file.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil { // as a file that can be read no more
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	c.stop, c.done = cancel, make(chan struct{})
	gone, err := c.file.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	go c.run(ctx, gone)
	w.commit(100)
	w.settle()
	if s := w.stats(); s.Failures == 0 || s.Resets != 0 {
		t.Errorf("%+v", s)
	}
	if err := w.Close(); err != nil && !errors.Is(err, sql.ErrConnDone) {
		t.Fatal(err)
	}
	if !strings.Contains(w.log.String(), "the write-ahead log cannot be copied") {
		t.Errorf("logged %q", w.log)
	}
}

// A tool that writes beside a server, and the server, copy the same log.
func TestTwoCopyOneLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	one, two := newLogWorld(t, path, small), newLogWorld(t, path, small)
	var writers sync.WaitGroup
	for i, w := range []*logWorld{one, two} {
		writers.Go(func() {
			for n := range 150 {
				if err := w.write(t.Context(), fmt.Sprint(i, "-", n)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	one.settle()
	two.settle()
	if n := one.clients(); n != 300 {
		t.Errorf("%d clients", n)
	}
	a, b := one.stats(), two.stats()
	if a.Failures+b.Failures > 0 || a.Resets+b.Resets == 0 {
		t.Errorf("%+v and %+v", a, b)
	}
	if err := errors.Join(one.Close(), two.Close()); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + "-wal"); err == nil {
		t.Errorf("closed, and the log has %d bytes", info.Size())
	}
}
