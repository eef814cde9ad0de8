package sqlstore_test

import (
	"database/sql"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// statements are all of the package, by name: its constants that are SQL, and
// the list of customers in each of its forms.
func statements(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	fset := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	// Imports are not resolved: text constants need none.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("sqlstore", fset, files, nil)
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			continue
		}
		if text := constant.StringVal(c.Val()); isStatement.MatchString(text) {
			found[name] = text
		}
	}
	if len(found) < 40 {
		t.Fatalf("found only %d statements", len(found))
	}
	cursor := new(billing.CustomerID{1})
	for i, filter := range []billing.CustomerFilter{
		{}, {Query: "q"}, {OrgCode: "o"}, {UserID: "u"}, {OrgCode: "o", UserID: "u"}, {PlanCode: "p"},
		{Query: "q", OrgCode: "o", PlanCode: "p"},
	} {
		for j, page := range []billing.Page[billing.CustomerID]{{}, {After: cursor}, {Before: cursor}} {
			query, args := sqlstore.CustomersQuery(filter, page)
			for n := range args {
				if !strings.Contains(query, fmt.Sprintf("$%d", n+1)) {
					t.Errorf("argument %d is not used: %s", n+1, query)
				}
			}
			found[fmt.Sprintf("customersQuery %d %d", i, j)] = query
		}
	}
	return found
}

var (
	isStatement  = regexp.MustCompile(`^(select|insert|update|delete) `)
	customerData = regexp.MustCompile(`(from|into|update) (customers|agreements|overrides|counters|usage_records|holds|answers|changes)\b`)
	byCustomer   = regexp.MustCompile(`\bcustomer_id = \$1\b|insert into \w+\s+\(customer_id,`)
	unportable   = regexp.MustCompile(`\?|;|--|"|\b(like|glob|collate|rowid|ifnull|now|datetime|strftime|` +
		`for update|or ignore|or replace|savepoint|merge|replace into|autoincrement|serial|unnest|ilike|true|false)\b`)
)

// acrossCustomers are the statements that are meant for all customers: lists,
// and the upkeep that the sequencer and the sweeps of old records are.
var acrossCustomers = []string{
	"selectCustomers", "customersQuery", "selectCustomerIDs", "selectCustomersOn", "selectUnsequenced",
	"deleteAnswers", "deleteHolds",
}

// reading whole: what is small, and the partial index of what waits.
var scans = []string{
	"selectCustomers", "selectFeatures", "selectGroups", "selectPlans", "selectVersions", "selectClients",
	"selectSigningKeys", "selectUnsequenced",
}

func TestStatementsKeepToProfile(t *testing.T) {
	for name, query := range statements(t) {
		if word := unportable.FindString(query); word != "" {
			t.Errorf("%s has %q", name, word)
		}
		short, _, _ := strings.Cut(name, " ")
		if customerData.MatchString(query) && !byCustomer.MatchString(query) &&
			!slices.Contains(acrossCustomers, short) {
			t.Errorf("%s is not of one customer: %s", name, query)
		}
	}
}

func openReader(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db.Backend().Reader
}

// column reads the last column of a query's rows.
func column(t *testing.T, db *sql.DB, query string, args ...any) (values []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var value string
		into := make([]any, len(columns))
		for i := range into {
			into[i] = new(any)
		}
		into[len(into)-1] = &value
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}

var placeholder = regexp.MustCompile(`\$\d+`)

