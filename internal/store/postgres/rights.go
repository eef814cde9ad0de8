package postgres

import (
	"context"
	"database/sql"
)

// Denied says which rights on the tables of the schema, all of which are Allot's, the user of
// the database has not, such as "INSERT on records", in order.
func (db *DB) Denied(ctx context.Context) ([]string, error) {
	tx, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	return texts(ctx, tx, `select need || ' on ' || relname
		from pg_class, unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE']) as need
		where relkind in ('r', 'p') and relnamespace = current_schema()::regnamespace and not has_table_privilege(pg_class.oid, need)
		order by relname, need`)
}
