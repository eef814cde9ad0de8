package sqlstore_test

import (
	"database/sql"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/store/postgres"
)

// enough rows that reading a table whole costs more than its index does.
var enough = []string{
	`insert into plans select 'p' || n, '', '', '', '', 0, 0, '' from generate_series(1, 3) n`,
	`insert into plan_versions select 'p' || n, 1, 1, '{}' from generate_series(1, 3) n`,
	`insert into customers select 'c' || n, '', 'o' || n, 'u' || n, '', '', '', null, '{}', 's' || n, 1, 1, null, 3, 1, 'e' || n
		from generate_series(1, 4000) n`,
	`insert into customer_codes select org_code, user_id, customer_id from customers`,
	`insert into customer_external_ids select external_id, customer_id from customers`,
	`insert into agreements select customer_id, 'a' || n, 'p' || n, 1, 'plan', 1, 0, 1, n, case n when 3 then 9223372036854775807 else n end,
		null, null, case n when 1 then 'g' else '' end, '[]' from customers, generate_series(1, 3) n`,
	`insert into agreement_ids select customer_id || agreement_id, agreement_id, customer_id from agreements`,
	`insert into overrides select customer_id, 'o' || n, 'f' || n, 0, null, 0, 0, '', '', n, n from customers, generate_series(1, 3) n`,
	`insert into grants select customer_id, 'g' || n, 'f' || n, 1, n, n, 50, 'paid', '[]', '', '', '', 0, case n when 1 then 'e' else '' end, '', '',
		n, null, null, '', case n when 1 then 9223372036854775807 else n end from customers, generate_series(1, 3) n`,
	`insert into counters (customer_id, feature_code, window_start, window_end, used, changed_on) select customer_id, 'f' || n % 3, n, n + 1, 1, 1 from customers, generate_series(1, 6) n`,
	`insert into usage_records select customer_id, 'r' || n, 'f' || n % 3, 'delta', 1, 1, n, n, n, ''
		from customers, generate_series(1, 12) n`,
	`insert into records select customer_id, 'f' || n % 3, n, 'r' || n, case n % 3 when 0 then 'absolute' else 'delta' end, 1, 1, n, n, ''
		from customers, generate_series(1, 12) n`,
	`insert into record_ids select customer_id, record_id, feature_code, counted_on from records`,
	`insert into draws select customer_id, feature_code, counted_on, record_id, 's' || counted_on % 4, case counted_on % 5 when 0 then 'g' else '' end, 0, 1, 1 from records`,
	`insert into sources select customer_id, 'f' || n % 3, 's' || n, 1 from customers, generate_series(1, 12) n`,
	`insert into record_links select customer_id, record_id, feature_code, counted_on, case counted_on % 2 when 0 then 'r1' else '' end,
		case counted_on % 2 when 1 then 'r2' else '' end from records`,
	`insert into holds (customer_id, hold_id, feature_code, units, made_on, expires_on, state, actor) select customer_id, 'h' || n, 'f' || n % 3, 1, n, n, 'open', '' from customers, generate_series(1, 3) n`,
	`insert into answers select customer_id, 'k' || n, '', n, 200, '', '' from customers, generate_series(1, 3) n`,
	`insert into changes select customer_id, n, 1, '', '', '{}', '{}', n from customers, generate_series(1, 3) n`,
	`insert into images select customer_id, n, n, '{}' from customers, generate_series(1, 3) n`,
	`update changes set seq = null where customer_id = 'c1'`,
	`insert into feed select n, 'c' || n, 1, '', 0 from generate_series(1, 12000) n`,
	`insert into events select customer_id, 'e' || n, '', n, '', '', '', n from customers, generate_series(1, 3) n`,
	`update events set seq = null where customer_id = 'c1'`,
	`insert into dues select customer_id, 1, 1 from customers`,
	`insert into marks select customer_id, 'f' || n % 3, 'm' || n, 1 from customers, generate_series(1, 3) n`,
	`insert into webhooks select 'w' || n, '', 'standard', '[]', '', '', '', null, 'enabled', '', null, null, 0, 0, 0, 1, 1 from generate_series(1, 3) n`,
	`insert into deliveries select 'w' || n % 3, n, 0, 'c' || n % 100, '', case n % 9 when 0 then 'pending' else 'delivered' end, 0, n, null, 0, 0, '',
		case n % 9 when 0 then 9223372036854775807 else n end from generate_series(1, 12000) n`,
	`insert into queues select 'w' || n % 3, 'c' || n, n from generate_series(1, 6000) n`,
	`insert into clients select 'i' || n, '', '', '', 1, null from generate_series(1, 2000) n`,
	`insert into signing_keys select 'k' || n, 1, '', '', null from generate_series(1, 2000) n`,
	`insert into administrators select 'a' || n, '', '', 1, null from generate_series(1, 2000) n`,
	`insert into administrator_links select 'h' || n, 'a' || n, '', 1, n, null from generate_series(1, 2000) n`,
	`insert into administrator_sessions select 'h' || n, 'a' || n, '', '', '', 1, 1, n from generate_series(1, 2000) n`,
	`insert into administrator_identities select 'i', 's' || n, 'a' || n, 1 from generate_series(1, 2000) n`,
	`analyze customers, customer_codes, customer_external_ids, agreements, agreement_ids, overrides, grants, counters, usage_records, records, record_ids, record_links, draws, sources, holds, answers,
		changes, images, events, dues, marks, feed, webhooks, deliveries, queues, clients, signing_keys,
		administrators, administrator_links, administrator_sessions, administrator_identities`,
}

