package sqlstore_test

import (
	"database/sql"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlite"
)

// What must hold of the tables, as profile_test.go of the statements.

// backends open an empty database with the schema of each, and read it.
var backends = map[string]struct {
	open func(t *testing.T) *sql.DB
	read func(t *testing.T, db querier) schema
}{
	"sqlite":   {openSQLite, readSQLite},
	"postgres": {openPostgres, readPostgres},
}

func openSQLite(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Backend().Writer
}

func openPostgres(t *testing.T) *sql.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Backend().Writer
}

// sweepIndexes find what is old, whosever it is.
var sweepIndexes = []string{"answers_by_age", "holds_by_age", "events_unsequenced", "dues_by_time"}

// operatorIndexes find customers by what they have, for calls of operators that are
// rare and whose statements are bounded.
var operatorIndexes = []string{"agreements_by_plan", "agreements_ending"}

// literal is a default that is always the same, which a column that was added
// later has for those who do not know of it.
var literal = regexp.MustCompile(`^('[^']*'|-?\d+)(::\w+)?$`)

// breaches are the rules that a schema breaks, in words.
func (s schema) breaches() (breaches []string) {
	breach := func(format string, args ...any) { breaches = append(breaches, fmt.Sprintf(format, args...)) }
	for _, other := range s.others {
		breach("there is the %s", other)
	}
	for name, at := range places {
		if s.tables[name] == nil {
			breach("%s is not there", name)
		} else if !slices.ContainsFunc(s.tables[name].columns, func(c attribute) bool { return c.name == at.key[0] }) {
			breach("%s has no column %s", name, at.key[0])
		}
	}
	for name, tb := range s.tables {
		if !tb.strict {
			breach("%s is not strict", name)
		}
		for _, c := range tb.columns {
			switch {
			case !slices.Contains([]string{"text", "integer", "blob"}, c.kind):
				breach("%s.%s is of the type %s", name, c.name, c.kind)
			case c.kind != "integer" && c.nullable:
				breach("%s.%s may be null", name, c.name)
			}
			if c.kind == "text" && !c.orderedBytes {
				breach("%s.%s is not compared by its bytes", name, c.name)
			}
			if c.made != "" && !literal.MatchString(c.made) {
				breach("%s.%s is made by the database: %s", name, c.name, c.made)
			}
		}
		if len(tb.primary) == 0 {
			breach("%s has no primary key", name)
			continue
		}
		at, spread := places[name]
		namesCustomer := slices.ContainsFunc(tb.columns, func(c attribute) bool { return c.name == "customer_id" })
		if namesCustomer && !spread {
			breach("%s has customers and no place", name)
		}
		if !spread {
			s.foreignBreaches(name, tb, func(to string) bool { _, spread := places[to]; return !spread }, breach)
			continue
		}
		if first := tb.primary[0]; first != at.key[0] {
			breach("the key of %s begins with %s", name, first)
		}
		for indexName, x := range tb.indexes {
			switch {
			case x.unique && x.columns[0] != at.key[0]:
				breach("the unique index %s begins with %s", indexName, x.columns[0])
			case !at.directory && x.columns[0] != at.key[0] && !slices.Contains(slices.Concat(sweepIndexes, operatorIndexes), indexName):
				breach("the index %s begins with %s", indexName, x.columns[0])
			}
		}
		s.foreignBreaches(name, tb, func(to string) bool { _, spread := places[to]; return !at.directory && !spread }, breach)
	}
	slices.Sort(breaches)
	return breaches
}

// foreignBreaches looks at the foreign keys of a table: within one customer, or
// to a table that is everywhere.
func (s schema) foreignBreaches(name string, tb *table, everywhere func(string) bool, breach func(string, ...any)) {
	for _, key := range tb.foreign {
		withinCustomer := !places[name].directory && !places[key.table].directory &&
			slices.Contains(key.columns, "customer_id") &&
			slices.Index(key.columns, "customer_id") == slices.Index(key.references, "customer_id")
		if !withinCustomer && !everywhere(key.table) {
			breach("%s (%s) refers to %s", name, strings.Join(key.columns, ", "), key.table)
		}
	}
}

func TestSchemasKeepToProfile(t *testing.T) {
	for name, backend := range backends {
		t.Run(name, func(t *testing.T) {
			s := backend.read(t, backend.open(t))
			if len(s.tables) < 18 {
				t.Fatalf("found only %q", slices.Collect(maps.Keys(s.tables)))
			}
			for _, breach := range s.breaches() {
				t.Error(breach)
			}
		})
	}
}

// ofNodes are the tables that a database has which several servers share.
var ofNodes = []string{"compatibility"}

// ofFile are the tables that a database has which is one file.
var ofFile = []string{"commits"}

// The schemas differ in nothing but the names of types.
func TestSchemasAreOne(t *testing.T) {
	one := readSQLite(t, openSQLite(t))
	other := readPostgres(t, openPostgres(t))
	for _, name := range ofNodes {
		delete(other.tables, name)
	}
	for _, name := range ofFile {
		delete(one.tables, name)
	}
	less := func(a, b foreignKey) bool { return a.table < b.table }
	if diff := cmp.Diff(one.tables, other.tables, cmp.AllowUnexported(table{}, attribute{}, index{}, foreignKey{}),
		cmpopts.SortSlices(less), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("SQLite (-) and PostgreSQL (+) differ:\n%s", diff)
	}
}

