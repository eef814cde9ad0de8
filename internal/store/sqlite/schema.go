package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// lockSchema keeps other processes from opening the database while this one
// finds or makes it right.
func lockSchema(ctx context.Context, path string, log *slog.Logger) (*flock.Flock, error) {
	lock := flock.New(schemaLockPath(path), flock.SetPermissions(0o600))
	if log != nil {
		waiting := time.AfterFunc(time.Second, func() { log.Info("waiting for another process that has the schema", "lock", lock.Path()) })
		defer waiting.Stop()
	}
	_, err := lock.TryLockContext(ctx, 5*time.Millisecond)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("interrupted while waiting for the lock of the schema, %s: %w", lock.Path(), ctx.Err())
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	return lock, nil
}

// prepareSchema creates the schema in an empty database, unless one is to be
// there. A database where that was interrupted, so that nothing has happened in
// it, is empty too. A schema of an older version is migrated if that is permitted,
// else refused, as any other is.
func prepareSchema(ctx context.Context, db *sql.DB, migrations fs.FS, opts Options) (sqlstore.Schema, error) {
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, migrations,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return sqlstore.Schema{}, err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	have, err := schemaVersion(ctx, db)
	none := have == 0
	if err == nil && 0 < have && have < want {
		err = db.QueryRowContext(ctx, `select not exists (select 1 from changes)`).Scan(&none)
	}
	schema := sqlstore.Schema{Found: have, Now: want, Known: want}
	switch {
	case err != nil || have == want:
		return schema, err
	case have > want:
		return schema, &sqlstore.SchemaError{Have: have, Known: want}
	case none && opts.Existing:
		return schema, sqlstore.ErrNone
	case !none && !opts.Serve && !opts.Migrate:
		return schema, &sqlstore.SchemaError{Have: have, Known: want}
	}
	_, err = provider.Up(ctx)
	return schema, err
}

var errForeign = errors.New("this is a SQLite database, but not one of allot")

// schemaVersion is 0 for an empty database. It writes nothing.
func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var tables, versionTables int
	err := db.QueryRowContext(ctx, `select count(*), count(*) filter (where name = $1) from sqlite_schema
		where type = 'table' and name not like 'sqlite_%'`, goose.DefaultTablename).Scan(&tables, &versionTables)
	switch {
	case err != nil || tables == 0:
		return 0, err
	case versionTables == 0:
		return 0, errForeign
	}
	versions, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	if err != nil {
		return 0, err
	}
	version, err := versions.GetLatestVersion(ctx, db)
	if errors.Is(err, database.ErrVersionNotFound) {
		return 0, nil // creating it was interrupted
	}
	return version, err
}
