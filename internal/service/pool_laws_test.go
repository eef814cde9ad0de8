package service_test

import (
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// burning is the usual catalog, with a feature on pro that burns two seats.
func burning() billing.CatalogSpec {
	spec := catalog()
	spec.Features = append(spec.Features, billing.Feature{
		Code: "images", Name: "Images", Type: billing.Metered, Burns: &billing.Burns{Feature: "seats", Rate: decimal.MustNew(2, 0)},
	})
	for i := range spec.Plans {
		if p := &spec.Plans[i]; p.Code == "pro" {
			p.Items = append(p.Items, billing.ItemSpec{Feature: "images"})
		}
	}
	return spec
}

func (w *world) use(id billing.CustomerID, reports ...usage.Report) []service.UsageOutcome {
	w.t.Helper()
	return must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, reports) })
}

// left is what is available of the seats.
func (w *world) left(id billing.CustomerID) billing.Units {
	w.t.Helper()
	c, err := w.Credits(w.t.Context(), id, "seats", time.Time{}, false)
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Available
}

// What a hold has set aside in a pool is closed with the hold, and not by itself.
func TestTwinIsNoHoldOfItsOwn(t *testing.T) {
	w := newWorld(t)
	w.apply(burning())
	id := w.customer("pro")
	h := must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(id, "images", 3*billing.OneUnit, time.Hour)
		return h, err
	})
	if h.Twin == (usage.HoldID{}) {
		t.Fatal("the hold has no twin")
	}
	for name, try := range map[string]func(u *service.Work) error{
		"confirm": func(u *service.Work) error { _, _, err := u.ConfirmHold(h.Twin, usage.Confirm{}); return err },
		"release": func(u *service.Work) error { _, _, err := u.ReleaseHold(h.Twin); return err },
		"extend":  func(u *service.Work) error { _, _, err := u.ExtendHold(h.Twin, time.Minute); return err },
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, w.Do(t.Context(), "test", try), "HOLD_NOT_FOUND") })
	}
	_, _, _, err := w.Service.Hold(t.Context(), h.Twin)
	wantCode(t, err, "HOLD_NOT_FOUND")
	all, _, _, _, err := w.Holds(t.Context(), id, "", service.Page[usage.HoldID]{Size: 10})
	if err != nil || len(all) != 1 || all[0].ID != h.ID {
		t.Errorf("holds %v, %v", all, err)
	}
	if got := w.left(id); got != 4*billing.OneUnit {
		t.Errorf("%s are left, want 4", got)
	}
}

// What was burned goes back with what burned it alone, and a correction that cannot be made
// has written nothing.
func TestBurnedGoesBackWithWhatBurnedIt(t *testing.T) {
	w := newWorld(t)
	w.apply(burning())
	id := w.customer("pro")
	one := w.use(id, usage.Report{ID: "one", Feature: "images", Value: 3 * billing.OneUnit})
	if one[0].Err != nil || w.left(id) != 4*billing.OneUnit {
		t.Fatalf("%v, %s left", one, w.left(id))
	}
	for _, report := range []usage.Report{
		{Feature: "seats", Value: -billing.OneUnit},
		{Feature: "seats", Value: 0, Kind: usage.Absolute},
	} {
		if out := w.use(id, report); out[0].Err == nil || w.left(id) != 4*billing.OneUnit {
			t.Errorf("%+v takes burned units: %v, %s left", report, out, w.left(id))
		}
	}
	if out := w.use(id, usage.Report{ID: "back", Feature: "images", Value: -billing.OneUnit, Corrects: "one"}); out[0].Err != nil || w.left(id) != 6*billing.OneUnit {
		t.Errorf("%v, %s left, want 6", out, w.left(id))
	}
	if out := w.use(id, usage.Report{ID: "more", Feature: "images", Value: -3 * billing.OneUnit, Corrects: "one"}); out[0].Err == nil || w.left(id) != 6*billing.OneUnit {
		t.Errorf("more than is left: %v, %s left", out, w.left(id))
	}
	if out := w.use(id, usage.Report{ID: "more", Feature: "images", Value: -2 * billing.OneUnit, Corrects: "one"}); out[0].Err != nil || out[0].Duplicate {
		t.Errorf("a failed id is sent again: %v", out)
	}
	if got := w.left(id); got != 10*billing.OneUnit {
		t.Errorf("%s are left, want 10", got)
	}
}