// fewAtATime are the statements whose plan must go by how many rows they ask for,
// and what they are explained with. As one plan for whatever is asked would be
// much dearer, PostgreSQL does not settle for one.
var fewAtATime = map[string]string{
	"deleteAnswers":           "(1, 10)",
	"deleteHolds":             "(1, 10)",
	"deleteDeliveries":        "(1, 10)",
	"deleteDeliveriesOf":      "('w1', 10)",
	"deleteQueuesOf":          "('w1', 10)",
	"deliveriesAfter":         "('w1', 1, 1, 10)",
	"deliveriesBefore":        "('w1', 1, 1, 10)",
	"selectQueues":            "('w1', 10)",
	"selectUnsequenced":       "(10)",
	"selectUnsequencedEvents": "(10)",
	"selectDues":              "(10, 10)",
	"selectExpired":           "(1, 10, 10)",
	"selectUsers":             "('u', 10)",
}

// tiny are the tables that are read whole because that is cheapest.
var tiny = []string{"revisions", "settings", "features", "plan_groups", "plans", "plan_versions", "leases", "followers", "webhooks"}

// explain is the plan of a statement: that for whatever its arguments are, unless
// they are given.
func explain(t *testing.T, conn *sql.Conn, query, args string) (lines []string) {
	t.Helper()
	mode := "force_generic_plan"
	if args != "" {
		mode = "auto"
	} else if n := arguments(t, query); n > 0 {
		args = "(null" + strings.Repeat(", null", n-1) + ")"
	}
	for _, statement := range []string{"set plan_cache_mode = " + mode, "prepare explained as " + query} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	defer func() {
		if _, err := conn.ExecContext(t.Context(), "deallocate explained"); err != nil {
			t.Fatal(err)
		}
	}()
	rows, err := conn.QueryContext(t.Context(), "explain (costs off) execute explained"+args)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func arguments(t *testing.T, query string) (most int) {
	t.Helper()
	for _, p := range placeholder.FindAllString(query, -1) {
		n, err := strconv.Atoi(p[len("$"):])
		if err != nil {
			t.Fatal(err)
		}
		most = max(most, n)
	}
	return most
}

var (
	readsWhole = regexp.MustCompile(`Seq Scan on (\w+)`)
	looksUp    = regexp.MustCompile(`^(-> +)?(Bitmap )?Index .*Scan`)
	condition  = regexp.MustCompile(`^Index Cond: \(`)
	// Of the table of revisions a row has a name and is nobody's.
	ofCustomer = regexp.MustCompile(`^Index Cond: \(+(plan_code = \$\d+\) AND \()?(customer_id = |name = ')`)
)

// On PostgreSQL a statement looks up an index unless it is meant to read a table
// whole, and one of a customer looks up by customer.
func TestStatementsUseIndexesOnPostgres(t *testing.T) {
	db, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Backend().Writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// That they are forbidden to read tables whole is left out: they do not want to.
	for _, statement := range append([]string{`set enable_seqscan = on`}, enough...) {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	for name, query := range statements(t) {
		plan := explain(t, conn, query, fewAtATime[name])
		short, _, _ := strings.Cut(name, " ")
		ofOne := customerData.MatchString(query) && !slices.Contains(acrossCustomers, short)
		lookUps, conditions := 0, 0
		for _, line := range plan {
			if table := readsWhole.FindStringSubmatch(line); table != nil &&
				!slices.Contains(scans, name) && !slices.Contains(tiny, table[1]) {
				t.Errorf("%s reads %s whole:\n%s", name, table[1], strings.Join(plan, "\n"))
			}
			if looksUp.MatchString(line) {
				lookUps++
			}
			if condition.MatchString(line) {
				conditions++
				if ofOne && !ofCustomer.MatchString(line) {
					t.Errorf("%s is not looked up by customer:\n%s", name, strings.Join(plan, "\n"))
				}
			}
		}
		if ofOne && conditions != lookUps {
			t.Errorf("%s walks an index:\n%s", name, strings.Join(plan, "\n"))
		}
	}
}

// The same where the statistics say that there is nothing: of a table that has
// grown since they were taken, reading it whole is dear.
func TestStatementsUseIndexesOfEmptyTables(t *testing.T) {
	db, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Backend().Writer.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), enough[len(enough)-1]); err != nil {
		t.Fatal(err)
	}
	for name, query := range statements(t) {
		short, _, _ := strings.Cut(name, " ")
		if short == "customersQuery" {
			continue // which of its indexes is left to the server
		}
		plan := explain(t, conn, query, fewAtATime[name])
		for _, line := range plan {
			if table := readsWhole.FindStringSubmatch(line); table != nil &&
				!slices.Contains(scans, name) && !slices.Contains(tiny, table[1]) {
				t.Errorf("%s reads %s whole:\n%s", name, table[1], strings.Join(plan, "\n"))
			}
		}
	}
}
