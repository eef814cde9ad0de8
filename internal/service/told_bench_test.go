package service_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// BenchmarkTellDue is how many events a second are told when trials of many customers
// (ALLOT_TELL_CUSTOMERS) end at one instant, which are three of each. It takes one run:
// -benchtime 1x.
func BenchmarkTellDue(b *testing.B) {
	for name, url := range map[string]func() string{
		"sqlite":   func() string { return "sqlite:" + filepath.Join(b.TempDir(), "allot.db") },
		"postgres": func() string { return pgtest.URL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			st, err := store.Open(b.Context(), store.Options{URL: url(), Mode: store.Serve})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			customers := env("ALLOT_TELL_CUSTOMERS", 1000)
			teller, ends := tried(b, st, customers)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			reading := watchReads(b, st)
			b.ResetTimer()
			for told := 1; told > 0; {
				if told, err = teller.TellDue(b.Context(), ends); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(reading(), "p99-read-ms")
			b.ReportMetric(watchReads(b, st)(), "p99-read-alone-ms")
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(3*customers)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(after.Sys)/(1<<20), "MiB-of-system")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(customers), "B/customer")
		})
	}
}

// watchReads reads entitlements of customers, one after the other, until the returned
// function is called, and at least a thousand times. That answers how long 99 of 100 took
// at most, in ms.
func watchReads(b *testing.B, st service.Store) func() float64 {
	b.Helper()
	s := &service.Service{Store: st}
	var ids []billing.CustomerID
	err := st.View(b.Context(), func(r service.Reader) (err error) {
		ids, err = r.CustomerIDs(billing.CustomerID{}, 100)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	var took []time.Duration
	var stop atomic.Bool
	var reading sync.WaitGroup
	reading.Go(func() {
		for i := 0; !stop.Load() || i < 1000; i++ {
			began := time.Now()
			if _, err := s.EntitlementsAt(b.Context(), ids[i%len(ids)], time.Time{}, false); err != nil {
				b.Error(err)
				return
			}
			took = append(took, time.Since(began))
		}
	})
	return func() float64 {
		stop.Store(true)
		reading.Wait()
		slices.Sort(took)
		return float64(took[len(took)*99/100].Microseconds()) / 1000
	}
}

// tried makes customers on a trial that ends with its agreement, of whom all is told up
// to then.
func tried(b *testing.B, st service.Store, customers int) (teller *service.Teller, ends time.Time) {
	b.Helper()
	now := instant("2027-01-31T10:00:00Z")
	s := &service.Service{Store: st, Clock: func() time.Time { return now }}
	for made := 0; made < customers; {
		err := s.Do(b.Context(), "bench", func(u *service.Work) error {
			if _, err := u.ApplyCatalog(catalog()); err != nil {
				return err
			}
			for range min(500, customers-made) {
				if _, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "ending"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		made += min(500, customers-made)
	}
	teller, ends = &service.Teller{Store: st}, now.AddDate(0, 0, 14)
	if _, err := teller.Begin(b.Context(), now); err != nil {
		b.Fatal(err)
	}
	for more := true; more; {
		var err error
		if more, err = teller.Walk(b.Context(), ends.Add(-time.Hour)); err != nil {
			b.Fatal(err)
		}
	}
	return teller, ends
}
