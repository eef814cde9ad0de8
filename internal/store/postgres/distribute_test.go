package postgres

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/pgtest"
)

// No Citus is at hand where this is tested. What is shown here is that the
// statements are right by Citus's published rules and that all of them that are
// PostgreSQL's run there; docs/scaling.md says when they were run on a cluster.

// lists reads rows of texts.
func lists(t *testing.T, db interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}, query string) (all [][]string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row := make([]string, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func spots() map[string]spot {
	all := map[string]spot{}
	for _, s := range distribution {
		all[s.table] = s
	}
	return all
}

// together reports whether rows of one value lie on one node.
func together(a, b spot) bool {
	group := func(s spot) string {
		if s.with != "" {
			return s.with
		}
		return s.table
	}
	return a.by != "" && b.by != "" && group(a) == group(b)
}

// Citus's rules: each table has a place, a key has the column that a table is
// spread by, and a foreign key stays on one node.
func TestEachTableHasASpot(t *testing.T) {
	db := mustOpen(t, Options{URL: pgtest.URL(t)}).writer
	all := spots()
	if len(all) != len(distribution) {
		t.Error("a table has two spots")
	}
	var tables []string
	for _, row := range lists(t, db, `select relname from pg_class where relkind = 'r'
		and relnamespace = current_schema()::regnamespace and relname not like 'goose_%'`) {
		tables = append(tables, row[0])
	}
	slices.Sort(tables)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(all)), tables); diff != "" {
		t.Errorf("tables with a spot (-) and tables (+):\n%s", diff)
	}
	for i, s := range distribution {
		with := slices.IndexFunc(distribution, func(o spot) bool { return o.table == s.with })
		if s.with != "" && (with < 0 || with > i || distribution[with].with != "" || distribution[with].by == "") {
			t.Errorf("%s is to lie with %s, which is not spread before it", s.table, s.with)
		}
	}
	for _, key := range lists(t, db, `select relname, string_agg(attname, ',')
		from pg_index join pg_class on pg_class.oid = indrelid
		join pg_attribute on attrelid = indexrelid
		where indisunique and relnamespace = current_schema()::regnamespace group by relname, indexrelid`) {
		if s, columns := all[key[0]], strings.Split(key[1], ","); s.by != "" && !slices.Contains(columns, s.by) {
			t.Errorf("%s is spread by %s, which its unique key on %s has not", s.table, s.by, columns)
		}
	}
	for _, column := range lists(t, db, `select relname, attname from pg_class join pg_attribute on attrelid = pg_class.oid
		where relkind = 'r' and attname = 'customer_id' and relnamespace = current_schema()::regnamespace`) {
		directory := slices.Contains([]string{"customer_codes", "customer_external_ids", "agreement_external_ids", "agreement_ids"}, column[0])
		if !directory && !together(all[column[0]], all["customers"]) {
			t.Errorf("%s does not lie with customers", column[0])
		}
	}
	for _, key := range lists(t, db, `select f.relname, a.attname, t.relname, b.attname
		from pg_constraint join pg_class f on f.oid = conrelid join pg_class t on t.oid = confrelid
		cross join unnest(conkey, confkey) as pair (x, y)
		join pg_attribute a on a.attrelid = conrelid and a.attnum = x
		join pg_attribute b on b.attrelid = confrelid and b.attnum = y
		where contype = 'f' and connamespace = current_schema()::regnamespace`) {
		from, to := all[key[0]], all[key[2]]
		everywhere := to.by == "" && !to.oneKey
		local := together(from, to) && key[1] == from.by && key[3] == to.by
		if !everywhere && !local {
			t.Errorf("%s.%s refers to %s.%s, which may lie on another node", key[0], key[1], key[2], key[3])
		}
	}
}

// placedAll is what Citus tells once all is done.
func placedAll() map[string]foundSpot {
	found := map[string]foundSpot{}
	for i, s := range distribution {
		f := foundSpot{spot: spot{table: s.table, by: s.by, oneKey: s.oneKey}, group: int64(i)}
		if s.with != "" {
			f.group = found[s.with].group
		}
		found[s.table] = f
	}
	return found
}

