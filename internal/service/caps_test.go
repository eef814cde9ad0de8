package service_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// capping has a plan capped with 100 seats a month, of which 6 in five hours and 10 a day,
// a plan tighter with 3 a day and without a limit, and a plan soft with 3 a day and a limit
// of 1 that is soft.
func capping() billing.CatalogSpec {
	spec := catalog()
	spec.Plans = append(spec.Plans,
		billing.PlanSpec{Code: "capped", Name: "Capped", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{
			{Feature: "seats", Max: new(int64(100)), Caps: []billing.Cap{{Max: 6, Reset: "5 hour"}, {Max: 10, Reset: "day"}}}}},
		billing.PlanSpec{Code: "tighter", Name: "Tighter", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{
			{Feature: "seats", Caps: []billing.Cap{{Max: 3, Reset: "day"}}}}},
		billing.PlanSpec{Code: "soft", Name: "Soft", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{
			{Feature: "seats", Max: new(int64(1)), Limit: billing.Soft, Caps: []billing.Cap{{Max: 3, Reset: "day"}}}}})
	return spec
}

// standingOf is the reason of a decision, what remains, and what is used, held and left of
// each cap.
func standingOf(d *billing.Decision) string {
	text := fmt.Sprintf("%s %s:", d.Reason, *d.Remaining)
	for _, c := range d.Caps {
		text += fmt.Sprintf(" %s+%s/%d %s left", c.Used, c.Held, c.Max, c.Remaining)
	}
	return text
}

// All caps hold for what is consumed and held, each in its own window.
func TestCapsBindConsumeAndHolds(t *testing.T) {
	w := newWorld(t)
	w.apply(capping())
	id := w.customer("capped") // from 10:00
	want := func(what string, d billing.Decision, text string) {
		t.Helper()
		if got := standingOf(&d); got != text {
			t.Errorf("%s: %s\nwant %s", what, got, text)
		}
	}
	want("five", w.consume(id, "5"), "within_limit 1: 5+0/6 1 left 5+0/10 5 left")
	want("two more", w.consume(id, "2"), "cap_reached 1: 5+0/6 1 left 5+0/10 5 left")
	h := w.hold(id, 1, time.Hour)
	want("what is held counts", w.consume(id, "1"), "cap_reached 0: 5+1/6 0 left 5+1/10 4 left")
	want("for a check, too", w.check(id), "cap_reached 0: 5+1/6 0 left 5+1/10 4 left")
	if _, err := w.release(h.ID); err != nil {
		t.Fatal(err)
	}
	want("released", w.check(id), "within_limit 1: 5+0/6 1 left 5+0/10 5 left")
	w.on("2027-01-31T15:00:00Z")
	want("five hours later", w.consume(id, "4"), "within_limit 1: 4+0/6 2 left 9+0/10 1 left")
	want("the day is the tighter", w.consume(id, "2"), "cap_reached 1: 4+0/6 2 left 9+0/10 1 left")
	w.recorded(id, usage.Report{Value: 20 * billing.OneUnit})
	want("what is reported is counted, and not gated", w.check(id), "cap_reached 0: 24+0/6 0 left 29+0/10 0 left")
	w.recorded(id, usage.Report{Value: -20 * billing.OneUnit})
	want("corrected", w.check(id), "within_limit 1: 4+0/6 2 left 9+0/10 1 left")
	w.on("2027-02-01T10:00:00Z")
	d := w.consume(id, "6")
	want("the next day", d, "within_limit 0: 6+0/6 0 left 6+0/10 4 left")
	if d.Used != 15*billing.OneUnit || *d.Limit.Max != 100 || d.Caps[1].Window.End != instant("2027-02-02T10:00:00Z") {
		t.Errorf("used %s of %d; the day ends on %v", d.Used, *d.Limit.Max, d.Caps[1].Window.End)
	}
	w.verify()

	for _, known := range []bool{false, true} {
		past, err := w.EntitlementsAt(t.Context(), id, instant("2027-01-31T16:00:00Z"), known)
		if err != nil {
			t.Fatal(err)
		}
		want("as of then", past.Features[0], "within_limit 1: 4+0/6 2 left 9+0/10 1 left")
	}
}

// A confirm for more than was held takes no more than the caps leave, in the windows of the
// hold; asked for again it answers the same.
func TestConfirmWithinCaps(t *testing.T) {
	w := newWorld(t)
	w.apply(capping())
	id := w.customer("capped")
	h := w.hold(id, 2, 20*time.Hour)
	w.consume(id, "1")
	w.on("2027-01-31T15:30:00Z")
	w.consume(id, "2")
	first, err := w.confirm(h.ID, 9, usage.OverAvailable)
	if err != nil {
		t.Fatal(err)
	}
	if got := standingOf(&first.Decision); first.Hold.Closing.Counted != 5*billing.OneUnit || got != "held 0: 6+0/6 0 left 8+0/10 2 left" {
		t.Errorf("counted %s: %s", first.Hold.Closing.Counted, got)
	}
	soft := w.customer("soft")
	if c, err := w.confirm(w.hold(soft, 1, time.Hour).ID, 9, usage.OverAvailable); err != nil || c.Hold.Closing.Counted != 3*billing.OneUnit {
		t.Errorf("above a soft limit, within a cap of 3: %+v, %v", c.Hold.Closing, err)
	}
	w.consume(id, "1")
	again, err := w.confirm(h.ID, 9, usage.OverAvailable)
	if err != nil || standingOf(&again.Decision) != standingOf(&first.Decision) {
		t.Errorf("again %s, %v", standingOf(&again.Decision), err)
	}
	w.verify()
}

