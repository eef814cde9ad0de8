package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3/lock"

	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// mustOpen opens a database for the length of the test.
func mustOpen(t testing.TB, opts Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// execute runs statements on a database, without opening it as Allot does.
func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	config, _, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	db := connect(config, 1, "")
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Where there must be something, nothing is made where there is not.
func TestOpenExisting(t *testing.T) {
	url := pgtest.URL(t)
	db, err := Open(t.Context(), Options{URL: url, Existing: true})
	if err == nil {
		db.Close()
	}
	if !errors.Is(err, sqlstore.ErrNone) {
		t.Errorf("%v, want %v", err, sqlstore.ErrNone)
	}
	config, _, err := parse(url)
	if err != nil {
		t.Fatal(err)
	}
	plain := connect(config, 1, "")
	defer plain.Close()
	if n := count(t, plain, `select count(*) from pg_tables where schemaname = current_schema()`); n != 0 {
		t.Errorf("%d tables were made", n)
	}
	mustOpen(t, Options{URL: url})
	mustOpen(t, Options{URL: url, Existing: true})
}

func TestOpenAtOnce(t *testing.T) {
	url := pgtest.URL(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := Open(t.Context(), Options{URL: url, Migrate: i%2 == 0})
			if err != nil {
				t.Error(err)
				return
			}
			defer db.Close()
			err = sqlstore.New(db.Backend()).ForClients().Update(t.Context(), func(tx record.Tx) error {
				return tx.CreateClient(record.Client{ID: fmt.Sprint(i)})
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, mustOpen(t, Options{URL: url}).reader, "select count(*) from clients"); n != 8 {
		t.Errorf("%d clients", n)
	}
}

// firstChange makes an empty installation one that is in use.
const firstChange = `insert into changes values ('clients', 1, 1, 'cli', 'created', '{}', '{}', null)`

// schemaWith is the schema with more migrations.
func schemaWith(t *testing.T, more ...string) fs.FS {
	t.Helper()
	schema := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations, name)
		if err != nil {
			t.Fatal(err)
		}
		schema[filepath.Base(name)] = &fstest.MapFile{Data: text}
	}
	for i, text := range more {
		schema[fmt.Sprintf("%05d_more.sql", lastStep(t, names)+i+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return schema
}

// lastStep is the number of the last migration of some.
func lastStep(t *testing.T, names []string) (n int) {
	t.Helper()
	digits, _, _ := strings.Cut(filepath.Base(slices.Max(names)), "_")
	n, err := strconv.Atoi(digits)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What was killed while it made the schema, after any of the steps, is no
// installation, and whoever comes next goes on with it.
func TestSchemaIsGoneOnWith(t *testing.T) {
	all := schemaWith(t).(fstest.MapFS)
	names := slices.Sorted(maps.Keys(all))
	for steps := 1; steps < len(names); steps++ {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			url := pgtest.URL(t)
			some := fstest.MapFS{}
			for _, name := range names[:steps] {
				some[name] = all[name]
			}
			db, err := open(t.Context(), Options{URL: url}, some)
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
			if db, err := Open(t.Context(), Options{URL: url, Existing: true}); !errors.Is(err, sqlstore.ErrNone) {
				if err == nil {
					db.Close()
				}
				t.Errorf("where there must be something: %v, want %v", err, sqlstore.ErrNone)
			}
			mustOpen(t, Options{URL: url})
			mustOpen(t, Options{URL: url, Existing: true})
		})
	}
}

func TestSchemaVersions(t *testing.T) {
	url := pgtest.URL(t)
	const adds = "create table later (a bigint);"
	now, expanded := schemaWith(t), schemaWith(t, adds)
	known := lastStep(t, slices.Collect(maps.Keys(now.(fstest.MapFS))))
	contracted := schemaWith(t, adds, fmt.Sprintf("drop table later; update compatibility set oldest = %d;", known+1))
	try := func(schema fs.FS, serve bool) string {
		t.Helper()
		db, err := open(t.Context(), Options{URL: url, Migrate: serve}, schema)
		if err != nil {
			return err.Error()
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	expect := func(got, want string) {
		t.Helper()
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	expect(try(now, false), "") // an empty place
	expect(try(now, false), "")
	execute(t, url, firstChange)
	expect(try(expanded, false), fmt.Sprintf("database has schema version %d, this allot wants %d: run allot migrate or allot serve", known, known+1))
	expect(try(now, false), "") // was left alone
	old, err := open(t.Context(), Options{URL: url, Migrate: true}, now)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	expect(try(expanded, true), "")
	expect(try(expanded, false), "")

	// What was only added to serves those who do not know of it.
	expect(try(now, false), "")
	expect(try(now, true), "")
	err = sqlstore.New(old.Backend()).ForClients().Update(t.Context(), func(tx record.Tx) error {
		return tx.CreateClient(record.Client{ID: "a"})
	})
	if err != nil {
		t.Errorf("a node that was there before the migration: %v", err)
	}

	expect(try(contracted, true), "")
	expect(try(expanded, true), "")
	expect(try(now, true), fmt.Sprintf("database has schema version %d, for programs that know %d or later; this allot knows %d: use a newer allot", known+2, known+1, known))
	expect(try(now, false), "use a newer allot")

	broken := schemaWith(t, adds, "drop table later;", "create table half (a bigint); nonsense;")
	if try(broken, true) == "" {
		t.Error("a broken migration passes")
	}
	expect(try(contracted, true), "") // it left nothing
}

// Beside a server of the version before a database is not finished, until somebody
// says so; then such a server does not start. One that is made new is finished.
func TestUpgradeIsFinished(t *testing.T) {
	url := pgtest.URL(t)
	before := fstest.MapFS{}
	for name, file := range schemaWith(t).(fstest.MapFS) {
		if name < "00004" {
			before[name] = file
		}
	}
	starts := func(schema fs.FS) error {
		t.Helper()
		db, err := open(t.Context(), Options{URL: url, Migrate: true}, schema)
		if err == nil {
			err = db.Close()
		}
		return err
	}
	if err := starts(before); err != nil {
		t.Fatal(err)
	}
	st := sqlstore.New(mustOpen(t, Options{URL: url, Migrate: true}).Backend())
	s := service.Service{Store: st}
	unfinished := func() bool {
		t.Helper()
		c, err := s.Catalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return c.Unfinished
	}
	if err := starts(before); err != nil || !unfinished() {
		t.Errorf("unfinished: %v; a server of the version before: %v", unfinished(), err)
	}
	for i := range 2 {
		if done, err := s.Finish(t.Context(), "cli"); err != nil || done != (i == 0) {
			t.Errorf("finish %d: %v, %v", i+1, done, err)
		}
	}
	if err := starts(before); err == nil || !strings.Contains(err.Error(), "use a newer allot") || unfinished() {
		t.Errorf("finished: %v; a server of the version before: %v", !unfinished(), err)
	}

	url = pgtest.URL(t)
	st = sqlstore.New(mustOpen(t, Options{URL: url, Migrate: true}).Backend())
	s = service.Service{Store: st}
	if err := starts(before); err == nil || unfinished() {
		t.Errorf("made new: unfinished %v; a server of the version before: %v", unfinished(), err)
	}
}

// The lock of a node that died with it keeps others out until its lease has run
// out, and no longer.
func TestMigrationLockIsTakenOver(t *testing.T) {
	url := pgtest.URL(t)
	execute(t, url, `create table `+lock.DefaultLockTableName+` (lock_id bigint not null primary key, locked boolean not null,
		locked_at timestamptz, locked_by text, lease_expires_at timestamptz, updated_at timestamptz)`,
		fmt.Sprintf(`insert into %s values (%d, true, now(), 'another', now() + interval '1 hour', now())`,
			lock.DefaultLockTableName, lock.DefaultLockID))
	ctx, cancel := context.WithCancel(t.Context())
	opened := make(chan error)
	go func() {
		db, err := Open(ctx, Options{URL: url, Migrate: true})
		if err == nil {
			err = errors.Join(errors.New("it did not wait"), db.Close())
		}
		opened <- err
	}()
	cancel()
	if err := <-opened; !errors.Is(err, context.Canceled) {
		t.Errorf("while another has the lock, cancelled: %v", err)
	}
	execute(t, url, `update `+lock.DefaultLockTableName+` set lease_expires_at = now() + interval '300 milliseconds'`)
	db := mustOpen(t, Options{URL: url, Migrate: true})
	if n := count(t, db.reader, `select count(*) from goose_lock where locked`); n != 0 {
		t.Error("the lock was not given up")
	}
}

func TestOpenRefusesWhatIsNotAllots(t *testing.T) {
	url := pgtest.URL(t)
	execute(t, url, "create table other (a bigint)")
	for _, serve := range []bool{false, true} {
		if db, err := Open(t.Context(), Options{URL: url, Migrate: serve}); err == nil {
			db.Close()
			t.Error("the database of another program is opened")
		} else if !strings.Contains(err.Error(), "search_path") {
			t.Error(err)
		}
	}
	execute(t, url, "drop table other")
	mustOpen(t, Options{URL: url})

	for _, absent := range []string{url[:strings.LastIndex(url, "=")+1] + "nowhere", strings.Replace(url, "search_path", "search_path=nowhere&x.y", 1)} {
		if db, err := Open(t.Context(), Options{URL: absent}); err == nil {
			db.Close()
			t.Error("a schema that is not there is opened")
		} else if !strings.Contains(err.Error(), "search_path") {
			t.Error(err)
		}
	}
}

// Who waits for the lock of the schema says so soon, and for whom; one that is interrupted then
// says what it was at.
func TestWaitForTheLockIsTold(t *testing.T) {
	url := pgtest.URL(t)
	mustOpen(t, Options{URL: url})
	execute(t, url, firstChange, "update "+lock.DefaultLockTableName+
		" set locked = true, locked_by = 'another', locked_at = now(), lease_expires_at = now() + interval '1 hour'")
	ctx, end := context.WithCancel(t.Context())
	defer end()
	said := make(chan string, 1)
	log := slog.New(slog.NewTextHandler(told{said, end}, nil))
	if late, err := open(ctx, Options{URL: url, Migrate: true, Log: log}, schemaWith(t, "create table later (a bigint);")); err == nil {
		late.Close()
		t.Fatal("it is opened")
	} else if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "interrupted while waiting for the lock of the schema, which is held by another since 2") {
		t.Error(err)
	}
	if line := <-said; !strings.Contains(line, "waiting for another program that has the lock of the schema") || !strings.Contains(line, `who="another since 2`) {
		t.Error(line)
	}
}

// told hears a line and ends who says it.
type told struct {
	said chan<- string
	end  func()
}

func (w told) Write(line []byte) (int, error) {
	w.said <- string(line)
	w.end()
	return len(line), nil
}

// A schema that the role may not use is there.
func TestNoUsageOfTheSchema(t *testing.T) {
	owner := pgtest.URL(t)
	role := "allot_usage_" + strings.ToLower(rand.Text())
	execute(t, owner, "create role "+role+" login password 'x'")
	defer execute(t, owner, "drop role "+role)
	u, err := url.Parse(owner)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "x")
	db, err := Open(t.Context(), Options{URL: u.String()})
	if err == nil {
		db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "the role "+role+" may not use the schema ") || !strings.Contains(err.Error(), "grant usage on schema ") {
		t.Error(err)
	}
}
