package service_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/creditmodel"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/usage"
)

// Many at once on one pool of three grants, through several services: all of it is given
// away and nothing twice, in whatever order.
func TestManyOnOnePool(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   sqliteURL,
		"postgres": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) { manyOnOnePool(t, url(t)) })
	}
}

func manyOnOnePool(t *testing.T, url string) {
	w, _ := openWorld(t, url)
	r := newReplay(t, w, creditmodel.World{Start: day(t, "1-1"), Features: []creditmodel.Feature{{Code: api}}})
	w.now = day(t, "1-2")
	for range 3 {
		r.give(creditmodel.Step{Op: creditmodel.OpGrant, Grant: &creditmodel.GrantRequest{Feature: api, Amount: 100 * creditmodel.One}})
	}
	nodes := []*service.Service{w.Service}
	for range 2 {
		st, err := store.Open(t.Context(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		nodes = append(nodes, &service.Service{Store: st, Clock: w.Clock})
	}
	const callers, units = 64, 7 * billing.OneUnit
	var mu sync.Mutex
	var given billing.Units
	var holds []usage.HoldID
	var working sync.WaitGroup
	for i := range callers {
		working.Go(func() {
			allowed := false
			var id usage.HoldID
			err := nodes[i%len(nodes)].Do(t.Context(), "test", func(u *service.Work) error {
				if i%2 == 0 {
					d, err := u.Consume(r.id, api, units)
					allowed = d.Allowed
					return err
				}
				h, d, err := u.Hold(r.id, api, units, time.Hour)
				allowed, id = d.Allowed, h.ID
				return err
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if allowed {
				given += units
				if i%2 == 1 {
					holds = append(holds, id)
				}
			}
		})
	}
	working.Wait()
	if want := 42 * units; given != want { // of 300 there are 6 left, for which 7 are too many
		t.Errorf("%s were given away, want %s", given, want)
	}
	left(t, w, r.id, 300*billing.OneUnit-given)
	closeAll(t, nodes, holds)
	left(t, w, r.id, 300*billing.OneUnit-given+billing.Units(len(holds)/2)*units)
	verifyClean(t, w)
}

func left(t *testing.T, w *world, id billing.CustomerID, want billing.Units) {
	t.Helper()
	c, err := w.Credits(t.Context(), id, api, time.Time{}, false)
	if err != nil || c.Available != want {
		t.Errorf("%s are left, want %s; %v", c.Available, want, err)
	}
}

// closeAll releases one half of some holds and confirms the others, each twice at once.
func closeAll(t *testing.T, nodes []*service.Service, holds []usage.HoldID) {
	var working sync.WaitGroup
	for i, id := range holds {
		for again := range 2 {
			working.Go(func() {
				err := nodes[(i+again)%len(nodes)].Do(t.Context(), "test", func(u *service.Work) error {
					var err error
					if i%2 == 1 {
						_, _, err = u.ReleaseHold(id)
					} else {
						_, _, err = u.ConfirmHold(id, usage.Confirm{})
					}
					return err
				})
				if e, ok := errors.AsType[*billing.Error](err); err != nil && !ok {
					t.Error(e, err)
				}
			})
		}
	}
	working.Wait()
}

// The same scripts on PostgreSQL.
func TestCreditsAsTheModelOnPostgres(t *testing.T) {
	for seed := range int64(env("ALLOT_CREDIT_SEEDS", 4)) {
		seed += int64(env("ALLOT_CREDIT_SEED", 1))
		w, db := openWorld(t, pgtest.URL(t))
		heldTo(t, w, creditmodel.NewWorld(seed), creditmodel.Script(seed, env("ALLOT_CREDIT_STEPS", 40)), func(i int) {
			if i == 30 {
				loseSums(t, db)
			}
		})
		verifyButCounters(t, w)
	}
}
