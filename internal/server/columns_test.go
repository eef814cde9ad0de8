package server

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// unseen are columns in which a change by hand is not seen, by the reason. A table without a
// column stands for the removal of its rows. docs/operations.md has them in short.
var unseen = func() map[string]string {
	all := map[string]string{}
	for reason, names := range map[string]string{
		"no other place has it, and no answer but of the past goes by it": `records.stamp records.actor records.counted_on
			record_links.corrects draws.place
			holds.made_on holds.expires_on holds.actor holds.pins`,
		"it is made use of only where it is what is asked for, else made anew":                `counters.version counters.held_on packed_facts images packed_facts.customer_id sources sources.customer_id`,
		"within an hour of now; what is later is seen, and no answer goes by what is earlier": `counters.changed_on revisions.changed_on feed.placed_on dues.told_on`,
		"only its being too small is damage":                                                  `customers.last_agreement_ms`,
		"what happened is found anew from the facts, or told twice":                           `dues.due_on marks marks.reached_on followers followers.name`,
		"how a webhook does, which no other place has": `webhooks.old_until webhooks.disabled_on webhooks.failing_since webhooks.begin_seq
			webhooks.replay_after webhooks.replay_until webhooks.created_on webhooks.changed_on
			deliveries.part deliveries.kind deliveries.attempts deliveries.created_on deliveries.attempted_on deliveries.took
			deliveries.answer deliveries.fault deliveries.done_on queues.next_on`,
		"it ends by itself, and no other place has it": `answers answers.created_on leases leases.name leases.holder leases.held_until
			administrator_links administrator_links.hash administrator_links.purpose administrator_links.created_on administrator_links.spent_on
			administrator_sessions administrator_sessions.hash administrator_sessions.role administrator_sessions.method administrator_sessions.agent
			administrator_sessions.created_on administrator_sessions.seen_on administrator_sessions.ends_on`,
		"who is who at a provider is said by the provider":                  `administrator_identities administrator_identities.issuer administrator_identities.subject administrator_identities.created_on`,
		"the mark beside the database is held against it when it is opened": `commits.counted commits.database commits.cleaned`,
		"how the schema came about; what it is now is held against that of this version": `goose_db_version.id goose_db_version.version_id
			goose_db_version.is_applied goose_db_version.tstamp`,
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = reason
		}
	}
	return all
}()

// unbounded are those of them in which no change is seen however large it is, by what goes by
// them: an answer, a limit or what verify says later does not.
var unbounded = func() map[string]string {
	all := map[string]string{}
	for reason, names := range map[string]string{
		"it is only shown, or until when it is kept": `answers.created_on administrator_identities.created_on administrator_links.spent_on marks.reached_on
			deliveries.part deliveries.created_on deliveries.attempted_on deliveries.took deliveries.answer
			webhooks.disabled_on webhooks.created_on webhooks.changed_on`,
		"it only tells one state from another, or what came before": `counters.version draws.place commits.counted commits.cleaned
			goose_db_version.id goose_db_version.is_applied`,
		"it is when a webhook is given up, or a place goes from the feed, as how it does says": `deliveries.attempts webhooks.failing_since feed.placed_on`,
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = reason
		}
	}
	return all
}()

