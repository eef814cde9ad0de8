package service_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/creditmodel"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// lagging is a customer with a grant of 20 seats, who used all others, on a node whose
// clock is ahead. What is done from now on is on one whose clock lags a minute.
func lagging(t *testing.T) (w *world, id billing.CustomerID, g billing.GrantID) {
	t.Helper()
	w = newWorld(t)
	w.apply(burning())
	id = w.customer("pro")
	g = w.grant(id, billing.NewGrant{Feature: "seats", Amount: 20 * billing.OneUnit}).Grants[0].ID
	w.now = w.now.Add(time.Second)
	w.use(id, usage.Report{Feature: "seats", Value: 15 * billing.OneUnit})
	h := w.hold(id, 10, time.Hour)
	w.now = w.now.Add(time.Minute)
	w.use(id, usage.Report{Feature: "seats", Value: billing.OneUnit}) // 4 are left
	must(w, func(u *service.Work) (usage.Hold, error) { h, _, err := u.ReleaseHold(h.ID); return h, err })
	w.now = w.now.Add(-time.Minute)
	return w, id, g
}

// What was closed on a node whose clock is ahead is not held, by a grant that is read and by a
// check of what burns its feature, on one whose clock lags.
func TestGrantsWithALaggingClock(t *testing.T) {
	w, id, g := lagging(t)
	one, _, err := w.Grant(t.Context(), g)
	if want := (billing.CreditState{Remaining: 14 * billing.OneUnit, Drawn: 6 * billing.OneUnit, Refundable: 14 * billing.OneUnit}); err != nil || one.State != want {
		t.Errorf("the grant stands at %+v, %v, want %+v", one.State, err, want)
	}
	all, _, _, err := w.Grants(t.Context(), id, "", service.Page[billing.GrantID]{Size: 10})
	if err != nil || all[0].State != one.State {
		t.Errorf("among all it stands at %+v, %v, want %+v", all[0].State, err, one.State)
	}
	d, err := w.Check(t.Context(), id, []billing.Code{"images"}, 7*billing.OneUnit)
	if err != nil || !d[0].Allowed {
		t.Errorf("7 that burn 14: %v %s of %s, %v", d[0].Allowed, d[0].Reason, d[0].Remaining, err)
	}
}

// A void on a node whose clock lags is of what was drawn before it by one that is ahead, and
// is the same for ever, whatever lags behind it.
func TestVoidAgainWithALaggingClock(t *testing.T) {
	w, id, g := lagging(t)
	first := w.void(g, true).State
	if first.Refundable != 14*billing.OneUnit || first.Debt != 6*billing.OneUnit {
		t.Fatalf("the void says %+v", first)
	}
	w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit}) // which pays
	if got := w.void(g, true).State; got != first {
		t.Errorf("again it says %+v, want %+v", got, first)
	}
	if got := w.left(id); got != -billing.OneUnit {
		t.Errorf("%s are left, want -1", got)
	}
}

// Who waited for a lane that a clock ahead has written comes a microsecond after it, each after
// the one before; else as of the instant of the last write it would not be told who was first. A
// clock that has caught up is asked again.
func TestALaggingClockComesAfterWhatItWaitedFor(t *testing.T) {
	w, id, g := lagging(t)
	ahead := w.now.Add(time.Minute)
	for n := range time.Duration(2) {
		if h := w.hold(id, 1, time.Hour); !h.MadeOn.Equal(ahead.Add((n + 1) * time.Microsecond)) {
			t.Errorf("hold %d is made on %s, %s after the last write", n, h.MadeOn, h.MadeOn.Sub(ahead))
		}
	}
	w.now = ahead.Add(time.Second)
	for range 2 { // of one instant, as both were asked
		if h := w.hold(id, 1, time.Hour); !h.MadeOn.Equal(w.now) {
			t.Errorf("a clock that is not behind says %s, it is %s", w.now, h.MadeOn)
		}
	}
	last := w.now
	w.now = w.now.Add(-time.Minute)
	if got := w.void(g, false).EndedOn; !got.Equal(last.Add(time.Microsecond)) {
		t.Errorf("the void is of %s, %s after the last write", got, got.Sub(last))
	}
}

// ordered is a store that notes of which features usage is locked, in their order.
type ordered struct {
	service.Store
	locked []billing.Code
}

func (o *ordered) Update(ctx context.Context, fn func(service.Tx) error) error {
	return o.Store.Update(ctx, func(tx service.Tx) error {
		o.locked = nil
		tx.UsageTx = &orderedUsage{tx.UsageTx, o}
		return fn(tx)
	})
}

type orderedUsage struct {
	service.UsageTx
	*ordered
}

