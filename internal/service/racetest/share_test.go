package racetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// However customers are shared among nodes, nearly all usage is decided without locks:
// also under keys that come again, beside holds, of two features, where it is refused and
// where many records come at once.
func TestShareWithoutLocks(t *testing.T) {
	const customers, callers, each = 200, 12, 300
	w := newWorld(t)
	ids := make([]billing.CustomerID, customers)
	for i := range ids {
		ids[i] = w.customer([]billing.Code{"most", "most", "most", "pro"}[i%4]) // pro is soon used up
	}
	nodes := make([]*node, 3)
	for i := range nodes {
		nodes[i] = w.serve(func() time.Time { return w.now })
	}
	decided := func() (inMemory, read, inStore uint64) {
		for _, n := range nodes {
			m, r, s := n.Decided()
			inMemory, read, inStore = inMemory+m, read+r, inStore+s
		}
		return inMemory, read, inStore
	}
	// The first use makes the lane, which takes locks.
	for _, id := range ids {
		for _, feature := range features {
			if err := useOne(nodes[0].Service, id, feature); err != nil {
				t.Fatal(err)
			}
		}
	}
	inMemory0, read0, inStore0 := decided()
	var working sync.WaitGroup
	for caller := range callers {
		working.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(caller)))
			for n := range each {
				err := mixed(nodes[random.IntN(len(nodes))].Service, ids[random.IntN(customers)], random, fmt.Sprint(caller, "-", n))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	working.Wait()
	inMemory, read, inStore := decided()
	inMemory, read, inStore = inMemory-inMemory0, read-read0, inStore-inStore0
	all := inMemory + read + inStore
	share := float64(inMemory+read) / float64(all)
	t.Logf("%d units: %d decided on what was kept, %d on what was read, %d with locks: %.1f %% without", all, inMemory, read, inStore, 100*share)
	if share < 0.95 {
		t.Errorf("%.1f %% of usage was decided without locks, want 95", 100*share)
	}
	w.verify()
}

// mixed is one of the things that are asked for.
func mixed(s *service.Service, id billing.CustomerID, random *rand.Rand, name string) error {
	ctx, feature := context.Background(), features[random.IntN(len(features))]
	about := service.Counting{Customer: id, Features: []billing.Code{feature}, Records: 1}
	switch random.IntN(20) {
	case 0:
		return s.Do(ctx, "test", func(u *service.Work) error {
			h, d, err := u.Hold(id, feature, billing.OneUnit, time.Hour)
			if err == nil && d.Allowed && random.IntN(2) == 0 {
				_, _, err = u.ReleaseHold(h.ID)
			}
			return err
		})
	case 1:
		about.Records = 100
		reports := make([]usage.Report, about.Records)
		for i := range reports {
			reports[i] = usage.Report{Feature: feature, Value: 1}
			if i%2 == 0 {
				reports[i].ID = fmt.Sprint(name, "-", i)
			}
		}
		return s.Count(ctx, "test", about, func(u *service.Work) error {
			done, err := u.RecordUsage(id, reports)
			for i := range done {
				if done[i].Err != nil {
					err = errors.Join(err, done[i].Err)
				}
			}
			return err
		})
	case 2, 3, 4, 5, 6, 7:
		once := service.Once{Customer: id, Records: 1, Features: about.Features, Key: name, Fingerprint: []byte{1},
			Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false }}
		times := 1
		if random.IntN(8) == 0 {
			times = 2
		}
		for i := range times {
			_, replayed, err := s.Once(ctx, "test", once, func(u *service.Work) (service.Answer, error) {
				return service.Answer{Status: 200}, consumeOne(u, id, feature)
			})
			if err != nil || replayed != (i > 0) {
				return fmt.Errorf("under a key for time %d: replayed %v: %w", i, replayed, err)
			}
		}
		return nil
	}
	return useOne(s, id, feature)
}

func useOne(s *service.Service, id billing.CustomerID, feature billing.Code) error {
	about := service.Counting{Customer: id, Features: []billing.Code{feature}, Records: 1}
	return s.Count(context.Background(), "test", about, func(u *service.Work) error { return consumeOne(u, id, feature) })
}

func consumeOne(u *service.Work, id billing.CustomerID, feature billing.Code) error {
	_, err := u.Consume(id, feature, billing.OneUnit)
	return err
}
