package service_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// metering sells yearly, a plan by the year whose allowance is by the month.
func metering() billing.CatalogSpec {
	spec := catalog()
	spec.Plans = append(spec.Plans, billing.PlanSpec{
		Code: "yearly", Name: "Yearly", Group: "teams", Status: billing.Published, Cycle: calendar.Year,
		Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(100)), Reset: billing.Reset(calendar.Month)}},
	})
	return spec
}

func (w *world) consume(id billing.CustomerID, units string) billing.Decision {
	w.t.Helper()
	n, err := billing.ParseUnits(units)
	if err != nil {
		w.t.Fatal(err)
	}
	return must(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", n) })
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
	_, _, err := w.Verify(w.t.Context(), func(d service.Drift) { w.t.Errorf("drift: %s: %s", d.Customer, d.Message) })
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
		s, err := w.EntitlementsAt(t.Context(), id, at, false)
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
	if d := w.check(id); !d.Allowed || d.NextChange == nil || d.NextChange.On != noon || d.NextChange.Why != "trial_ends" {
		t.Errorf("just before noon: %+v", d)
	}
	w.now = noon
	if d := w.check(id); d.Allowed || d.Reason != "not_entitled" {
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
	records := make([]usage.Report, 1000)
	for i := range records {
		records[i] = usage.Report{Feature: "seats", Value: tenth}
	}
	for range 1000 {
		for _, out := range must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, records) }) {
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
				err := w.Do(t.Context(), "test", func(u *service.Work) error {
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
					_, _, err = u.ConfirmHold(h.ID, usage.Confirm{})
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
	hold := func(n billing.Units, lasts time.Duration) usage.Hold {
		t.Helper()
		return must(w, func(u *service.Work) (usage.Hold, error) {
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
	must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.ConfirmHold(last.ID, usage.Confirm{Units: new(5 * billing.OneUnit)})
		return h, err
	})
	windows, records, _, _, err := w.Usage(t.Context(), id, service.UsageFilter{Feature: "seats", From: instant("2027-01-31T10:00:00Z")}, service.Page[string]{Size: 10})
	if err != nil || len(windows) != 2 || len(records) != 1 || windows[0].Used != 5*billing.OneUnit || windows[1].Used != 0 {
		t.Errorf("windows %v, records %v, %v", windows, records, err)
	}
	_, err = try(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.ReleaseHold(last.ID)
		return h, err
	})
	wantCode(t, err, "HOLD_CONFIRMED")
	w.verify()
}

// A counter that does not agree with its records is found and named.
func TestVerifyFindsDrift(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id, other := w.customer("pro"), w.customer("pro")
	w.consume(id, "2")
	w.consume(other, "2")
	err := w.Store.Update(t.Context(), func(tx service.Tx) error {
		counters, err := tx.LockCounters(id, "seats", w.now, w.now)
		if err != nil {
			return err
		}
		counters[0].Used++
		return tx.PutCounters(counters[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	var found []service.Drift
	customers, counters, err := w.Verify(t.Context(), func(d service.Drift) { found = append(found, d) })
	if err != nil || customers != 2 || counters != 4 || len(found) != 1 || found[0].Customer != id {
		t.Errorf("%d customers, %d counters, %v, %v", customers, counters, found, err)
	}
}

// Customers are gone through beside each other, and told of in their order.
func TestVerifyTellsInOrder(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	for range 20 {
		id := w.customer("pro")
		w.consume(id, "2")
		err := w.Store.Update(t.Context(), func(tx service.Tx) error {
			counters, err := tx.LockCounters(id, "seats", w.now, w.now)
			if err != nil {
				return err
			}
			lane := &counters[0].Lane
			lane.Held, lane.Facts = 1, lane.Facts-1
			return tx.PutCounters(counters[0])
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		var told []service.Drift
		customers, counters, err := w.Verify(t.Context(), func(d service.Drift) { told = append(told, d) })
		if err != nil || customers != 20 || counters != 40 || len(told) != 40 {
			t.Fatalf("%d customers, %d counters, %d drifts, %v", customers, counters, len(told), err)
		}
		if !slices.IsSortedFunc(told, func(a, b service.Drift) int { return billing.CompareIDs(a.Customer, b.Customer) }) {
			t.Errorf("not in the order of customers: %v", told)
		}
	}
}

// counting counts the updates of a store.
type counting struct {
	service.Store
	updates int
}

func (c *counting) Update(ctx context.Context, fn func(service.Tx) error) error {
	c.updates++
	return c.Store.Update(ctx, fn)
}

// Records older than the retention go, and nobody's usage changes: not in the
// windows there are, not in those that later plans bring.
func TestFoldUsage(t *testing.T) {
	w := newWorld(t)
	st := &counting{Store: w.Store}
	w.Store = st
	w.apply(metering())
	w.on("2027-01-31T10:00:00Z")
	id := w.customer("yearly")
	for range 40 {
		w.consume(id, "1.5")
		w.now = w.now.Add(18 * time.Hour)
		w.consume(id, "1")
		w.now = w.now.Add(2 * time.Hour)
	}
	w.subscribe(id, billing.NewAgreement{Plan: "pro"}) // another rhythm of windows
	w.consume(id, "1")
	cut := w.now.AddDate(0, 0, -10)
	sums := func() (sums []billing.Units) {
		t.Helper()
		err := w.Store.View(t.Context(), func(r service.Reader) error {
			for _, every := range []calendar.Interval{calendar.Day, calendar.Week, calendar.Month, calendar.Year} {
				for at := instant("2027-01-31T10:00:00Z"); at.Before(w.now); {
					cycle, _ := calendar.Grid{Anchor: instant("2027-01-31T10:00:00Z"), Every: every}.At(at)
					sum, err := r.SumUsage(id, "seats", billing.Window{Span: cycle}, time.Time{})
					if err != nil {
						return err
					}
					sums, at = append(sums, sum), cycle.End
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return sums
	}
	before := sums()
	gone, err := w.FoldUsage(t.Context(), cut)
	if err != nil || gone < 50 {
		t.Errorf("%d records are gone, %v", gone, err)
	}
	if diff := cmp.Diff(before, sums()); diff != "" {
		t.Errorf("usage by window (-before +after):\n%s", diff)
	}
	_, records, _, _, err := w.Usage(t.Context(), id, service.UsageFilter{From: instant("2027-01-31T10:00:00Z")}, service.Page[string]{Size: 100})
	if err != nil {
		t.Fatal(err)
	}
	// Days end at midnight and at the anchor's time.
	cuts := calendar.Cuts{Anchors: []time.Time{instant("2027-01-31T10:00:00Z")}}
	for i, r := range records {
		day := cuts.Around(r.CountedOn)
		if folded := r.Kind == usage.Folded; folded == day.End.After(cut) {
			t.Errorf("the record at %s is %s", r.CountedOn, r.Kind)
		} else if folded && i > 0 && day.Contains(records[i-1].CountedOn) {
			t.Errorf("there are two records of the day from %s", day.Start)
		}
	}
	w.verify()
	st.updates = 0
	if again, err := w.FoldUsage(t.Context(), cut); err != nil || again != 0 || st.updates != 0 {
		t.Errorf("folding again: %d, %v, with %d updates", again, err, st.updates)
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
	first, err := w.MigratePlan(t.Context(), "test", service.Migration{Plan: "max", Limit: 12})
	if err != nil || len(first.Moved) != 12 || !first.More {
		t.Fatal(first, err)
	}
	rest, err := w.MigratePlan(t.Context(), "test", service.Migration{Plan: "max", Limit: 100}) // from the beginning
	if err != nil || len(rest.Moved) != len(ids)-12 || rest.More {
		t.Fatal(len(rest.Moved), err)
	}
	for _, id := range ids {
		history, _, _, err := w.AgreementHistory(t.Context(), id, "", service.Page[billing.AgreementID]{Size: 10})
		if err != nil || len(history) != 2 || history[1].Version != 2 || history[0].ExpiresOn != history[1].StartsOn {
			t.Fatal(history, err)
		}
		if id == ids[0] && history[1].ExpiresOn != cancelled.ExpiresOn {
			t.Errorf("the end that was set is %s, was %s", history[1].ExpiresOn, cancelled.ExpiresOn)
		}
	}
}

// A use case whose clock lags, or waited while others worked, does not give
// again what a faster one gave away: here the units of a hold that has expired.
func TestLateConfirmOfExpiredHold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro") // 10 seats
	var hold usage.Hold
	must(w, func(u *service.Work) (billing.Decision, error) {
		var d billing.Decision
		var err error
		hold, d, err = u.Hold(id, "seats", 10*billing.OneUnit, time.Hour)
		return d, err
	})
	w.now = hold.ExpiresOn.Add(time.Millisecond)
	if d := w.consume(id, "10"); !d.Allowed {
		t.Fatalf("after the hold expired: %+v", d)
	}
	w.now = hold.ExpiresOn.Add(-time.Millisecond) // another node
	_, err := try(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.ConfirmHold(hold.ID, usage.Confirm{})
		return h, err
	})
	wantCode(t, err, "HOLD_EXPIRED")
	if d := w.check(id); d.Used != 10*billing.OneUnit {
		t.Errorf("used %s of 10", d.Used)
	}
}

// What is used and held together never exceeds what can be counted.
func TestHoldsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	w.apply(billing.CatalogSpec{Plans: []billing.PlanSpec{{Code: "open", Name: "Open", Group: "teams", Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "seats"}}}}})
	id := w.customer("open")
	most, err := billing.ParseUnits("999999999999.999999")
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for range 12 {
		_, err := try(w, func(u *service.Work) (usage.Hold, error) {
			h, _, err := u.Hold(id, "seats", most, time.Hour)
			return h, err
		})
		if err == nil {
			held++
			continue
		}
		wantCode(t, err, "UNITS_INVALID")
	}
	if d := w.check(id); held != 9 || d.Held <= 0 {
		t.Errorf("%d holds, held %s", held, d.Held)
	}
	w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	if d := w.check(id); d.Allowed {
		t.Errorf("held %s of a limit of 10, and allowed", d.Held)
	}
}

// Full windows of the past do not stop the present one.
func TestFullWindowsOfThePast(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	w.apply(billing.CatalogSpec{Plans: []billing.PlanSpec{{Code: "open", Name: "Open", Group: "teams", Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "seats"}}}}})
	id := w.customer("open")
	for range 3 {
		for range 9 {
			w.consume(id, "999999999999")
		}
		w.now = w.now.AddDate(0, 1, 3)
	}
	if d := w.consume(id, "5"); !d.Allowed || d.Used != 5*billing.OneUnit {
		t.Errorf("in a new window: %v, used %s", d.Allowed, d.Used)
	}
	w.verify()
}

// graceful sells big, of 100 seats, and small and tiny, of 10 and 5, under which
// an earlier limit holds on for 7 days.
func graceful() billing.CatalogSpec {
	spec := catalog()
	for code, n := range map[billing.Code]int64{"small": 10, "tiny": 5} {
		p := billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Items: seats(n)}
		p.Items[0].OverLimit = &billing.OverLimit{Policy: billing.Grace, GraceDays: 7}
		spec.Plans = append(spec.Plans, p)
	}
	return spec
}

func TestGrace(t *testing.T) {
	w := newWorld(t)
	w.apply(graceful())
	limit := func(id billing.CustomerID) int64 { return *w.check(id).Limit.Max }
	id := w.customer("max") // 100 seats
	w.consume(id, "11")     // more than small has
	w.now = w.now.Add(time.Hour)
	w.subscribe(id, billing.NewAgreement{Plan: "small"})
	if got := limit(id); got != 100 {
		t.Errorf("just after the change: %d", got)
	}
	w.now = w.now.AddDate(0, 0, 7)
	if got := limit(id); got != 10 {
		t.Errorf("after the grace: %d", got)
	}

	// An override is the operator's word.
	other := w.customer("max")
	w.consume(other, "11")
	w.now = w.now.Add(time.Hour)
	w.subscribe(other, billing.NewAgreement{Plan: "small"})
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(other, "seats", billing.NewOverride{HasMax: true, Max: new(int64(2))})
		return o.Override, err
	})
	if got := limit(other); got != 2 {
		t.Errorf("with an override during the grace: %d", got)
	}
}

// A migration that is scheduled and then done at once leaves the customer on the
// version from now on.
func TestMigrateNowAfterPeriodEnd(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("max")
	spec := catalog()
	spec.Plans[2].Items = seats(20)
	w.apply(spec)
	for _, when := range []billing.When{billing.WhenPeriodEnd, billing.WhenNow} {
		w.now = w.now.Add(time.Hour)
		if m, err := w.MigratePlan(t.Context(), "test", service.Migration{Plan: "max", Limit: 10, When: when}); err != nil || len(m.Moved) != 1 {
			t.Fatal(when, m, err)
		}
	}
	c, err := w.Customer(t.Context(), id)
	if err != nil || len(c.Agreements) != 2 || c.Agreements[0].Version != 2 || c.Agreements[1].Version != 2 {
		t.Errorf("%+v, %v", c.Agreements, err)
	}
}

// The same terms again keep the override, and so the id of what it grants.
func TestSameOverrideKeepsItsID(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	set := func(most int64) billing.OverrideID {
		return must(w, func(u *service.Work) (billing.Override, error) {
			o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{HasMax: true, Max: &most})
			return o.Override, err
		}).ID
	}
	if first := set(7); set(7) != first || set(8) == first {
		t.Error("the id does not follow the terms")
	}
}

// Usage that is reported late is about what was held when it happened.
func TestLateUsageAfterAChange(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	plan := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	happened := w.now.Add(time.Hour)
	w.now = w.now.AddDate(0, 0, 3)
	w.cancel(plan.ID, "")
	out := must(w, func(u *service.Work) ([]service.UsageOutcome, error) {
		return u.RecordUsage(id, []usage.Report{
			{ID: "then", Feature: "seats", Value: billing.OneUnit, Stamp: happened},
			{ID: "now", Feature: "seats", Value: billing.OneUnit},
		})
	})
	if out[0].Err != nil {
		t.Errorf("usage of when it was held: %v", out[0].Err)
	}
	wantCode(t, out[1].Err, "TIMESTAMP_INVALID")
}

// What a node whose clock lags records counts no earlier than what a faster one
// wrote before: here on the next day.
func TestBulkUsageWithALaggingClock(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	spec.Features = append(spec.Features, billing.Feature{Code: "api", Name: "API", Type: billing.Metered, Reset: billing.Reset(calendar.Day)})
	spec.Plans = append(spec.Plans, billing.PlanSpec{Code: "two", Name: "Two", Group: "teams", Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "api"}, {Feature: "seats"}}})
	w.apply(spec)
	id := w.customer("two")
	report := []usage.Report{{Feature: "api", Value: billing.OneUnit}, {Feature: "seats", Value: billing.OneUnit}}
	record := func() {
		t.Helper()
		for _, out := range must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, report) }) {
			if out.Err != nil {
				t.Fatal(out.Err)
			}
		}
	}
	w.now = w.now.Add(24*time.Hour - time.Minute)
	lags := w.now
	record()
	w.now = w.now.Add(2 * time.Minute) // the next day, on a faster node
	must(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "api", billing.OneUnit) })
	w.consume(id, "1")
	w.now = lags
	record()
	w.verify()
	windows, _, _, _, err := w.Usage(t.Context(), id, service.UsageFilter{Feature: "api", From: lags}, service.Page[string]{Size: 10})
	if err != nil || len(windows) == 0 || windows[0].Used != billing.OneUnit {
		t.Errorf("on the day of the slower clock: %v, want 1 (%v)", windows, err)
	}
	// A check of the slower node is about the day that the faster one has begun.
	d, err := w.Check(t.Context(), id, []billing.Code{"seats", "api"}, billing.OneUnit)
	if err != nil || d[1].Used != 2*billing.OneUnit || !d[1].Window.Start.After(lags) {
		t.Errorf("checked by the slower clock: %s used in %s, want 2 of the next day (%v)", d[1].Used, d[1].Window, err)
	}
	standing, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false)
	if err != nil || standing.Features[0].Used != 2*billing.OneUnit || !standing.At.After(lags.Add(time.Minute)) {
		t.Errorf("entitlements by the slower clock: %s used at %s, want 2 of the next day (%v)", standing.Features[0].Used, standing.At, err)
	}
}