func TestDistributionPlan(t *testing.T) {
	keys := []foreignKey{
		{"agreements", "a", "FOREIGN KEY (customer_id) REFERENCES customers(customer_id)", "agreements", "customers"},
		{"plan_versions", "p", "FOREIGN KEY (plan_code) REFERENCES plans(code)", "plan_versions", "plans"},
	}
	steps, placed, err := plan(nil, keys)
	if err != nil || len(placed) != len(distribution) {
		t.Fatalf("%d of %d tables, %v", len(placed), len(distribution), err)
	}
	for i, want := range map[int]string{
		0:               `set local citus.multi_shard_modify_mode to 'sequential'`,
		1:               `alter table agreements drop constraint a`,
		2:               `alter table plan_versions drop constraint p`,
		3:               `select create_reference_table('compatibility')`,
		17:              `select create_distributed_table('customers', 'customer_id', colocate_with => 'none')`,
		18:              `select create_distributed_table('agreements', 'customer_id', colocate_with => 'customers')`,
		len(steps) - 11: `select create_distributed_table('customer_codes', 'user_id', colocate_with => 'none')`,
		len(steps) - 10: `select create_distributed_table('customer_external_ids', 'external_id', colocate_with => 'none')`,
		len(steps) - 9:  `select create_distributed_table('agreement_external_ids', 'external_id', colocate_with => 'none')`,
		len(steps) - 7:  `select create_distributed_table('feed', null, colocate_with => 'none')`,
		len(steps) - 2:  `alter table agreements add constraint a FOREIGN KEY (customer_id) REFERENCES customers(customer_id)`,
		len(steps) - 1:  `alter table plan_versions add constraint p FOREIGN KEY (plan_code) REFERENCES plans(code)`,
	} {
		if steps[i] != want {
			t.Errorf("step %d is %q, want %q", i, steps[i], want)
		}
	}

	steps, placed, err = plan(placedAll(), keys)
	if len(steps) > 0 || len(placed) > 0 || err != nil {
		t.Errorf("where all is done there are %q, %v", steps, err)
	}

	// A table that came with a later version.
	most := placedAll()
	delete(most, "agreements")
	steps, placed, err = plan(most, keys)
	want := []string{
		`set local citus.multi_shard_modify_mode to 'sequential'`,
		`alter table agreements drop constraint a`,
		`select create_distributed_table('agreements', 'customer_id', colocate_with => 'customers')`,
		`alter table agreements add constraint a FOREIGN KEY (customer_id) REFERENCES customers(customer_id)`,
	}
	if diff := cmp.Diff(want, steps); diff != "" || !slices.Equal(placed, []string{"agreements"}) || err != nil {
		t.Errorf("%q, %v:\n%s", placed, err, diff)
	}

	for name, spoil := range map[string]func(*foundSpot){
		"spread in another way":  func(f *foundSpot) { f.by = "window_end" },
		"does not lie with cust": func(f *foundSpot) { f.group = 99 },
	} {
		other := placedAll()
		f := other["counters"]
		spoil(&f)
		other["counters"] = f
		if _, _, err := plan(other, keys); err == nil || !strings.Contains(err.Error(), "counters") || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The steps, with what Citus does left out, run on PostgreSQL and leave the
// schema as it was.
func TestDistributionStepsRun(t *testing.T) {
	url := pgtest.URL(t)
	db := mustOpen(t, Options{URL: url})
	const keysOf = `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
		where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2`
	before := lists(t, db.writer, keysOf)
	if len(before) < 4 {
		t.Fatalf("found only the foreign keys %q", before)
	}
	tx, err := db.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	keys, err := readForeignKeys(t.Context(), tx)
	if err != nil {
		t.Fatal(err)
	}
	steps, _, err := plan(nil, keys)
	if err != nil {
		t.Fatal(err)
	}
	// Each notes how many foreign keys a table has when it is its turn.
	const body = ` returns void language sql as $$
		insert into turns select $1::text, count(*) from pg_constraint where contype = 'f' and ($1 in (conrelid, confrelid)) $$`
	for _, step := range append([]string{
		`create table turns (name text, keys bigint)`,
		`create function create_reference_table(name regclass)` + body,
		`create function create_distributed_table(name regclass, by text, colocate_with text)` + body,
	}, steps...) {
		if _, err := tx.ExecContext(t.Context(), step); err != nil {
			t.Fatalf("%s: %v", step, err)
		}
	}
	if turns := lists(t, tx, `select name from turns where keys = 0`); len(turns) != len(distribution) {
		t.Errorf("%d of %d tables had their turn without foreign keys", len(turns), len(distribution))
	}
	if diff := cmp.Diff(before, lists(t, tx, keysOf)); diff != "" {
		t.Errorf("foreign keys before (-) and after (+):\n%s", diff)
	}
}

func TestDistributeNeedsCitus(t *testing.T) {
	db := mustOpen(t, Options{URL: pgtest.URL(t)})
	placed, err := db.Distribute(t.Context())
	if !errors.Is(err, ErrNotCitus) || len(placed) > 0 {
		t.Errorf("%q, %v", placed, err)
	}
}
