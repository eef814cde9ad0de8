package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

func TestOlderThan(t *testing.T) {
	for _, test := range []struct {
		version string
		want    bool
	}{
		{"3.51.3", false}, {"3.51.2", true}, {"3.51", true}, {"3.51.10", false}, {"3.9.9", true},
		{"3.52.0", false}, {"4.0", false}, {"", true},
	} {
		if got := olderThan(test.version, "3.51.3"); got != test.want {
			t.Errorf("%q older: %v", test.version, got)
		}
	}
}

// mustOpen opens a database for the length of the test.
func mustOpen(t *testing.T, opts Options) *DB {
	t.Helper()
	db, err := Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	mustOpen(t, Options{Path: filepath.Join(dir, "50% ?#ö.db"), Serve: true})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if !strings.Contains(strings.Join(names, "\n"), "50% ?#ö.db\n") {
		t.Errorf("the file has another name: %q", names)
	}
}

// Where there must be something, nothing is made where there is not.
func TestOpenExisting(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.db")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, filepath.Join(dir, "none.db"), filepath.Join(dir, "none", "allot.db")} {
		db, err := Open(t.Context(), Options{Path: path, Existing: true})
		if err == nil {
			db.Close()
		}
		if !errors.Is(err, sqlstore.ErrNone) {
			t.Errorf("%s: %v, want %v", path, err, sqlstore.ErrNone)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("there is %v, %v; want the empty file alone", entries, err)
	}
	if info, err := os.Stat(empty); err != nil || info.Size() != 0 {
		t.Errorf("the empty file is %v, %v", info, err)
	}

	made := Options{Path: filepath.Join(dir, "allot.db")}
	mustOpen(t, made)
	made.Existing = true
	mustOpen(t, made)
}

func TestPragmas(t *testing.T) {
	db := mustOpen(t, Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	for name, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "trusted_schema": "0", "busy_timeout": "250",
	} {
		for _, conn := range []*sql.DB{db.reader, db.writer} {
			var got string
			if err := conn.QueryRowContext(t.Context(), "pragma "+name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, %v; want %q", name, got, err, want)
			}
		}
	}
	if _, err := db.reader.ExecContext(t.Context(), "delete from clients"); err == nil {
		t.Error("a reading connection writes")
	}
}

func TestServeLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	first := mustOpen(t, Options{Path: path, Serve: true})
	if _, err := Open(t.Context(), Options{Path: path, Serve: true}); err == nil ||
		!strings.Contains(err.Error(), path+".lock") {
		t.Errorf("a second server: %v, want an error that names the lock", err)
	}
	mustOpen(t, Options{Path: path}) // a tool may run beside it
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, Options{Path: path, Serve: true})
}

func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			db, err := Open(t.Context(), Options{Path: path, Serve: i == 0})
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
	db := mustOpen(t, Options{Path: path})
	var n int
	if err := db.reader.QueryRowContext(t.Context(), "select count(*) from clients").Scan(&n); err != nil || n != 8 {
		t.Errorf("%d clients, %v", n, err)
	}
}

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
	for _, text := range more {
		schema[fmt.Sprintf("%05d_more.sql", lastStep(t, schema)+1)] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + text)}
	}
	return schema
}

// lastStep is the number of the last of the steps of a schema.
func lastStep(t *testing.T, schema fs.FS) (last int) {
	t.Helper()
	names, err := fs.Glob(schema, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(slices.Max(names), "%d_", &last); err != nil {
		t.Fatal(err)
	}
	return last
}

// What was killed while it made the schema, after any of the steps, is no
// installation, and whoever comes next goes on with it.
func TestSchemaIsGoneOnWith(t *testing.T) {
	all := schemaWith(t).(fstest.MapFS)
	names := slices.Sorted(maps.Keys(all))
	for steps := 1; steps < len(names); steps++ {
		t.Run(fmt.Sprint(steps), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			some := fstest.MapFS{}
			for _, name := range names[:steps] {
				some[name] = all[name]
			}
			db, err := open(t.Context(), Options{Path: path}, some)
			if err != nil {
				t.Fatal(err)
			}
			db.Close()
			if db, err := Open(t.Context(), Options{Path: path, Existing: true}); !errors.Is(err, sqlstore.ErrNone) {
				if err == nil {
					db.Close()
				}
				t.Errorf("where there must be something: %v, want %v", err, sqlstore.ErrNone)
			}
			mustOpen(t, Options{Path: path})
			mustOpen(t, Options{Path: path, Existing: true})
		})
	}
}