func (tx *orderedUsage) LockCounters(id billing.CustomerID, code billing.Code, from, to time.Time) ([]usage.Counter, error) {
	if !slices.Contains(tx.locked, code) {
		tx.locked = append(tx.locked, code)
	}
	return tx.UsageTx.LockCounters(id, code, from, to)
}

// A void, and any change of the facts of a customer who owes, locks usage in the order of
// features: else it and who burns the pool would wait for one another.
func TestDebtsLockInOrder(t *testing.T) {
	w, id, g := lagging(t)
	w.use(id, usage.Report{Feature: "images", Value: billing.OneUnit})
	store := &ordered{Store: w.Store}
	s := &service.Service{Store: store, Clock: w.Clock}
	for _, change := range []struct {
		name string
		fn   func(*service.Work) error
	}{
		{"void", func(u *service.Work) error { _, _, err := u.VoidGrant(g, false, ""); return err }},
		{"claw back", func(u *service.Work) error { _, _, err := u.VoidGrant(g, true, ""); return err }},
		{"grant", func(u *service.Work) error {
			_, _, err := u.CreateGrant(id, billing.NewGrant{Feature: "seats", Amount: billing.OneUnit})
			return err
		}},
	} {
		if err := s.Do(t.Context(), "test", change.fn); err != nil {
			t.Fatal(err)
		}
		if want := []billing.Code{"images", "seats"}; !slices.Equal(store.locked, want) {
			t.Errorf("%s: locked are %v, want %v", change.name, store.locked, want)
		}
	}
}

// A claw-back that is asked for again pays nothing: not what was free of the grant since, at an
// instant before it was voided.
func TestClawBackAgainPaysNothing(t *testing.T) {
	w := newWorld(t)
	w.apply(burning())
	id := w.customer("pro")
	grant := func(amount billing.Units, priority int) billing.GrantID {
		return w.grant(id, billing.NewGrant{Feature: "seats", Amount: amount * billing.OneUnit, Priority: &priority}).Grants[0].ID
	}
	first, last := grant(6, 10), grant(20, 60)
	w.use(id, usage.Report{Feature: "seats", Value: 34 * billing.OneUnit}) // 6, the allowance of 10, and 18
	h := w.hold(id, 2, time.Hour)
	for _, step := range []func(){
		func() { w.void(first, true) }, // a debt that nothing can pay
		func() { w.void(last, false) },
		func() {
			must(w, func(u *service.Work) (usage.Hold, error) { h, _, err := u.ReleaseHold(h.ID); return h, err })
		},
	} {
		w.now = w.now.Add(time.Second)
		step()
	}
	w.now = w.now.Add(time.Second)
	want := billing.CreditState{Drawn: 18 * billing.OneUnit, Debt: 18 * billing.OneUnit, Refundable: 2 * billing.OneUnit}
	for range 2 {
		if got := w.void(last, true).State; got != want {
			t.Errorf("it says %+v, want %+v", got, want)
		}
	}
}

// What was closed by a clock that is ahead is not held for a verification by one that lags.
func TestVerifyWithALaggingClock(t *testing.T) {
	w, id, _ := lagging(t)
	w.now = w.now.Add(time.Minute)
	w.use(id, usage.Report{Feature: "seats", Value: 12 * billing.OneUnit})
	w.now = w.now.Add(-time.Minute)
	verifyClean(t, w)
}

// Of a correction that is of several records all goes back before debts are paid with it.
func TestDebtsArePaidWithAWholeCorrection(t *testing.T) {
	const seed = 558 // of a long run the one that showed it
	heldTo(t, newWorld(t), creditmodel.NewWorld(seed), creditmodel.Script(seed, 60))
}

// So it is with a change of plan: its grants and its allowance come at once, and pay in the
// order in which they burn.
func TestDebtsArePaidWithAWholeChangeOfPlan(t *testing.T) {
	w := newWorld(t)
	spec := burning()
	for i := range spec.Plans {
		if p := &spec.Plans[i]; p.Code == "pro" {
			p.Items[0].Grants = []billing.ItemGrantSpec{{Amount: new(6 * billing.OneUnit), At: billing.AtStart, Lasts: billing.LastsNever, Priority: new(10)}}
		}
	}
	w.apply(spec)
	id := w.customer("")
	g := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 8 * billing.OneUnit}).Grants[0].ID
	w.use(id, usage.Report{Feature: "seats", Value: 8 * billing.OneUnit})
	w.void(g, true)
	w.now = w.now.Add(time.Minute)
	w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	c, err := w.Credits(t.Context(), id, "seats", time.Time{}, false)
	if err != nil || c.Debt != 0 || len(c.Sources) != 1 || c.Sources[0].Left != 8*billing.OneUnit || !c.Sources[0].Own {
		t.Errorf("debt %s, sources %+v, %v", c.Debt, c.Sources, err)
	}
}
