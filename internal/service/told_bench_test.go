package service_test

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
// (ALLOT_TELL_CUSTOMERS) end at one instant, which are three of each; what it cost, what
// reads of others took meanwhile, and that each was told once. It takes one run:
//
//	ALLOT_TELL_CUSTOMERS=1000000 go test ./internal/service -run '^$' -bench TellDue/sqlite -benchtime 1x -timeout 4h
func BenchmarkTellDue(b *testing.B) {
	for name, place := range map[string]func() (url, driver, dsn string){
		"sqlite": func() (url, driver, dsn string) {
			path := filepath.Join(b.TempDir(), "allot.db")
			return "sqlite:" + path, "sqlite", path
		},
		"postgres": func() (url, driver, dsn string) {
			url = pgtest.URL(b)
			return url, "pgx", url
		},
	} {
		b.Run(name, func(b *testing.B) {
			url, driver, dsn := place()
			st, err := store.Open(b.Context(), store.Options{URL: url, Mode: store.Serve})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			began := time.Now()
			customers := env("ALLOT_TELL_CUSTOMERS", 1000)
			teller, ends := tried(b, st, customers)
			b.Logf("%d customers were made in %s", customers, time.Since(began).Round(time.Second))
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
			b.ReportMetric(resident(b), "MiB-resident-at-most")
			eachOnce(b, driver, dsn, customers, ends)
		})
	}
}

// resident is how much memory the process has had at most, in MiB; 0 where that is not known.
func resident(b *testing.B) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	var kib float64
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}

// eachOnce checks that of each customer three things are told, and with the instant at which
// they were so.
func eachOnce(b *testing.B, driver, dsn string, customers int, ends time.Time) {
	b.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	count := func(query string, args ...any) (n int) {
		if err := db.QueryRowContext(b.Context(), query, args...).Scan(&n); err != nil {
			b.Fatal(err)
		}
		return n
	}
	for _, kind := range []string{"trial.ended", "agreement.ended", "entitlements.changed"} {
		const told = ` from events where kind = $1 and happened_on = $2`
		all, of := count(`select count(*)`+told, kind, ends.UnixMicro()), count(`select count(distinct customer_id)`+told, kind, ends.UnixMicro())
		if all != customers || of != customers {
			b.Errorf("%s is told %d times, of %d customers, want %d of each", kind, all, of, customers)
		}
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
