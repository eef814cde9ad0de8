package sqlstore_test

import (
	"fmt"
	"go/ast"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What must hold of every statement, so that it runs unchanged on SQLite, on
// PostgreSQL, and on PostgreSQL that is spread over machines by customer. What
// must hold of tables is in schema_test.go.

// place is what decides on which machine a table's rows are.
type place struct {
	// key are columns, one of which each statement on the table fixes.
	key []string
	// directory is a table whose entries never change: what is unique among all
	// customers, and whose it is.
	directory bool
}

// places are the tables that are spread; all others are wherever they are needed.
// That these are all that name a customer is a test of the schema.
var places = map[string]place{
	"customers":             {key: []string{"customer_id"}},
	"agreements":            {key: []string{"customer_id"}},
	"overrides":             {key: []string{"customer_id"}},
	"grants":                {key: []string{"customer_id"}},
	"counters":              {key: []string{"customer_id"}},
	"usage_records":         {key: []string{"customer_id"}},
	"records":               {key: []string{"customer_id"}},
	"record_ids":            {key: []string{"customer_id"}},
	"record_links":          {key: []string{"customer_id"}},
	"draws":                 {key: []string{"customer_id"}},
	"sources":               {key: []string{"customer_id"}},
	"packed_facts":          {key: []string{"customer_id"}},
	"holds":                 {key: []string{"customer_id"}},
	"answers":               {key: []string{"customer_id"}},
	"changes":               {key: []string{"customer_id"}},
	"images":                {key: []string{"customer_id"}},
	"events":                {key: []string{"customer_id"}},
	"dues":                  {key: []string{"customer_id"}},
	"marks":                 {key: []string{"customer_id"}},
	"customer_codes":        {key: []string{"org_code", "user_id"}, directory: true},
	"customer_external_ids": {key: []string{"external_id"}, directory: true},
	"agreement_ids":         {key: []string{"stem"}, directory: true},

	"agreement_external_ids": {key: []string{"external_id"}, directory: true},
}

// customerData is a statement on a table that has a customer's rows.
var customerData = regexp.MustCompile(
	`(from|into|update) (customers|agreements|overrides|grants|counters|usage_records|records|record_ids|record_links|draws|sources|packed_facts|holds|answers|changes|images|events|dues|marks)\b`)

// acrossCustomers are the statements that are meant for all customers: lists,
// the walk of a copy, and the upkeep that the sequencer and the sweeps of old
// records are. Each of them is bounded.
var acrossCustomers = []string{
	"customersQuery", "customersOfQuery", "onPlanAfter", "onPlanBefore", "selectCustomerIDs", "selectCustomersOn", "selectHolders", "selectEnding", "selectUsers", "selectUnsequenced", "selectUnsequencedEvents", "selectDues", "selectExpired", "deleteAnswers", "deleteHolds",
	"selectAnyUnmoved", "copyRows", "selectNewestCustomer", "selectNewestCounter",
}

// foreign are words and functions that one of the databases does not know, or
// knows otherwise, or that make a statement depend on more than its arguments.
var foreign = []string{
	"for update", "for share", "for no key update", "for key share", "skip locked", "nowait", "lock table",
	"pg_advisory_lock", "pg_advisory_xact_lock", "pg_try_advisory_lock", "pg_try_advisory_xact_lock",
	"savepoint", "release", "merge", "truncate", "temp", "temporary", "listen", "notify", "set local",
	"unnest", "any", "array", "json", "jsonb", "lateral", "with", "using", "join",
	"nextval", "currval", "serial", "autoincrement", "rowid", "ctid", "gen_random_uuid", "random",
	"now", "current_timestamp", "current_date", "clock_timestamp", "datetime", "strftime", "extract",
	"like", "ilike", "glob", "regexp", "similar", "collate", "lower", "upper", "ifnull", "nvl", "concat",
	"or ignore", "or replace", "replace into", "on constraint", "true", "false", "is distinct",
	"real", "float", "double", "numeric", "decimal",
}

// A fence says more than the others, as it is run on PostgreSQL alone: it is of the one
// customer whose lane it changes, and all else that it writes is of that lane.
var (
	fenceWords = []string{"with", "unnest", "any"}
	ofLane     = regexp.MustCompile(`^ insert into \w+ \( customer_id , .* select lane\.customer_id , .* from lane ?(, unnest |$)`)
)

func isFence(statement string) bool {
	return strings.HasPrefix(statement, "with lane as (update counters ")
}

// block is one select, or the statement itself, without the blocks in it.
type block struct {
	words []string
	outer *block
}

var word = regexp.MustCompile(`'(?:[^']|'')*'|"[^"]*"|\$\d+|[a-z_][a-z0-9_.]*|[0-9]+|<>|>=|<=|--|[^\s]`)

// blocks takes a statement apart.
func blocks(statement string) []*block {
	top := &block{}
	found := []*block{top}
	open := []*block{top}
	words := word.FindAllString(strings.ToLower(statement), -1)
	for i, w := range words {
		current := open[len(open)-1]
		switch {
		case w == "(" && i+1 < len(words) && slices.Contains([]string{"select", "insert", "update"}, words[i+1]):
			inner := &block{outer: current}
			found, open = append(found, inner), append(open, inner)
		case w == "(":
			current.words = append(current.words, w)
			open = append(open, current)
		case w == ")" && len(open) > 1:
			open = open[:len(open)-1]
			if open[len(open)-1] == current {
				current.words = append(current.words, w)
			}
		case w == "union" || w == "except" || w == "intersect":
			next := &block{outer: current.outer}
			found = append(found, next)
			open[len(open)-1] = next
		default:
			current.words = append(current.words, w)
		}
	}
	return found
}

// text is the block with one blank between words and at the ends.
func (b *block) text() string { return " " + strings.Join(b.words, " ") + " " }

// tables are those that the block reads or writes.
func (b *block) tables() (names []string) {
	for i, w := range b.words[:max(len(b.words)-1, 0)] {
		switch next := b.words[i+1]; {
		case w == "from", w == "into", w == "update" && next != "set", w == "join":
			names = append(names, next)
		}
	}
	return names
}

// statementBreaches are the rules that a statement breaks, in words.
func statementBreaches(statement string, across bool) (breaches []string) {
	breach := func(format string, args ...any) { breaches = append(breaches, fmt.Sprintf(format, args...)) }
	whole := " " + strings.Join(word.FindAllString(strings.ToLower(statement), -1), " ") + " "
	fence := isFence(statement)
	for _, f := range foreign {
		if fence && slices.Contains(fenceWords, f) {
			continue
		}
		if strings.Contains(whole, " "+f+" ") {
			breach("says %q", f)
		}
	}
	for _, sign := range []string{"?", ";", "--", `"`, "::"} {
		if strings.Contains(statement, sign) {
			breach("has %s", sign)
		}
	}
	if across && !strings.Contains(whole, " limit $") {
		breach("is for all customers and has no limit")
	}
	for _, b := range blocks(statement) {
		tables := b.tables()
		if fence && strings.HasPrefix(b.text(), " insert ") {
			if !ofLane.MatchString(b.text()) {
				breach("%s: is not of the lane", tables[0])
			}
			tables = tables[:1]
		}
		if len(tables) > 1 || strings.Contains(b.text(), " from "+strings.Join(tables, " ")+" ,") {
			breach("reads several tables at once: %s", tables)
		}
		for _, table := range tables {
			at, spread := places[table]
			if !spread {
				continue
			}
			for _, problem := range b.breaches(table, at, across) {
				breach("%s: %s", table, problem)
			}
		}
	}
	return breaches
}

var conflict = regexp.MustCompile(` on conflict (\( [^)]*\))?`)

const entryChanged = "an entry of a directory never changes"

// breaches are those of a block on a table that is spread.
func (b *block) breaches(table string, at place, across bool) (breaches []string) {
	text := b.text()
	insert := strings.HasPrefix(text, " insert ")
	switch {
	case insert:
		if !at.directory && !strings.HasPrefix(text, " insert into "+table+" ( customer_id ,") {
			breaches = append(breaches, "customer_id does not come first")
		}
	case across:
	default:
		if !slices.ContainsFunc(at.key, func(column string) bool { return b.fixes(table, column) }) {
			breaches = append(breaches, "is not of one "+strings.Join(at.key, ", "))
		}
	}
	if strings.Contains(text, " update ") && at.directory {
		breaches = append(breaches, entryChanged)
	}
	if _, set, ok := strings.Cut(text, " set "); ok {
		set, _, _ = strings.Cut(set, " where ")
		for _, column := range at.key {
			if strings.Contains(" "+set, " "+column+" =") {
				breaches = append(breaches, "moves a row to another "+column)
			}
		}
	}
	if target := conflict.FindStringSubmatch(text); target != nil {
		if !strings.HasPrefix(target[1], "( "+at.key[0]+" ") {
			breaches = append(breaches, "on conflict does not name a key that begins with "+at.key[0])
		}
	}
	return breaches
}

// fixes reports whether a block demands one value of a column: an argument, or
// that of the same column in the block around it, which demands one.
func (b *block) fixes(table, column string) bool {
	text := b.text()
	name := table
	if _, alias, ok := strings.Cut(text, " from "+table+" as "); ok {
		name, _, _ = strings.Cut(alias, " ")
	}
	own := []string{" " + column + " = $", " " + name + "." + column + " = $"}
	if slices.ContainsFunc(own, func(s string) bool { return strings.Contains(text, s) }) && !strings.Contains(text, " or ") {
		return true
	}
	if b.outer == nil {
		return false
	}
	for _, outer := range b.outer.tables() {
		same := " " + name + "." + column + " = " + outer + "." + column + " "
		if strings.Contains(text, same) && b.outer.fixes(outer, column) {
			return true
		}
	}
	return false
}

func TestStatementsKeepToProfile(t *testing.T) {
	all := statements(t)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		short, _, _ := strings.Cut(name, " ")
		if name == "selectCustomers" { // the beginning of customersQuery
			continue
		}
		for _, breach := range statementBreaches(all[name], slices.Contains(acrossCustomers, short)) {
			if short == "copyPut" && strings.HasSuffix(breach, entryChanged) {
				continue // a copy that is brought up to date makes of an entry what it has become
			}
			t.Errorf("%s %s: %s", name, breach, all[name])
		}
	}
}