// That each rule is one: a table that breaks it is found out.
func TestSchemaBreachesAreFound(t *testing.T) {
	type seed struct{ statement, breach string }
	opened := map[string]*sql.DB{}
	for name, backend := range backends {
		opened[name] = backend.open(t)
	}
	for name, of := range map[string]map[string]seed{
		"nullable user": {
			"sqlite": {`alter table customers add column another_user_id text`,
				`customers.another_user_id may be null`},
			"postgres": {`alter table customer_codes drop constraint customer_codes_pkey,
				alter column user_id drop not null, add primary key (org_code)`,
				`customer_codes.user_id may be null`},
		},
		"key of another column": {
			"sqlite": {`create table notes (note_id text not null primary key, customer_id text not null) strict`,
				`notes has customers and no place`},
			"postgres": {`alter table holds drop constraint holds_pkey, add primary key (hold_id, customer_id)`,
				`the key of holds begins with hold_id`},
		},
		"index of another column": {
			"sqlite":   {`create index by_feature on overrides (feature_code)`, `the index by_feature begins with feature_code`},
			"postgres": {`create index by_feature on overrides (feature_code)`, `the index by_feature begins with feature_code`},
		},
		"unique across customers": {
			"sqlite":   {`create unique index emails on customers (email)`, `the unique index emails begins with email`},
			"postgres": {`alter table customers add constraint emails unique (email)`, `the unique index email begins with email`},
		},
		"foreign key across customers": {
			"sqlite": {`alter table overrides add column given_by text not null default '' references customers (customer_id)`,
				`overrides (given_by) refers to customers`},
			"postgres": {`alter table overrides add foreign key (actor) references customers (customer_id)`,
				`overrides (actor) refers to customers`},
		},
		"foreign key to a directory": {
			"sqlite": {`alter table agreements add column stem text not null default '' references agreement_ids (stem)`,
				`agreements (stem) refers to agreement_ids`},
			"postgres": {`alter table agreements add foreign key (agreement_id) references agreement_ids (stem)`,
				`agreements (agreement_id) refers to agreement_ids`},
		},
		"foreign key from the catalog": {
			"sqlite": {`alter table plans add column owner text not null default '' references customers (customer_id)`,
				`plans (owner) refers to customers`},
			"postgres": {`alter table plans add foreign key (code) references customers (customer_id)`,
				`plans (code) refers to customers`},
		},
		"trigger": {
			"sqlite": {`create trigger counts after insert on usage_records begin update counters set used = used + 1; end`,
				`there is the trigger counts`},
			"postgres": {`create trigger counts before update on counters for each row execute function suppress_redundant_updates_trigger()`,
				`there is the trigger counts`},
		},
		"sequence": {
			"postgres": {`create sequence orders`, `there is the sequence orders`},
		},
		"serial": {
			"postgres": {`alter table feed add column nth bigserial`, `feed.nth is made by the database: nextval('feed_nth_seq'::regclass)`},
		},
		"identity": {
			"postgres": {`alter table feed add column nth bigint generated always as identity`, `feed.nth is made by the database: identity`},
		},
		"default": {
			"sqlite": {`create table notes (note_id text not null primary key default (hex(randomblob(8)))) strict`,
				`notes.note_id is made by the database: hex(randomblob(8))`},
			"postgres": {`alter table holds alter hold_id set default gen_random_uuid()::text`,
				`holds.hold_id is made by the database: (gen_random_uuid())::text`},
		},
		"float": {
			"sqlite":   {`alter table counters add column rate real`, `counters.rate is of the type real`},
			"postgres": {`alter table counters alter used type double precision`, `counters.used is of the type double precision`},
		},
		"numeric": {
			"postgres": {`alter table counters alter used type numeric(30, 6)`, `counters.used is of the type numeric(30,6)`},
		},
		"clock of the database": {
			"postgres": {`alter table holds add column made_at timestamptz`, `holds.made_at is of the type timestamp with time zone`},
		},
		"collation": {
			"postgres": {`alter table plans alter name type text collate "default"`, `plans.name is not compared by its bytes`},
		},
		"not strict": {
			"sqlite": {`create table loose (code text not null primary key)`, `loose is not strict`},
		},
		"no key": {
			"sqlite":   {`create table notes (note text not null) strict`, `notes has no primary key`},
			"postgres": {`create table notes (note text collate "C" not null)`, `notes has no primary key`},
		},
	} {
		for backend, seed := range of {
			t.Run(name+"/"+backend, func(t *testing.T) {
				tx, err := opened[backend].BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = tx.Rollback() }()
				if _, err := tx.ExecContext(t.Context(), seed.statement); err != nil {
					t.Fatal(err)
				}
				if found := backends[backend].read(t, tx).breaches(); !slices.Contains(found, seed.breach) {
					t.Errorf("found %q, want %q", found, seed.breach)
				}
			})
		}
	}
}
