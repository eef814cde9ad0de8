package postgres

import (
	"context"
	"database/sql"
	"fmt"
)

// Integrity asks PostgreSQL what it knows of damage, without extensions: indexes that are
// not valid, foreign keys that were not checked and rows that break one, data pages whose
// checksum was wrong, and, for each table, whether its key has as many rows as the table,
// read once by each. On Citus, whose tables are on other nodes, the last is left out. It
// says what is damaged.
func (db *DB) Integrity(ctx context.Context) (found []string, err error) {
	config := db.config.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	pool := connect(config, 1, db.schema)
	defer pool.Close()
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // it only reads
	for _, check := range []struct{ query, says string }{
		{`select indexrelid::regclass::text from pg_index join pg_class on pg_class.oid = indrelid
			where relnamespace = current_schema()::regnamespace and not (indisvalid and indisready) order by 1`,
			"the index %s is not valid"},
		{`select conname || ' of ' || conrelid::regclass::text from pg_constraint
			where connamespace = current_schema()::regnamespace and not convalidated order by 1`,
			"the constraint %s was not checked"},
		{`select datname from pg_stat_database where datname = current_database() and checksum_failures > 0`,
			"the server has read pages of the database %s whose checksum was wrong"},
	} {
		names, err := texts(ctx, tx, check.query)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			found = append(found, fmt.Sprintf(check.says, name))
		}
	}
	if db.citus {
		return found, nil
	}
	strays, err := strayRows(ctx, tx)
	if err != nil {
		return nil, err
	}
	found = append(found, strays...)
	tables, err := texts(ctx, tx, `select relname from pg_class where relkind = 'r' and relnamespace = current_schema()::regnamespace order by 1`)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		var counts [2]int64
		for i, how := range []string{"set local enable_seqscan = on; set local enable_indexscan = off; set local enable_indexonlyscan = off; set local enable_bitmapscan = off",
			"set local enable_seqscan = off; set local enable_indexscan = on; set local enable_indexonlyscan = on; set local enable_bitmapscan = off"} {
			if _, err := tx.ExecContext(ctx, how); err != nil {
				return nil, err
			}
			if err := tx.QueryRowContext(ctx, `select count(*) from `+quoted(table)).Scan(&counts[i]); err != nil {
				return nil, err
			}
		}
		if counts[0] != counts[1] {
			found = append(found, fmt.Sprintf("%s has %d rows, and an index of it %d", table, counts[0], counts[1]))
		}
	}
	return found, nil
}

// strayRows says of how many rows a foreign key names a row that is not there.
func strayRows(ctx context.Context, tx *sql.Tx) (found []string, err error) {
	queries, err := texts(ctx, tx, `select format('select %L || count(*) || %L from %s as a where not exists (select 1 from %s as b where %s) having count(*) > 0',
			'', ' rows of ' || conrelid::regclass::text || ' refer to rows of ' || confrelid::regclass::text || ' that are not there',
			conrelid::regclass, confrelid::regclass,
			(select string_agg(format('a.%I = b.%I', x.attname, y.attname), ' and ') from unnest(conkey, confkey) as k (n, m)
				join pg_attribute x on x.attrelid = conrelid and x.attnum = n
				join pg_attribute y on y.attrelid = confrelid and y.attnum = m))
		from pg_constraint where contype = 'f' and connamespace = current_schema()::regnamespace order by 1`)
	if err != nil {
		return nil, err
	}
	for _, query := range queries {
		some, err := texts(ctx, tx, query)
		if err != nil {
			return nil, err
		}
		found = append(found, some...)
	}
	return found, nil
}

// texts are the rows of a query of one column.
func texts(ctx context.Context, tx *sql.Tx, query string) (all []string, err error) {
	rows, err := tx.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, rows.Err()
}

func quoted(name string) string { return `"` + name + `"` }
