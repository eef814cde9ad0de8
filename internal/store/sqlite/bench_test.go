package sqlite_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var benchCustomer = billing.Customer{ID: billing.CustomerID{1}, OrgCode: "org", CreatedOn: time.UnixMilli(1)}

// benchStore has one customer with a plan.
func benchStore(b *testing.B) *sqlstore.Store {
	st := newStore(b)
	steps := []func(service.Tx) error{
		func(tx service.Tx) error { _, err := tx.LockCatalog(); return err },
		func(tx service.Tx) error {
			return tx.PutCatalog(&billing.Catalog{Plans: map[billing.Code]*billing.Plan{"p": {
				Code: "p", Versions: []*billing.PlanVersion{{Plan: "p", Number: 1, PublishedOn: time.UnixMilli(1)}},
			}}})
		},
		func(tx service.Tx) error {
			_, err := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog})
			return err
		},
		func(tx service.Tx) error { return tx.CreateCustomer(benchCustomer) },
		func(tx service.Tx) error {
			return tx.CreateAgreement(billing.Agreement{
				ID: billing.AgreementID{1}, CustomerID: benchCustomer.ID, Plan: "p", Version: 1,
			})
		},
	}
	err := st.Update(b.Context(), func(tx service.Tx) error {
		for _, step := range steps {
			if err := step(tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	return st
}

// What a snapshot of a customer is loaded with.
func BenchmarkPacked(b *testing.B) {
	st := benchStore(b)
	for b.Loop() {
		if _, err := st.Packed(b.Context(), benchCustomer.ID, time.UnixMilli(2)); err != nil {
			b.Fatal(err)
		}
	}
}

// The same, with the catalog, in one view.
func BenchmarkView(b *testing.B) {
	st := benchStore(b)
	for b.Loop() {
		err := st.View(b.Context(), func(r service.Reader) error {
			if _, err := r.Facts(benchCustomer.ID, time.UnixMilli(2)); err != nil {
				return err
			}
			_, err := r.Catalog()
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUpdate(b *testing.B) {
	st := benchStore(b)
	for b.Loop() {
		err := st.Update(b.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(benchCustomer.ID); err != nil {
				return err
			}
			_, err := tx.AppendChange(billing.Change{
				Scope: benchCustomer.ID.Scope(), On: time.UnixMilli(2), By: "cli", Kind: "customer.updated",
				After: map[string]string{"name": "x"},
			})
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// What one consume does in the store: read the facts, lock, decide, count.
func BenchmarkConsume(b *testing.B) {
	st := benchStore(b)
	now := time.UnixMilli(2)
	month := billing.Window{Span: calendar.Span{Start: time.UnixMilli(0), End: time.UnixMilli(3)}}
	for i := 0; b.Loop(); i++ {
		err := st.Update(b.Context(), func(tx service.Tx) error {
			if _, err := tx.Facts(benchCustomer.ID, now); err != nil {
				return err
			}
			if _, err := tx.Catalog(); err != nil {
				return err
			}
			counters, err := tx.LockCounters(benchCustomer.ID, "calls", now, now)
			if err != nil {
				return err
			}
			if _, err := tx.HeldUnits(benchCustomer.ID, "calls", month, now, time.Time{}); err != nil {
				return err
			}
			err = tx.CreateUsage(usage.Record{
				CustomerID: benchCustomer.ID, ID: fmt.Sprintf("usage_%032x", i), Feature: "calls", Kind: usage.Consumed,
				Value: 1, Change: 1, Stamp: now, CountedOn: now, RecordedOn: now, By: "client:bench",
			})
			if err != nil {
				return err
			}
			if len(counters) == 1 {
				counters = append(counters, usage.Counter{CustomerID: benchCustomer.ID, Feature: "calls", Window: month})
			}
			for _, c := range counters {
				c.Used++
				if err := tx.PutCounters(c); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
