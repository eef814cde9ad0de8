package billing_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
)

// metering sells yearly, a plan by the year whose allowance is by the month.
func metering() billing.CatalogSpec {
	spec := catalog()
	spec.Plans = append(spec.Plans, billing.PlanSpec{
		Code: "yearly", Name: "Yearly", Group: "teams", Status: billing.Published, Cycle: billing.Year,
		Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(100)), Reset: billing.ResetMonth}},
	})
	return spec
}

func (w *world) consume(id billing.CustomerID, units string) billing.Decision {
	w.t.Helper()
	n, err := billing.ParseUnits(units)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w, func(u *billing.Unit) (billing.Decision, error) { return u.Consume(id, "seats", n) })
}

func (w *world) check(id billing.CustomerID) billing.Decision {
	w.t.Helper()
	d, err := w.Check(w.t.Context(), id, []billing.Code{"seats"}, billing.OneUnit)
	if err != nil {
		w.t.Fatal(err)
	}
	return d[0]
}

func (w *world) verify() {
	w.t.Helper()
	_, _, err := w.Verify(w.t.Context(), func(d billing.Drift) { w.t.Errorf("drift: %s: %s", d.Customer, d.Message) })
	if err != nil {
		w.t.Error(err)
	}
}

// A monthly allowance on a yearly plan, signed up on 31 January, resets on the
// last of February, 31 March, 30 April and so on.
func TestMonthlyAllowanceOnYearlyPlan(t *testing.T) {
	w := newWorld(t)
	w.apply(metering())
	w.on("2027-01-31T10:00:00Z")
	id := w.customer("yearly")
	var resets []string
	for range 14 {
		d := w.consume(id, "100")
		if !d.Allowed || w.check(id).Allowed {
			t.Fatalf("at %s: %+v", w.now, d)
		}
		resets = append(resets, d.Window.End.Format(time.DateOnly))
		w.now = d.Window.End.Add(-time.Microsecond)
		if w.check(id).Used != 100*billing.OneUnit {
			t.Errorf("just before %s the window has reset", d.Window.End)
		}
		w.now = d.Window.End
	}
	want := []string{"2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31", "2027-06-30", "2027-07-31", "2027-08-31",
		"2027-09-30", "2027-10-31", "2027-11-30", "2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"}
	if diff := cmp.Diff(want, resets); diff != "" {
		t.Errorf("resets (-want +got):\n%s", diff)
	}
	w.verify()
}

// A trial that ends at noon answers differently at 11:59:59 and 12:00:00 with no
// process in between, and asking for those instants agrees, before and after.
func TestTrialEndsAtNoon(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	w.on("2027-03-01T12:00:00Z")
	id := w.customer("ending")
	before, noon := instant("2027-03-15T11:59:59Z"), instant("2027-03-15T12:00:00Z")
	entitled := func(at time.Time) int {
		t.Helper()
		s, err := w.EntitlementsAt(t.Context(), id, at)
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Features)
	}
	for _, now := range []time.Time{w.now, before, noon, noon.AddDate(1, 0, 0)} {
		w.now = now
		if entitled(before) != 1 || entitled(noon) != 0 {
			t.Errorf("asked at %s: %d just before noon, %d at noon", now, entitled(before), entitled(noon))
		}
	}
	w.now = before
	if d := w.check(id); !d.Allowed || d.NextChange == nil || d.NextChange.On != noon || d.NextChange.Why != billing.TrialEnds {
		t.Errorf("just before noon: %+v", d)
	}
	w.now = noon
	if d := w.check(id); d.Allowed || d.Reason != billing.ReasonNotEntitled {
		t.Errorf("at noon: %+v", d)
	}
}

