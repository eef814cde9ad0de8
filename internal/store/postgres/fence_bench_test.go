//go:build unix

package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// trips counts what is sent on connections: with a protocol of questions and answers,
// a write is a trip.
type trips struct {
	net.Conn
	n *atomic.Int64
}

func (c trips) Write(b []byte) (int, error) {
	c.n.Add(1)
	return c.Conn.Write(b)
}

// countTrips has the pools of a database counted.
func countTrips(t testing.TB, db *DB) *atomic.Int64 {
	t.Helper()
	n := new(atomic.Int64)
	config := db.config.Copy()
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		return trips{c, n}, err
	}
	for _, pool := range []**sql.DB{&db.writer, &db.reader} {
		old := *pool
		*pool = connect(config, 1, "")
		t.Cleanup(func() { old.Close() })
	}
	return n
}

// Each is one trip, however many it is about.
func TestTripsOfFence(t *testing.T) {
	f := newFenced(t, 3)
	n := countTrips(t, f.db)
	f.one = sqlstore.New(f.db.Backend())
	id := f.customers[0]
	f.update(func(tx service.Tx) error { // which says how far the upgrade is
		if _, err := tx.LockCounters(id, "other", fenceDay, fenceDay); err != nil {
			return err
		}
		u := f.record(id, "other")
		u.Feature = "other"
		return tx.CreateUsage(u)
	})
	// At first statements are prepared, and a new connection is looked at once.
	for round, warm := range []bool{true, true, false, false} {
		n.Store(0)
		catalog, changes := f.decide(fmt.Sprint(round))
		if got := n.Swap(0); !warm && got != 1 {
			t.Errorf("to read how usage stands took %d trips", got)
		}
		changes[1].Lane.Lane.Version-- // it is one of a failed fence, too
		if made, err := f.one.Apply(t.Context(), catalog, changes); err != nil || !made[0] || made[1] || !made[2] {
			t.Fatal(made, err)
		}
		if got := n.Swap(0); !warm && got != 1 {
			t.Errorf("to apply changes took %d trips", got)
		}
	}
}

// What a lane's batch of consumes of different customers costs: Go's CPU, trips and the
// log of the server.
func BenchmarkApply(b *testing.B) {
	for _, size := range []int{1, 8, 21, 32, 64} {
		b.Run(fmt.Sprint("changes=", size), func(b *testing.B) { benchApply(b, 1, size, true) })
		b.Run(fmt.Sprint("old/changes=", size), func(b *testing.B) { benchApply(b, 1, size, false) })
	}
}

// What it costs to read how usage of one feature stands, which is all that a check asks for.
func BenchmarkStandings(b *testing.B) {
	f := newFenced(b, 50)
	ctx, cancel := context.WithCancel(b.Context()) // as a request has
	defer cancel()
	read := func(i int) {
		if _, err := f.one.Standings(ctx, service.Ask{Customer: f.customers[i%50], Feature: "calls", At: fenceDay}); err != nil {
			b.Fatal(err)
		}
	}
	for i := range 50 { // plans are kept by then
		read(i)
	}
	b.ReportAllocs()
	before := cpuTime()
	b.ResetTimer()
	for i := range b.N {
		read(i)
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/ask")
}

// 64 callers at once, by lanes.
func BenchmarkLanes(b *testing.B) {
	for _, lanes := range []int{1, 2, 3, 4, 6} {
		b.Run(fmt.Sprint("lanes=", lanes), func(b *testing.B) { benchApply(b, lanes, 64/lanes, true) })
	}
}

func benchApply(b *testing.B, lanes, size int, fenced bool) {
	db := mustOpen(b, Options{URL: pgtest.URL(b)})
	st := sqlstore.New(db.Backend())
	w := billing.Window{Span: calendar.Span{Start: fenceDay, End: fenceDay.AddDate(0, 1, 0)}}
	all := make([][]service.LaneChange, lanes)
	var number atomic.Int64
	fill := func(c *service.LaneChange) {
		n := number.Add(1)
		at := fenceDay.Add(time.Duration(n) * time.Microsecond)
		c.Lane.Used++
		c.Lane.ChangedOn = at
		c.Lane.Lane.InWindow++
		c.Records = []usage.Record{{CustomerID: c.Lane.CustomerID, ID: fmt.Sprintf("usage_%012x%020x", at.UnixMilli(), n), Made: true,
			Feature: "calls", Kind: usage.Consumed, Value: 1, Change: 1, Stamp: at, CountedOn: at, RecordedOn: at, By: "client:0123456789"}}
	}
	old := func(c *service.LaneChange) error {
		return st.Update(b.Context(), func(tx service.Tx) error {
			counters, err := tx.LockCounters(c.Lane.CustomerID, "calls", fenceDay, fenceDay)
			if err != nil {
				return err
			}
			if _, err := tx.RevisionOf(c.Lane.CustomerID); err != nil {
				return err
			}
			if _, err := tx.HeldUnits(c.Lane.CustomerID, "calls", w, fenceDay, time.Time{}); err != nil {
				return err
			}
			if err := tx.CreateUsage(c.Records...); err != nil {
				return err
			}
			c.Lane.Window = counters[0].Window
			return tx.PutCounters(c.Lane)
		})
	}
	for l := range all {
		for i := range size {
			id := billing.CustomerID{0: byte(l), 14: byte(i), 15: 1}
			c := service.LaneChange{Lane: usage.Counter{CustomerID: id, Feature: "calls", ChangedOn: fenceDay,
				Lane: usage.Lane{Window: &w, HeldOn: fenceDay}}}
			err := st.Update(b.Context(), func(tx service.Tx) error {
				return tx.CreateCustomer(billing.Customer{ID: id, ExternalID: id.String(), OrgCode: id.String()})
			})
			if err != nil {
				b.Fatal(err)
			}
			fill(&c)
			if err := old(&c); err != nil {
				b.Fatal(err)
			}
			c.Lane.Lane.Version = 2
			all[l] = append(all[l], c)
		}
	}
	var wal0, wal1 int64
	position := func(into *int64) {
		if err := db.reader.QueryRowContext(b.Context(), `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`).Scan(into); err != nil {
			b.Fatal(err)
		}
	}
	run := func(l int) {
		changes := all[l]
		for i := range changes {
			fill(&changes[i])
		}
		if !fenced {
			for i := range changes {
				if err := old(&changes[i]); err != nil {
					b.Error(err)
				}
			}
			return
		}
		made, err := st.Apply(b.Context(), 0, changes)
		if err != nil {
			b.Error(err)
			return
		}
		for i := range made {
			if !made[i] {
				b.Error("not made")
			}
			changes[i].Lane.Lane.Version++
		}
	}
	for l := range all {
		for range 6 { // plans are kept by then
			run(l)
		}
	}
	b.ReportAllocs()
	position(&wal0)
	before := cpuTime()
	b.ResetTimer()
	var wg sync.WaitGroup
	for l := range all {
		wg.Go(func() {
			for range b.N/(lanes*size) + 1 {
				run(l)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	done := float64((b.N/(lanes*size) + 1) * lanes * size)
	position(&wal1)
	b.ReportMetric(float64(cpuTime()-before)/done, "cpu-ns/change")
	b.ReportMetric(float64(wal1-wal0)/done, "wal-B/change")
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