// A reading corrects no record, and a repeated correction without a name is a duplicate.
func TestWhatCorrects(t *testing.T) {
	w := newWorld(t)
	w.apply(burning())
	id := w.customer("pro")
	w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit, Priority: new(1)})
	w.use(id, usage.Report{ID: "one", Feature: "seats", Value: 4 * billing.OneUnit}, usage.Report{ID: "two", Feature: "seats", Value: 4 * billing.OneUnit})
	wantCode(t, w.use(id, usage.Report{Feature: "seats", Kind: usage.Absolute, Value: billing.OneUnit, Corrects: "one"})[0].Err, "CORRECTS_INVALID")
	back := usage.Report{ID: "back", Feature: "seats", Value: -6 * billing.OneUnit, Stamp: w.now}
	for i := range 2 {
		out := w.use(id, back)
		if out[0].Err != nil || out[0].Duplicate != (i == 1) || w.left(id) != 13*billing.OneUnit {
			t.Errorf("%d: %v, %s left, want 13", i, out, w.left(id))
		}
	}
}

// Each correction moves the debt of a voided grant, and so what was paid of it.
func TestSurplusGoesBackEachTime(t *testing.T) {
	for _, paid := range []int64{80, 200} { // the payer is used up and set aside, or not
		w := newWorld(t)
		w.apply(burning())
		id := w.customer("")
		first := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 100 * billing.OneUnit}).Grants[0]
		w.use(id, usage.Report{Feature: "seats", Value: 80 * billing.OneUnit})
		w.void(first.ID, true)
		payer := w.grant(id, billing.NewGrant{Feature: "seats", Amount: billing.Units(paid) * billing.OneUnit}).Grants[0]
		if paid == 80 {
			w.aside(payer.ID, true)
		}
		for n, back := range []int64{10, 10, 20, 40} {
			w.now = w.now.Add(time.Minute)
			before := w.left(id)
			if out := w.use(id, usage.Report{Feature: "seats", Value: -billing.Units(back) * billing.OneUnit}); out[0].Err != nil {
				t.Fatal(out[0].Err)
			}
			if got := w.left(id) - before; got != billing.Units(back)*billing.OneUnit {
				t.Errorf("payer of %d: correction %d of %d gives back %s", paid, n, back, got)
			}
		}
	}
}

// A grant is voided once: again, it is answered as the first time.
func TestVoidAgain(t *testing.T) {
	for _, clawBack := range []bool{false, true} {
		w := newWorld(t)
		w.apply(burning())
		id := w.customer("")
		g := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 100 * billing.OneUnit}).Grants[0]
		h := must(w, func(u *service.Work) (usage.Hold, error) {
			h, _, err := u.Hold(id, "seats", 40*billing.OneUnit, time.Hour)
			return h, err
		})
		first := w.void(g.ID, clawBack)
		if first.State.Refundable != 60*billing.OneUnit || first.State.Debt != 0 {
			t.Fatalf("%+v", first.State)
		}
		w.now = w.now.Add(time.Minute)
		must(w, func(u *service.Work) (usage.Hold, error) {
			h, _, err := u.ConfirmHold(h.ID, usage.Confirm{Units: new(15 * billing.OneUnit)})
			return h, err
		})
		if again := w.void(g.ID, clawBack); again.State != first.State {
			t.Errorf("again: %+v, the first time %+v", again.State, first.State)
		}
		now, _, err := w.Service.Grant(t.Context(), g.ID)
		if err != nil || now.State.Refundable != 85*billing.OneUnit {
			t.Errorf("now: %+v, %v", now.State, err)
		}
	}
}

