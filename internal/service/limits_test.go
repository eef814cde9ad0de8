package service_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

const huge = 999_999_999_999 * billing.OneUnit // of one record at most

// sums sells unlim, without a limit by the month, and yearly, with 6000 by the year.
func sums() billing.CatalogSpec {
	spec := catalog()
	spec.Plans = append(spec.Plans,
		billing.PlanSpec{Code: "unlim", Name: "Unlimited", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{{Feature: "seats"}}},
		billing.PlanSpec{Code: "yearly", Name: "Yearly", Group: "teams", Status: billing.Published, Cycle: calendar.Year,
			Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(6000))}}},
		billing.PlanSpec{Code: "never", Name: "Never", Group: "teams", Status: billing.Published,
			Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(billing.MaxAmount)), Reset: billing.ResetNever}}})
	return spec
}

func (w *world) record(id billing.CustomerID, reports ...usage.Report) []service.UsageOutcome {
	w.t.Helper()
	for i := range reports {
		reports[i].Feature = "seats"
	}
	return must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, reports) })
}

func (w *world) recorded(id billing.CustomerID, reports ...usage.Report) {
	w.t.Helper()
	for _, out := range w.record(id, reports...) {
		if out.Err != nil {
			w.t.Fatal(out.Err)
		}
	}
}

// A window counts at most so much, and its counter never sticks.
func TestSumsOfAWindowStop(t *testing.T) {
	w := newWorld(t)
	w.apply(sums())
	id := w.customer("unlim")
	for range 9 {
		w.recorded(id, usage.Report{Value: huge})
	}
	for value, code := range map[billing.Units]string{100000000000 * billing.OneUnit: "METER_VALUE_INVALID", huge: "METER_VALUE_INVALID", -billing.OneUnit: ""} {
		out := w.record(id, usage.Report{Value: value})
		if code == "" && out[0].Err == nil {
			continue
		}
		wantCode(t, out[0].Err, code)
	}
	_, err := try(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", 11*billing.OneUnit) })
	wantCode(t, err, "UNITS_INVALID")
	_, err = try(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(id, "seats", 11*billing.OneUnit, time.Hour)
		return h, err
	})
	wantCode(t, err, "UNITS_INVALID")
	if d := w.consume(id, "10"); !d.Allowed || d.Used != billing.MaxTotal {
		t.Errorf("up to the most: %+v", d)
	}
	w.verify()
}

// Full windows that a longer one merges are cut, and nothing fails by them; another
// customer's record in one bulk is counted once.
func TestMergedWindowsAreCut(t *testing.T) {
	for _, plan := range []billing.Code{"yearly", "never"} {
		t.Run(string(plan), func(t *testing.T) {
			w := newWorld(t)
			w.apply(sums())
			id := w.customer("unlim")
			for range 2 {
				for range 9 {
					w.recorded(id, usage.Report{Value: huge})
				}
				w.now = w.now.AddDate(0, 0, 32)
			}
			kept := billing.NewAgreement{Plan: plan, Anchor: billing.AnchorWish{Keep: true}}
			w.subscribe(id, kept)
			if plan == "yearly" { // whatever its anchor is, the merged year is the one around the sign-up
				w.now = instant("2027-04-10T10:00:00Z")
			}
			d := w.check(id)
			hard := plan == "yearly"
			if full := d.Used == math.MaxInt64; !full && d.Used != 0 || full && d.Allowed == hard {
				t.Errorf("merged: %+v", d)
			}
			if d.Remaining == nil || *d.Remaining < 0 || *d.Remaining > billing.MaxTotal {
				t.Errorf("remaining %v", d.Remaining)
			}
			if _, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false); err != nil {
				t.Error(err)
			}
			if _, _, _, _, err := w.Usage(t.Context(), id, service.UsageFilter{}, service.Page[string]{Size: 1}); err != nil {
				t.Error(err)
			}
			if _, _, err := w.PreviewPlan(t.Context(), id, "free", 0); err != nil {
				t.Error(err)
			}
			if plan == "never" {
				_, err := try(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", 1) })
				wantCode(t, err, "UNITS_INVALID")
				wantCode(t, w.record(id, usage.Report{Value: 1})[0].Err, "METER_VALUE_INVALID")
				w.recorded(id, usage.Report{Value: -huge}, usage.Report{Value: -huge})
			}
			w.verify()
		})
	}
}

// What is used and held of an unlimited plan stays within what can be counted, and what
// a small limit leaves of it then is nothing.
func TestSmallLimitOfMuchUse(t *testing.T) {
	w := newWorld(t)
	w.apply(sums())
	id := w.customer("unlim")
	for range 4 {
		must(w, func(u *service.Work) (usage.Hold, error) {
			h, _, err := u.Hold(id, "seats", huge, time.Hour)
			return h, err
		})
	}
	for range 9 { // records are not gated by what is held
		w.recorded(id, usage.Report{Value: huge})
	}
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{HasMax: true, Max: new(int64(5))})
		return o.Override, err
	})
	for _, d := range []billing.Decision{w.check(id), w.consume(id, "1")} {
		if d.Allowed || d.Reason != "limit_reached" || *d.Remaining != 0 {
			t.Errorf("%+v", d)
		}
	}
	w.verify()
}