func TestStatementsUseIndexes(t *testing.T) {
	db := openReader(t)
	plans := map[string]string{}
	for name, query := range statements(t) {
		var args []any
		for _, p := range placeholder.FindAllString(query, -1) {
			n, err := strconv.Atoi(p[len("$"):])
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for len(args) < n {
				args = append(args, nil)
			}
		}
		plan := strings.Join(column(t, db, "explain query plan "+query, args...), "\n")
		if strings.Contains(plan, "SCAN") && !strings.Contains(plan, "SCAN CONSTANT ROW") {
			// An ordered list of all customers walks their index and stops.
			whole := strings.HasPrefix(name, "customersQuery") &&
				strings.HasPrefix(plan, "SCAN customers USING INDEX sqlite_autoindex_customers_1")
			if !whole && !slices.Contains(scans, name) {
				t.Errorf("%s scans: %s", name, plan)
			}
		}
		plans[name] = plan
	}
	// What a page of usage is sorted by is the order of its index.
	for _, name := range []string{"usageRecordsAfter", "usageRecordsBefore", "selectUnfolded"} {
		if strings.Contains(plans[name], "TEMP B-TREE") {
			t.Errorf("%s is sorted: %s", name, plans[name])
		}
	}
	const inSpan = "(customer_id=? AND feature_code=? AND counted_on>? AND counted_on<?)"
	for name, want := range map[string]string{
		"selectCustomer":          "SEARCH customers USING INDEX sqlite_autoindex_customers_1 (customer_id=?)",
		"selectAgreements":        "SEARCH agreements USING INDEX agreements_by_end (customer_id=? AND expires_on>?)",
		"overlappingPlans":        "SEARCH agreements USING INDEX agreements_by_end (customer_id=? AND expires_on>?)",
		"agreementHistoryAfter":   "SEARCH agreements USING PRIMARY KEY (customer_id=? AND agreement_id>?)",
		"selectTrial":             "agreements_by_trial (customer_id=? AND trial_scope=?)",
		"selectCustomerByCodes":   "SEARCH customer_codes USING PRIMARY KEY (org_code=? AND user_id=?)",
		"selectAgreementCustomer": "SEARCH agreement_ids USING PRIMARY KEY (stem=?)",
		"selectCustomersOn":       "SEARCH agreements USING PRIMARY KEY (customer_id>?)",
		"selectOverrides":         "SEARCH overrides USING INDEX overrides_by_end (customer_id=? AND expires_on>?)",
		"selectCounter":           "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"lockCounter":             "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"selectCountersOf":        "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end>?)",
		"selectUsageRecord":       "SEARCH usage_records USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectUsageSum":          "USING COVERING INDEX usage_records_by_time " + inSpan,
		"usageRecordsAfter":       "USING INDEX usage_records_by_time " + inSpan,
		"usageRecordsBefore":      "USING INDEX usage_records_by_time " + inSpan,
		"selectUnfolded":          "USING INDEX usage_records_by_time (customer_id=? AND feature_code=? AND counted_on<?)",
		"selectUnfoldedFeatures":  "USING COVERING INDEX usage_records_by_time (customer_id=? AND feature_code=? AND counted_on<?)",
		"deleteUnfolded":          "USING INDEX usage_records_by_time " + inSpan,
		"updateFolded":            "SEARCH usage_records USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectHeldUnits":         "USING COVERING INDEX holds_by_feature (customer_id=? AND feature_code=? AND expires_on>?)",
		"selectHold":              "SEARCH holds USING PRIMARY KEY (customer_id=? AND hold_id=?)",
		"deleteHolds":             "SEARCH holds USING COVERING INDEX holds_by_age (expires_on<?)",
		"selectAnswer":            "(customer_id=? AND answer_key=?)",
		"deleteAnswers":           "SEARCH answers USING INDEX answers_by_age (created_on<?)",
		"selectChanges":           "(customer_id=? AND customer_rev>?)",
		"selectUnsequenced":       "SCAN changes USING INDEX changes_unsequenced",
		"customersQuery 2 1":      "SEARCH customer_codes USING PRIMARY KEY (org_code=?)",
		"customersQuery 3 1":      "SEARCH customer_codes USING INDEX customer_codes_by_user (user_id=?)",
	} {
		if !strings.Contains(plans[name], want) {
			t.Errorf("%s has the plan\n%s\nwant %s", name, plans[name], want)
		}
	}
}

// acrossIndexes find what to sweep, whosever it is.
var acrossIndexes = []string{"answers_by_age", "holds_by_age"}

// The schema's part of the profile: strict tables, and keys of customer data
// that begin with customer_id.
func TestSchemaKeepsToProfile(t *testing.T) {
	db := openReader(t)
	directories := []string{"customer_codes", "agreement_ids"}
	tables := column(t, db, `select name from pragma_table_list where schema = 'main'
		and name not like 'sqlite_%' and name not like 'goose_%'`)
	if len(tables) < 10 {
		t.Fatalf("found only %q", tables)
	}
	for _, table := range tables {
		if strict := column(t, db, `select strict from pragma_table_list where name = $1`, table); strict[0] != "1" {
			t.Errorf("%s is not strict", table)
		}
		columns := column(t, db, `select name from pragma_table_info($1)`, table)
		if !slices.Contains(columns, "customer_id") || slices.Contains(directories, table) {
			continue
		}
		for _, index := range column(t, db, `select name from pragma_index_list($1)`, table) {
			first := column(t, db, `select name from pragma_index_info($1) where seqno = 0`, index)
			if first[0] != "customer_id" && !slices.Contains(acrossIndexes, index) {
				t.Errorf("index %s of %s begins with %s", index, table, first[0])
			}
		}
	}
}