// What a confirm records beyond what is held and beyond what sources have is uncovered, of
// what is burned in the pool's units; the same confirm again says so again. What is held is
// paid for, and of a soft limit the rest is overage.
func TestConfirmSaysWhatIsUncovered(t *testing.T) {
	for name, test := range map[string]struct {
		feature billing.Code
		soft    bool
		held    billing.Units
		counted billing.Units
		want    billing.Units
	}{
		"of its own":         {"seats", false, 3, 15, 3}, // 10 and a grant of 2
		"all there is":       {"seats", false, 3, 12, 0},
		"no more than held":  {"seats", false, 3, 2, 0},
		"of the pool":        {"images", false, 2, 8, 4}, // 16 burned
		"of a soft pool":     {"images", true, 2, 8, 0},
		"of a soft one":      {"seats", true, 3, 15, 0},
		"all that is burned": {"images", false, 2, 6, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			spec := burning()
			for i := range spec.Plans {
				if p := &spec.Plans[i]; test.soft && p.Code == "pro" {
					p.Items[0].Limit = billing.Soft
				}
			}
			w.apply(spec)
			id := w.customer("pro")
			w.grant(id, billing.NewGrant{Feature: "seats", Amount: 2 * billing.OneUnit, Priority: new(1)})
			h := must(w, func(u *service.Work) (usage.Hold, error) {
				h, _, err := u.Hold(id, test.feature, test.held*billing.OneUnit, time.Hour)
				return h, err
			})
			for range 2 {
				closed := must(w, func(u *service.Work) (usage.Hold, error) {
					in := usage.Confirm{Units: new(test.counted * billing.OneUnit), Over: usage.OverRecord}
					h, _, err := u.ConfirmHold(h.ID, in)
					return h, err
				})
				if got := closed.Closing.Answer.Uncovered; got != test.want*billing.OneUnit {
					t.Errorf("uncovered %s, want %d", got, test.want)
				}
			}
		})
	}
}

// A hold beyond a soft limit has of it what was left at its start, and the rest of nothing:
// what is held is no overage, and what is used later is.
func TestHoldsBeyondASoftLimit(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	for i := range spec.Plans {
		if p := &spec.Plans[i]; p.Code == "pro" {
			p.Items[0].Limit = billing.Soft
		}
	}
	w.apply(spec)
	id := w.customer("pro")
	want := func(what string, available, held, ofIt, overage billing.Units) {
		t.Helper()
		c, err := w.Credits(t.Context(), id, "seats", time.Time{}, false)
		if err != nil {
			t.Fatal(err)
		}
		var of billing.Units
		for _, s := range c.Sources {
			of += s.Held
		}
		if c.Available != available*billing.OneUnit || c.Held != held*billing.OneUnit || of != ofIt*billing.OneUnit || c.Overage != overage*billing.OneUnit {
			t.Errorf("%s: available %s, held %s (%s of sources), overage %s", what, c.Available, c.Held, of, c.Overage)
		}
	}
	w.consume(id, "7")
	h := w.hold(id, 5, time.Hour)
	want("7 used, 5 held", 0, 5, 3, 0)
	w.hold(id, 2, time.Hour)
	want("2 more held", 0, 7, 3, 0)
	w.consume(id, "1")
	want("1 more used", 0, 7, 3, 1)
	if _, err := w.confirm(h.ID, 4, usage.OverReject); err != nil {
		t.Fatal(err)
	}
	want("4 of 5 confirmed", 0, 2, 0, 2)
	if d := w.check(id); d.Pooled || d.Used != 12*billing.OneUnit || d.Held != 2*billing.OneUnit {
		t.Errorf("the check says used %s, held %s, %v", d.Used, d.Held, d.Pooled)
	}
	verifyClean(t, w)
}

// A hold belongs to the window it was made in, and is set aside until it is over: then what
// is held of a feature has it, and the next window's allowance is whole.
func TestHoldsOfAnEarlierWindow(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.on("2027-02-28T09:59:59Z")
	w.hold(id, 4, time.Hour)
	made := w.now
	w.on("2027-02-28T10:00:00Z")
	for range 2 { // now, and as of then
		for _, knownNow := range []bool{false, true} {
			c, err := w.Credits(t.Context(), id, "seats", made.Add(time.Second), knownNow)
			if err != nil || c.Held != 4*billing.OneUnit || c.Available != 10*billing.OneUnit {
				t.Errorf("on %s, known now %v: held %s, available %s, %v", w.now, knownNow, c.Held, c.Available, err)
			}
		}
		w.now = w.now.Add(2 * time.Hour)
	}
	if c, err := w.Credits(t.Context(), id, "seats", time.Time{}, false); err != nil || c.Held != 0 {
		t.Errorf("once it is over %s are held, %v", c.Held, err)
	}
}