// 0.1, a million times, is exactly 100,000.
func TestTenthsSumExactly(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	w.apply(billing.CatalogSpec{Plans: []billing.PlanSpec{{Code: "open", Name: "Open", Group: "teams", Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "seats"}}}}})
	id := w.customer("open")
	tenth, err := billing.ParseUnits("0.1")
	if err != nil {
		t.Fatal(err)
	}
	records := make([]billing.NewUsage, 1000)
	for i := range records {
		records[i] = billing.NewUsage{Feature: "seats", Value: tenth}
	}
	for range 1000 {
		for _, out := range must(w, func(u *billing.Unit) ([]billing.UsageOutcome, error) { return u.RecordUsage(id, records) }) {
			if out.Err != nil {
				t.Fatal(out.Err)
			}
		}
	}
	if used := w.check(id).Used.String(); used != "100000" {
		t.Errorf("used %s", used)
	}
	w.verify()
}

// Racing callers of a hard limit get all of it and no more, whatever they ask
// for and however they ask: consuming, holding, confirming, releasing.
func TestHardLimitHolds(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("max") // 100 seats
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for range 40 {
				err := w.Do(t.Context(), "test", func(u *billing.Unit) error {
					if r.IntN(2) == 0 {
						d, err := u.Consume(id, "seats", billing.OneUnit)
						if err == nil && d.Allowed {
							allowed.Add(1)
						}
						return err
					}
					h, d, err := u.Hold(id, "seats", billing.OneUnit, time.Hour)
					if err != nil || !d.Allowed {
						return err
					}
					if r.IntN(2) == 0 {
						_, _, err = u.ReleaseHold(h.ID)
						return err
					}
					allowed.Add(1)
					_, _, err = u.ConfirmHold(h.ID, nil)
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if d := w.check(id); d.Used != 100*billing.OneUnit || d.Held != 0 || allowed.Load() != 100 {
		t.Errorf("allowed %d, used %s, held %s; want 100, 100, 0", allowed.Load(), d.Used, d.Held)
	}
	w.verify()
}

// A hold that is not confirmed counts no more once its time is over, with no job
// to say so; one made before a window's end is confirmed in that window.
func TestHolds(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	w.on("2027-01-31T10:00:00Z")
	id := w.customer("pro") // 10 seats a month
	hold := func(n billing.Units, lasts time.Duration) billing.Hold {
		t.Helper()
		return must(w, func(u *billing.Unit) (billing.Hold, error) {
			h, d, err := u.Hold(id, "seats", n*billing.OneUnit, lasts)
			if err == nil && !d.Allowed {
				err = fmt.Errorf("refused: %s", d.Reason)
			}
			return h, err
		})
	}
	hold(10, time.Hour)
	if d := w.check(id); d.Allowed || d.Held != 10*billing.OneUnit {
		t.Errorf("while held: %+v", d)
	}
	w.now = w.now.Add(time.Hour)
	if d := w.check(id); !d.Allowed || d.Held != 0 {
		t.Errorf("once it expired: %+v", d)
	}
	w.on("2027-02-28T09:30:00Z")
	last := hold(7, time.Hour)
	w.on("2027-02-28T10:10:00Z") // the next window
	if d := w.check(id); d.Held != 0 || d.Used != 0 {
		t.Errorf("a hold of the window before counts in this one: %+v", d)
	}
	must(w, func(u *billing.Unit) (billing.Hold, error) {
		h, _, err := u.ConfirmHold(last.ID, new(5*billing.OneUnit))
		return h, err
	})
	windows, records, _, _, err := w.Usage(t.Context(), id, billing.UsageFilter{Feature: "seats", From: instant("2027-01-31T10:00:00Z")}, billing.Page[string]{Size: 10})
	if err != nil || len(windows) != 2 || len(records) != 1 || windows[0].Used != 5*billing.OneUnit || windows[1].Used != 0 {
		t.Errorf("windows %v, records %v, %v", windows, records, err)
	}
	_, err = try(w, func(u *billing.Unit) (billing.Hold, error) {
		h, _, err := u.ReleaseHold(last.ID)
		return h, err
	})
	wantCode(t, err, "HOLD_NOT_ACTIVE")
	w.verify()
}

// A counter that does not agree with its records is found and named.
func TestVerifyFindsDrift(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id, other := w.customer("pro"), w.customer("pro")
	w.consume(id, "2")
	w.consume(other, "2")
	err := w.Store.Update(t.Context(), func(tx billing.Tx) error {
		counters, err := tx.LockCounters(id, "seats", w.now, w.now)
		if err != nil {
			return err
		}
		counters[0].Used++
		return tx.PutCounter(counters[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	var found []billing.Drift
	customers, counters, err := w.Verify(t.Context(), func(d billing.Drift) { found = append(found, d) })
	if err != nil || customers != 2 || counters != 4 || len(found) != 1 || found[0].Customer != id {
		t.Errorf("%d customers, %d counters, %v, %v", customers, counters, found, err)
	}
}

// Records older than the retention go, and nobody's usage changes.
func TestFoldUsage(t *testing.T) {
	w := newWorld(t)
	w.apply(metering())
	w.on("2027-01-31T10:00:00Z")
	id := w.customer("yearly")
	for range 40 {
		w.consume(id, "1.5")
		w.now = w.now.Add(36 * time.Hour)
	}
	w.subscribe(id, billing.NewAgreement{Plan: "pro"}) // another rhythm of windows
	w.consume(id, "1")
	usage := func() string {
		t.Helper()
		windows, _, _, _, err := w.Usage(t.Context(), id, billing.UsageFilter{Feature: "seats", From: instant("2027-01-31T10:00:00Z")}, billing.Page[string]{Size: 1})
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(windows)
	}
	before := usage()
	gone, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -10))
	if err != nil || gone < 30 {
		t.Errorf("%d records are gone, %v", gone, err)
	}
	if after := usage(); after != before {
		t.Errorf("usage was %s, is %s", before, after)
	}
	w.verify()
	if again, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -10)); err != nil || again != 0 {
		t.Errorf("folding again: %d, %v", again, err)
	}
}

// A preview names exactly the customers that would exceed, and a migration moves
// each once, also when it is started again from the beginning.
func TestPreviewAndMigrate(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	want := make(map[billing.CustomerID]bool)
	ids := make([]billing.CustomerID, 30)
	for i := range ids {
		ids[i] = w.customer("max")
		w.consume(ids[i], fmt.Sprint(i+1))
		want[ids[i]] = i+1 > 20
	}
	cancelled := w.subscribe(ids[0], billing.NewAgreement{Plan: "max", ExpiresOn: w.now.AddDate(0, 0, 9)})
	spec := catalog()
	spec.Plans[2].Items = seats(20)
	w.apply(spec)
	effects, more, err := w.PreviewMigration(t.Context(), "max", 0, billing.CustomerID{}, 100)
	if err != nil || more || len(effects) != len(ids) {
		t.Fatal(len(effects), more, err)
	}
	for _, e := range effects {
		if got := len(e.Exceeds) > 0; got != want[e.Customer] {
			t.Errorf("%s exceeds: %v", e.Customer, got)
		}
	}
	w.now = w.now.Add(time.Hour)
	first, err := w.MigratePlan(t.Context(), "test", billing.Migration{Plan: "max", Limit: 12})
	if err != nil || len(first.Moved) != 12 || !first.More {
		t.Fatal(first, err)
	}
	rest, err := w.MigratePlan(t.Context(), "test", billing.Migration{Plan: "max", Limit: 100}) // from the beginning
	if err != nil || len(rest.Moved) != len(ids)-12 || rest.More {
		t.Fatal(len(rest.Moved), err)
	}
	for _, id := range ids {
		history, _, _, err := w.AgreementHistory(t.Context(), id, "", billing.Page[billing.AgreementID]{Size: 10})
		if err != nil || len(history) != 2 || history[1].Version != 2 || history[0].ExpiresOn != history[1].StartsOn {
			t.Fatal(history, err)
		}
		if id == ids[0] && history[1].ExpiresOn != cancelled.ExpiresOn {
			t.Errorf("the end that was set is %s, was %s", history[1].ExpiresOn, cancelled.ExpiresOn)
		}
	}
}
