//go:build unix

package sqlite_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// What a consume costs in batches of different customers, decided on before and in its
// transaction.
func BenchmarkBatch(b *testing.B) {
	const size = 64
	w := billing.Window{Span: calendar.Span{Start: time.UnixMilli(0), End: time.UnixMilli(1 << 42)}}
	make64 := func(b *testing.B) (*sqlstore.Store, []service.LaneChange) {
		st := benchStore(b)
		changes := make([]service.LaneChange, size)
		for i := range changes {
			id := billing.CustomerID{0: 2, 15: byte(i)}
			changes[i].Lane = usage.Counter{CustomerID: id, Feature: "calls"}
			err := st.Update(b.Context(), func(tx service.Tx) error {
				return tx.CreateCustomer(billing.Customer{ID: id, ExternalID: id.String(), OrgCode: id.String(), CreatedOn: time.UnixMilli(1)})
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		return st, changes
	}
	number := 1_700_000_000_000_000
	fill := func(c *service.LaneChange) {
		number++
		at := time.UnixMicro(int64(number))
		c.Lane.Used++
		c.Lane.ChangedOn = at
		c.Lane.Lane.Window, c.Lane.Lane.HeldOn = &w, time.UnixMilli(1)
		c.Lane.Lane.InWindow++
		c.Records = []usage.Record{{CustomerID: c.Lane.CustomerID, ID: fmt.Sprintf("usage_%012x%020x", at.UnixMilli(), number), Made: true,
			Feature: "calls", Kind: usage.Consumed, Value: 1, Change: 1, Stamp: at, CountedOn: at, RecordedOn: at, By: "client:0123456789"}}
	}
	inTransaction := func(b *testing.B, st *sqlstore.Store, changes []service.LaneChange) {
		err := st.Update(b.Context(), func(tx service.Tx) error {
			var counters []usage.Counter
			var records []usage.Record
			for i := range changes {
				c := &changes[i]
				id := c.Lane.CustomerID
				if _, err := tx.LockCounters(id, "calls", c.Lane.ChangedOn, c.Lane.ChangedOn); err != nil {
					return err
				}
				if _, err := tx.HeldUnits(id, "calls", w, c.Lane.ChangedOn, time.Time{}); err != nil {
					return err
				}
				counters, records = append(counters, c.Lane), append(records, c.Records...)
			}
			if err := tx.CreateUsage(records...); err != nil {
				return err
			}
			return tx.PutCounters(counters...)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("in its transaction", func(b *testing.B) {
		st, changes := make64(b)
		defer reportCPU(b, size)()
		for b.Loop() {
			for i := range changes {
				fill(&changes[i])
			}
			inTransaction(b, st, changes)
		}
	})
	b.Run("before", func(b *testing.B) {
		st, changes := make64(b)
		for i := range changes {
			fill(&changes[i])
		}
		inTransaction(b, st, changes)
		for i := range changes {
			changes[i].Lane.Lane.Version = 2
		}
		defer reportCPU(b, size)()
		for b.Loop() {
			for i := range changes {
				fill(&changes[i])
			}
			made, err := st.Apply(b.Context(), 1, changes)
			if err != nil {
				b.Fatal(err)
			}
			for i := range made {
				if !made[i] {
					b.Fatal("not made")
				}
				changes[i].Lane.Lane.Version++
			}
		}
	})
}

// reportCPU has it reported what each of some things takes that an operation does.
func reportCPU(b *testing.B, each int) func() {
	used := func() time.Duration {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N*each), "cpu-ns/change") }
}

// What a check reads of usage.
func BenchmarkStanding(b *testing.B) {
	st := benchStore(b)
	w := billing.Window{Span: calendar.Span{Start: time.UnixMilli(0), End: time.UnixMilli(1 << 42)}}
	err := st.Update(b.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCounters(benchCustomer.ID, "calls", time.UnixMilli(1), time.UnixMilli(1)); err != nil {
			return err
		}
		return tx.PutCounters(usage.Counter{CustomerID: benchCustomer.ID, Feature: "calls", Used: 1, Lane: usage.Lane{Window: &w, HeldOn: time.UnixMilli(1)}})
	})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := st.Standings(b.Context(), service.Ask{Customer: benchCustomer.ID, Feature: "calls", At: time.UnixMilli(2)}); err != nil {
			b.Fatal(err)
		}
	}
}
