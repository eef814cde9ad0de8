package sqlstore_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// A copy that left out a table or a column would lose it without a word.
func TestCopyHasAllThereIs(t *testing.T) {
	db := openReader(t)
	names := column(t, db, `select name from pragma_table_list where schema = 'main' and type = 'table'
		and name not like 'sqlite_%' and name not like 'goose_%' and name not in ('leases', 'packed_facts', 'commits')`)
	var copied []string
	for _, table := range sqlstore.Tables {
		copied = append(copied, table.Name)
		all, key := table.Columns()
		// The columns of the key by their places in it.
		want := column(t, db, `select name from pragma_table_info($1) where pk > 0 order by pk`, table.Name)
		if diff := cmp.Diff(want, all[:key]); diff != "" {
			t.Errorf("key of %s (-schema +copy):\n%s", table.Name, diff)
		}
		want = column(t, db, `select name from pragma_table_info($1) order by name`, table.Name)
		if diff := cmp.Diff(want, slices.Sorted(slices.Values(all))); diff != "" {
			t.Errorf("columns of %s (-schema +copy):\n%s", table.Name, diff)
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, slices.Sorted(slices.Values(copied))); diff != "" {
		t.Errorf("tables (-schema +copy):\n%s", diff)
	}
}

// A row is put after those it refers to.
func TestCopyOrder(t *testing.T) {
	db := openReader(t)
	seen := map[string]bool{}
	for _, table := range sqlstore.Tables {
		for _, parent := range column(t, db, `select "table" from pragma_foreign_key_list($1)`, table.Name) {
			if !seen[parent] {
				t.Errorf("%s is copied before %s, which it refers to", table.Name, parent)
			}
		}
		seen[table.Name] = true
	}
	if first, _ := sqlstore.Tables[0].Columns(); sqlstore.Tables[0].Name != "changes" || first[len(first)-1] != "seq" {
		t.Errorf("the first table is %s with the columns %v, want changes with seq at the end", sqlstore.Tables[0].Name, first)
	}
}

// Each part of a walk is a range of the primary key, in its order: on SQLite with
// all of its columns, so that it begins where the last one ended.
func TestCopyWalksKeys(t *testing.T) {
	db := openReader(t)
	for _, table := range sqlstore.Tables {
		all, key := table.Columns()
		query := table.Statements()["copyRows "+table.Name+" after"]
		plan := strings.Join(column(t, db, "explain query plan "+query, make([]any, key+1)...), "\n")
		want := "(" + strings.Join(all[:key], ",") + ")>(" + strings.Join(slices.Repeat([]string{"?"}, key), ",") + ")"
		if key == 1 {
			want = "(" + all[0] + ">?)"
		}
		if table.Name == "feed" {
			want = "(rowid>?)"
		}
		if !strings.HasPrefix(plan, "SEARCH "+table.Name+" USING ") || !strings.Contains(plan, want) || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s is walked by the plan %s, want one by %s", table.Name, plan, want)
		}
	}
}
