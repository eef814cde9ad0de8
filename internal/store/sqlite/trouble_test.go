package sqlite

import (
	"bytes"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// A start on a full disk fails with a code of I/O.
func TestTroubleOfCodes(t *testing.T) {
	for code, want := range map[int]sqlstore.Trouble{
		13: sqlstore.Full, 4874: sqlstore.Full, 778: sqlstore.Unreachable, 10: sqlstore.Unreachable, 8: sqlstore.ReadOnly,
		14: sqlstore.Unreachable, 11: sqlstore.Damaged, 267: sqlstore.Damaged, 26: sqlstore.Damaged, 522: sqlstore.Damaged, 8458: sqlstore.Damaged, 1: sqlstore.NoTrouble,
	} {
		if got := troubleOf(code); got != want {
			t.Errorf("code %d is trouble %d, want %d", code, got, want)
		}
	}
}

// What is no database of ours is refused, and nothing is put beside it that would say that there
// was one.
func TestRefusedLeavesNothing(t *testing.T) {
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	db, err := sql.Open("sqlite", foreign)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "create table notes (text)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	foreignBytes, err := os.ReadFile(foreign)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ content, want string }{
		"a text":                {"this is a text that is no database, ", "is not a SQLite database"},
		"a header alone":        {fileHeader, "is not a SQLite database"},
		"a header and a text":   {fileHeader + strings.Repeat("nonsense", 1000), "is not a SQLite database"},
		"another program's own": {string(foreignBytes), "not one of allot"},
	} {
		for _, opts := range []Options{{Serve: true}, {Existing: true}, {}} {
			dir := t.TempDir()
			opts.Path = filepath.Join(dir, "t.db")
			if err := os.WriteFile(opts.Path, []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Open(t.Context(), opts)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), opts.Path) {
				t.Errorf("%s: %v, want %q", name, err, test.want)
			}
			if _, ok := errors.AsType[*FormatError](err); ok == strings.Contains(test.want, "allot") {
				t.Errorf("%s: %v, %t", name, err, ok)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 1 {
				t.Errorf("%s, %+v: there is %v, %v", name, opts, left, err)
			}
			if err := os.Remove(opts.Path); err != nil {
				t.Fatal(err)
			}
			if opts.Existing {
				continue
			}
			made, err := Open(t.Context(), opts)
			if err != nil {
				t.Fatalf("%s, in the place of it: %v", name, err)
			}
			if err := made.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A damaged file is named, wherever SQLite comes upon it.
func TestCorruptIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	nonsense := make([]byte, 4096)
	for i := range nonsense {
		nonsense[i] = 0xa5
	}
	for at := int64(4096 * 2); at < info.Size(); at += 4096 { // all but what the schema is in
		if _, err := f.WriteAt(nonsense, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(t.Context(), Options{Path: path, Existing: true})
	if err == nil {
		err = sqlstore.New(db.Backend()).View(t.Context(), func(r service.Reader) error { _, err := r.Answer("none", "key"); return err })
		if err := db.Close(); err != nil {
			t.Log(err)
		}
	}
	if _, ok := errors.AsType[*CorruptError](err); !ok || !strings.Contains(err.Error(), path+" is damaged: ") {
		t.Errorf("%v, want the file's name", err)
	}
}

// What SQLite finds damaged in a file that is served is told to who asks, with a code and what to do, and is
// logged once.
func TestDamageWhileServing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "allot.db")
	stopped(t, path)
	var log bytes.Buffer
	db, err := Open(t.Context(), Options{Path: path, Serve: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte{0xa5}, int(info.Size())-PageSize), PageSize)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		err = sqlstore.New(db.Backend()).View(t.Context(), func(r service.Reader) error { _, err := r.Revision(billing.ScopeCatalog); return err })
		e, ok := errors.AsType[*billing.Error](err)
		if !ok || e.Kind != billing.Unavailable || e.Code != codeReplaced || !strings.Contains(e.Message, "docs/damage.md") {
			t.Errorf("%v", err)
		}
	}
	if err := db.Close(); err != nil {
		t.Log(err)
	}
	if n := strings.Count(log.String(), "SQLite finds the database damaged"); n != 1 {
		t.Errorf("logged %d times: %s", n, &log)
	}
}
