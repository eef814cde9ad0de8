package service_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// BenchmarkPast is an answer about a past instant, anywhere in a history that grows: of
// changes of a customer's own terms, and of ended agreements. The last line of each has
// how much the largest costs more than the smallest. By undoing the log it is what it
// cost before there were images, where the log is whole.
func BenchmarkPast(b *testing.B) {
	for _, h := range []struct {
		name  string
		sizes []int
		at    int // how many steps are made at one instant
		step  func(u *service.Work, id billing.CustomerID, i int) error
	}{
		{"changes", []int{100, 1000, 10_000}, 20, func(u *service.Work, id billing.CustomerID, i int) error {
			_, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: int64(i%9 + 1)})
			return err
		}},
		{"ended", []int{30, 300, 3000}, 1, func(u *service.Work, id billing.CustomerID, i int) error {
			_, _, err := u.Subscribe(id, billing.NewAgreement{Plan: []billing.Code{"pro", "max"}[i%2]})
			return err
		}},
	} {
		b.Run(h.name, func(b *testing.B) {
			st, err := store.Open(b.Context(), store.Options{URL: "sqlite:" + filepath.Join(b.TempDir(), "allot.db")})
			if err != nil {
				b.Fatal(err)
			}
			defer st.Close()
			began := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
			now := began
			s := &service.Service{Store: st, Clock: func() time.Time { return now }}
			old := &service.Service{Store: walked(st), Clock: s.Clock}
			do := func(fn func(*service.Work) error) {
				if err := s.Do(b.Context(), "bench", fn); err != nil {
					b.Fatal(err)
				}
			}
			var id billing.CustomerID
			do(func(u *service.Work) error {
				if _, err := u.ApplyCatalog(catalog()); err != nil {
					return err
				}
				c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "max"})
				id = c.ID
				return err
			})
			grown := 0
			took := map[string][]float64{}
			for _, size := range h.sizes {
				for ; grown < size; grown += h.at {
					now = now.Add(time.Minute)
					do(func(u *service.Work) error {
						for i := range h.at {
							if err := h.step(u, id, grown+i); err != nil {
								return err
							}
						}
						return nil
					})
				}
				for _, by := range []struct {
					name     string
					s        *service.Service
					knownNow bool
				}{{"then", s, false}, {"known=now", s, true}, {"undone", old, false}} {
					b.Run(fmt.Sprintf("%s/%d", by.name, size), func(b *testing.B) {
						span := now.Sub(began)
						i := 0
						for b.Loop() {
							at := began.Add(span / 101 * time.Duration(i*37%101)).Truncate(time.Microsecond)
							if _, err := by.s.EntitlementsAt(b.Context(), id, at, by.knownNow); err != nil {
								b.Fatal(err)
							}
							i++
						}
						took[by.name] = append(took[by.name], float64(b.Elapsed())/float64(b.N))
					})
				}
			}
			for name, costs := range took {
				if len(costs) >= len(h.sizes) {
					b.Logf("%s: %d cost %.2f of what %d cost", name, h.sizes[len(h.sizes)-1], costs[len(costs)-1]/costs[0], h.sizes[0])
				}
			}
		})
	}
}