// A report is about what was held at its timestamp.
func TestReportsAreOfWhatWasHeld(t *testing.T) {
	w := newWorld(t)
	w.apply(sums())
	none := must(w, func(u *service.Work) (billing.CustomerAt, error) {
		return u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, OrgCode: "none", NoPlan: true})
	}).ID
	wantCode(t, w.record(none, usage.Report{Value: 1})[0].Err, "FEATURE_NOT_FOUND")
	wantCode(t, w.record(none, usage.Report{Value: 1, Stamp: w.now.AddDate(0, 0, -1)})[0].Err, "TIMESTAMP_INVALID")

	began := w.now
	id := w.customer("yearly")
	a := w.subscribe(id, billing.NewAgreement{Plan: "yearly"})
	w.now = began.AddDate(0, 0, 40)
	gap := w.now
	w.cancel(a.ID, "")
	w.now = began.AddDate(0, 0, 50)
	w.subscribe(id, billing.NewAgreement{Plan: "unlim"})
	w.now = began.AddDate(0, 0, 60)
	for stamp, code := range map[time.Time]string{
		instant("1970-01-01T00:00:00Z"):   "TIMESTAMP_INVALID",
		began.Add(-time.Microsecond):      "TIMESTAMP_INVALID",
		began:                             "",
		gap.Add(-time.Microsecond):        "",
		gap:                               "TIMESTAMP_INVALID",
		began.AddDate(0, 0, 49):           "TIMESTAMP_INVALID",
		began.AddDate(0, 0, 50):           "",
		w.now:                             "",
		w.now.Add(billing.MaxAhead):       "",
		w.now.Add(billing.MaxAhead + 1e3): "TIMESTAMP_INVALID",
	} {
		if out := w.record(id, usage.Report{Value: billing.OneUnit, Stamp: stamp})[0]; code != "" || out.Err != nil {
			wantCode(t, out.Err, code)
		}
	}
	// Of the year that was held then, not of the month that is held now.
	w.recorded(id, usage.Report{Value: 5998 * billing.OneUnit, Stamp: began.AddDate(0, 0, 1), Kind: usage.Absolute})
	w.recorded(id, usage.Report{Value: 7 * billing.OneUnit, Stamp: began.AddDate(0, 0, 39), Kind: usage.Absolute})
	w.verify()
	must(w, func(u *service.Work) (billing.Override, error) { // it has happened, though it is denied now
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Deny: true})
		return o.Override, err
	})
	w.recorded(id, usage.Report{Value: 1})
	if err := w.update(id, billing.CustomerUpdate{Status: new(billing.Suspended)}); err != nil {
		t.Fatal(err)
	}
	w.recorded(id, usage.Report{Value: 1})
}

// Whatever the order of their commits, the newest reading says what was used.
func TestNewestReadingStands(t *testing.T) {
	w := newWorld(t)
	w.apply(sums())
	began := w.now
	for seed := range uint64(12) {
		w.now = began
		id := w.customer("max")
		w.now = began.AddDate(0, 0, 20)
		r := rand.New(rand.NewPCG(3, seed))
		order := r.Perm(8)
		var newest int
		for n := 0; n < len(order); {
			batch := 1 + r.IntN(2)
			var in []usage.Report
			for ; batch > 0 && n < len(order); batch, n = batch-1, n+1 {
				in = append(in, usage.Report{Kind: usage.Absolute, Value: billing.Units(order[n]+1) * billing.OneUnit, Stamp: began.AddDate(0, 0, order[n]+1)})
			}
			for i, out := range w.record(id, in...) {
				this := int(in[i].Value / billing.OneUnit)
				if out.Err != nil || out.Superseded != (this < newest) {
					t.Errorf("order %v: reading %d after %d: %+v", order, this, newest, out)
				}
				newest = max(newest, this)
			}
			if used := w.check(id).Used; used != billing.Units(newest)*billing.OneUnit {
				t.Fatalf("order %v: used %s, the newest reading is %d", order, used, newest)
			}
		}
		w.recorded(id, usage.Report{Value: billing.OneUnit, Stamp: began.AddDate(0, 0, 1)}) // later in the order of commits
		if used := w.check(id).Used; used != 9*billing.OneUnit {
			t.Errorf("with one more: %s", used)
		}
		w.recorded(id, usage.Report{Kind: usage.Absolute, Value: billing.OneUnit, Stamp: began.AddDate(0, 0, 8)}) // the same stamp
		if used := w.check(id).Used; used != billing.OneUnit {
			t.Errorf("of equal stamps the later commit: %s", used)
		}
	}
	w.verify()
}

