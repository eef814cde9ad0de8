package racetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// watched is a store that notes in which order each transaction locks features.
type watched struct {
	service.Store
	mu     sync.Mutex
	orders [][]billing.Code // the features of a run, as they were first locked
}

func (w *watched) Update(ctx context.Context, fn func(service.Tx) error) error {
	return w.Store.Update(ctx, func(tx service.Tx) error {
		run := &watchedUsage{UsageTx: tx.UsageTx}
		tx.UsageTx = run
		defer func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.orders = append(w.orders, run.locked)
		}()
		return fn(tx)
	})
}

type watchedUsage struct {
	service.UsageTx
	locked []billing.Code
}

func (tx *watchedUsage) LockCounters(id billing.CustomerID, code billing.Code, from, to time.Time) ([]usage.Counter, error) {
	if !slices.Contains(tx.locked, code) {
		tx.locked = append(tx.locked, code)
	}
	return tx.UsageTx.LockCounters(id, code, from, to)
}

// Of one customer features are locked in one order, whatever units share a
// transaction and whether or not they said what they were about; so no two
// transactions wait for each other.
func TestFeaturesAreLockedInOrder(t *testing.T) {
	w := newWorld(t)
	id := w.customer("most")
	st := &watched{Store: w.other.Store}
	node := &service.Service{Store: st, Clock: w.other.Clock}
	codes := []billing.Code{"other", "calls"}
	consume := func(code billing.Code) func(*service.Work) error {
		return func(u *service.Work) error {
			d, err := u.Consume(id, code, billing.OneUnit)
			if err == nil && !d.Allowed {
				err = fmt.Errorf("refused: %s", d.Reason)
			}
			return err
		}
	}
	var wg sync.WaitGroup
	for caller := range 24 {
		wg.Go(func() {
			for n := range 5 {
				code := codes[(caller+n)%2]
				what := service.Counting{Customer: id, Records: 1}
				fn := consume(code)
				switch caller % 3 {
				case 0:
					what.Features = []billing.Code{code}
				case 1:
					fn = func(u *service.Work) error {
						_, err := u.RecordUsage(id, []usage.Report{{Feature: "other", Value: 1}, {Feature: "calls", Value: 1}})
						return err
					}
				}
				if err := node.Count(context.Background(), "test", what, fn); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	both := 0
	for _, order := range st.orders {
		if !slices.IsSorted(order) {
			t.Errorf("locked in the order %v", order)
		}
		if len(order) == 2 {
			both++
		}
	}
	if both == 0 {
		t.Error("no transaction locked both features")
	}
	w.verify()
}

// BenchmarkFeaturesOfOneCustomer has 24 callers on three nodes consume of one
// customer: one feature, and two in turn.
func BenchmarkFeaturesOfOneCustomer(b *testing.B) {
	for n, codes := range [][]billing.Code{{"calls"}, {"calls", "other"}} {
		b.Run(fmt.Sprint(n+1), func(b *testing.B) {
			w := newWorld(b)
			id := w.customer("most")
			nodes := []*service.Service{w.Service, w.other, w.node(0)}
			const callers = 24
			took := make([][]time.Duration, callers)
			var wg sync.WaitGroup
			b.ResetTimer()
			for caller := range callers {
				wg.Go(func() {
					for i := caller; i < b.N; i += callers {
						code := codes[i/callers%len(codes)]
						if len(codes) > 1 && caller%2 == 1 {
							code = codes[1-i/callers%2]
						}
						began := time.Now()
						what := service.Counting{Customer: id, Features: []billing.Code{code}, Records: 1}
						err := nodes[caller%3].Count(context.Background(), "test", what, func(u *service.Work) error {
							_, err := u.Consume(id, code, billing.OneUnit)
							return err
						})
						if err != nil {
							b.Error(err)
						}
						took[caller] = append(took[caller], time.Since(began))
					}
				})
			}
			wg.Wait()
			all := slices.Concat(took...)
			slices.Sort(all)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
