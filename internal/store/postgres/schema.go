package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"github.com/pressly/goose/v3/lock"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// One node migrates at a time: the one that has the lock, a row of a table. It
// renews its lease while it works; should it die, another takes over once the
// lease has run out, by the clock of the server. Each migration is a transaction,
// so what a dead node left is nothing.
const (
	migrateLease = 10 * time.Second
	migrateBeat  = 2 * time.Second
	migrateTry   = 100 * time.Millisecond
	migrateTries = 36_000 // an hour: an index over a large table takes its time
)

// prepareSchema creates the schema in an empty place, unless one is to be there.
// A place where that has begun and nothing has happened yet is empty too: whoever
// was at it may have died between two migrations, or be at it still. One of an
// older version is migrated if that is permitted, else refused. One of a newer
// version will do if it says so. It returns the name of the namespace that all is
// in.
func prepareSchema(
	ctx context.Context, config *pgx.ConnConfig, steps fs.FS, opts Options,
) (namespace string, version sqlstore.Schema, err error) {
	config = config.Copy()
	// A migration may take long, but must not hold up the nodes at work: whatever
	// asks for a table that it waits for waits behind it.
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "3000"
	// Else Citus changes shards over several connections at once, and refuses a step
	// that touches both what is everywhere and what refers to it. PostgreSQL alone takes
	// both and does nothing with them.
	config.RuntimeParams["citus.multi_shard_modify_mode"] = "sequential"
	config.RuntimeParams["citus.enable_local_reference_table_foreign_keys"] = "off"
	db := connect(config, 3, "") // the migration, its version, the lock's lease
	defer db.Close()
	s := schema{db: db, steps: steps, log: opts.Log}
	if namespace, err = s.namespace(ctx); err != nil {
		return "", version, err
	}
	version, err = s.prepare(ctx, opts)
	return namespace, version, err
}

// schema is the schema of a database and the steps it is made in.
type schema struct {
	db    *sql.DB
	steps fs.FS
	log   *slog.Logger // nil is none
}

// namespace is where tables are made and found: a "schema" in PostgreSQL's
// words.
func (s schema) namespace(ctx context.Context) (string, error) {
	var name, encoding string
	err := s.db.QueryRowContext(ctx, `select coalesce(current_schema(), ''), current_setting('server_encoding')`).
		Scan(&name, &encoding)
	switch {
	case err != nil:
		return "", err
	case encoding != "UTF8":
		return "", fmt.Errorf("the database has the encoding %s: want one with UTF8", encoding)
	case name == "":
		return "", s.noNamespace(ctx)
	}
	return name, nil
}

// noNamespace says why no schema of search_path can be used: one that the role has no right to
// is as good as none.
func (s schema) noNamespace(ctx context.Context) error {
	var denied, role string
	err := s.db.QueryRowContext(ctx, `select coalesce(min(nspname), ''), current_user from pg_namespace
		where nspname in (select trim(both ' "' from unnest(string_to_array(current_setting('search_path'), ',')))) and not has_schema_privilege(oid, 'usage')`).
		Scan(&denied, &role)
	switch {
	case err != nil:
		return err
	case denied != "":
		return fmt.Errorf("the role %s may not use the schema %s of search_path: grant usage on schema %[2]s to %[1]s", role, denied)
	}
	return errors.New("no schema of search_path is there: create it, or name one that is")
}

func (s schema) prepare(ctx context.Context, opts Options) (sqlstore.Schema, error) {
	provider, err := s.provider()
	if err != nil {
		return sqlstore.Schema{}, err
	}
	sources := provider.ListSources()
	want := sources[len(sources)-1].Version
	have, oldest, err := s.version(ctx)
	none := have == 0
	if err == nil && 0 < have && have < want && !opts.Migrate {
		if none, err = s.unused(ctx); err == nil && !none {
			// Who was making it has perhaps come to the end, and used it.
			have, oldest, err = s.version(ctx)
		}
	}
	version := sqlstore.Schema{Found: have, Now: have, Known: want}
	if err != nil {
		return version, err
	}
	if none && opts.Existing {
		return version, sqlstore.ErrNone
	}
	if none || have < want && opts.Migrate {
		done, err := provider.Up(ctx)
		if err != nil {
			return version, fmt.Errorf("migrate: %w", err)
		}
		// Where nothing has happened yet, no older program has been at work.
		if want >= expandedAt && (none || len(done) == len(sources)) {
			if err := s.finish(ctx); err != nil {
				return version, err
			}
		}
		// A newer node may have done it, and more.
		if have, oldest, err = s.version(ctx); err != nil {
			return version, err
		}
		version.Now = have
	}
	switch {
	case have < want:
		return version, &sqlstore.SchemaError{Have: have, Known: want}
	case want < oldest:
		return version, &sqlstore.SchemaError{Have: have, Wanted: oldest, Known: want}
	}
	return version, nil
}

// finishSchema keeps programs out that do not know what this one writes.
const finishSchema = `update compatibility set oldest = 7 where oldest < 7`

