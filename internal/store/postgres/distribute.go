package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// spot is where on a Citus cluster the rows of a table lie: on every node, on one
// of them, or each where the value of a column says.
type spot struct {
	table  string
	by     string // a column; "" is on every node, or on one
	with   string // the table whose rows of the same value lie on the same node
	oneKey bool   // all rows have one value: they lie on one node
}

// distribution is the spot of each table. A customer's rows lie together, so that
// each of its transactions is one of a single PostgreSQL. What few write and all
// read is everywhere. The directories are what a look-up by another value than
// the customer's id goes to first; that of codes goes by the user's, because
// there are many users where there are many customers, while organizations, which
// have no user, are few. The feed is one list, written by one, as is what is delivered
// of it.
//
// The tables of the migrations stay where nodes connect to.
var distribution = []spot{
	{table: "compatibility"},
	{table: "revisions"},
	{table: "settings"},
	{table: "features"},
	{table: "plan_groups"},
	{table: "plans"},
	{table: "plan_versions"},
	{table: "clients"},
	{table: "signing_keys"},
	{table: "webhooks"},
	{table: "administrators"},
	{table: "administrator_links"},
	{table: "administrator_sessions"},
	{table: "administrator_identities"},
	{table: "customers", by: "customer_id"},
	{table: "agreements", by: "customer_id", with: "customers"},
	{table: "packed_facts", by: "customer_id", with: "customers"},
	{table: "overrides", by: "customer_id", with: "customers"},
	{table: "grants", by: "customer_id", with: "customers"},
	{table: "counters", by: "customer_id", with: "customers"},
	{table: "usage_records", by: "customer_id", with: "customers"},
	{table: "records", by: "customer_id", with: "customers"},
	{table: "record_ids", by: "customer_id", with: "customers"},
	{table: "record_links", by: "customer_id", with: "customers"},
	{table: "draws", by: "customer_id", with: "customers"},
	{table: "sources", by: "customer_id", with: "customers"},
	{table: "holds", by: "customer_id", with: "customers"},
	{table: "answers", by: "customer_id", with: "customers"},
	{table: "changes", by: "customer_id", with: "customers"},
	{table: "images", by: "customer_id", with: "customers"},
	{table: "events", by: "customer_id", with: "customers"},
	{table: "dues", by: "customer_id", with: "customers"},
	{table: "marks", by: "customer_id", with: "customers"},
	{table: "customer_codes", by: "user_id"},
	{table: "customer_external_ids", by: "external_id"},
	{table: "agreement_external_ids", by: "external_id"},
	{table: "agreement_ids", by: "stem"},
	{table: "feed", oneKey: true},
	{table: "deliveries", oneKey: true},
	{table: "queues", oneKey: true},
	{table: "leases", oneKey: true},
	{table: "followers", oneKey: true},
}

// statement puts a table into its spot.
func (s spot) statement() string {
	if s.by == "" && !s.oneKey {
		return fmt.Sprintf("select create_reference_table('%s')", s.table)
	}
	by, with := "null", "none"
	if s.by != "" {
		by = "'" + s.by + "'"
	}
	if s.with != "" {
		with = s.with
	}
	return fmt.Sprintf("select create_distributed_table('%s', %s, colocate_with => '%s')", s.table, by, with)
}

// oldestCitus is the first version that has tables on one node. See
// docs/scaling.md for what this was tried with.
const oldestCitus = 12

// ErrNotCitus is the error of [DB.Distribute] on a server that cannot spread
// tables.
var ErrNotCitus = errors.New("the database cannot be spread: want one of Citus, version " +
	strconv.Itoa(oldestCitus) + " or later, in which create extension citus was run and nodes were added")

// citusVersion is that of the extension in this database, "" if it has none.
func citusVersion(ctx context.Context, db *sql.DB) (version string, err error) {
	return version, db.QueryRowContext(ctx, `select coalesce(max(extversion), '') from pg_extension where extname = 'citus'`).Scan(&version)
}

// distributeFor is how long Distribute is tried again while another has a lock that it
// wants: Citus holds one on its own tables while it spreads any.
const distributeFor = time.Minute

// Distribute spreads the tables over the nodes of a Citus cluster and returns
// those that it has put into their place: none if all were. It is one
// transaction, so what fails has changed nothing and is run again; it does so by
// itself, for a minute, where another spreads tables of its own. Rows that are
// there are moved; whoever uses a table waits for that, so that it is done while
// there are few, or nobody is served.
func (db *DB) Distribute(ctx context.Context) ([]string, error) {
	config := db.config.Copy()
	config.RuntimeParams["statement_timeout"] = "0"
	config.RuntimeParams["lock_timeout"] = "3000"
	pool := connect(config, 1, db.schema)
	defer pool.Close()

	version, err := citusVersion(ctx, pool)
	if err != nil {
		return nil, err
	}
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err != nil || n < oldestCitus {
		return nil, ErrNotCitus
	}
	return unlocked(ctx, distributeFor, func() ([]string, error) { return distribute(ctx, pool) })
}

