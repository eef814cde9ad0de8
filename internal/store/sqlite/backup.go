package sqlite

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"

	"github.com/allot-dev/allot/internal/atomicfile"
)

// Backup writes the database, as it is in one moment, to a file that is not there yet.
// Others go on writing: it reads one state, and only keeps the write-ahead log from
// beginning anew meanwhile. Free pages, and what was deleted in others, are not in it.
//
// The file has another name until check has seen it, and appears whole or not at all.
func (db *DB) Backup(ctx context.Context, to string, check func(path string) error) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return &BackupThereError{to}
	}
	if err := db.removePartial(filepath.Dir(to)); err != nil {
		return err
	}
	made := to + partial
	writing, err := takePartial(made)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove(made), writing.Close()) }()
	parameter := ""
	if db.still {
		parameter = asItIs
	}
	from, err := connectWith(db.path, 1, parameter, []string{"busy_timeout(250)", "trusted_schema(0)"})
	if err != nil {
		return err
	}
	_, err = from.ExecContext(ctx, "vacuum into ?", made)
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	if err := check(made); err != nil {
		return err
	}
	if err := atomicfile.Create(made, to, os.Link); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return &BackupThereError{to} // since it was looked for
}

// BackupThereError is a backup whose name something has.
type BackupThereError struct{ path string }

func (e *BackupThereError) Error() string {
	return e.path + " is there already: a backup is never written over another file"
}

// partial is the end of the name of a backup that is being written. It is locked meanwhile, so
// that one whose writer was killed is told from one that is written.
const partial = ".allot-partial"

// takePartial makes the file of a backup, empty, and locks it. Where locks keep others from
// writing, as on Windows, it is not locked.
func takePartial(name string) (*flock.Flock, error) {
	lock := flock.New(name, flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o600))
	if runtime.GOOS == "windows" {
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return nil, err
		}
		return lock, f.Close()
	}
	taken, err := lock.TryLock()
	if err == nil && !taken {
		err = fmt.Errorf("%s is being written by another backup", name)
	}
	if err == nil { // who removed what was left had it by this name meanwhile
		locked, failed := lock.Stat()
		named, gone := os.Stat(name)
		if err = failed; err == nil && (gone != nil || !os.SameFile(locked, named)) {
			return takePartial(name)
		}
	}
	if err == nil {
		err = os.Truncate(name, 0)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return lock, nil
}

// removePartial removes what is left in a directory of backups whose writers were killed: it has
// all that a database has, and nobody else would.
func (db *DB) removePartial(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	left, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+partial))
	for _, name := range left {
		lock := flock.New(name, flock.SetFlag(os.O_RDWR))
		taken, failed := lock.TryLock()
		if failed == nil && taken {
			db.log.Warn("a backup that was not finished is removed", "file", name)
			failed = remove(name)
		}
		err = errors.Join(err, failed, lock.Close())
	}
	return err
}

// escapeGlob is a name that stands for itself in a pattern.
func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// CutError is a backup that is shorter than it says.
type CutError struct {
	path       string
	have, want int64
}

func (e *CutError) Error() string {
	return fmt.Sprintf("%s is cut off: it has %d bytes, and says that they are %d", e.path, e.have, e.want)
}

// checkLength holds the length of a file that nobody writes to against what its header says.
func checkLength(f *os.File, path string, pageSize int) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var header [headerSize]byte
	if _, err := f.ReadAt(header[:], 0); errors.Is(err, io.EOF) {
		return &CutError{path, info.Size(), headerSize}
	} else if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(header[24:]) != binary.BigEndian.Uint32(header[92:]) {
		return nil // another program wrote it, which does not keep the length
	}
	if want := int64(binary.BigEndian.Uint32(header[28:])) * int64(pageSize); info.Size() < want {
		return &CutError{path, info.Size(), want}
	}
	return nil
}

// Restore copies a backup to where there is no database yet, under another name, has
// prepare see it and make it what it is to be, and then gives it its name. It is a
// [*GoneError] if something of another database is there, unless opts say New.
func Restore(ctx context.Context, from string, opts Options, prepare func(path string) error) (err error) {
	opts.Existing = false
	path, err := resolve(opts.Path)
	if err != nil {
		return err
	}
	if !isNone(path) {
		return &OccupiedError{path}
	}
	if f, err := os.Open(from); err != nil { // before anything is made
		return err
	} else if err := f.Close(); err != nil {
		return err
	}
	if err := find(path, &opts); err != nil {
		return err
	}
	lock, err := lockSchema(ctx, path, nil)
	if err != nil {
		return err
	}
	defer lock.Close()
	if !isNone(path) {
		return &OccupiedError{path}
	}
	made := path + ".restored"
	defer func() { err = errors.Join(err, discard(made)) }()
	if err := discard(made); err != nil { // one that was interrupted
		return err
	}
	if err := copyBackup(from, made); err != nil {
		return err
	}
	if err := prepare(made); err != nil {
		return err
	}
	return takePlace(made, path)
}

// OccupiedError is a place that has a database already.
type OccupiedError struct{ path string }

func (e *OccupiedError) Error() string {
	return e.path + " is there already: a backup is restored where there is no database"
}

func copyBackup(from, to string) error {
	if log, err := os.Stat(from + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s has a write-ahead log beside it, so it is no backup but a database: allot backup makes one of it", from)
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	pageSize, err := pageSizeOf(f, from)
	if err != nil {
		return err
	}
	if err := checkLength(f, from, pageSize); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return keepCopy(f, to)
}
