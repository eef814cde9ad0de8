package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Backup writes the database, as it is in one moment, to a file that is not there yet.
// Others go on writing: it reads one state, and only keeps the write-ahead log from
// beginning anew meanwhile. Free pages, and what was deleted in others, are not in it.
//
// The file has another name until check has seen it, and appears whole or not at all.
func (db *DB) Backup(ctx context.Context, to string, check func(path string) error) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return fmt.Errorf("%s is there already: a backup is never written over another file", to)
	}
	temp, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".partial-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove(temp.Name())) }()
	if err := temp.Close(); err != nil {
		return err
	}
	from, err := connectWith(db.path, 1, "", []string{"busy_timeout(250)", "trusted_schema(0)"})
	if err != nil {
		return err
	}
	_, err = from.ExecContext(ctx, "vacuum into ?", temp.Name())
	if err := errors.Join(err, from.Close()); err != nil {
		return err
	}
	if err := check(temp.Name()); err != nil {
		return err
	}
	return placeNew(temp.Name(), to)
}

// placeNew gives a file that is whole a name that nothing has.
func placeNew(made, path string) error {
	if err := os.Link(made, path); err != nil { // unlike a rename it puts nothing away
		return err
	}
	return place(made, path)
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
	if _, err := pageSizeOf(f, from); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return keepCopy(f, to)
}
