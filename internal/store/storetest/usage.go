package storetest

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var usageTests = []test{
	{"a usage record is kept in every field", testUsageRoundTrip},
	{"the id of a usage record is used once by a customer", testUsageIDOnce},
	{"usage is summed by window and by when it was recorded", testSumUsage},
	{"usage is summed exactly, and cut at what can be kept", testSumExact},
	{"usage records are paged in both directions", testUsagePages},
	{"usage records of all features are one list", testUsageOfAll},
}

// newUsage is a record with every field set that says 1 call.
func newUsage(customer billing.CustomerID, id string, countedOn time.Time) usage.Record {
	return usage.Record{
		CustomerID: customer, ID: id, Feature: "calls", Kind: usage.Consumed, Value: 2, Change: 1,
		Stamp: on(20), CountedOn: countedOn, RecordedOn: on(30), By: "client:abc",
	}
}

// createUsage records usage, each in an update of its own.
func createUsage(t *testing.T, st service.Store, records ...usage.Record) {
	t.Helper()
	for _, u := range records {
		metering(t, st, u.CustomerID, u.Feature, func(tx service.Tx) error { return tx.CreateUsage(u) })
	}
}

func getUsage(customer billing.CustomerID, id string) func(service.Reader) (usage.Record, error) {
	return func(r service.Reader) (usage.Record, error) { return r.UsageRecord(customer, id) }
}

func sumCalls(customer billing.CustomerID, w billing.Window, by time.Time) func(service.Reader) (billing.Units, error) {
	return func(r service.Reader) (billing.Units, error) { return r.SumUsage(customer, "calls", w, by) }
}

func usageIDs(records []usage.Record) []string {
	ids := make([]string, len(records))
	for i, u := range records {
		ids[i] = u.ID
	}
	return ids
}

func testUsageRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	full := newUsage(customerID(1), "ref 1/ö", on(1))
	full.Value, full.Change = 9e18, -9e18
	bare := usage.Record{CustomerID: customerID(1), ID: "x"}
	createUsage(t, st, full, bare)
	for _, want := range []usage.Record{full, bare} {
		same(t, "record", read(t, st, getUsage(customerID(1), want.ID)), want)
	}
	if err := readError(st, getUsage(customerID(1), "ref")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("another id: %v, want ErrNotFound", err)
	}
	if err := readError(st, getUsage(customerID(2), "x")); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("another customer's record: %v, want ErrNotFound", err)
	}
}

func testUsageIDOnce(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	first := newUsage(customerID(1), "a", on(1))
	createUsage(t, st, first, newUsage(customerID(2), "a", on(2)), newUsage(customerID(1), "A", on(3)))
	again := newUsage(customerID(1), "a", on(4))
	again.Feature = "other"
	metering(t, st, customerID(1), "other", func(tx service.Tx) error {
		if err := tx.CreateUsage(again); !errors.Is(err, billing.ErrExists) {
			t.Errorf("a used id: %v, want ErrExists", err)
		}
		return nil
	})
	same(t, "the first record", read(t, st, getUsage(customerID(1), "a")), first)
}

func testSumUsage(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	record := func(id string, feature billing.Code, counted, recorded int, change billing.Units) usage.Record {
		u := newUsage(customerID(1), id, on(counted))
		u.Feature, u.RecordedOn, u.Change = feature, on(recorded), change
		return u
	}
	createUsage(t, st, record("a", "calls", 2, 5, 1), record("b", "calls", 4, 4, 10), record("c", "calls", 4, 6, -100),
		record("d", "calls", 6, 6, 1000), record("e", "other", 4, 4, 10000), newUsage(customerID(2), "a", on(4)))
	instant := time.Microsecond
	for _, test := range []struct {
		window billing.Window
		by     time.Time
		want   billing.Units
	}{
		{allTime, time.Time{}, 911},
		{allTime, on(4).Add(-instant), 0},
		{allTime, on(4), 10},
		{allTime, on(5), 11},
		{hours(2, 4), time.Time{}, 1},
		{hours(2, 6), time.Time{}, -89},
		{hours(2, 6), on(6).Add(-instant), 11},
		{hours(2, 6), on(6), -89},
		{hours(4, 7), time.Time{}, 910},
		{hours(5, 6), time.Time{}, 0},
		{hours(7, 9), time.Time{}, 0},
	} {
		if got := read(t, st, sumCalls(customerID(1), test.window, test.by)); got != test.want {
			t.Errorf("%v by %v: %d, want %d", test.window, test.by, got, test.want)
		}
	}
}

