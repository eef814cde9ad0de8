package sqlstore_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// numbers are integers that are no times, by table. Columns of a name in general are last.
var numbers = map[string][]string{
	"":             {"rev", "customer_rev", "seq", "version", "quantity", "is_default", "used", "units", "value", "change", "place"},
	"plans":        {"archived"},
	"customers":    {"anchor_given"},
	"agreements":   {"annual", "at_period_end"},
	"overrides":    {"has_max", "limit_max", "limit_add", "at_least", "deny"},
	"grants":       {"amount", "priority", "line"},
	"counters":     {"present_used", "held", "pooled"},
	"sources":      {"drawn"},
	"holds":        {"confirmed"},
	"answers":      {"status"},
	"webhooks":     {"begin_seq", "replay_after", "replay_until"}, // places of the feed
	"deliveries":   {"part", "attempts", "took", "answer"},
	"leases":       {"held_until"}, // which a repair lowers by itself
	"commits":      {"one", "counted", "cleaned"},
	"packed_facts": nil, // made anew with the facts
}

// Every integer of every table is a number, or a time of which the repair of the clock says what
// it does to it. A new column has to be put into one of the two.
func TestEveryTimeIsRepaired(t *testing.T) {
	s := readSQLite(t, openReader(t))
	times := 0
	for name, table := range s.tables {
		moves := sqlstore.Moves[name]
		for column := range moves {
			if !slices.ContainsFunc(table.columns, func(a attribute) bool { return a.name == column }) {
				t.Errorf("%s has no column %s", name, column)
			}
		}
		for _, column := range table.columns {
			isNumber := slices.Contains(numbers[name], column.name) || slices.Contains(numbers[""], column.name)
			_, moved := moves[column.name]
			switch {
			case moved && isNumber:
				t.Errorf("%s.%s is a number and a time", name, column.name)
			case moved:
				times++
			case isNumber:
			case column.kind == "integer" || looksLikeTime.MatchString(column.name):
				t.Errorf("%s.%s: say in Moves what a repair of the clock does to it, or in numbers that it is no time", name, column.name)
			}
		}
	}
	if times < 60 {
		t.Errorf("only %d times", times)
	}
}

var looksLikeTime = regexp.MustCompile(`_(on|until|since|at)$`)
