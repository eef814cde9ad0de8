package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var rowTests = []test{
	{"many records are written and found at once", testManyRecords},
	{"one of many that is there fails all", testManyWithOneThere},
	{"many counters are stored over those there are", testManyCounters},
}

// counts around the sizes that statements are cut into.
var counts = []int{0, 1, 2, 3, 4, 5, 15, 16, 17, 21, 63, 64, 65, 85, 200}

func testManyRecords(t *testing.T, st Store) {
	c, other := customerID(1), customerID(2)
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	for _, n := range counts {
		var records []usage.Record
		var ids []string
		for i := range n {
			u := newUsage(c, fmt.Sprintf("%d-%d", n, i), on(i))
			u.Value = billing.Units(i)
			records, ids = append(records, u), append(ids, u.ID)
		}
		metering(t, st, c, "calls", func(tx service.Tx) error { return tx.CreateUsage(records...) })
		got := read(t, st, func(r service.Reader) ([]usage.Record, error) {
			return r.UsageRecordsByID(c, append(ids, "missing"))
		})
		slices.SortFunc(got, func(a, b usage.Record) int { return a.CountedOn.Compare(b.CountedOn) })
		same(t, fmt.Sprint(n, " records"), got, records)
		if of, err := st.Packed(t.Context(), other, on(0)); err != nil || of.Snapshot(other, nil).Customer.OrgCode != "org_2" {
			t.Fatal(err)
		}
		if got := read(t, st, func(r service.Reader) ([]usage.Record, error) { return r.UsageRecordsByID(other, ids) }); len(got) != 0 {
			t.Errorf("another customer has %d of %d", len(got), n)
		}
	}
}

func testManyWithOneThere(t *testing.T, st Store) {
	c := customerID(1)
	createCustomers(t, st, newCustomer(1))
	createUsage(t, st, newUsage(c, "there", on(0)))
	answer := newAnswer(c.Scope(), "there")
	update(t, st, func(tx service.Tx) error { return tx.CreateAnswers(answer) })
	for _, n := range counts[1:] {
		records, answers := make([]usage.Record, n), make([]service.StoredAnswer, n)
		for i := range n {
			name := fmt.Sprintf("%d-%d", n, i)
			if i == n/2 {
				name = "there"
			}
			records[i], answers[i] = newUsage(c, name, on(0)), newAnswer(c.Scope(), name)
		}
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCounters(c, "calls", on(0), on(0)); err != nil {
				return err
			}
			return tx.CreateUsage(records...)
		})
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("one of %d records: %v", n, err)
		}
		err = st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateAnswers(answers...) })
		if !errors.Is(err, billing.ErrExists) {
			t.Errorf("one of %d answers: %v", n, err)
		}
		left := read(t, st, func(r service.Reader) ([]usage.Record, error) {
			return r.UsageRecordsByID(c, []string{records[0].ID, records[n-1].ID})
		})
		for _, u := range left {
			if u.ID != "there" {
				t.Errorf("of %d records that fail %s is left", n, u.ID)
			}
		}
	}
}

func testManyCounters(t *testing.T, st Store) {
	c := customerID(1)
	createCustomers(t, st, newCustomer(1))
	for round, n := range counts {
		var counters []usage.Counter
		for i := range n {
			counters = append(counters, newCounter(c, "calls", hours(i, i+1), billing.Units(round*1000+i)))
		}
		metering(t, st, c, "calls", func(tx service.Tx) error { return tx.PutCounters(counters...) })
		got := read(t, st, func(r service.Reader) ([]usage.Counter, error) { return r.Counters(c) })
		got = slices.DeleteFunc(got, func(c usage.Counter) bool { return c.Window.AllTime() })
		if n > 0 {
			same(t, fmt.Sprint(n, " counters"), got[:min(n, len(got))], counters)
		}
	}
}
