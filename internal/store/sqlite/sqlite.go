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
	"sync/atomic"
	"time"

	driver "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// DB is an open database file.
type DB struct {
	path, named    string // without links, and as it was named
	file           *heldFile
	reader, writer *sql.DB
	checkpoints    *checkpoints // nil where nothing may be written
	serving        *serving     // nil unless opened to serve
	mark           *mark
	present        *present
	schema         sqlstore.Schema
	index          *index // nil unless opened to serve, and where it cannot be had
	still          bool   // opened as it is, where nothing may be written
	log            *slog.Logger

	doubted    atomic.Bool  // SQLite has found damage since the log was last looked through
	toldDamage atomic.Int64 // when it was last logged, in nanoseconds

	lookedThrough atomic.Int64 // when the log was, as above
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
	// Left are files that say that there was a database, beside those of its own: where one
	// of them is, a database that is not there, or is empty, is a [*GoneError].
	Left []string
	// New makes a database whatever is left of another.
	New bool
	// Read opens a file that nobody writes to, to be read as it is. Nothing is put beside it.
	Read bool
	// AcceptDamage takes a damaged database as it is, instead of a [*DamageError].
	AcceptDamage bool
	// Log is told of what goes wrong beside those who ask for something. May be nil.
	Log *slog.Logger

	limits limits // of the write-ahead log; none are the ordinary ones
}

// Open opens a database file, and creates it with its directory if there is
// none, unless it is to be there. A file in a place where nothing may be written is
// opened to be read.
func Open(ctx context.Context, opts Options) (*DB, error) {
	schema, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return open(ctx, opts, schema)
}

