// Package sqlite is the SQLite backend of package sqlstore: how the database is
// opened, its schema, and what its errors mean.
//
// One connection writes and a pool of others reads. That is how SQLite works
// anyway; said in Go, a writer waits its turn in a fair queue instead of polling
// for a lock, and readers never wait. A commit returns when it is on the disk, in the
// write-ahead log; what brings it from there into the file is beside the writer:
// checkpoint.go.
//
// Start with [Open].
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
	driver "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// DB is an open database file.
type DB struct {
	path           string
	reader, writer *sql.DB
	checkpoints    *checkpoints
	serving        *flock.Flock // nil unless opened to serve
	schema         sqlstore.Schema
}

// Options say which file to open, and what for.
type Options struct {
	Path string
	// Serve takes the file for a server: its lock is held until Close, and its
	// schema is brought to this version. Otherwise the file may be shared with a
	// server, and a schema of another version is an error.
	Serve bool
	// Migrate brings the schema to this version without taking the lock.
	Migrate bool
	// Existing makes nothing: a file that is not there, or is empty, is
	// [sqlstore.ErrNone].
	Existing bool
	// Log is told of what goes wrong beside those who ask for something. May be nil.
	Log *slog.Logger

	limits limits // of the write-ahead log; none are the ordinary ones
}

// Open opens a database file, and creates it with its directory if there is
// none, unless it is to be there.
func Open(ctx context.Context, opts Options) (*DB, error) {
	schema, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return open(ctx, opts, schema)
}

func open(ctx context.Context, opts Options, schema fs.FS) (_ *DB, err error) {
	path, err := filepath.Abs(opts.Path)
	if err != nil {
		return nil, err
	}
	db := &DB{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if err := find(path, opts.Existing); err != nil {
		return nil, err
	}
	if opts.Serve {
		if db.serving, err = lockToServe(path); err != nil {
			return nil, err
		}
	}
	opening, err := lockSchema(ctx, path, opts.Log)
	if err != nil {
		return nil, err
	}
	defer opening.Close()
	if db.writer, err = connect(path, 1, "_txlock=immediate&_pragma=cache_size(-65536)&_pragma=wal_autocheckpoint(0)&_pragma=journal_size_limit(67108864)"); err != nil {
		return nil, err
	}
	if err := checkLibrary(ctx, db.writer); err != nil {
		return nil, err
	}
	if db.schema, err = prepareSchema(ctx, db.writer, schema, opts); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if db.reader, err = connect(path, max(4, runtime.NumCPU()), "_pragma=query_only(1)&_pragma=mmap_size(17179869184)"); err != nil {
		return nil, err
	}
	if opts.limits == (limits{}) {
		opts.limits = ordinary
	}
	db.checkpoints, err = newCheckpoints(ctx, path, db.writer, opts.limits, opts.Log)
	return db, err
}

// find sees that the file is there, and makes it unless it must be there already.
func find(path string, existing bool) error {
	if !existing {
		return create(path)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return fmt.Errorf("%s: %w", path, sqlstore.ErrNone)
	}
	return err
}

// create makes the file, which may hold personal data, for its owner only. The
// files that SQLite puts beside it take the same permissions.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// ServedError is a file that a server has.
type ServedError struct{ path, lock string }

func (e *ServedError) Error() string {
	return fmt.Sprintf("another allot serves %s: it holds the lock %s", e.path, e.lock)
}

// Reserve takes the lock of a file as a server does, without opening it. The
// error is a [*ServedError] if another has it.
func Reserve(path string) (release func() error, err error) {
	lock, err := lockToServe(path)
	if err != nil {
		return nil, err
	}
	return lock.Close, nil
}

func lockToServe(path string) (*flock.Flock, error) {
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	if !locked {
		return nil, &ServedError{path, lock.Path()}
	}
	return lock, nil
}

// pragmas hold for every connection. busy_timeout, in milliseconds, is short:
// what is busy for longer is tried again by sqlstore, which hears of a cancelled
// context. synchronous(FULL) makes a commit wait for the disk; on macOS that
// takes the two for full sync as well.
var pragmas = []string{
	"busy_timeout(250)",
	"journal_mode(WAL)",
	"synchronous(FULL)",
	"fullfsync(1)",
	"checkpoint_fullfsync(1)",
	"foreign_keys(1)",
	"trusted_schema(0)",
}

func connect(path string, conns int, parameter string) (*sql.DB, error) {
	dsn := (&url.URL{Scheme: "file", Path: filepath.ToSlash(path)}).String() + "?" + parameter
	for _, p := range pragmas {
		dsn += "&_pragma=" + p
	}
	connector, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// oldest is the first version of SQLite without a fault that could corrupt a
// database in WAL mode with several connections.
const oldest = "3.51.3"

func checkLibrary(ctx context.Context, db *sql.DB) error {
	var version string
	if err := db.QueryRowContext(ctx, "select sqlite_version()").Scan(&version); err != nil {
		return err
	}
	if olderThan(version, oldest) {
		return fmt.Errorf("SQLite %s can corrupt its files: want %s or newer", version, oldest)
	}
	return nil
}

// olderThan compares versions of the form 3.51.3; what is no number is 0.
func olderThan(version, than string) bool {
	v, w := strings.Split(version, "."), strings.Split(than, ".")
	for i := range w {
		var a, b int
		if i < len(v) {
			a, _ = strconv.Atoi(v[i])
		}
		b, _ = strconv.Atoi(w[i])
		if a != b {
			return a < b
		}
	}
	return false
}

// Backend is the database for [sqlstore.New].
func (db *DB) Backend() sqlstore.Backend {
	return sqlstore.Backend{
		Reader: db.reader, View: sql.TxOptions{ReadOnly: true}, Writer: db.writer,
		Prepares: true, Positional: true, Packs: true, Room: db.checkpoints.room, Busy: busy, Undone: busy, Schema: db.schema,
		// There is one writer, and what a commit costs is the wait for the disk.
		Batching: service.Batching{Lanes: 1, Serial: true},
	}
}

// Primary result codes of SQLite: the low byte of the extended ones.
const (
	codeBusy   = 5 // another connection holds the lock, perhaps of another process
	codeLocked = 6 // the same within one process
)

func busy(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return false
	}
	primary := e.Code() & 0xff
	return primary == codeBusy || primary == codeLocked
}

// Close closes the connections, then gives up the lock.
func (db *DB) Close() error {
	var errs []error
	if db.checkpoints != nil {
		errs = append(errs, db.checkpoints.close())
	}
	if db.reader != nil {
		errs = append(errs, db.reader.Close())
	}
	if db.writer != nil {
		// The last to close folds the write-ahead log into the file, which a
		// connection that only reads cannot.
		errs = append(errs, db.writer.Close())
	}
	if db.serving != nil {
		errs = append(errs, db.serving.Close())
	}
	return errors.Join(errs...)
}