// Usage is about what was held when it happened. A grant of the catalog is held also while its
// feature is denied, or its customer suspended, as a plan is and any other grant: nothing may
// be used then, and what was used is recorded.
func TestUsageOfDeniedDays(t *testing.T) {
	for name, bar := range map[string]func(w *world, id billing.CustomerID, on bool){
		"denied": func(w *world, id billing.CustomerID, on bool) {
			must(w, func(u *service.Work) (_ struct{}, err error) {
				if on {
					_, _, _, err = u.SetOverride(id, "seats", billing.NewOverride{Deny: true})
				} else {
					_, err = u.EndOverride(id, "seats")
				}
				return struct{}{}, err
			})
		},
		"suspended": func(w *world, id billing.CustomerID, on bool) {
			status := billing.Active
			if on {
				status = billing.Suspended
			}
			if err := w.update(id, billing.CustomerUpdate{Status: &status}); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			spec := catalog()
			for i := range spec.Plans {
				if p := &spec.Plans[i]; p.Code == "pro" {
					p.Items[0].Grants = []billing.ItemGrantSpec{{Amount: new(6 * billing.OneUnit), At: billing.AtStart, Lasts: billing.LastsNever}}
				}
			}
			w.apply(spec)
			id := w.customer("")
			plan := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
			w.now = w.now.Add(time.Hour)
			w.cancel(plan.ID, billing.WhenNow)
			w.now = w.now.Add(time.Hour)
			bar(w, id, true)
			during := w.now.Add(time.Minute)
			w.now = w.now.Add(time.Hour)
			if d := w.check(id); d.Allowed || d.Granted {
				t.Errorf("while it is so: %s", d.Reason)
			}
			w.recorded(id, usage.Report{Value: billing.OneUnit})
			bar(w, id, false)
			w.now = w.now.Add(time.Hour)
			w.recorded(id, usage.Report{Value: 2 * billing.OneUnit, Stamp: during})
			if d := w.check(id); !d.Allowed || *d.Remaining != 3*billing.OneUnit {
				t.Errorf("afterwards: %s, %s remain", d.Reason, d.Remaining)
			}
		})
	}
}

// What was drawn of a grant that a correction takes out again is known, also if no sum of it
// was kept and the same request has asked about the instant before.
func TestReopenedWithinARequest(t *testing.T) {
	w, db := openWorld(t, sqliteURL(t))
	w.apply(burning())
	id := w.customer("pro")
	g := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit, Priority: new(10), ExpiresOn: w.now.Add(time.Hour)}).Grants[0].ID
	w.now = w.now.Add(time.Minute)
	then := w.now
	w.use(id, usage.Report{ID: "one", Feature: "seats", Value: 5 * billing.OneUnit})
	w.aside(g, true)
	loseSums(t, db)
	w.now = w.now.Add(2 * time.Hour)
	before := w.left(id)
	for _, out := range w.use(id,
		usage.Report{ID: "two", Feature: "seats", Value: billing.OneUnit, Stamp: then},
		usage.Report{ID: "three", Feature: "seats", Value: -3 * billing.OneUnit, Stamp: then},
		usage.Report{ID: "read", Feature: "seats", Kind: usage.Absolute, Value: 3 * billing.OneUnit, Stamp: then}, // before what follows
		usage.Report{ID: "four", Feature: "seats", Value: 4 * billing.OneUnit, Stamp: then},
	) {
		if out.Err != nil {
			t.Fatal(out.Err)
		}
	}
	if got := before - w.left(id); got != 2*billing.OneUnit {
		t.Errorf("of 4 the allowance has paid %s, want 2, as the grant had 2 back", got)
	}
	verifyClean(t, w)
}