func open(ctx context.Context, opts Options, schema fs.FS) (_ *DB, err error) {
	db := &DB{named: opts.Path, log: opts.Log}
	if db.log == nil {
		db.log = slog.New(slog.DiscardHandler)
	}
	if db.path, err = resolve(opts.Path); err != nil {
		return nil, err
	}
	var put []string // files beside it that were not there
	defer func() {
		if err == nil {
			return
		}
		err = explainOpen(db.path, errors.Join(err, db.Close()))
		if refused(err) {
			for _, name := range put {
				err = errors.Join(err, remove(name))
			}
		}
	}()
	if err := find(db.path, &opts); err != nil {
		return nil, err
	}
	for _, name := range []string{lockPath(db.path), schemaLockPath(db.path)} {
		if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			put = append(put, name)
		}
	}
	if opts.Read {
		return db, db.openToRead(ctx, schema, opts)
	}
	opening, err := lockSchema(ctx, db.path, opts.Log)
	if err != nil && (!readOnly(err) || opts.Serve || opts.Migrate || isNone(db.path)) {
		return nil, err
	}
	if err != nil {
		return db, db.openToRead(ctx, schema, opts)
	}
	defer opening.Close()
	made := isNone(db.path) // still, now that no other can make it
	if made {
		if err := create(ctx, db.path, schema); err != nil {
			return nil, err
		}
	}
	alone, err := db.hold(opts)
	if err != nil {
		return nil, err
	}
	if !db.file.writable && !opts.Serve && !opts.Migrate {
		return db, db.openToRead(ctx, schema, opts)
	}
	if !db.file.writable {
		return nil, db.file.unwritable // which SQLite has no word for
	}
	if alone {
		if err := soon(ctx, func() error { return db.inspect(ctx, opts) }); err != nil {
			return nil, err
		}
		// They are about to change, and who changes them may end before he notes that.
		if err := unsettleMark(db.path); err != nil {
			return nil, err
		}
	}
	err = soon(ctx, func() error {
		err := db.connect(ctx, schema, opts)
		if err != nil && busy(err) {
			err = errors.Join(err, db.disconnect())
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if made {
		db.schema.Found = 0
	}
	if opts.Serve {
		if err := db.isSound(ctx, opts); err != nil {
			return nil, err
		}
		if db.index, err = db.file.share(db.path); err != nil { // who asks reads the file each time
			db.log.Warn("the index of the write-ahead log cannot be read: checks take longer", "error", err)
		}
	}
	return db, db.watch(ctx)
}

// refused says that a file is none to be opened, whoever tries: what was put beside it for that
// goes, so that nothing says that there was a database.
func refused(err error) bool {
	if _, ok := errors.AsType[*FormatError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*DamageError](err); ok {
		return true
	}
	return errors.Is(err, errForeign)
}

// hold takes the file, and the right to serve it if it is to be served. alone says that
// nobody else has it open.
func (db *DB) hold(opts Options) (alone bool, err error) {
	if db.file, alone, err = holdOpen(db.path); err != nil {
		return false, err
	}
	if opts.Serve {
		if db.serving, err = takeServing(db.path, db.file); err != nil {
			return false, err
		}
	}
	if err := db.oneName(); err != nil {
		return false, err
	}
	if !alone {
		return false, nil
	}
	used, err := inUse(db.path + "-shm")
	if err == nil && used && tellsUse && !db.file.isServed() {
		err = db.isTheirs()
	}
	return !used || opts.Serve && !tellsUse, err
}

// isTheirs refuses a file that was put in the place of the one that another process has open:
// their log and their memory are beside this one, and what is written here they do not hear of.
func (db *DB) isTheirs() error {
	m, marked, err := readMark(markPath(db.path))
	if err != nil || !marked || m.file == "" {
		return err
	}
	info, err := db.file.Stat()
	if err != nil || identity(info) == m.file {
		return err
	}
	return billing.Unavailable.Errorf(codeReplaced,
		"%s was put in the place of a file that another program has open still, by this name", filepath.Base(db.path))
}

// oneName refuses a file that a server has by another name: SQLite would look for its
// write-ahead log beside this one.
func (db *DB) oneName() error {
	info, err := db.file.Stat()
	if err != nil || names(info) < 2 || db.serving != nil || !db.file.isServed() {
		return err
	}
	if _, err := os.Stat(db.path + "-shm"); err == nil {
		return nil // what the server has open is beside this name
	}
	return fmt.Errorf("%s is one of several names of a file that a server has by another: use the name that the server was given", db.path)
}

// inspect looks at the file before SQLite does, and takes away what a crash left of a commit
// that nobody was told of.
func (db *DB) inspect(ctx context.Context, opts Options) error {
	written, err := inspect(ctx, db.path, db.file.File, db.log)
	if err == nil && written.header && written.left && tellsUse { // else it is not known that nobody has it open
		return written.cut(db.path + "-wal")
	}
	damage, ok := errors.AsType[*DamageError](err)
	if !ok || !opts.AcceptDamage {
		return err
	}
	return accept(db.path, damage, time.Now(), db.log)
}

// soon does something, and again for some seconds while another process has the database
// for itself: the last one that goes brings its log into the file.
func soon(ctx context.Context, do func() error) error {
	for began := time.Now(); ; {
		err := do()
		if err == nil || !busy(err) || time.Since(began) > 10*time.Second {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// disconnect closes the connections that there are. Who still asks one of them is told that it
// is closed.
func (db *DB) disconnect() error {
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
	return errors.Join(errs...)
}

func (db *DB) connect(ctx context.Context, schema fs.FS, opts Options) (err error) {
	db.checkpoints, db.reader, db.writer = nil, nil, nil // of another try, which are closed
	// The cache is small on purpose: SQLite goes through all of it at each commit in which a tree was
	// balanced, and what is not in it is read from the system's.
	if db.writer, err = connect(db.path, 1, "_txlock=immediate&_pragma=cache_size(-8192)&_pragma=wal_autocheckpoint(0)&_pragma=journal_size_limit(67108864)&_pragma=secure_delete(1)"); err != nil {
		return err
	}
	if err := checkLibrary(ctx, db.writer); err != nil {
		return err
	}
	if db.schema, err = prepareSchema(ctx, db.writer, schema, opts); err != nil {
		return fmt.Errorf("%s: %w", db.path, err)
	}
	if opts.Serve {
		if err := db.clean(ctx); err != nil {
			return err
		}
	}
	readers := max(4, runtime.NumCPU())
	if db.reader, err = connect(db.path, readers, "_pragma=query_only(1)&_pragma=mmap_size(17179869184)"); err != nil {
		return err
	}
	if opts.Serve {
		if err := openAll(ctx, db.reader, readers); err != nil {
			return err
		}
	}
	if opts.limits == (limits{}) {
		opts.limits = ordinary
	}
	db.checkpoints, err = newCheckpoints(ctx, db.path, db.writer, opts.limits, opts.Log)
	return err
}

// asItIs is how SQLite opens a file that nobody writes to and beside which nothing may be put.
const asItIs = "mode=ro&immutable=1"

// openToRead opens a file in a place where nothing may be written. What is in a log beside
// it could not be seen there.
func (db *DB) openToRead(ctx context.Context, schema fs.FS, opts Options) (err error) {
	if db.file == nil {
		if db.file, _, err = holdOpen(db.path); err != nil {
			return err
		}
	}
	if _, err := pageSizeOf(db.file.File, db.path); err != nil {
		return err
	}
	if log, err := os.Stat(db.path + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s has a write-ahead log, which must be taken in, and nothing may be written there: copy both to another place", db.path)
	}
	reading := []string{"query_only(1)", "foreign_keys(1)", "trusted_schema(0)"}
	if db.writer, err = connectWith(db.path, 1, asItIs, reading); err != nil {
		return err
	}
	if db.reader, err = connectWith(db.path, max(4, runtime.NumCPU()), asItIs, reading); err != nil {
		return err
	}
	opts.Existing, db.still = true, true
	if db.schema, err = prepareSchema(ctx, db.writer, schema, opts); err != nil {
		return fmt.Errorf("%s: %w", db.path, err)
	}
	return nil
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
	return connectWith(path, conns, strings.TrimSuffix("mode=rw&"+parameter, "&"), pragmas) // rw makes no file
}

// openAll opens all connections of a pool, which keeps them: one that was opened later
// might find another file under the name.
func openAll(ctx context.Context, pool *sql.DB, conns int) (err error) {
	all := make([]*sql.Conn, 0, conns)
	for range conns {
		conn, opening := pool.Conn(ctx)
		if opening != nil {
			err = opening
			break
		}
		all = append(all, conn)
	}
	for _, conn := range all {
		err = errors.Join(err, conn.Close())
	}
	return err
}

// connectWith opens a pool of connections with some pragmas.
func connectWith(path string, conns int, parameter string, pragmas []string) (*sql.DB, error) {
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
	b := sqlstore.Backend{
		Reader: db.reader, View: sql.TxOptions{ReadOnly: true}, Writer: db.writer,
		Prepares: true, Positional: true, BlindLimits: true, Packs: true, Busy: busy, Undone: busy, Trouble: trouble, Schema: db.schema,
		Explain: func(err error) error { return explain(db.path, err) },
		// There is one writer, and what a commit costs is the wait for the disk.
		Batching: service.Batching{Queues: 1, Serial: true},
	}
	if db.checkpoints != nil {
		b.Room, b.Count, b.Counted = db.checkpoints.room, countCommit, db.counted
		b.Present, b.Erased = db.Replaced, db.checkpoints.forget
	}
	if db.serving == nil {
		b.Trouble = troubleApart
	} else {
		b.Explain = db.explainServed
	}
	if db.index != nil {
		b.State = db.index.state
	}
	return b
}

// Close closes the connections, then gives up the lock.
func (db *DB) Close() error {
	var errs []error
	if db.present != nil {
		db.present.close()
		if db.present.isSpoiled() {
			// SQLite would copy the log into a file that is another, and the mark say that all is well: the
			// next start is to find it as after a crash.
			db.checkpoints.stop()
			<-db.checkpoints.done
			return nil
		}
	}
	if db.mark != nil && db.serving != nil {
		db.mark.unsettle()
	}
	errs = append(errs, db.disconnect())
	if db.mark != nil {
		errs = append(errs, db.mark.close())
	}
	if db.serving != nil {
		errs = append(errs, db.serving.close())
	}
	if db.file != nil {
		errs = append(errs, db.file.releaseOpen()) // after the last connection
	}
	return errors.Join(errs...)
}
