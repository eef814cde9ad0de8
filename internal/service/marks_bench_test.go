package service_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// BenchmarkWatched is a durable use of a feature of which nothing is to be told, and of one
// with thresholds that it does not reach. Both are decided in memory, at the same cost.
func BenchmarkWatched(b *testing.B) {
	for name, thresholds := range map[string][]int{"plain": nil, "thresholds": {80, 100}} {
		b.Run(name, func(b *testing.B) {
			w := newBenchWorld(b)
			spec := catalog()
			spec.Features[0].Thresholds = thresholds
			var id billing.CustomerID
			if err := w.Do(b.Context(), "bench", func(u *service.Work) error {
				if _, err := u.ApplyCatalog(spec); err != nil {
					return err
				}
				c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "forever"})
				if err != nil {
					return err
				}
				id = c.ID
				_, _, _, err = u.SetOverride(id, "seats", billing.NewOverride{HasMax: true, Max: new(int64(1e9))})
				return err
			}); err != nil {
				b.Fatal(err)
			}
			snap, _, err := w.Snapshot(b.Context(), id)
			if err != nil {
				b.Fatal(err)
			}
			w.Known = func(context.Context, billing.CustomerID, billing.Revision) (*billing.Snapshot, error) {
				return snap, nil
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := w.Count(b.Context(), "bench", service.Counting{Customer: id, Features: []billing.Code{"seats"}, Records: 1}, func(u *service.Work) error {
					_, err := u.Consume(id, "seats", billing.OneUnit)
					return err
				}); err != nil {
					b.Fatal(err)
				}
			}
			if inMemory, read, inStore := w.Decided(); read+inStore > 2 {
				b.Errorf("decided in memory %d, on what was read %d, in a transaction %d", inMemory, read, inStore)
			}
		})
	}
}

func newBenchWorld(b *testing.B) *service.Service {
	st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = st.Close() })
	return &service.Service{Store: st}
}