// That each rule is one: a statement that breaks it is found out.
func TestStatementBreachesAreFound(t *testing.T) {
	for name, test := range map[string]struct{ statement, breach string }{
		"no customer": {
			`select used from counters where feature_code = $1`,
			`counters: is not of one customer_id`},
		"one of two customers": {
			`select 1 from agreements where customer_id = $1 or plan_code = $2`,
			`agreements: is not of one customer_id`},
		"no customer in a part": {
			`select rev from customers where customer_id = $1 union all select limit_add from overrides where feature_code = $2`,
			`overrides: is not of one customer_id`},
		"no customer in a part of a part": {
			`select rev from customers where customer_id = $1 and exists (select 1 from agreements where plan_code = $2)`,
			`agreements: is not of one customer_id`},
		"several customers": {
			`update customers set rev = rev where customer_id in ($1, $2)`,
			`customers: is not of one customer_id`},
		"several customers from an array": {
			`insert into counters (customer_id, used) select id, 0 from unnest($1) id on conflict (customer_id) do nothing`,
			`says "unnest"`},
		"no customer by another name": {
			`select 1 from counters where customer_id = $1 and exists (select 1 from counters as other where other.used = counters.used)`,
			`counters: is not of one customer_id`},
		"a fence of no customer": {
			`with lane as (update counters set used = $1 where feature_code = $2 returning customer_id) select count(*) from lane`,
			`counters: is not of one customer_id`},
		"a fence with another customer": {
			`with lane as (update counters set used = $1 where customer_id = $2 returning customer_id),
				recorded as (insert into records (customer_id, change) select $3, made.change from lane, unnest($4) as made (change))
				select count(*) from lane`,
			`records: is not of the lane`},
		"customers joined": {
			`select a.quantity from agreements a join customers c on c.customer_id = a.customer_id where a.customer_id = $1`,
			`says "join"`},
		"customers joined by a comma": {
			`select 1 from agreements, customers where customer_id = $1`,
			`reads several tables at once`},
		"customer not first": {
			`insert into holds (hold_id, customer_id, units) values ($1, $2, $3)`,
			`holds: customer_id does not come first`},
		"customer changed": {
			`update agreements set customer_id = $2 where customer_id = $1 and agreement_id = $3`,
			`agreements: moves a row to another customer_id`},
		"directory changed": {
			`update customer_codes set customer_id = $3 where org_code = $1 and user_id = $2`,
			`customer_codes: ` + entryChanged},
		"directory searched": {
			`select stem from agreement_ids where customer_id = $1`,
			`agreement_ids: is not of one stem`},
		"conflict with a constraint": {
			`insert into customers (customer_id, type) values ($1, $2) on conflict on constraint customers_pkey do nothing`,
			`says "on constraint"`},
		"conflict with anything": {
			`insert into customers (customer_id, type) values ($1, $2) on conflict do nothing`,
			`customers: on conflict does not name a key that begins with customer_id`},
		"lock": {
			`select rev from customers where customer_id = $1 for update`,
			`says "for update"`},
		"advisory lock": {
			`select pg_advisory_xact_lock($1)`,
			`says "pg_advisory_xact_lock"`},
		"savepoint": {`savepoint before_usage`, `says "savepoint"`},
		"merge": {
			`merge into counters using new on counters.customer_id = $1 when matched then update set used = $2`,
			`says "merge"`},
		"clock": {
			`update customers set changed_on = now() where customer_id = $1`,
			`says "now"`},
		"case": {
			`select 1 from customers where customer_id = $1 and search ilike $2`,
			`says "ilike"`},
		"all without a limit": {
			`select customer_id from customers order by customer_id`,
			`is for all customers and has no limit`},
	} {
		t.Run(name, func(t *testing.T) {
			across := strings.HasPrefix(name, "all ")
			if found := statementBreaches(test.statement, across); !slices.Contains(found, test.breach) &&
				!slices.ContainsFunc(found, func(b string) bool { return strings.HasPrefix(b, test.breach) }) {
				t.Errorf("found %q, want %q", found, test.breach)
			}
		})
	}
}

