package bench

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/allot-dev/allot/internal/server"
)

// resolve names the database and the key file of a place.
func resolve(p server.Place) server.Place {
	if p.Database == "" {
		p.Database = "sqlite:" + filepath.Join(p.Data, "allot.db")
	}
	if p.KeyFile == "" {
		p.KeyFile = filepath.Join(p.Data, "allot.key")
	}
	return p
}

// isSQLite reports whether a database is a file of SQLite.
func isSQLite(database string) bool { return strings.HasPrefix(database, "sqlite:") }

// sqliteDir is the directory of a file of SQLite.
func sqliteDir(database string) string {
	return filepath.Dir(strings.TrimPrefix(strings.TrimPrefix(database, "sqlite:"), "//"))
}

// temporary is a place that is gone afterwards, in a directory that is made in
// parent; "" is the system's for what is temporary.
func temporary(parent string) (place server.Place, remove func() error, err error) {
	dir, err := os.MkdirTemp(parent, "allot-bench-")
	if err != nil {
		return server.Place{}, nil, err
	}
	return resolve(server.Place{Data: dir}), func() error { return os.RemoveAll(dir) }, nil
}

// beside is an empty place of the same kind as another, on the same disk, that is
// gone afterwards: a directory beside its file, or a schema in its database.
func beside(ctx context.Context, place server.Place) (_ server.Place, remove func() error, err error) {
	if isSQLite(place.Database) {
		dir := sqliteDir(place.Database)
		if err := os.MkdirAll(dir, 0o700); err != nil { // nothing was measured on it before
			return server.Place{}, nil, err
		}
		return temporary(dir)
	}
	u, err := url.Parse(place.Database)
	if err != nil {
		return server.Place{}, nil, errors.New("the database is not a URL") // which may hold a password
	}
	schema := "allot_bench_" + newRun()
	own, removeDir, err := temporary("")
	if err != nil {
		return server.Place{}, nil, err
	}
	db, err := sql.Open("pgx", place.Database)
	if err == nil {
		_, err = db.ExecContext(ctx, "create schema "+schema)
	}
	if err != nil {
		return server.Place{}, nil, errors.Join(fmt.Errorf("a schema for measurements: %w", err), removeDir())
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	own.Database = u.String()
	return own, func() error {
		_, err := db.ExecContext(context.WithoutCancel(ctx), "drop schema "+schema+" cascade")
		return errors.Join(err, db.Close(), removeDir())
	}, nil
}

// newRun is a word that no other run has.
func newRun() string { return strings.ToLower(rand.Text()[:8]) }