// A node that keeps usage in memory does not decide by caps on what it keeps.
func TestCapsAreNotKept(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	w.apply(capping())
	w.subscribe(k.id, billing.NewAgreement{Plan: "tighter"})
	for n := range 5 {
		d := k.consume(billing.OneUnit)
		if got := standingOf(&d); d.Allowed != (n < 3) || !d.Allowed && got != "cap_reached 0: 3+0/3 0 left" {
			t.Errorf("use %d: %s", n+1, got)
		}
	}
	all, err := k.Check(t.Context(), k.id, []billing.Code{"seats"}, billing.OneUnit)
	if err != nil || standingOf(&all[0]) != "cap_reached 0: 3+0/3 0 left" {
		t.Errorf("check: %s, %v", standingOf(&all[0]), err)
	}
	list, err := k.EntitlementsAt(t.Context(), k.id, time.Time{}, false)
	if err != nil || standingOf(&list.Features[0]) != "within_limit 0: 3+0/3 0 left" {
		t.Errorf("entitlements: %s, %v", standingOf(&list.Features[0]), err)
	}
	for range 3 { // which may be decided in memory
		err := k.count(func(u *service.Work) error {
			_, err := u.RecordUsage(k.id, []usage.Report{{Feature: "seats", Value: billing.OneUnit}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	verifyClean(t, w)
	if d := w.check(k.id); standingOf(&d) != "cap_reached 0: 6+0/3 0 left" {
		t.Errorf("with what was reported: %s", standingOf(&d))
	}
	w.now = w.now.AddDate(0, 0, 1)
	if d := k.consume(3 * billing.OneUnit); !d.Allowed {
		t.Errorf("the next day: %s", standingOf(&d))
	}
	verifyClean(t, w)
}

// However many ask at once, no cap is exceeded.
func TestCapsHoldAtOnce(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	w.apply(capping())
	w.subscribe(k.id, billing.NewAgreement{Plan: "capped"})
	var wg sync.WaitGroup
	var mu sync.Mutex
	allowed := 0
	for n := range 24 {
		wg.Go(func() {
			var d billing.Decision
			var err error
			use := func(u *service.Work) (err error) { d, err = u.Consume(k.id, "seats", billing.OneUnit); return err }
			hold := func(u *service.Work) (err error) {
				_, d, err = u.Hold(k.id, "seats", billing.OneUnit, time.Hour)
				return err
			}
			switch n % 3 {
			case 0:
				err = k.count(use)
			case 1:
				err = w.Do(t.Context(), "test", use)
			default:
				err = w.Do(t.Context(), "test", hold)
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if d.Allowed {
				allowed++
			}
		})
	}
	wg.Wait()
	if allowed != 6 {
		t.Errorf("%d of 24 were allowed, by a cap of 6", allowed)
	}
	verifyClean(t, w)
}

// A preview says what of a cap is exceeded.
func TestPreviewOfCaps(t *testing.T) {
	w := newWorld(t)
	w.apply(capping())
	id := w.customer("capped")
	w.consume(id, "5")
	effect, _, err := w.PreviewPlan(t.Context(), id, "tighter", 0)
	if err != nil || len(effect.Exceeds) != 1 || effect.Exceeds[0].Reset != "day" || effect.Exceeds[0].Used != 5*billing.OneUnit {
		t.Errorf("%+v, %v", effect.Exceeds, err)
	}
	if len(effect.Caps) != 2 || len(effect.Limits) != 1 {
		t.Errorf("caps %+v, limits %+v", effect.Caps, effect.Limits)
	}
}

// Folding moves no use from one window of a cap to another, and what would have it do so
// is refused.
func TestFoldingKeepsTheWindowsOfCaps(t *testing.T) {
	w := newWorld(t)
	spec := capping()
	spec.Plans = append(spec.Plans, billing.PlanSpec{Code: "hourly", Name: "Hourly", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{
		{Feature: "seats", Max: new(int64(100)), Caps: []billing.Cap{{Max: 9, Reset: "900 hour"}}}}})
	w.apply(spec)
	w.on("2027-01-31T10:20:00Z")
	id, other := w.customer("capped"), w.customer("max")
	var instants []time.Time
	for range 30 {
		w.consume(id, "1")
		instants = append(instants, w.now.Add(time.Minute))
		w.now = w.now.Add(2 * time.Hour)
	}
	w.on("2027-01-31T10:20:00Z")
	for range 60 * 4 {
		w.consume(other, "0.1")
		w.now = w.now.Add(6 * time.Hour)
	}
	all := func() (out []string) {
		for _, at := range instants {
			snap, _, err := w.Snapshot(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			al := snap.Allowance(snap.Catalog.Features["seats"], at)
			err = w.Store.View(t.Context(), func(r service.Reader) error {
				for _, c := range al.Caps {
					sum, err := r.SumUsage(id, "seats", c.Window, time.Time{})
					if err != nil {
						return err
					}
					out = append(out, fmt.Sprint(c.Window.Start, sum))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		return out
	}
	before := all()
	if gone, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -3)); err != nil || gone == 0 {
		t.Fatalf("%d folded, %v", gone, err)
	}
	if diff := cmp.Diff(before, all()); diff != "" {
		t.Errorf("folding changed sums:\n%s", diff)
	}
	_, err := w.trySubscribe(other, billing.NewAgreement{Plan: "hourly"})
	var refused *billing.Error
	if !errors.As(err, &refused) || refused.Code != "HISTORY_FOLDED" {
		t.Errorf("a cap whose window begins within a folded day: %v", err)
	}
	w.verify()
}
