package sqlstore_test

import (
	"database/sql"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/store/sqlite"
)

// scans read whole: what is small, the partial index of what waits, and a copy.
var scans = []string{
	"selectNewestShared", "selectNewestPlace", "selectNewestCustomer", "selectNewestCounter", // at a start
	"selectCustomers", "selectFeatures", "selectGroups", "selectPlans", "selectVersions", "selectClients",
	"selectSigningKeys", "selectUnsequenced", "selectUnsequencedEvents", "selectEnding", "selectAnyUnmoved", "selectWebhooks", "selectAdministrators", "copyRows", "deleteLeases",
	"selectStrayPlaces", "selectStrayDeliveries", "selectOtherDeliveries", "selectUnqueued", "selectLostDeliveries", "selectStrayQueues",
	"selectStrayLinks", "selectStraySessions", "selectStrayIdentities", "lowerLeases", "selectBehindFeed",
	"selectEndlessLeases", "selectEndlessLinks", "selectEndlessSessions", "selectEndlessSecrets", "selectEndlessQueues", // verify, and a repair
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

// ofArguments is the line of a plan that is about rows that a statement brings
// along.
var ofArguments = regexp.MustCompile(`^SCAN (CONSTANT ROW|\d+[ -]ROW|counted\b|waiting\b)`)

func TestStatementsUseIndexes(t *testing.T) {
	db := openReader(t)
	plans := map[string]string{}
	for name, query := range statements(t) {
		if isFence(query) {
			continue // it goes where a trip costs something
		}
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
		for line := range strings.Lines(plan) {
			if !strings.HasPrefix(line, "SCAN ") || ofArguments.MatchString(line) {
				continue
			}
			// An ordered list of all customers walks their index and stops.
			short, _, _ := strings.Cut(name, " ")
			whole := short == "customersQuery" && strings.HasPrefix(line, "SCAN customers") && !strings.Contains(plan, "TEMP B-TREE")
			// Versions are few and hardly ever replaced; who refers to one is looked for.
			whole = whole || strings.Contains(name, "plan_versions") && strings.HasPrefix(line, "SCAN agreements")
			if !whole && !slices.Contains(scans, short) {
				t.Errorf("%s scans: %s", name, plan)
			}
		}
		plans[name] = plan
	}
	// What a page of usage, or of who is on a plan, is sorted by is the order of its index.
	for _, name := range []string{"usageRecordsAfter", "usageRecordsBefore", "selectUnfolded", "selectUnmovedOf", "drawsAfter", "drawsBefore", "sourceAfter", "sourceBefore", "selectCustomersOn", "selectHolders", "onPlanAfter", "onPlanBefore"} {
		for _, name := range []string{name, name + " all"} {
			if strings.Contains(plans[name], "TEMP B-TREE") {
				t.Errorf("%s is sorted: %s", name, plans[name])
			}
		}
	}
	const (
		inSpan = "(customer_id=? AND feature_code=? AND counted_on>? AND counted_on<?)"
		// What is read of records is one range of their only tree.
		ofRecords = "SEARCH records USING PRIMARY KEY "
		ofUnmoved = "SEARCH usage_records USING INDEX usage_records_by_time "
	)
	for name, want := range map[string]string{
		"selectCustomer":             "SEARCH customers USING PRIMARY KEY (customer_id=?)",
		"selectPacked":               "SEARCH packed_facts USING PRIMARY KEY (customer_id=?)",
		"selectAgreements":           "SEARCH agreements USING INDEX agreements_by_end (customer_id=? AND expires_on>?)",
		"overlappingPlans":           "SEARCH agreements USING INDEX agreements_by_end (customer_id=? AND expires_on>?)",
		"agreementHistoryAfter":      "SEARCH agreements USING PRIMARY KEY (customer_id=? AND agreement_id>?)",
		"selectTrial":                "agreements_by_trial (customer_id=? AND trial_scope=?)",
		"selectCustomerByCodes":      "SEARCH customer_codes USING PRIMARY KEY (org_code=? AND user_id=?)",
		"selectCustomerByExternalID": "SEARCH customer_external_ids USING PRIMARY KEY (external_id=?)",
		"customersQuery 7 1":         "SEARCH customer_external_ids USING PRIMARY KEY (external_id=?)",
		"selectUsers":                "SEARCH customer_codes USING INDEX customer_codes_by_user (user_id>?)",
		"selectAgreementCustomer":    "SEARCH agreement_ids USING PRIMARY KEY (stem=?)",
		"selectEnding":               "SEARCH agreements USING INDEX agreements_ending (expires_on>?",
		"selectCustomersOn":          "SEARCH agreements USING COVERING INDEX agreements_by_plan (plan_code=? AND customer_id>?)",
		"selectHolders":              "SEARCH agreements USING COVERING INDEX agreements_by_plan (plan_code=? AND customer_id>?",
		"onPlanAfter":                "SEARCH agreements USING COVERING INDEX agreements_by_plan (plan_code=? AND customer_id>?)",
		"onPlanBefore":               "SEARCH agreements USING COVERING INDEX agreements_by_plan (plan_code=? AND customer_id<?)",
		"customersOfQuery 1 1 17":    "SEARCH customers USING PRIMARY KEY (customer_id=?)",
		"selectOverrides":            "SEARCH overrides USING INDEX overrides_by_end (customer_id=? AND expires_on>?)",
		"selectGrants":               "SEARCH grants USING INDEX grants_at_hand (customer_id=? AND set_aside_on>?)",
		"selectGrant":                "SEARCH grants USING PRIMARY KEY (customer_id=? AND grant_id=?)",
		"selectGrantsByExternalID":   "SEARCH grants USING INDEX grants_by_external_id (customer_id=? AND external_id=?)",
		"grantsAfter":                "SEARCH grants USING PRIMARY KEY (customer_id=? AND grant_id>?)",
		"grantsBefore":               "SEARCH grants USING PRIMARY KEY (customer_id=? AND grant_id<?)",
		"selectCounter":              "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"lockCounter":                "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"selectCountersOf":           "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end>?)",
		"selectUsageSum":             ofRecords + inSpan,
		"selectUsageSum all":         "SEARCH usage_records USING COVERING INDEX usage_records_by_time " + inSpan,
		"selectKindSum":              ofRecords + inSpan,
		"selectKindSum all":          ofUnmoved + inSpan,
		"usageRecordsAfter":          ofRecords + inSpan,
		"usageRecordsAfter all":      ofUnmoved + inSpan,
		"usageRecordsBefore":         ofRecords + inSpan,
		"usageRecordsBefore all":     ofUnmoved + inSpan,
		"selectNewestReading":        "USING COVERING INDEX record_readings (customer_id=? AND feature_code=? AND stamp>? AND stamp<?)",
		"selectNewestReading all":    "USING COVERING INDEX usage_readings (customer_id=? AND feature_code=? AND stamp>? AND stamp<?)",
		"selectUnfolded":             ofRecords + "(customer_id=? AND feature_code=? AND counted_on<?)",
		"selectUnfolded all":         ofUnmoved + "(customer_id=? AND feature_code=? AND counted_on<?)",
		"selectUnfoldedFeatures":     "SEARCH r EXISTS USING PRIMARY KEY (customer_id=? AND feature_code=? AND counted_on<?)",
		"selectUnfoldedFeatures all": "SEARCH r USING COVERING INDEX usage_records_by_time (customer_id=? AND feature_code=? AND counted_on<?)",
		"deleteUnfolded":             ofRecords + inSpan,
		"deleteUnmovedUnfolded":      ofUnmoved + inSpan,
		"updateFolded":               ofRecords + "(customer_id=? AND feature_code=? AND counted_on=? AND record_id=?)",
		"updateUnmovedFolded":        "SEARCH usage_records USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectRecord":               "SEARCH record_ids USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectRecord 1":             ofRecords + "(customer_id=? AND feature_code=? AND counted_on=? AND record_id=?)",
		"selectRecordMade":           ofRecords + inSpan,
		"selectUnmoved":              "SEARCH usage_records USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectUnmovedOf":            ofUnmoved + "(customer_id=? AND feature_code=?)",
		"selectUnmovedFeature":       "USING COVERING INDEX usage_records_by_time (customer_id=?)",
		"deleteUnmoved":              ofUnmoved + inSpan,
		"deleteClaims":               ofUnmoved + inSpan,
		"deleteRecordID":             "SEARCH record_ids USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"deleteRecordIDs":            "SEARCH record_ids USING PRIMARY KEY (customer_id=? AND record_id>? AND record_id<?)",
		"selectUnentered":            ofRecords + "(customer_id=? AND ",
		"selectLostEntries":          "SEARCH record_ids USING PRIMARY KEY (customer_id=?)",
		"selectTwicePlaced":          "SEARCH usage_records USING PRIMARY KEY (customer_id=?)",
		"selectDraws":                "SEARCH draws USING PRIMARY KEY (customer_id=? AND feature_code=? AND counted_on=? AND record_id=?)",
		"drawsAfter":                 "SEARCH draws USING PRIMARY KEY (customer_id=? AND feature_code=? AND (counted_on,record_id,source,pays)>(?,?,?,?))",
		"sourceAfter":                "SEARCH draws USING INDEX draws_by_source (customer_id=? AND feature_code=? AND source=? AND (counted_on,record_id,pays)>(?,?,?))",
		"selectDrawSums":             "SEARCH draws USING PRIMARY KEY " + inSpan,
		"selectDrawSumsOf":           "SEARCH draws USING COVERING INDEX draws_by_source (customer_id=? AND feature_code=? AND source=? AND counted_on>? AND counted_on<?)",
		"selectPaid":                 "SEARCH draws USING COVERING INDEX draws_paying (customer_id=? AND feature_code=? AND pays=? AND counted_on>? AND counted_on<?)",
		"selectBurnedSum":            "SEARCH record_links USING COVERING INDEX record_links_by_of (customer_id=? AND of_record=?)",
		"selectUnfoldedDraws":        "SEARCH draws USING PRIMARY KEY " + inSpan,
		"deleteUnfoldedDraws":        "SEARCH draws USING PRIMARY KEY " + inSpan,
		"selectLink":                 "SEARCH record_links USING PRIMARY KEY (customer_id=? AND record_id=?)",
		"selectCorrections":          "SEARCH record_links USING COVERING INDEX record_links_by_corrects (customer_id=? AND corrects=?)",
		"selectTwin":                 "SEARCH record_links USING COVERING INDEX record_links_by_of (customer_id=? AND of_record=?)",
		"selectPinned":               "SEARCH holds USING INDEX holds_by_feature (customer_id=? AND feature_code=? AND expires_on>?)",
		"selectHeldUnits":            "USING COVERING INDEX holds_by_feature (customer_id=? AND feature_code=? AND expires_on>?)",
		"selectStanding":             "PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"moveLanesAlone":             "SEARCH counters USING PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"selectStandings":            "SEARCH counters USING COVERING INDEX counters_of_all_time (customer_id=?)",
		"updateLane":                 "SEARCH counters USING PRIMARY KEY (customer_id=? AND feature_code=? AND window_end=? AND window_start=?)",
		"selectHold":                 "SEARCH holds USING PRIMARY KEY (customer_id=? AND hold_id=?)",
		"selectUnconfirmed":          "USING INDEX holds_by_feature (customer_id=? AND feature_code=? AND expires_on>?)",
		"holdsAfter":                 "SEARCH holds USING PRIMARY KEY (customer_id=? AND hold_id>?)",
		"holdsBefore":                "SEARCH holds USING PRIMARY KEY (customer_id=? AND hold_id<?)",
		"deleteHolds":                "SEARCH holds USING COVERING INDEX holds_by_age (expires_on<?)",
		"selectAnswer":               "(customer_id=? AND answer_key=?)",
		"deleteAnswers":              "SEARCH answers USING INDEX answers_by_age (created_on<?)",
		"selectChanges":              "(customer_id=? AND customer_rev>?)",
		"selectChangesBefore":        "(customer_id=? AND customer_rev>? AND customer_rev<?)",
		"selectImage":                "SEARCH images USING INDEX sqlite_autoindex_images_1 (customer_id=? AND happened_on<?)",
		"selectImages":               "SEARCH images USING INDEX sqlite_autoindex_images_1 (customer_id=? AND (happened_on,customer_rev)>(?,?))",
		"selectImported":             "SEARCH agreements USING INDEX agreements_imported (customer_id=? AND created_on>?)",
		"selectUnsequenced":          "SCAN changes USING INDEX changes_unsequenced",
		"selectUnsequencedEvents":    "SCAN events USING INDEX events_unsequenced",
		"selectFeedOf":               "SEARCH feed USING INDEX feed_by_scope (scope=? AND seq>?)",
		"selectFeedOfBefore":         "SEARCH feed USING INDEX feed_by_scope (scope=? AND seq<?)",
		"selectEvent":                "SEARCH events USING PRIMARY KEY (customer_id=? AND cause=?)",
		"selectExpired":              "SEARCH holds USING INDEX holds_by_age (expires_on>? AND expires_on<?)",
		"selectDues":                 "SEARCH dues USING INDEX dues_by_time (due_on<?)",
		"updateDue":                  "SEARCH dues USING PRIMARY KEY (customer_id=?)",
		"deliveriesAfter":            "SEARCH deliveries USING INDEX sqlite_autoindex_deliveries_1 (webhook_id=? AND (seq,part)>(?,?))",
		"deliveriesBefore":           "SEARCH deliveries USING INDEX sqlite_autoindex_deliveries_1 (webhook_id=? AND (seq,part)<(?,?))",
		"selectHeads":                "SEARCH deliveries USING INDEX deliveries_by_scope (webhook_id=? AND scope=?)",
		"selectOldestPending":        "USING COVERING INDEX deliveries_waiting (webhook_id=?)",
		"deleteDeliveries":           "deliveries_by_age (done_on<?)",
		"selectQueues":               "SEARCH queues USING COVERING INDEX queues_by_time (webhook_id=?)",
		"customersQuery 2 1":         "SEARCH customer_codes USING PRIMARY KEY (org_code=?)",
		"customersQuery 3 1":         "SEARCH customer_codes USING INDEX customer_codes_by_user (user_id=?)",
	} {
		if !strings.Contains(plans[name], want) {
			t.Errorf("%s has the plan\n%s\nwant %s", name, plans[name], want)
		}
	}
}
