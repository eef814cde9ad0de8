package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var foldTests = []test{
	{"folding makes one record of each day", testFold},
	{"folding goes on where it was", testFoldBatches},
	{"folding leaves what it cannot sum", testFoldOverflow},
	{"what is to be folded is found by feature", testUnfoldedFeatures},
}

// shortDay is a day of four hours, which begins at hour 2.
func shortDay(at time.Time) calendar.Span {
	const length = 4 * time.Hour
	n := at.Sub(on(2)) / length
	if begin := on(2).Add(n * length); at.Before(begin) {
		n--
	}
	begin := on(2).Add(n * length)
	return calendar.Span{Start: begin, End: begin.Add(length)}
}

// fold folds calls of customer 1.
func fold(t *testing.T, st service.Store, before time.Time, limit int) (n int) {
	t.Helper()
	metering(t, st, customerID(1), "calls", func(tx service.Tx) (err error) {
		n, err = tx.FoldUsage(customerID(1), "calls", before, shortDay, limit)
		return err
	})
	return n
}

// calls are all usage records of customer 1's calls.
func calls(t *testing.T, st service.Store) []usage.Record {
	t.Helper()
	return read(t, st, func(r service.Reader) ([]usage.Record, error) {
		records, _, err := r.UsageRecords(customerID(1), "calls", time.Time{}, time.Time{},
			service.Page[service.UsageCursor]{Size: 1000})
		return records, err
	})
}

// newFolded stands for calls of customer 1 on the day that begins at an hour,
// the earliest of which counted at another.
func newFolded(begin, first int, change billing.Units) usage.Record {
	return usage.Record{
		CustomerID: customerID(1), ID: fmt.Sprintf("%s%d_calls", usage.FoldedPrefix, on(begin).UnixMicro()),
		Feature: "calls", Kind: usage.Folded, Value: change, Change: change,
		Stamp: on(begin), CountedOn: on(begin), RecordedOn: on(first),
	}
}

func testFold(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	record := func(id string, counted int, change billing.Units) usage.Record {
		u := newUsage(customerID(1), id, on(counted))
		u.Change = change
		return u
	}
	early, late, end := record("early", 1, 1), record("late", 9, 9e18), record("end", 10, 1000)
	createUsage(t, st, late, record("middle", 4, 100), end, early, record("minus", 4, -5), record("first", 3, 10))
	other, stranger := newUsage(customerID(1), "other", on(3)), newUsage(customerID(2), "middle", on(3))
	other.Feature = "other"
	createUsage(t, st, other, stranger)

	windows := []billing.Window{hours(2, 6), hours(-2, 6), hours(2, 10), hours(6, 14), hours(10, 14), allTime}
	sums := func() (sums []billing.Units) {
		for _, w := range windows {
			sums = append(sums, read(t, st, sumCalls(customerID(1), w, time.Time{})))
		}
		return sums
	}
	before := sums()
	if n := fold(t, st, on(6), 9); n != 4 {
		t.Errorf("%d records folded, want 4", n)
	}
	same(t, "sums", sums(), before)
	want := []usage.Record{newFolded(-2, 1, 1), newFolded(2, 3, 105), late, end}
	same(t, "records", calls(t, st), want)
	same(t, "of another feature", read(t, st, getUsage(customerID(1), "other")), other)
	same(t, "of another customer", read(t, st, getUsage(customerID(2), "middle")), stranger)
	// Who asks for what was known at an instant after the day sees all of it.
	if sum := read(t, st, sumCalls(customerID(1), hours(2, 6), on(6))); sum != 105 {
		t.Errorf("recorded by the end of the day: %d, want 105", sum)
	}

	if n := fold(t, st, on(6), 9); n != 0 {
		t.Errorf("%d records folded twice", n)
	}
	same(t, "records then", calls(t, st), want)

	// Late ones join those of their day.
	createUsage(t, st, record("later", 5, 1000), record("earlier", 2, 10000))
	if n := fold(t, st, on(6), 9); n != 2 {
		t.Errorf("%d late records folded", n)
	}
	want[1] = newFolded(2, 2, 11105)
	same(t, "records in the end", calls(t, st), want)
}

func testFoldBatches(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for n := range 9 {
		createUsage(t, st, newUsage(customerID(1), fmt.Sprint(n), on(n)))
	}
	for _, step := range []struct {
		want int
		left []billing.Units
	}{
		{4, []billing.Units{2, 2, 1, 1, 1, 1, 1}}, // of hours 0 to 3
		{4, []billing.Units{2, 4, 2, 1}},
		{1, []billing.Units{2, 4, 3}},
		{0, []billing.Units{2, 4, 3}},
	} {
		if n := fold(t, st, on(100), 4); n != step.want {
			t.Errorf("%d records folded, want %d", n, step.want)
		}
		var got []billing.Units
		for _, u := range calls(t, st) {
			got = append(got, u.Change)
		}
		same(t, "changes", got, step.left)
	}
}

func testFoldOverflow(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for n := range 2 {
		u := newUsage(customerID(1), fmt.Sprint(n), on(2+n))
		u.Change = 9e18
		createUsage(t, st, u)
	}
	err := st.Update(t.Context(), func(tx service.Tx) error {
		_, err := tx.LockCounters(customerID(1), "calls", on(0), on(1))
		if err == nil {
			_, err = tx.FoldUsage(customerID(1), "calls", on(9), shortDay, 9)
		}
		return err
	})
	if err == nil || len(calls(t, st)) != 2 {
		t.Errorf("folded more than a record can say: %v", err)
	}
}

func testUnfoldedFeatures(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	other := newUsage(customerID(1), "other", on(5))
	other.Feature = "another"
	createUsage(t, st, newUsage(customerID(1), "a", on(3)), newUsage(customerID(1), "b", on(3)), other,
		newUsage(customerID(2), "a", on(0)))
	wantAt := func(before time.Time, want ...billing.Code) {
		t.Helper()
		got := read(t, st, func(r service.Reader) ([]billing.Code, error) {
			return r.UnfoldedFeatures(customerID(1), before)
		})
		same(t, "before "+before.String(), got, want)
	}
	wantAt(on(3))
	wantAt(on(3).Add(time.Microsecond), "calls")
	wantAt(on(6), "another", "calls")
	fold(t, st, on(6), 1)
	wantAt(on(6), "another", "calls")
	fold(t, st, on(6), 1)
	wantAt(on(6), "another")
}
