package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

var foldTests = []test{
	{"folding keeps the sums", testFold},
	{"folding goes on where it was", testFoldBatches},
	{"folding a long window leaves the short ones in it", testFoldNested},
	{"folding finds a name that is not taken", testFoldNames},
	{"folding leaves what it cannot sum", testFoldOverflow},
}

// fold folds calls of customer 1.
func fold(t *testing.T, st billing.Store, w billing.Window, before time.Time, limit int) (n int) {
	t.Helper()
	metering(t, st, customerID(1), "calls", func(tx billing.Tx) (err error) {
		n, err = tx.FoldUsage(customerID(1), "calls", w, before, limit)
		return err
	})
	return n
}

// calls are all usage records of customer 1's calls.
func calls(t *testing.T, st billing.Store) []billing.UsageRecord {
	t.Helper()
	return read(t, st, func(r billing.Reader) ([]billing.UsageRecord, error) {
		records, _, err := r.UsageRecords(customerID(1), "calls", time.Time{}, time.Time{},
			billing.Page[billing.UsageCursor]{Size: 1000})
		return records, err
	})
}

func testFold(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	record := func(id string, counted, recorded int, change billing.Units) billing.UsageRecord {
		u := newUsage(customerID(1), id, on(counted))
		u.RecordedOn, u.Change = on(recorded), change
		return u
	}
	early, start, late, end := record("early", 1, 1, 1), record("start", 2, 3, 10), record("late", 5, 9, 9e18),
		record("end", 6, 6, 1000)
	middle, minus := record("middle", 3, 8, 100), record("minus", 3, 4, -5)
	createUsage(t, st, late, middle, end, early, minus, start)
	other, stranger := newUsage(customerID(1), "other", on(3)), newUsage(customerID(2), "middle", on(3))
	other.Feature = "other"
	createUsage(t, st, other, stranger)

	windows := []billing.Window{hours(2, 6), hours(1, 6), hours(2, 7), hours(1, 9), hours(6, 9), hours(1, 2)}
	sums := func() (sums []billing.Units) {
		for _, w := range windows {
			sums = append(sums, read(t, st, sumCalls(customerID(1), w, time.Time{})))
		}
		return sums
	}
	before := sums()
	if n := fold(t, st, hours(2, 6), on(5), 9); n != 3 {
		t.Errorf("%d records folded, want 3", n)
	}
	same(t, "sums", sums(), before)
	got := calls(t, st)
	want := billing.UsageRecord{
		CustomerID: customerID(1), Feature: "calls", Kind: billing.Folded, Value: 105, Change: 105,
		Stamp: on(2), CountedOn: on(2), RecordedOn: on(8),
	}
	if len(got) > 1 {
		if !strings.HasPrefix(got[1].ID, "folded_") {
			t.Errorf("the id of a folded record is %q", got[1].ID)
		}
		want.ID = got[1].ID
	}
	same(t, "records", got, []billing.UsageRecord{early, want, late, end})
	same(t, "of another feature", read(t, st, getUsage(customerID(1), "other")), other)
	same(t, "of another customer", read(t, st, getUsage(customerID(2), "middle")), stranger)

	if n := fold(t, st, hours(2, 6), on(5), 9); n != 0 {
		t.Errorf("%d records folded twice", n)
	}
	same(t, "records then", calls(t, st), got)
}

func testFoldBatches(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1))
	for n := range 7 {
		createUsage(t, st, newUsage(customerID(1), fmt.Sprint(n), on(n/2)))
	}
	want := func(changes ...billing.Units) {
		t.Helper()
		var got []billing.Units
		for _, u := range calls(t, st) {
			got = append(got, u.Change)
		}
		same(t, "changes", got, changes)
	}
	for _, step := range []struct {
		want int
		left []billing.Units
	}{
		{3, []billing.Units{3, 1, 1, 1, 1}}, // of hours 0, 0 and 1
		{3, []billing.Units{3, 3, 1}},       // of hours 1, 2 and 2
		{1, []billing.Units{3, 3, 1}},
		{0, []billing.Units{3, 3, 1}},
	} {
		if n := fold(t, st, allTime, on(100), 3); n != step.want {
			t.Errorf("%d records folded, want %d", n, step.want)
		}
		want(step.left...)
	}
	// Late ones go to the folded record at their place, if there is one.
	late, earlier := newUsage(customerID(1), "late", on(1)), newUsage(customerID(1), "earlier", on(-1))
	late.RecordedOn = on(50)
	createUsage(t, st, late)
	if n := fold(t, st, hours(1, 2), on(100), 3); n != 1 {
		t.Errorf("%d late records folded", n)
	}
	want(3, 4, 1)
	if u := calls(t, st)[1]; u.RecordedOn != on(50) || u.Value != 4 || u.CountedOn != on(1) {
		t.Errorf("the record it went to: %+v", u)
	}
	createUsage(t, st, earlier)
	if n := fold(t, st, allTime, on(100), 3); n != 1 {
		t.Errorf("%d late records folded", n)
	}
	want(1, 3, 4, 1)
}

// What was folded in short windows stays in them.
func testFoldNested(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1))
	for hour := range 6 {
		createUsage(t, st, newUsage(customerID(1), fmt.Sprint(hour), on(hour)))
	}
	windows := []billing.Window{hours(1, 3), hours(3, 5), hours(1, 5), allTime}
	for _, w := range windows {
		fold(t, st, w, on(100), 9)
	}
	for i, want := range []billing.Units{2, 2, 4, 6} {
		if sum := read(t, st, sumCalls(customerID(1), windows[i], time.Time{})); sum != want {
			t.Errorf("%v: %d, want %d", windows[i], sum, want)
		}
	}
	if got := calls(t, st); len(got) != 3 {
		t.Errorf("%d records are left, want one for each short window and one for the rest", len(got))
	}
}

func testFoldNames(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1))
	createUsage(t, st, newUsage(customerID(1), "a", on(1)))
	fold(t, st, allTime, on(2), 9)
	name := calls(t, st)[0].ID

	createCustomers(t, st, newCustomer(2)) // has taken the name
	taken := newUsage(customerID(2), name, on(9))
	createUsage(t, st, newUsage(customerID(2), "a", on(1)), taken)
	metering(t, st, customerID(2), "calls", func(tx billing.Tx) error {
		n, err := tx.FoldUsage(customerID(2), "calls", allTime, on(2), 9)
		if n != 1 {
			t.Errorf("%d records folded", n)
		}
		return err
	})
	same(t, "what had the name", read(t, st, getUsage(customerID(2), name)), taken)
	if sum := read(t, st, sumCalls(customerID(2), allTime, time.Time{})); sum != 2 {
		t.Errorf("sum is %d, want 2", sum)
	}
}

func testFoldOverflow(t *testing.T, st billing.Store) {
	createCustomers(t, st, newCustomer(1))
	for n := range 2 {
		u := newUsage(customerID(1), fmt.Sprint(n), on(n))
		u.Change = 9e18
		createUsage(t, st, u)
	}
	err := st.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.LockCounters(customerID(1), "calls", on(0), on(1))
		if err == nil {
			_, err = tx.FoldUsage(customerID(1), "calls", allTime, on(9), 9)
		}
		return err
	})
	if err == nil || len(calls(t, st)) != 2 {
		t.Errorf("folded more than a record can say: %v", err)
	}
}