// unlocked runs do until it does not fail for a lock that another has, for so long.
func unlocked[T any](ctx context.Context, atMost time.Duration, do func() (T, error)) (T, error) {
	for end := time.Now().Add(atMost); ; {
		v, err := do()
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != lockNotAvailable || time.Now().After(end) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(100*time.Millisecond + rand.N(400*time.Millisecond)):
		}
	}
}

// lockNotAvailable is the SQLSTATE of a lock that could not be had in lock_timeout.
const lockNotAvailable = "55P03"

func distribute(ctx context.Context, pool *sql.DB) ([]string, error) {
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }() // nothing to roll back after a commit
	// Migrations, and others who do the same, wait.
	if _, err := tx.ExecContext(ctx, `lock table goose_db_version in share row exclusive mode`); err != nil {
		return nil, err
	}
	found, err := readSpots(ctx, tx)
	if err != nil {
		return nil, err
	}
	keys, err := readForeignKeys(ctx, tx)
	if err != nil {
		return nil, err
	}
	steps, placed, err := plan(found, keys)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		if _, err := tx.ExecContext(ctx, step); err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, err
	}
	return placed, nil
}

// foundSpot is where a table lies, as Citus tells.
type foundSpot struct {
	spot
	group int64 // tables of one lie together
}

// readSpots reads which tables are in a place already.
func readSpots(ctx context.Context, tx *sql.Tx) (map[string]foundSpot, error) {
	// A table of the method "n" is on every node if it is replicated ("t"), and on
	// one if it belongs to a group; otherwise it is one of a single PostgreSQL that
	// Citus only knows of.
	rows, err := tx.QueryContext(ctx, `select relname, coalesce(column_to_column_name(logicalrelid, partkey), ''),
			partmethod = 'n' and repmodel <> 't', colocationid
		from pg_dist_partition join pg_class on pg_class.oid = logicalrelid
		where relnamespace = current_schema()::regnamespace
		and (partmethod <> 'n' or repmodel = 't' or colocationid <> 0)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[string]foundSpot{}
	for rows.Next() {
		var f foundSpot
		if err := rows.Scan(&f.table, &f.by, &f.oneKey, &f.group); err != nil {
			return nil, err
		}
		found[f.table] = f
	}
	return found, rows.Err()
}

// foreignKey is one, with its table and name as they are written in statements.
type foreignKey struct {
	table, name, definition string
	from, to                string // tables
}

func readForeignKeys(ctx context.Context, tx *sql.Tx) ([]foreignKey, error) {
	rows, err := tx.QueryContext(ctx, `select conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(c.oid),
			f.relname, t.relname
		from pg_constraint c join pg_class f on f.oid = conrelid join pg_class t on t.oid = confrelid
		where contype = 'f' and connamespace = current_schema()::regnamespace order by 1, 2`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []foreignKey
	for rows.Next() {
		var k foreignKey
		if err := rows.Scan(&k.table, &k.name, &k.definition, &k.from, &k.to); err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, rows.Err()
}

// plan is what puts the tables into their places that are not there, and which
// those are. Foreign keys are taken away before and made anew after: between a
// table that is spread and one that is not yet there can be none. It fails if a
// table is in another place.
func plan(found map[string]foundSpot, keys []foreignKey) (steps, placed []string, err error) {
	for _, want := range distribution {
		have, ok := found[want.table]
		switch {
		case !ok:
			placed = append(placed, want.table)
			steps = append(steps, want.statement())
		case have.by != want.by || have.oneKey != want.oneKey:
			return nil, nil, fmt.Errorf("table %s is spread in another way: want what %q makes", want.table, want.statement())
		case want.with != "" && have.group != found[want.with].group:
			return nil, nil, fmt.Errorf("table %s does not lie with %s: want what %q makes", want.table, want.with, want.statement())
		}
	}
	if len(placed) == 0 {
		return nil, nil, nil
	}
	var before, after []string
	for _, k := range keys {
		if slices.Contains(placed, k.from) || slices.Contains(placed, k.to) {
			before = append(before, fmt.Sprintf("alter table %s drop constraint %s", k.table, k.name))
			after = append(after, fmt.Sprintf("alter table %s add constraint %s %s", k.table, k.name, k.definition))
		}
	}
	// Over several connections to a node, as Citus does by itself, a transaction
	// cannot touch both what is everywhere and what refers to it.
	first := "set local citus.multi_shard_modify_mode to 'sequential'"
	return slices.Concat([]string{first}, before, steps, after), placed, nil
}