// codeBreaches are the places where code tells errors apart by what differs
// between databases that say SQLSTATE: names of constraints, which change with
// the machine that a row is on, and words.
func codeBreaches(f *ast.File) (breaches []string) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			switch n.Sel.Name {
			case "ConstraintName", "TableName", "ColumnName", "Detail", "Hint", "Message":
				breaches = append(breaches, n.Sel.Name)
			}
		case *ast.CallExpr:
			of, ok := n.Fun.(*ast.SelectorExpr)
			if !ok || fmt.Sprint(of.X) != "strings" && fmt.Sprint(of.X) != "regexp" {
				return true
			}
			for _, arg := range n.Args {
				call, ok := arg.(*ast.CallExpr)
				if !ok {
					continue
				}
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Error" && len(call.Args) == 0 {
					breaches = append(breaches, "the words of an error")
				}
			}
		}
		return true
	})
	return breaches
}

func TestErrorsAreToldByClass(t *testing.T) {
	for _, dir := range []string{".", filepath.Join("..", "postgres"), filepath.Join("..", "sqlite"), ".."} {
		fset, files := parse(t, dir)
		for _, f := range files {
			name := fset.Position(f.Pos()).Filename
			if name == filepath.Join("..", "postgres", "url.go") {
				continue // pgx has no class for a server without TLS; a test holds it to its words, which are no database's
			}
			for _, breach := range codeBreaches(f) {
				t.Errorf("%s goes by %s", name, breach)
			}
		}
	}
	for name, code := range map[string]string{
		"ConstraintName":        `e.Code == "23505" && e.ConstraintName == "customer_codes_pkey"`,
		"the words of an error": `strings.Contains(err.Error(), "duplicate key")`,
	} {
		if found := codeBreaches(parseExpression(t, code)); !slices.Equal(found, []string{name}) {
			t.Errorf("of %s found %q", code, found)
		}
	}
}