// expandedAt is the version whose rows programs of those before it do not know.
const expandedAt = 7

// finish says of a database that was just made that no older program uses it.
func (s schema) finish(ctx context.Context) error {
	for _, statement := range []string{`delete from settings where name = 'unfinished'`, finishSchema} {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("finish the schema: %w", err)
		}
	}
	return nil
}

func (s schema) provider() (*goose.Provider, error) {
	locker, err := lock.NewPostgresTableLocker(
		lock.WithTableLeaseDuration(migrateLease),
		lock.WithTableHeartbeatInterval(migrateBeat),
		lock.WithTableLockTimeout(migrateTry, migrateTries),
		lock.WithTableLogger(slog.New(slog.DiscardHandler)),
		lock.WithTableRetryPolicy(func(err error) bool {
			// The server's refusal stays one; that another has the lock is an error
			// of the library.
			_, refused := errors.AsType[*pgconn.PgError](err)
			return !refused || busy(err)
		}))
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.db, s.steps,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()), goose.WithLocker(&toldLocker{locker, s}))
}

// migrateTell is after how long of waiting for the lock that is said.
const migrateTell = 2 * time.Second

// toldLocker is a lock of which is told who is waited for.
type toldLocker struct {
	lock.Locker
	s schema
}

// Lock takes the lock.
func (l *toldLocker) Lock(ctx context.Context, db *sql.DB) error {
	waiting := time.AfterFunc(migrateTell, func() {
		if holder := l.s.holder(ctx); l.s.log != nil && holder != "" {
			l.s.log.Info("waiting for another program that has the lock of the schema", "who", holder, "table", lock.DefaultLockTableName)
		}
	})
	err := l.Locker.Lock(ctx, db)
	waiting.Stop()
	if err == nil || ctx.Err() == nil {
		return err
	}
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), migrateTell)
	defer cancel()
	whose := ""
	if holder := l.s.holder(asking); holder != "" {
		whose = ", which is held by " + holder
	}
	return fmt.Errorf("interrupted while waiting for the lock of the schema%s: %w", whose, ctx.Err())
}

// holder says who has the lock of the schema, "" if that is not known.
func (s schema) holder(ctx context.Context) string {
	var by string
	var since, until time.Time
	err := s.db.QueryRowContext(ctx, `select locked_by, locked_at, lease_expires_at from `+lock.DefaultLockTableName+`
		where locked and lease_expires_at > now() limit 1`).Scan(&by, &since, &until)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s since %s, until %s unless renewed", by, since.UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
}

// version is that of the schema, 0 if there is none, and the oldest that a
// program may be made for and still run on it. It writes nothing.
func (s schema) version(ctx context.Context) (have, oldest int64, err error) {
	// The tables of the library are there before any of ours.
	var versions, ours, others int
	err = s.db.QueryRowContext(ctx, `select count(*) filter (where tablename = $1), count(*) filter (where tablename = 'compatibility'),
		count(*) filter (where tablename not in ($1, $2)) from pg_tables where schemaname = current_schema()`,
		goose.DefaultTablename, lock.DefaultLockTableName).Scan(&versions, &ours, &others)
	switch {
	case err != nil:
		return 0, 0, err
	case (versions == 0 || ours == 0) && others > 0: // also those of another that uses the library
		return 0, 0, s.foreign(ctx)
	case versions == 0:
		return 0, 0, nil
	}
	store, err := database.NewStore(database.DialectPostgres, goose.DefaultTablename)
	if err != nil {
		return 0, 0, err
	}
	have, err = store.GetLatestVersion(ctx, s.db)
	if errors.Is(err, database.ErrVersionNotFound) {
		return 0, 0, nil // creating it was interrupted
	}
	if err != nil || have == 0 {
		return 0, 0, err
	}
	if ours == 0 {
		return 0, 0, s.foreign(ctx)
	}
	err = s.db.QueryRowContext(ctx, `select oldest from compatibility`).Scan(&oldest)
	return have, oldest, err
}

// ErrDataNode is a database of a Citus cluster that has only shards.
var ErrDataNode = errors.New("this is a data node of a Citus cluster: connect to its coordinator")

// foreign says whose tables there are, if they are not ours.
func (s schema) foreign(ctx context.Context) error {
	var citus, shards bool
	err := s.db.QueryRowContext(ctx, `select to_regclass('pg_dist_local_group') is not null`).Scan(&citus)
	if err == nil && citus {
		err = s.db.QueryRowContext(ctx, `select coalesce(max(groupid), 0) <> 0 from pg_dist_local_group`).Scan(&shards)
	}
	switch {
	case err != nil:
		return err
	case shards:
		return ErrDataNode
	}
	return errors.New("the database has tables, but not those of allot: give it a database, or a search_path, of its own")
}

// unused reports whether nothing has happened in a schema of any version.
func (s schema) unused(ctx context.Context) (unused bool, err error) {
	err = s.db.QueryRowContext(ctx, `select not exists (select 1 from changes)`).Scan(&unused)
	return unused, err
}
