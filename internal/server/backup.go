package server

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/allot-dev/allot/internal/oauth"
	"github.com/allot-dev/allot/internal/store"
)

// ErrOwnTools is a backup of a PostgreSQL database, which has tools of its own for that.
var ErrOwnTools = store.ErrOwnTools

// Backup writes the database, as it is in one moment, to a file that is not there yet, and
// verifies that. Only a SQLite database can be: else the error is [ErrOwnTools]. A backup
// of a database that does not verify is kept, as there may be no better one.
func (i *Installation) Backup(ctx context.Context, file string) (v Verification, err error) {
	err = i.store.Backup(ctx, file, func(copied *store.Store) error {
		v, err = verifiedStore(ctx, copied)
		return err
	})
	return v, err
}

// verifiedStore is a store that was gone through as verify does.
func verifiedStore(ctx context.Context, st *store.Store) (Verification, error) {
	return (&Installation{store: st}).Verify(ctx, VerifyOptions{})
}

// Key is what is known of the key file beside a database that was restored.
type Key string

// What is known of a key file.
const (
	KeyFits    Key = "fits"
	KeyMissing Key = "missing"
	KeyWrong   Key = "wrong"
)

// ErrDrifts is a backup that does not verify.
var ErrDrifts = errors.New("the backup does not verify")

// Restore makes the database of a place, which must have none, of a backup. The error is
// [ErrDrifts] if the backup does not verify and is not to be taken all the same.
func Restore(ctx context.Context, place Place, backup string, accept bool) (v Verification, key Key, err error) {
	place = place.withDefaults()
	options := store.Options{URL: place.Database, Left: []string{place.KeyFile}, New: place.New}
	err = store.Restore(ctx, backup, options, func(st *store.Store) error {
		if v, err = verifiedStore(ctx, st); err != nil {
			return err
		}
		if len(v.Drifts) > 0 && !accept {
			return ErrDrifts
		}
		key, err = keyOf(ctx, st, place.KeyFile)
		return err
	})
	return v, key, err
}

// keyOf holds a key file against a database, and makes nothing.
func keyOf(ctx context.Context, st *store.Store, path string) (Key, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return KeyMissing, nil
	}
	directory := oauth.NewDirectory(oauth.DirectoryOptions{Store: st.ForClients(), Scopes: scopes(), Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	_, err := oauth.KeyFileOf(ctx, directory, path)
	if errors.Is(err, ErrWrongKeyFile) {
		return KeyWrong, nil
	}
	return KeyFits, err
}
