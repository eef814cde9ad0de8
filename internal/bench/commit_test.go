package bench

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/server"
)

// The file beside the database is gone afterwards, and the database not touched.
func TestCommitsByHand(t *testing.T) {
	dir := t.TempDir()
	c, err := openCommits(t.Context(), "sqlite:"+filepath.Join(dir, "allot.db"))
	if err != nil {
		t.Fatal(err)
	}
	sample, err := c.measure(t.Context(), time.Millisecond)
	if err != nil || sample.Requests == 0 || sample.Elapsed <= 0 {
		t.Errorf("%+v, %v", sample, err)
	}
	var stored uint64
	if err := c.db.QueryRowContext(t.Context(), "select count(*) from allot_bench_commits").Scan(&stored); err != nil || stored != sample.Requests {
		t.Errorf("%d rows are stored, %d were counted, %v", stored, sample.Requests, err)
	}
	var mode, synchronous string
	if err := c.db.QueryRowContext(t.Context(), "select journal_mode, synchronous from pragma_journal_mode, pragma_synchronous").Scan(&mode, &synchronous); err != nil || mode != "wal" || synchronous != "2" {
		t.Errorf("journal_mode %s, synchronous %s, want wal and 2, which is FULL: %v", mode, synchronous, err)
	}
	if err := c.close(t.Context()); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
	if _, err := openCommits(t.Context(), "mysql://x"); err == nil {
		t.Error("a database of another kind is taken")
	}
}

// A disk is waited for, and nothing is left on it.
func TestSyncsByHand(t *testing.T) {
	dir := t.TempDir()
	s, err := openSyncs(dir)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := s.measure(t.Context(), time.Millisecond)
	if err != nil || sample.Requests == 0 {
		t.Errorf("%+v, %v", sample, err)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// Of PostgreSQL the log is counted, and the time of its processes if they are here.
func TestGauge(t *testing.T) {
	database := pgtest.URL(t)
	g, err := openGauge(t.Context(), os.Getpid(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	before, err := g.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := openCommits(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := c.measure(t.Context(), 10*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	after, err := g.read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.close(t.Context()); err != nil {
		t.Error(err)
	}
	if each := sample.Spent.Written / int64(sample.Requests); each < 100 || sample.Spent.Written > after.Written-before.Written {
		t.Errorf("%d bytes of the log for each of %d commits, %d in all", each, sample.Requests, after.Written-before.Written)
	}
	if g.here && (sample.Spent.Database <= 0 || sample.Spent.Database > time.Second) {
		t.Errorf("the database has used %v of processor time", sample.Spent.Database)
	}
	if _, err := g.rest(t.Context()); err != nil {
		t.Error(err)
	}
}

// A place of one's own is empty, in the same database, and gone afterwards.
func TestBeside(t *testing.T) {
	database := pgtest.URL(t)
	schemas := func() (n int) {
		t.Helper()
		db, err := sql.Open("pgx", database)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const mine = "select count(*) from pg_namespace where nspname like 'allot\\_bench\\_%'"
		if err := db.QueryRowContext(t.Context(), mine).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := schemas()
	place, remove, err := beside(t.Context(), resolve(server.Place{Data: t.TempDir(), Database: database}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Seed(t.Context(), SeedOptions{Place: place, Customers: 3}); err != nil {
		t.Error(err)
	}
	if got := schemas(); got <= before {
		t.Errorf("there are %d schemas, and were %d", got, before)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}

	dir := t.TempDir()
	place, remove, err = beside(t.Context(), resolve(server.Place{Data: dir}))
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Dir(sqliteDir(place.Database)); got != dir {
		t.Errorf("it is in %s, want %s", got, dir)
	}
	if err := remove(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// Who does something is not at rest, and is not waited for when nobody waits.
func TestRest(t *testing.T) {
	g := &gauge{pid: os.Getpid()}
	if _, known, _ := g.busy(t.Context()); !known {
		if os.Getenv("CI") == "true" {
			t.Fatal("nobody tells what a process uses")
		}
		t.Skip("nobody tells what a process uses")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if still, err := g.rest(ctx); still || err == nil {
		t.Errorf("at rest: %t, %v", still, err)
	}
}