func TestSchemaVersions(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "allot.db")
	now := schemaWith(t)
	later := schemaWith(t, "create table later (a integer) strict;")
	try := func(schema fs.FS, serve bool) string {
		t.Helper()
		db, err := open(ctx, Options{Path: path, Serve: serve}, schema)
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
	known := lastStep(t, now)
	older := fmt.Sprintf("database has schema version %d, this allot wants %d: run allot migrate or allot serve", known, known+1)
	newer := fmt.Sprintf("database has schema version %d, this allot knows %d: use a newer allot", known+1, known)
	expect(try(now, false), "") // an empty place
	expect(try(now, false), "")
	db := mustOpen(t, Options{Path: path})
	if _, err := db.writer.ExecContext(ctx, `insert into changes values ('clients', 1, 1, 'cli', 'created', '{}', '{}', null)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	expect(try(later, false), older)
	expect(try(now, false), "") // was left alone
	expect(try(later, true), "")
	expect(try(later, false), "")
	expect(try(now, false), newer)
	expect(try(now, true), newer)

	broken := schemaWith(t, "create table later (a integer) strict;", "create table half (a integer) strict; nonsense;")
	if try(broken, true) == "" {
		t.Error("a broken migration passes")
	}
	expect(try(later, true), "") // it left nothing
}

func TestOpenRefusesWhatIsNotAllots(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	db, err := connectWith(other, 1, "", pragmas)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "create table t (a)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	for _, path := range []string{text, other, dir} {
		if db, err := Open(t.Context(), Options{Path: path, Serve: true}); err == nil {
			db.Close()
			t.Errorf("%s is opened", path)
		}
	}
	reopened, err := connect(other, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer reopened.Close()
	var tables int
	if err := reopened.QueryRowContext(t.Context(), "select count(*) from sqlite_schema").Scan(&tables); err != nil || tables != 1 {
		t.Errorf("the database of another program has %d tables, %v", tables, err)
	}
}

func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	one, two := mustOpen(t, Options{Path: path}), mustOpen(t, Options{Path: path})
	holding, err := one.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = two.writer.BeginTx(t.Context(), nil)
	if !busy(fmt.Errorf("begin: %w", err)) {
		t.Errorf("a second writer: %v, want it busy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error)
	go func() {
		ran <- sqlstore.New(two.Backend()).Update(ctx, func(service.Tx) error { return nil })
	}()
	cancel()
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Errorf("an update that waits, cancelled: %v", err)
	}
	go func() {
		ran <- sqlstore.New(two.Backend()).ForClients().Update(t.Context(), func(tx record.Tx) error {
			return tx.CreateClient(record.Client{ID: "a"})
		})
	}()
	if err := holding.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-ran; err != nil {
		t.Errorf("an update once the other has ended: %v", err)
	}
	_, err = one.writer.ExecContext(t.Context(), "nonsense")
	if err == nil || busy(err) || busy(nil) || busy(errors.New("busy")) {
		t.Errorf("%v is taken for busy", err)
	}
}

// A customer costs an agreement, not a copy of the plan.
func TestAgreementSize(t *testing.T) {
	grown := func(items int) (bytes int64) {
		db := mustOpen(t, Options{Path: filepath.Join(t.TempDir(), "allot.db")})
		st := sqlstore.New(db.Backend())
		size := func() (n int64) {
			if err := db.reader.QueryRowContext(t.Context(),
				"select page_count * page_size from pragma_page_count, pragma_page_size").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		terms := billing.Terms{Cycle: calendar.Month}
		for i := range items {
			terms.Items = append(terms.Items, billing.Item{Feature: billing.Code(fmt.Sprint("f", i)), PriceName: "Price"})
		}
		update := func(fn func(service.Tx) error) {
			t.Helper()
			if err := st.Update(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		update(func(tx service.Tx) error {
			_, err := tx.LockCatalog()
			putErr := tx.PutCatalog(&billing.Catalog{Plans: map[billing.Code]*billing.Plan{"p": {
				Code: "p", Versions: []*billing.PlanVersion{{Plan: "p", Number: 1, Terms: terms}},
			}}})
			_, appendErr := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog})
			return errors.Join(err, putErr, appendErr)
		})
		before := size()
		update(func(tx service.Tx) error {
			c := billing.Customer{ID: billing.CustomerID{1}}
			if err := tx.CreateCustomer(c); err != nil {
				return err
			}
			for i := range 1000 {
				a := billing.Agreement{ID: billing.AgreementID{byte(i >> 8), byte(i)}, CustomerID: c.ID, Plan: "p", Version: 1}
				if err := tx.CreateAgreement(a); err != nil {
					return err
				}
			}
			return nil
		})
		return size() - before
	}
	few, many := grown(3), grown(1000)
	if few != many {
		t.Errorf("1,000 agreements to a plan of 3 items take %d bytes, of 1,000 items %d", few, many)
	}
	t.Logf("an agreement takes %d bytes", few/1000)
}
