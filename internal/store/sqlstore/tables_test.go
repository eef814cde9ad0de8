package sqlstore_test

import (
	"context"
	"database/sql"
	"regexp"
	"strings"
	"testing"
)

// schema is what a database says of itself, in words that all of them share.
type schema struct {
	tables map[string]*table
	others []string // triggers, views, sequences, functions: their kind and name
}

type table struct {
	strict  bool // values are of the type that their column has
	columns []attribute
	primary []string // columns
	indexes map[string]index
	foreign []foreignKey
}

// attribute is a column. It has the type text, integer or blob, or what the database calls another.
type attribute struct {
	name, kind   string
	nullable     bool
	made         string // what makes the value if none is given: a default, an identity
	orderedBytes bool   // text is compared by its bytes
}

type index struct {
	columns []string
	unique  bool
	where   string // a condition, without parentheses
}

type foreignKey struct {
	columns    []string
	table      string
	references []string
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// scanAll reads the rows of a query.
func scanAll(t *testing.T, db querier, scan func(rows *sql.Rows) error, query string, args ...any) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// readSQLite reads the tables of Allot from SQLite's catalog.
func readSQLite(t *testing.T, db querier) schema {
	t.Helper()
	s := schema{tables: map[string]*table{}}
	scanAll(t, db, func(rows *sql.Rows) error {
		var name string
		var tb table
		if err := rows.Scan(&name, &tb.strict); err != nil {
			return err
		}
		tb.indexes = map[string]index{}
		s.tables[name] = &tb
		return nil
	}, `select name, strict from pragma_table_list where schema = 'main' and type = 'table'
		and name not like 'sqlite_%' and name not like 'goose_%'`)
	scanAll(t, db, func(rows *sql.Rows) error {
		var kind, name string
		err := rows.Scan(&kind, &name)
		s.others = append(s.others, kind+" "+name)
		return err
	}, `select type, name from sqlite_schema where type not in ('table', 'index')`)
	for name, tb := range s.tables {
		scanAll(t, db, func(rows *sql.Rows) error {
			var c attribute
			var notNull bool
			var key int
			if err := rows.Scan(&c.name, &c.kind, &notNull, &c.made, &key); err != nil {
				return err
			}
			c.kind = strings.ToLower(c.kind)
			c.nullable, c.orderedBytes = !notNull, true
			tb.columns = append(tb.columns, c)
			return nil
		}, `select name, type, "notnull", coalesce(dflt_value, case when hidden then 'generated' else '' end), pk
			from pragma_table_xinfo($1) order by cid`, name)
		scanAll(t, db, func(rows *sql.Rows) error {
			var column string
			err := rows.Scan(&column)
			tb.primary = append(tb.primary, column)
			return err
		}, `select name from pragma_table_info($1) where pk > 0 order by pk`, name)
		scanAll(t, db, func(rows *sql.Rows) error {
			var name, columns, text string
			var x index
			if err := rows.Scan(&name, &x.unique, &columns, &text); err != nil {
				return err
			}
			x.columns = strings.Split(columns, ",")
			if _, where, ok := strings.Cut(strings.ToLower(text), " where "); ok {
				x.where = bare(where)
			}
			if text == "" {
				name = strings.Join(x.columns, "_") // made for "unique" in the table
			}
			tb.indexes[name] = x
			return nil
		}, `select name, "unique", (select group_concat(name) from (select name from pragma_index_info(l.name) order by seqno)),
			coalesce((select sql from sqlite_schema where sqlite_schema.name = l.name), '')
			from pragma_index_list($1) l where origin <> 'pk'`, name)
		keys := map[int]*foreignKey{}
		scanAll(t, db, func(rows *sql.Rows) error {
			var id int
			var to, from, reference string
			if err := rows.Scan(&id, &to, &from, &reference); err != nil {
				return err
			}
			if keys[id] == nil {
				keys[id] = &foreignKey{table: to}
			}
			keys[id].columns = append(keys[id].columns, from)
			keys[id].references = append(keys[id].references, reference)
			return nil
		}, `select id, "table", "from", "to" from pragma_foreign_key_list($1) order by id, seq`, name)
		for _, key := range keys {
			tb.foreign = append(tb.foreign, *key)
		}
	}
	return s
}

// readPostgres reads the tables of Allot from PostgreSQL's catalog.
func readPostgres(t *testing.T, db querier) schema {
	t.Helper()
	s := schema{tables: map[string]*table{}}
	const ours = ` relnamespace = current_schema()::regnamespace and relname not like 'goose_%'`
	scanAll(t, db, func(rows *sql.Rows) error {
		var name string
		err := rows.Scan(&name)
		s.tables[name] = &table{strict: true, indexes: map[string]index{}}
		return err
	}, `select relname from pg_class where relkind in ('r', 'p') and`+ours)
	scanAll(t, db, func(rows *sql.Rows) error {
		var kind, name string
		err := rows.Scan(&kind, &name)
		s.others = append(s.others, kind+" "+name)
		return err
	}, `select case relkind when 'S' then 'sequence' when 'v' then 'view' else 'relation' end, relname
			from pg_class where relkind not in ('r', 'p', 'i', 'I', 'c', 't') and`+ours+`
		union all select 'trigger', tgname from pg_trigger join pg_class on pg_class.oid = tgrelid where not tgisinternal and`+ours+`
		union all select 'function', proname from pg_proc where pronamespace = current_schema()::regnamespace`)
	scanAll(t, db, func(rows *sql.Rows) error {
		var name string
		var c attribute
		if err := rows.Scan(&name, &c.name, &c.kind, &c.nullable, &c.made, &c.orderedBytes); err != nil {
			return err
		}
		switch c.kind {
		case "bigint":
			c.kind = "integer"
		case "bytea":
			c.kind = "blob"
		case "integer":
			c.kind = "integer of 32 bits"
		}
		if value := literal.FindStringSubmatch(c.made); value != nil {
			c.made = value[1] // without its type, which is the column's
		}
		s.tables[name].columns = append(s.tables[name].columns, c)
		return nil
	}, `select relname, attname, format_type(atttypid, atttypmod), not attnotnull,
			coalesce(pg_get_expr(adbin, adrelid), case when attidentity <> '' then 'identity' else '' end),
			attcollation = 0 or attcollation = '"C"'::regcollation
		from pg_class join pg_attribute on attrelid = pg_class.oid left join pg_attrdef on adrelid = attrelid and adnum = attnum
		where relkind in ('r', 'p') and attnum > 0 and not attisdropped and`+ours+` order by attnum`)
	scanAll(t, db, func(rows *sql.Rows) error {
		var name, indexName, columns, where string
		var x index
		var primary, constraint bool
		if err := rows.Scan(&name, &indexName, &x.unique, &primary, &constraint, &columns, &where); err != nil {
			return err
		}
		x.columns, x.where = strings.Split(columns, ","), bare(where)
		switch {
		case primary:
			s.tables[name].primary = x.columns
		case constraint:
			s.tables[name].indexes[strings.Join(x.columns, "_")] = x
		default:
			s.tables[name].indexes[indexName] = x
		}
		return nil
	}, `select relname, indexrelid::regclass::text, indisunique, indisprimary,
			exists (select 1 from pg_constraint where conindid = indexrelid and contype in ('p', 'u')),
			(select string_agg(pg_get_indexdef(indexrelid, n, true), ',' order by n) from generate_series(1, indnkeyatts) n),
			coalesce(pg_get_expr(indpred, indrelid), '')
		from pg_class join pg_index on indrelid = pg_class.oid where`+ours)
	scanAll(t, db, func(rows *sql.Rows) error {
		var name, columns, references string
		var key foreignKey
		if err := rows.Scan(&name, &columns, &key.table, &references); err != nil {
			return err
		}
		key.columns, key.references = strings.Split(columns, ","), strings.Split(references, ",")
		s.tables[name].foreign = append(s.tables[name].foreign, key)
		return nil
	}, `select relname,
			(select string_agg(attname, ',' order by i) from unnest(conkey) with ordinality k (n, i)
				join pg_attribute on attrelid = conrelid and attnum = n),
			(select relname from pg_class where oid = confrelid),
			(select string_agg(attname, ',' order by i) from unnest(confkey) with ordinality k (n, i)
				join pg_attribute on attrelid = confrelid and attnum = n)
		from pg_constraint join pg_class on pg_class.oid = conrelid where contype = 'f' and`+ours)
	return s
}

var decoration = regexp.MustCompile(`[()\s]|::\w+`)

var number = regexp.MustCompile(`'(-?\d+)'`)

// bare is a condition without what the databases write differently.
func bare(text string) string {
	return number.ReplaceAllString(decoration.ReplaceAllString(strings.ToLower(text), ""), "$1")
}
