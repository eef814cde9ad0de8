package service_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// BenchmarkConsumeOfPool is how many durable consumes a second 64 callers get on one
// customer's feature that has one source, and on one with three grants beside it. Both go
// the way with locks.
func BenchmarkConsumeOfPool(b *testing.B) {
	for _, grants := range []int{0, 3} {
		b.Run(fmt.Sprintf("grants=%d", grants), func(b *testing.B) {
			st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			s := &service.Service{Store: st}
			var id billing.CustomerID
			err = s.Do(b.Context(), "bench", func(u *service.Work) error {
				if _, err := u.ApplyCatalog(catalog()); err != nil {
					return err
				}
				c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "forever"})
				if err != nil {
					return err
				}
				id = c.ID
				if _, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{HasMax: true, Max: new(int64(1e9))}); err != nil {
					return err
				}
				for range grants {
					if _, _, err := u.CreateGrant(id, billing.NewGrant{Feature: "seats", Amount: 1e9 * billing.OneUnit, Priority: new(10)}); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			race(b, 64, func(*rand.Rand) error {
				return s.Count(b.Context(), "bench", service.Counting{Customer: id, Features: []billing.Code{"seats"}, Records: 1}, func(u *service.Work) error {
					d, err := u.Consume(id, "seats", billing.OneUnit)
					if err == nil && !d.Allowed {
						err = fmt.Errorf("refused: %s", d.Reason)
					}
					return err
				})
			})
		})
	}
}
