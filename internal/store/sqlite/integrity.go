package sqlite

import (
	"context"
	"database/sql"
	"fmt"
)

// Integrity has SQLite check its file: every page and index, every value against the type
// of its column, and every row that refers to another. It says what is damaged.
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
	return found, nil
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