// Whatever the order of a request, its corrections come after what they correct.
func TestOrderWithinABulk(t *testing.T) {
	w := newWorld(t)
	w.apply(sums())
	values := []billing.Units{5, -3, -4, 2, -1, 1}
	for seed := range uint64(10) {
		id := w.customer("max")
		r := rand.New(rand.NewPCG(4, seed))
		var in []usage.Report
		for _, i := range r.Perm(len(values)) {
			in = append(in, usage.Report{ID: string(rune('a' + i)), Value: values[i] * billing.OneUnit})
		}
		for i, out := range w.record(id, in...) {
			if out.Err != nil || out.ID != in[i].ID {
				t.Errorf("%v: %+v", in[i], out)
			}
		}
		if used := w.check(id).Used; used != 0 {
			t.Errorf("used %s", used)
		}
	}
	id := w.customer("max")
	out := w.record(id, usage.Report{ID: "a", Value: -billing.OneUnit}, usage.Report{ID: "a", Value: billing.OneUnit}, usage.Report{ID: "b", Value: billing.OneUnit})
	if out[0].Err != nil || !out[1].Duplicate || out[1].Err == nil || out[2].Err != nil {
		t.Errorf("an id that is there twice: %+v", out)
	}
	w.verify()
}

// A grace is for who was over when the smaller plan began, late usage included, and for
// as long as more is used and held than its limit. All answers agree.
func TestGraceByUsage(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	spec.Plans[0].Items[0].OverLimit = &billing.OverLimit{Policy: billing.Grace, GraceDays: 10} // of free
	w.apply(spec)
	began := w.now
	day := func(n int) time.Time { return began.AddDate(0, 0, n) }
	limits := func(id billing.CustomerID, want int64) {
		t.Helper()
		d := w.check(id)
		consumed := w.consume(id, "1000")
		standing, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false)
		if err != nil {
			t.Fatal(err)
		}
		snap, now, err := w.Snapshot(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		graced, err := w.Graced(t.Context(), snap, now)
		if err != nil {
			t.Fatal(err)
		}
		kinde := billing.Entitlements(graced, now)
		for what, got := range map[string]*int64{"check": d.Limit.Max, "consume": consumed.Limit.Max, "entitlements": standing.Features[0].Limit.Max, "kinde": kinde[0].LimitMax} {
			if got == nil || *got != want {
				t.Errorf("%s by %s: %v, want %d", w.now, what, *got, want)
			}
		}
		if inForce := want == 10; (d.NextChange != nil && d.NextChange.Why == "grace_ends") != inForce {
			t.Errorf("next change %+v", d.NextChange)
		}
	}
	downgraded := func(used billing.Units) billing.CustomerID {
		w.now = began
		id := w.customer("pro")
		w.now = day(1)
		w.recorded(id, usage.Report{Value: used * billing.OneUnit})
		w.now = day(2)
		w.subscribe(id, billing.NewAgreement{Plan: "free"})
		return id
	}
	over := downgraded(5)
	limits(over, 10)
	w.consume(over, "2")
	limits(over, 10)
	w.recorded(over, usage.Report{Value: -4 * billing.OneUnit}) // at the new limit
	limits(over, 3)
	w.recorded(over, usage.Report{Value: billing.OneUnit})
	limits(over, 10) // and over it again
	w.now = day(12)
	limits(over, 3)

	under := downgraded(3)
	limits(under, 3)
	w.recorded(under, usage.Report{Value: 3 * billing.OneUnit}) // over, but it was not
	limits(under, 3)
	w.recorded(under, usage.Report{Value: billing.OneUnit, Stamp: day(1)}) // it was, as is known now
	limits(under, 10)

	w.now = began
	held := w.customer("pro")
	hold := must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(held, "seats", 4*billing.OneUnit, 24*time.Hour)
		return h, err
	})
	w.now = began.Add(time.Hour)
	w.subscribe(held, billing.NewAgreement{Plan: "free"})
	limits(held, 10)
	w.now = w.now.Add(time.Minute)
	must(w, func(u *service.Work) (usage.Hold, error) { // counted at its instant, once
		h, _, err := u.ConfirmHold(hold.ID, usage.Confirm{Units: new(3 * billing.OneUnit)})
		return h, err
	})
	limits(held, 3)
	w.recorded(held, usage.Report{Value: billing.OneUnit})
	limits(held, 10)

	w.now = began // held at the limit and confirmed since is not over it
	held = w.customer("pro")
	hold = w.hold(held, 3, 24*time.Hour)
	w.now = began.Add(time.Hour)
	w.subscribe(held, billing.NewAgreement{Plan: "free"})
	w.now = w.now.Add(time.Minute)
	if _, err := w.confirm(hold.ID, 0, ""); err != nil {
		t.Fatal(err)
	}
	w.recorded(held, usage.Report{Value: billing.OneUnit})
	limits(held, 3)
	w.verify()
}
