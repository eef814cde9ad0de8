package service_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// BenchmarkConsume is how many durable consumes a second 64 callers get, on one
// customer and spread over 10,000, beside the rate at which SQLite commits the
// same rows written by hand, one consume a commit and 64.
func BenchmarkConsume(b *testing.B) {
	const callers = 64
	for _, customers := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("allot/customers=%d", customers), func(b *testing.B) {
			st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			s := &service.Service{Store: st}
			ids := make([]billing.CustomerID, customers)
			for from := 0; from < customers; from += 500 {
				err = s.Do(b.Context(), "bench", func(u *service.Work) error {
					if _, err := u.ApplyCatalog(catalog()); err != nil {
						return err
					}
					for i := from; i < min(customers, from+500); i++ {
						c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "forever", AnchorOn: time.Now().UTC().Truncate(time.Second)})
						if err != nil {
							return err
						}
						if _, _, _, err := u.SetOverride(c.ID, "seats", billing.NewOverride{HasMax: true, Max: new(int64(1e9))}); err != nil {
							return err
						}
						ids[i] = c.ID
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			race(b, callers, func(r *rand.Rand) error {
				id := ids[r.IntN(len(ids))]
				return s.Count(b.Context(), "bench", service.Counting{Customer: id, Records: 1}, func(u *service.Work) error {
					d, err := u.Consume(id, "seats", billing.OneUnit)
					if err == nil && !d.Allowed {
						err = fmt.Errorf("refused: %s", d.Reason)
					}
					return err
				})
			})
		})
	}
	for _, group := range []int{1, callers} {
		b.Run(fmt.Sprintf("sqlite/consumes-a-commit=%d", group), func(b *testing.B) {
			db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "raw.db")+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			db.SetMaxOpenConns(1)
			_, err = db.ExecContext(b.Context(), `
				create table records (customer text not null, id text not null, feature text not null, kind text not null, value integer not null,
					change integer not null, stamp integer not null, counted integer not null, recorded integer not null, actor text not null,
					primary key (customer, id)) strict;
				create index by_time on records (customer, feature, counted, id);
				create table counters (customer text not null, feature text not null, start integer not null, end integer not null, used integer not null,
					primary key (customer, feature, start, end)) strict;
				insert into counters values ('c', 'seats', 0, 1, 0)`)
			if err != nil {
				b.Fatal(err)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				tx, err := db.BeginTx(b.Context(), nil)
				if err != nil {
					b.Fatal(err)
				}
				for range group {
					n++
					now := time.Now().UnixMicro()
					if _, err := tx.ExecContext(b.Context(), `insert into records values ('c', $1, 'seats', 'consumed', 1000000, 1000000, $2, $2, $2, 'bench')`, fmt.Sprintf("usage_%032d", n), now); err != nil {
						b.Fatal(err)
					}
					if _, err := tx.ExecContext(b.Context(), `update counters set used = used + 1000000 where customer = 'c' and feature = 'seats' and start = 0 and end = 1`); err != nil {
						b.Fatal(err)
					}
				}
				if err := tx.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "consumes/s")
		})
	}
}

// race lets callers do work b.N times in all, and reports its rate and how long
// one takes.
func race(b *testing.B, callers int, work func(*rand.Rand) error) {
	var mu sync.Mutex
	var took []time.Duration
	left := make(chan struct{}, b.N)
	for range b.N {
		left <- struct{}{}
	}
	close(left)
	b.ResetTimer()
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			var own []time.Duration
			for range left {
				began := time.Now()
				if err := work(r); err != nil {
					b.Error(err)
					return
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			took = append(took, own...)
			mu.Unlock()
		})
	}
	wg.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "consumes/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkPreview is a preview of a downgrade for each of 10,000 customers, of
// whom every tenth would exceed the new limit; it must name exactly those.
func BenchmarkPreview(b *testing.B) {
	const customers = 10_000
	st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	s := &service.Service{Store: st}
	apply := func(spec billing.CatalogSpec) {
		err := s.Do(b.Context(), "bench", func(u *service.Work) error {
			_, err := u.ApplyCatalog(spec)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	spec := catalog()
	apply(spec)
	want := make(map[billing.CustomerID]bool)
	for from := 0; from < customers; from += 500 {
		err := s.Do(b.Context(), "bench", func(u *service.Work) error {
			for i := range 500 {
				c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "max"}) // 100 seats
				if err != nil {
					return err
				}
				units := 5 * billing.OneUnit
				if i%10 == 0 {
					units, want[c.ID] = 60*billing.OneUnit, true
				}
				if _, err := u.Consume(c.ID, "seats", units); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	spec.Plans[2].Items = seats(50)
	apply(spec)
	for b.Loop() {
		seen, exceed := 0, 0
		for after := (billing.CustomerID{}); ; {
			effects, more, err := s.PreviewMigration(b.Context(), "max", 0, after, 500)
			if err != nil {
				b.Fatal(err)
			}
			for _, e := range effects {
				seen++
				if len(e.Exceeds) > 0 {
					exceed++
				}
				if want[e.Customer] != (len(e.Exceeds) > 0) {
					b.Fatalf("%s exceeds: %v", e.Customer, e.Exceeds)
				}
				after = e.Customer
			}
			if !more {
				break
			}
		}
		if seen != customers || exceed != len(want) {
			b.Fatalf("%d customers, of whom %d exceed; want %d and %d", seen, exceed, customers, len(want))
		}
	}
}
