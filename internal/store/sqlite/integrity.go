package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/pressly/goose/v3"
)

// Integrity has SQLite check its file: every page and index, every value against the type
// of its column, and every row that refers to another. It holds the schema against one that is
// made anew. It says what is damaged.
func (db *DB) Integrity(ctx context.Context) (found []string, err error) {
	err = db.each(ctx, `pragma integrity_check(100)`, func(rows *sql.Rows) error {
		var line string
		if err := rows.Scan(&line); err != nil || line == "ok" {
			return err
		}
		found = append(found, line)
		return nil
	})
	if err != nil { // the file is damaged so that it cannot be gone through
		return append(found, err.Error()), ctx.Err()
	}
	err = db.each(ctx, `select "table", count(*), parent from pragma_foreign_key_check group by 1, 3 order by 1, 3`, func(rows *sql.Rows) error {
		var table, parent string
		var n int
		if err := rows.Scan(&table, &n, &parent); err != nil {
			return err
		}
		found = append(found, fmt.Sprintf("%d rows of %s refer to rows of %s that are not there", n, table, parent))
		return nil
	})
	if err != nil {
		return append(found, err.Error()), ctx.Err()
	}
	altered, err := db.alteredSchema(ctx)
	return append(found, altered...), err
}

// smallTables are those that a server cannot do without and that do not grow with customers.
var smallTables = []string{"sqlite_schema", "revisions", "settings", "features", "plan_groups", "clients", "signing_keys", "leases", "followers", "commits", "webhooks", "administrators"}

// isSound has SQLite check the small tables of a file that is to be served: what is damaged there
// is not found out by who asks for something. The others are checked by [DB.Integrity], which takes
// longer the more there is.
func (db *DB) isSound(ctx context.Context, opts Options) error {
	for _, table := range smallTables {
		var says string
		err := db.writer.QueryRowContext(ctx, "pragma quick_check("+table+")").Scan(&says)
		if err != nil && !isDamage(err) {
			return err
		}
		if says == "ok" {
			continue
		}
		if err != nil {
			says = err.Error()
		}
		damage := &DamageError{path: db.path, message: fmt.Sprintf("table %s is damaged: %s", table, says)}
		if !opts.AcceptDamage {
			return damage
		}
		db.log.Error("a damaged database is served", "error", damage)
	}
	return nil
}

// alteredSchema says which tables, indexes, views and triggers are not those of this version: a
// trigger that somebody made has the database write by itself, and without an index that is
// unique two have what one may have.
func (db *DB) alteredSchema(ctx context.Context) (found []string, err error) {
	fresh, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, err
	}
	defer fresh.Close()
	fresh.SetMaxOpenConns(1) // each connection has a memory of its own
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if _, err := prepareSchema(ctx, fresh, files, Options{Migrate: true}); err != nil {
		return nil, err
	}
	want, err := schemaOf(ctx, fresh)
	if err != nil {
		return nil, err
	}
	have, err := schemaOf(ctx, db.reader)
	if err != nil {
		return append(found, err.Error()), ctx.Err()
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if text, there := have[name]; !there {
			found = append(found, fmt.Sprintf("the %s is missing", name))
		} else if text != want[name] {
			found = append(found, fmt.Sprintf("the %s is not that of this version", name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have)) {
		if _, known := want[name]; !known {
			found = append(found, fmt.Sprintf("there is a %s, which is not of allot", name))
		}
	}
	return found, nil
}

// schemaOf is what a schema has, each by its kind and name. What SQLite and goose make for
// themselves is left out.
func schemaOf(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `select type || ' ' || name, coalesce(sql, '') from sqlite_schema
		where name not like 'sqlite_%' and tbl_name <> $1`, goose.DefaultTablename)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, err
		}
		all[name] = text
	}
	return all, rows.Err()
}

// each calls f for each row that a query has.
func (db *DB) each(ctx context.Context, query string, f func(*sql.Rows) error) error {
	rows, err := db.reader.QueryContext(ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