func testSumExact(t *testing.T, st Store) {
	for i, test := range []struct {
		changes []billing.Units
		want    billing.Units
	}{
		{[]billing.Units{9e18, -1}, 9e18 - 1},
		{[]billing.Units{1 << 53, 1}, 1<<53 + 1},
		{[]billing.Units{1<<62 - 1, 1<<62 - 1, 1}, math.MaxInt64},
		{[]billing.Units{-1 << 62, -1 << 62}, math.MinInt64},
		{[]billing.Units{-999_999_999, 1_000_000_001, -3}, -1},
		// A sum on the way may be larger than what is kept.
		{[]billing.Units{9e18, 9e18, -9e18}, 9e18},
		{[]billing.Units{-9e18, -9e18, 9e18, 9e18, 5}, 5},
		// One that is larger at the end is cut.
		{[]billing.Units{math.MaxInt64, 1}, math.MaxInt64},
		{[]billing.Units{math.MinInt64, -1}, math.MinInt64},
		{[]billing.Units{9e18, 9e18, 9e18}, math.MaxInt64},
	} {
		customer := customerID(i)
		createCustomers(t, st, newCustomer(i))
		for j, change := range test.changes {
			u := newUsage(customer, fmt.Sprint(j), on(j))
			u.Change = change
			createUsage(t, st, u)
		}
		if got := read(t, st, sumCalls(customer, allTime, time.Time{})); got != test.want {
			t.Errorf("%v: %d, want %d", test.changes, got, test.want)
		}
	}
}

// usageID is the id of record n of a page test, and its place: those of one ten
// are at one instant.
func usageID(n int) string { return fmt.Sprintf("r%02d", n) }

func usageCursor(n int) service.UsageCursor {
	return service.UsageCursor{CountedOn: on(n / 20), ID: usageID(n)}
}

func getUsagePage(
	feature billing.Code, from, to time.Time, page service.Page[service.UsageCursor],
) func(service.Reader) (list usagePage, err error) {
	return func(r service.Reader) (got usagePage, err error) {
		records, more, err := r.UsageRecords(customerID(1), feature, from, to, page)
		return usagePage{usageIDs(records), more}, err
	}
}

type usagePage struct {
	IDs  []string
	More bool
}

func testUsagePages(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	for _, n := range []int{50, 20, 40, 10, 30} {
		createUsage(t, st, newUsage(customerID(1), usageID(n), usageCursor(n).CountedOn))
	}
	// Those that have no place in the pages.
	other := newUsage(customerID(1), usageID(25), on(1))
	other.Feature = "other"
	createUsage(t, st, other, newUsage(customerID(2), usageID(26), on(1)))
	for _, p := range pageTests {
		got := read(t, st, getUsagePage("calls", time.Time{}, time.Time{}, pageOf(p, usageCursor)))
		same(t, p.String(), got, usagePage{numbered(usageID, p.want...), p.more})
	}
	first, last := usageCursor(10).CountedOn, usageCursor(50).CountedOn
	for _, test := range []struct {
		from, to time.Time
		page     pageTest
	}{
		{first, last, pageTest{size: 9, want: []int{10, 20, 30}}}, // half-open
		{first, last.Add(time.Microsecond), pageTest{size: 9, want: []int{10, 20, 30, 40, 50}}},
		{first.Add(time.Microsecond), last, pageTest{size: 9, want: []int{20, 30}}},
		{on(1), time.Time{}, pageTest{size: 2, want: []int{20, 30}, more: true}},
		{time.Time{}, on(2), pageTest{size: 2, after: 10, want: []int{20, 30}}},
		{on(1), on(2), pageTest{size: 9, after: 20, want: []int{30}}},
		{on(1), on(2), pageTest{size: 9, after: 10, want: []int{20, 30}}},
		{on(1), on(2), pageTest{size: 9, before: 50, want: []int{20, 30}}},
		{on(1), on(2), pageTest{size: 1, before: 50, want: []int{30}, more: true}},
		{on(1), on(2), pageTest{size: 9, before: 30, want: []int{20}}},
		{on(2), on(1), pageTest{size: 9, want: []int{}}},
	} {
		got := read(t, st, getUsagePage("calls", test.from, test.to, pageOf(test.page, usageCursor)))
		same(t, fmt.Sprintf("%v to %v, %v", test.from, test.to, test.page), got,
			usagePage{numbered(usageID, test.page.want...), test.page.more})
	}
}

func testUsageOfAll(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	for i, n := range []int{50, 20, 40, 10, 30} {
		u := newUsage(customerID(1), usageID(n), usageCursor(n).CountedOn)
		u.Feature = billing.Code(fmt.Sprint("feature ", i%3))
		createUsage(t, st, u)
	}
	createUsage(t, st, newUsage(customerID(2), usageID(26), on(1)))
	for _, p := range pageTests {
		got := read(t, st, getUsagePage("", time.Time{}, time.Time{}, pageOf(p, usageCursor)))
		same(t, p.String(), got, usagePage{numbered(usageID, p.want...), p.more})
	}
}
