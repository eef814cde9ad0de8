package store

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// ErrOwnTools is a backup of a PostgreSQL database, which has tools of its own for that.
var ErrOwnTools = errors.New("a PostgreSQL database is backed up with its own tools")

// Backup writes a SQLite database, as it is in one moment, to a file that is not there yet,
// beside those who write to it. check sees it, opened to be read, before it has its name.
func (s *Store) Backup(ctx context.Context, file string, check func(*Store) error) error {
	if s.file == nil {
		return ErrOwnTools
	}
	return s.file.Backup(ctx, file, func(path string) error {
		copied, err := Open(ctx, Options{URL: "sqlite:" + path, Mode: Existing, read: true})
		if err != nil {
			return err
		}
		return errors.Join(check(copied), copied.Close())
	})
}

// Restore makes a SQLite database of a backup where there is none; see [sqlite.Restore].
// It is brought to the schema of this version, and check sees it before it has its name.
// What was of running programs is not taken over: leases, and the mark beside the file.
func Restore(ctx context.Context, from string, opts Options, check func(*Store) error) error {
	if err := CheckURL(opts.URL); err != nil {
		return &URLError{"database URL", err}
	}
	file, ok := sqliteFile(opts.URL)
	if !ok {
		return ErrOwnTools
	}
	return sqlite.Restore(ctx, from, sqlite.Options{Path: file, Left: opts.Left, New: opts.New}, func(path string) error {
		st, err := Open(ctx, Options{URL: "sqlite:" + path, Mode: Migrate})
		if err != nil {
			return err
		}
		err = st.Write(ctx, sqlstore.DropLeases)
		if err == nil {
			err = check(st)
		}
		return errors.Join(err, st.Close())
	})
}
