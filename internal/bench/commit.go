package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/allot-dev/allot/internal/bench/load"
)

// commits is how fast one can commit by hand where Allot keeps its data: a row at
// a time, each in a transaction of its own, over one connection. It is what
// anything durable is measured against.
type commits struct {
	db     *sql.DB
	insert *sql.Stmt
	next   int64
	remove func(context.Context) error
}

// openCommits makes a table beside a database: for SQLite in a file of its own on
// the same disk, with the same settings for what a commit is; for PostgreSQL in
// the database itself.
func openCommits(ctx context.Context, database string) (_ *commits, err error) {
	c := &commits{}
	scheme, path, _ := strings.Cut(database, ":")
	integer := "bigint"
	switch scheme {
	case "sqlite":
		integer = "integer"
		if path, err = filepath.Abs(filepath.Join(filepath.Dir(strings.TrimPrefix(path, "//")), "bench-commits.db")); err != nil {
			return nil, err
		}
		dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() +
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)"
		c.db, err = sql.Open("sqlite", dsn)
		c.remove = func(context.Context) error {
			err := c.db.Close()
			for _, suffix := range []string{"", "-wal", "-shm"} {
				if gone := os.Remove(path + suffix); !errors.Is(gone, os.ErrNotExist) {
					err = errors.Join(err, gone)
				}
			}
			return err
		}
	case "postgres", "postgresql":
		c.db, err = sql.Open("pgx", database)
		c.remove = func(ctx context.Context) error {
			_, err := c.db.ExecContext(ctx, "drop table if exists allot_bench_commits")
			return errors.Join(err, c.db.Close())
		}
	default:
		return nil, errors.New("database URL is of an unknown kind: want sqlite:FILE or postgres://…")
	}
	if err != nil {
		return nil, fmt.Errorf("commits by hand: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("commits by hand: %w", err), c.close(ctx))
		}
	}()
	c.db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"drop table if exists allot_bench_commits",
		"create table allot_bench_commits (id " + integer + " not null primary key, customer text not null, units " + integer + " not null)",
	} {
		if _, err := c.db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	c.insert, err = c.db.PrepareContext(ctx, "insert into allot_bench_commits (id, customer, units) values ($1, $2, $3)")
	return c, err
}

// measure commits for a while.
func (c *commits) measure(ctx context.Context, d time.Duration) (load.Round, error) {
	var s load.Sample
	customer := customerID(0).String()
	began := time.Now()
	for now := began; now.Sub(began) < d; {
		if _, err := c.insert.ExecContext(ctx, c.next, customer, 1); err != nil {
			return load.Round{}, err
		}
		c.next++
		committed := time.Now()
		s.Latency.Record(committed.Sub(now))
		now = committed
	}
	s.Requests, s.Elapsed = s.Latency.Count(), time.Since(began)
	return s.Round(1), nil
}

// close takes away what was made.
func (c *commits) close(ctx context.Context) error {
	if c.insert != nil {
		c.insert.Close()
	}
	return c.remove(context.WithoutCancel(ctx))
}