// Of every column of every table one value is changed by hand, and of every table one row and
// then all rows are removed: verify says so, or why it cannot is written here. A new column is
// in neither place, so that whoever adds one decides.
func TestVerifySeesEveryColumn(t *testing.T) {
	file := lived(t)
	byHand(t, file, `
		insert into administrator_sessions (hash, name, role, method, agent, created_on, seen_on, ends_on) values ('h', 'ada', 'viewer', 'password', 'a', 1, 1, 2);
		insert into administrator_identities (issuer, subject, name, created_on) values ('i', 's', 'ada', 1)`)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(filepath.Dir(file), "allot.key"))
	if err != nil {
		t.Fatal(err)
	}
	says := func(changes ...string) string {
		dir := t.TempDir()
		for name, text := range map[string][]byte{"allot.db": content, "allot.key": key} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if change := firstPossible(t, filepath.Join(dir, "allot.db"), changes); change == "" {
			return "the database takes none of these"
		}
		return verified(t, dir)
	}
	missed := maps.Clone(unseen)
	look := func(name string, changes ...string) {
		found := says(changes...)
		_, known := unseen[name]
		switch {
		case found == "" && !known:
			t.Errorf("%s is changed by hand, and verify says nothing: %s", name, changes[0])
		case found != "" && known:
			t.Errorf("%s is said not to be seen, and is: %s", name, found)
		}
		delete(missed, name)
	}
	seen := 0
	for _, table := range tablesOf(t, file) {
		if table.name == "usage_records" { // whose rows are moved: see packages service and sqlstore
			continue
		}
		if len(table.columns) == 0 {
			t.Errorf("there is nothing in %s: have lived put something there", table.name)
			continue
		}
		keys := "(" + strings.Join(table.keys, ", ") + ")"
		for _, c := range table.columns {
			where := fmt.Sprintf(" where %s = (select %s from %s order by %s is null, length(%[4]s) desc, %[5]s limit 1)",
				keys, strings.Join(table.keys, ", "), table.name, c.name, strings.Join(table.keys, ", "))
			if table.name == "followers" && c.name == "place" { // seen only behind the end of the feed
				continue
			}
			var changes []string
			for _, to := range c.others(table.name) {
				changes = append(changes, fmt.Sprintf("update %s as t set %s = %s%s", table.name, c.name, to, where))
			}
			look(table.name+"."+c.name, changes...)
			seen++
			if name := table.name + "." + c.name; unseen[name] != "" && c.kind == "INTEGER" {
				far := says(fmt.Sprintf("update %s as t set %s = coalesce(t.%[2]s, 0) + 1000000000000000%s", table.name, c.name, where))
				if _, known := unbounded[name]; (far == "") != known {
					t.Errorf("%s is moved far by hand, and verify says %q", name, far)
				}
			}
		}
		if _, all := unseen[table.name]; !all && table.name != "goose_db_version" {
			look(table.name+" a row", fmt.Sprintf("delete from %s where %s = (select %s from %[1]s order by %[3]s limit 1)", table.name, keys, strings.Join(table.keys, ", ")))
		}
		if table.name != "goose_db_version" { // without which it is no database of this program
			look(table.name, "delete from "+table.name)
		}
	}
	if len(missed) > 0 {
		t.Errorf("said not to be seen, and not there: %q", slices.Sorted(maps.Keys(missed)))
	}
	t.Logf("%d columns, %d not seen", seen, len(unseen))
}

type aTable struct {
	name    string
	columns []aColumn
	keys    []string
}

type aColumn struct{ name, kind string }

// others are values that a column may be changed to, the first that can be.
func (c *aColumn) others(table string) []string {
	switch c.kind {
	case "INTEGER", "DATETIME":
		return []string{"coalesce(t." + c.name + ", 0) + 1", "t." + c.name + " + 1000", "t." + c.name + " - 1"}
	case "BLOB":
		return []string{"cast(t." + c.name + " || x'00' as blob)"}
	}
	return []string{
		fmt.Sprintf("coalesce((select o.%[1]s from %[2]s as o where o.%[1]s <> t.%[1]s limit 1), t.%[1]s || 'x')", c.name, table),
		"t." + c.name + " || 'x'",
	}
}

// tablesOf are the tables of a database; one in which there is nothing has no columns.
func tablesOf(t *testing.T, file string) (tables []aTable) {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	texts := func(query string) (all [][2]string) {
		rows, err := db.QueryContext(context.Background(), query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var of [2]string
			if err := rows.Scan(&of[0], &of[1]); err != nil {
				t.Fatal(err)
			}
			all = append(all, of)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	for _, name := range texts(`select name, '' from sqlite_master where type = 'table' and name not like 'sqlite_%' order by name`) {
		table := aTable{name: name[0]}
		if texts("select count(*), '' from " + table.name)[0][0] != "0" {
			for _, c := range texts("select name, pk || ' ' || type from pragma_table_info('" + table.name + "')") {
				place, kind, _ := strings.Cut(c[1], " ")
				table.columns = append(table.columns, aColumn{c[0], kind})
				if place != "0" {
					table.keys = append(table.keys, c[0])
				}
			}
		}
		tables = append(tables, table)
	}
	return tables
}

// firstPossible makes the first of some changes that the database takes; "" if it takes none.
func firstPossible(t *testing.T, file string, changes []string) string {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, change := range changes {
		if result, err := db.ExecContext(t.Context(), change); err == nil {
			if n, err := result.RowsAffected(); err == nil && n > 0 {
				return change
			}
		}
	}
	return ""
}
