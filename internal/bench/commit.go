package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
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
	gauge  *gauge
	file   string // of SQLite; "" of PostgreSQL
}

// openCommits makes a table beside a database: for SQLite in a file of its own on
// the same disk, with the same settings for what a commit is; for PostgreSQL in
// the database itself.
func openCommits(ctx context.Context, database string) (_ *commits, err error) {
	c := &commits{}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("commits by hand: %w", err), c.close(ctx))
		}
	}()
	// With SQLite it is this process that writes.
	if c.gauge, err = openGauge(ctx, os.Getpid(), database); err != nil {
		return nil, err
	}
	if err := c.open(database); err != nil {
		return nil, err
	}
	c.db.SetMaxOpenConns(1)
	integer := "bigint"
	if c.file != "" {
		integer = "integer"
	}
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

func (c *commits) open(database string) (err error) {
	if !isSQLite(database) {
		c.db, err = sql.Open("pgx", database)
		return err
	}
	if c.file, err = filepath.Abs(filepath.Join(sqliteDir(database), "bench-commits.db")); err != nil {
		return err
	}
	dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(c.file)}).String() +
		"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=fullfsync(1)&_pragma=checkpoint_fullfsync(1)"
	c.db, err = sql.Open("sqlite", dsn)
	return err
}

// measure commits for a while.
func (c *commits) measure(ctx context.Context, d time.Duration) (load.Sample, error) {
	customer := customerID(0).String()
	return load.Meter(c.gauge.read).During(ctx, func() (load.Sample, error) {
		return repeat(d, func() error {
			_, err := c.insert.ExecContext(ctx, c.next, customer, 1)
			c.next++
			return err
		})
	})
}

// repeat does something over and over for a while.
func repeat(d time.Duration, do func() error) (load.Sample, error) {
	var s load.Sample
	began := time.Now()
	for now := began; now.Sub(began) < d; {
		if err := do(); err != nil {
			return s, err
		}
		done := time.Now()
		s.Latency.Record(done.Sub(now))
		now = done
	}
	s.Requests, s.Elapsed = s.Latency.Count(), time.Since(began)
	return s, nil
}

// close takes away what was made.
func (c *commits) close(ctx context.Context) (err error) {
	if c.gauge != nil {
		err = c.gauge.close()
	}
	if c.insert != nil {
		c.insert.Close()
	}
	if c.db == nil {
		return err
	}
	if c.file == "" {
		_, dropped := c.db.ExecContext(context.WithoutCancel(ctx), "drop table if exists allot_bench_commits")
		return errors.Join(err, dropped, c.db.Close())
	}
	err = errors.Join(err, c.db.Close())
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if gone := os.Remove(c.file + suffix); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
