package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/allot-dev/allot/internal/atomicfile"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// GoneError is a place that had a database and has none now.
type GoneError struct{ path, left string }

func (e *GoneError) Error() string {
	state := "missing"
	if _, err := os.Stat(e.path); err == nil {
		state = "empty"
	}
	return fmt.Sprintf("%s is %s, and %s says that there was a database", e.path, state, e.left)
}

// isNone says that there is no database file, or an empty one.
func isNone(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0
}

// find sees that the file is there, or may be made.
func find(path string, opts *Options) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory: want a file in it, such as %s", path, filepath.Join(path, "allot.db"))
	case err == nil && !info.Mode().IsRegular(): // the new database would take its place
		return fmt.Errorf("%s is no file but %s: want a file, or the name of one", path, kind(info.Mode()))
	case err == nil && info.Size() > 0:
		return nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	for _, name := range []string{path, filepath.Dir(path)} { // a link to what is not there
		if link, err := os.Lstat(name); err != nil || link.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			to, _ := os.Readlink(name)
			return &GoneError{path, "the link " + name + " to " + to}
		}
	}
	if opts.Existing {
		return fmt.Errorf("%s: %w", path, sqlstore.ErrNone)
	}
	if !opts.New {
		for _, left := range append([]string{path + "-wal", markPath(path), lockPath(path), sparePath(path)}, opts.Left...) {
			if _, err := os.Stat(left); err == nil {
				return &GoneError{path, left}
			}
		}
	}
	return os.MkdirAll(filepath.Dir(path), 0o700)
}

// kind is what is there and is no file.
func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeNamedPipe != 0:
		return "a pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	}
	return m.String()
}

// create makes a database that appears whole or not at all. It may hold personal data, so
// it is for its owner only, as the files are that SQLite puts beside it. The lock of the
// schema is held.
func create(ctx context.Context, path string, schema fs.FS) error {
	made := path + ".new"
	if err := discard(made); err != nil { // one that was interrupted
		return err
	}
	f, err := os.OpenFile(made, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := connect(made, 1, "_txlock=immediate")
	if err != nil {
		return err
	}
	_, err = prepareSchema(ctx, db, schema, Options{Migrate: true})
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("%s: %w", path, errors.Join(err, discard(made)))
	}
	return takePlace(made, path)
}

// discard removes a database that is in the making, with all that is beside it.
func discard(made string) (err error) {
	for _, end := range []string{"", "-journal", "-wal", "-shm", ".mark", ".schema-lock"} {
		err = errors.Join(err, remove(made+end))
	}
	return err
}

// takePlace gives a database that is whole its name. What is left there of another is not
// taken for its own.
func takePlace(made, path string) error {
	for _, left := range []string{path + "-wal", path + "-shm", markPath(path)} {
		if err := remove(left); err != nil {
			return err
		}
	}
	return atomicfile.Replace(made, path)
}

// Shared says that others than its owner have access to the file, and what to do; "" if they
// have none.
func (db *DB) Shared() string {
	info, err := db.file.Stat()
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("database %s has mode %04o, so others than its owner have access to it: chmod 600 %[1]s*", db.path, info.Mode().Perm())
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
