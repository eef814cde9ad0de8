package sqlite

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// upTo are the migrations up to one of them.
func upTo(t *testing.T, last string) fs.FS {
	t.Helper()
	some := fstest.MapFS{}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if name > last {
			continue
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		some[name] = &fstest.MapFile{Data: b}
	}
	return some
}

// ofBefore makes a database of a schema: what the first version wrote, brought to it. What
// was deleted in it is still in its pages.
func ofBefore(t *testing.T, path, last string) {
	t.Helper()
	rows, err := os.ReadFile(filepath.Join("..", "testdata", "before", "rows.sql"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := open(t.Context(), Options{Path: path, Migrate: true}, upTo(t, "00001_schema.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"delete from revisions", string(rows)} {
		if _, err := first.writer.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	then, err := open(t.Context(), Options{Path: path, Migrate: true}, upTo(t, last))
	if err != nil {
		t.Fatal(err)
	}
	if err := then.Close(); err != nil {
		t.Fatal(err)
	}
	careless, err := connectWith(path, 1, "", []string{"secure_delete(0)"})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"create table left_over (note text not null primary key) strict",
		"insert into left_over select 'poison ' || hex(randomblob(400)) from customers",
		"drop table left_over",
	} {
		if _, err := careless.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := careless.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database of each schema there was is opened, keeps what it has, and verifies; what was
// deleted before is cleaned once.
func TestUpgradeFromEachSchema(t *testing.T) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil || len(names) < 16 {
		t.Fatalf("%q, %v", names, err)
	}
	for _, name := range names {
		last := filepath.Base(name)
		t.Run(strings.TrimSuffix(last, ".sql"), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "allot.db")
			ofBefore(t, path, last)
			poisoned := func() bool {
				t.Helper()
				found := false
				for _, end := range []string{"", "-wal"} {
					b, err := os.ReadFile(path + end)
					found = found || err == nil && bytes.Contains(b, []byte("poison "))
				}
				return found
			}
			if !poisoned() {
				t.Fatal("nothing is left in the file that could be cleaned")
			}
			db, err := Open(t.Context(), Options{Path: path, Serve: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if last < "00018_commits.sql" && poisoned() {
				t.Error("what was deleted before is in the file")
			}
			s := &service.Service{Store: sqlstore.New(db.Backend())}
			if _, err := s.Finish(t.Context(), "test"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Adopt(t.Context(), "test", nil); err != nil {
				t.Fatal(err)
			}
			if _, err := s.MoveUsage(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if err := sqlstore.New(db.Backend()).PackAll(t.Context()); err != nil {
				t.Fatal(err)
			}
			n, _, err := s.Verify(t.Context(), func(d service.Drift) { t.Errorf("%s: %s", d.Of, d.Message) })
			if err != nil || n == 0 {
				t.Errorf("%d customers, %v", n, err)
			}
			var sound string
			if err := db.reader.QueryRowContext(t.Context(), "pragma integrity_check").Scan(&sound); err != nil || sound != "ok" {
				t.Errorf("the file is %s, %v", sound, err)
			}
		})
	}
}
