package service_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

func (w *world) hold(id billing.CustomerID, n billing.Units, lasts time.Duration) usage.Hold {
	w.t.Helper()
	return must(w, func(u *service.Work) (usage.Hold, error) {
		h, d, err := u.Hold(id, "seats", n*billing.OneUnit, lasts)
		if err == nil && !d.Allowed {
			w.t.Fatalf("refused: %s", d.Reason)
		}
		return h, err
	})
}

// closed is what a confirm or a release answers.
type closed struct {
	Hold     usage.Hold
	Decision billing.Decision
}

func (w *world) confirm(id usage.HoldID, n billing.Units, over usage.Over) (closed, error) {
	in := usage.Confirm{Over: over}
	if n > 0 {
		in.Units = new(n * billing.OneUnit)
	}
	return try(w, func(u *service.Work) (c closed, err error) {
		c.Hold, c.Decision, err = u.ConfirmHold(id, in)
		return c, err
	})
}

func (w *world) release(id usage.HoldID) (closed, error) {
	return try(w, func(u *service.Work) (c closed, err error) {
		c.Hold, c.Decision, err = u.ReleaseHold(id)
		return c, err
	})
}

// A confirm or a release that is asked for again answers as the first did, whatever has
// happened since; any other is refused by what became of the hold.
func TestClosingAgainIsTheFirstOutcome(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	for name, c := range map[string]struct {
		again, other func(usage.HoldID) (closed, error)
		code         string
	}{
		"confirmed": {func(h usage.HoldID) (closed, error) { return w.confirm(h, 2, "") }, func(h usage.HoldID) (closed, error) { return w.confirm(h, 1, "") }, "HOLD_CONFIRMED"},
		"whole":     {func(h usage.HoldID) (closed, error) { return w.confirm(h, 0, "") }, w.release, "HOLD_CONFIRMED"},
		"over":      {func(h usage.HoldID) (closed, error) { return w.confirm(h, 3, usage.OverRecord) }, func(h usage.HoldID) (closed, error) { return w.confirm(h, 3, usage.OverAvailable) }, "HOLD_CONFIRMED"},
		"released":  {w.release, func(h usage.HoldID) (closed, error) { return w.confirm(h, 2, "") }, "HOLD_RELEASED"},
	} {
		t.Run(name, func(t *testing.T) {
			w.now = w.now.AddDate(0, 1, 3)
			h := w.hold(id, 2, time.Hour)
			w.now = w.now.Add(time.Minute)
			first, err := c.again(h.ID)
			if err != nil {
				t.Fatal(err)
			}
			if first.Decision.Reason != "held" || !first.Decision.Allowed {
				t.Errorf("%+v", first.Decision)
			}
			w.consume(id, "1")
			w.now = w.now.Add(2 * time.Hour) // past the end that the hold had
			second, err := c.again(h.ID)
			if err != nil {
				t.Fatal(err)
			}
			shown := cmp.FilterPath(func(p cmp.Path) bool {
				name := p.Last().String()
				return name == ".rhythm" || name == ".counted" || name == ".Grace"
			}, cmp.Ignore())
			if diff := cmp.Diff(first, second, shown, cmp.AllowUnexported(billing.Decision{}, billing.Allowance{})); diff != "" {
				t.Errorf("the second time (-first +second):\n%s", diff)
			}
			_, err = c.other(h.ID)
			wantCode(t, err, c.code)
			_, err = try(w, func(u *service.Work) (usage.Hold, error) { h, _, err := u.ExtendHold(h.ID, time.Hour); return h, err })
			wantCode(t, err, c.code)
		})
	}
	h := w.hold(id, 2, time.Hour)
	w.now = h.ExpiresOn
	_, err := w.confirm(h.ID, 0, "")
	wantCode(t, err, "HOLD_EXPIRED")
	w.verify()
}

// A confirm of more than is held counts what over says, decided now, in the window of
// the hold.
func TestConfirmOfMoreThanIsHeld(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, asked billing.Units // of 10, beside a hold of 4
		over          usage.Over
		counted       billing.Units
		code          string
	}{
		{"is refused", 0, 5, "", 0, "UNITS_INVALID"},
		{"as far as there is some", 3, 9, usage.OverAvailable, 7, ""},
		{"at most as asked", 0, 5, usage.OverAvailable, 5, ""},
		{"nothing is left", 6, 9, usage.OverAvailable, 4, ""},
		{"whatever is left", 6, 9, usage.OverRecord, 9, ""},
		{"is more than a window counts", 0, 999_999_999_999, usage.OverRecord, 999_999_999_999, ""},
		{"in no way that there is", 0, 5, "all", 0, "OVER_INVALID"},
		{"of nothing", 0, -1, "", 0, "UNITS_INVALID"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(catalog())
			id := w.customer("pro")
			h := w.hold(id, 4, time.Hour)
			window := w.check(id).Window
			if c.before > 0 {
				w.recorded(id, usage.Report{Value: c.before * billing.OneUnit})
			}
			got, err := try(w, func(u *service.Work) (out closed, err error) {
				out.Hold, out.Decision, err = u.ConfirmHold(h.ID, usage.Confirm{Units: new(c.asked * billing.OneUnit), Over: c.over})
				return out, err
			})
			if c.code != "" {
				wantCode(t, err, c.code)
				return
			}
			if err != nil || got.Hold.Closing.Counted != c.counted*billing.OneUnit {
				t.Fatalf("counted %+v, %v; want %d", got.Hold.Closing, err, c.counted)
			}
			if d := got.Decision; d.Used != (c.before+c.counted)*billing.OneUnit || d.Held != 0 || d.Window != window {
				t.Errorf("%+v", d)
			}
			w.verify()
		})
	}
}

// A hold is confirmed in the window it was made in, whatever the rhythm is by then, and
// whether the customer still holds anything.
func TestHoldOutlivesItsPlan(t *testing.T) {
	for name, change := range map[string]func(*world, billing.CustomerID, billing.AgreementID){
		"another rhythm": func(w *world, id billing.CustomerID, _ billing.AgreementID) {
			w.subscribe(id, billing.NewAgreement{Plan: "never"})
		},
		"no plan": func(w *world, _ billing.CustomerID, a billing.AgreementID) { w.cancel(a, "") },
		"suspended": func(w *world, id billing.CustomerID, _ billing.AgreementID) {
			if err := w.update(id, billing.CustomerUpdate{Status: new(billing.Suspended)}); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.apply(sums())
			id := w.customer("pro")
			a := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
			window := w.check(id).Window
			w.now = window.End.Add(-time.Hour)
			h := w.hold(id, 4, 5*time.Hour)
			w.now = window.End.Add(time.Hour)
			change(w, id, a.ID)
			got, err := w.confirm(h.ID, 9, usage.OverAvailable)
			if err != nil || got.Decision.Window != window || got.Decision.Used < 4*billing.OneUnit {
				t.Errorf("%+v, %v", got, err)
			}
			if name != "another rhythm" && got.Hold.Closing.Counted != 4*billing.OneUnit {
				t.Errorf("counted %s, nothing is left of no plan", got.Hold.Closing.Counted)
			}
			w.verify()
		})
	}
}

// The end of an open hold is moved any number of times, up to a day from now.
func TestExtendHold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	h := w.hold(id, 4, time.Minute)
	extend := func(lasts time.Duration) (usage.Hold, error) {
		return try(w, func(u *service.Work) (usage.Hold, error) {
			h, d, err := u.ExtendHold(h.ID, lasts)
			if err == nil && (d.Held != 4*billing.OneUnit || d.Reason != "held") {
				t.Errorf("%+v", d)
			}
			return h, err
		})
	}
	for _, lasts := range []time.Duration{usage.MaxHold, time.Second, time.Hour} {
		if got, err := extend(lasts); err != nil || !got.ExpiresOn.Equal(w.now.Add(lasts)) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, lasts := range []time.Duration{0, -1, usage.MaxHold + 1} {
		_, err := extend(lasts)
		wantCode(t, err, "EXPIRES_IN_INVALID")
	}
	w.now = w.now.Add(time.Hour - time.Microsecond)
	if d := w.check(id); d.Held != 4*billing.OneUnit {
		t.Errorf("before the end: %+v", d)
	}
	read, now, _, err := w.Hold(t.Context(), h.ID)
	if err != nil || read.State != usage.HoldOpen || !now.Before(read.ExpiresOn) {
		t.Errorf("%+v, %v", read, err)
	}
	w.now = w.now.Add(time.Microsecond)
	_, err = extend(time.Hour)
	wantCode(t, err, "HOLD_EXPIRED")
	_, _, _, err = w.Hold(t.Context(), usage.HoldID{1})
	wantCode(t, err, "HOLD_NOT_FOUND")
}

// Consumes, holds, and confirms that do not say otherwise never pass a hard limit,
// whatever their order.
func TestHardLimitWithConfirmsAbove(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	r := rand.New(rand.NewPCG(5, 6))
	for range 15 {
		id := w.customer("pro")
		var open []usage.HoldID
		for range 25 {
			w.now = w.now.Add(time.Second)
			switch n := billing.Units(1 + r.IntN(4)); {
			case r.IntN(4) == 0:
				w.consume(id, (n * billing.OneUnit).String())
			case r.IntN(2) == 0 || len(open) == 0:
				h := must(w, func(u *service.Work) (usage.Hold, error) {
					h, _, err := u.Hold(id, "seats", n*billing.OneUnit, time.Hour)
					return h, err
				})
				if h.ID != (usage.HoldID{}) {
					open = append(open, h.ID)
				}
			default:
				i := r.IntN(len(open))
				over := usage.OverAvailable
				if r.IntN(3) == 0 {
					over = usage.OverReject
				}
				if _, err := w.confirm(open[i], 3*n, over); err == nil {
					open = slices.Delete(open, i, i+1)
				}
			}
			if d := w.check(id); d.Used+d.Held > 10*billing.OneUnit {
				t.Fatalf("used %s, held %s of 10", d.Used, d.Held)
			}
		}
	}
	w.verify()
}

// A deleted customer is read by its id, is entitled to nothing, and changes no more. One
// that is purged is gone.
func TestDeletedCustomersAreRead(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.consume(id, "2")
	h := w.hold(id, 1, time.Hour)
	lived := w.now.Add(time.Second)
	w.now = w.now.Add(time.Minute)
	if err := w.delete(id, false); err != nil {
		t.Fatal(err)
	}
	reads := map[string]func() error{
		"customer":     func() error { _, err := w.AnyCustomer(t.Context(), id); return err },
		"entitlements": func() error { _, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false); return err },
		"check":        func() error { _, err := w.Check(t.Context(), id, []billing.Code{"seats"}, 1); return err },
		"usage": func() error {
			_, _, _, _, err := w.Usage(t.Context(), id, service.UsageFilter{}, service.Page[string]{Size: 1})
			return err
		},
		"hold": func() error { _, _, _, err := w.Hold(t.Context(), h.ID); return err },
		"holds": func() error {
			_, _, _, _, err := w.Holds(t.Context(), id, "", service.Page[usage.HoldID]{Size: 1})
			return err
		},
		"agreements": func() error {
			_, _, _, err := w.AnyAgreements(t.Context(), id, "", service.Page[billing.AgreementID]{Size: 1})
			return err
		},
	}
	for what, read := range reads {
		if err := read(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if d := w.check(id); d.Allowed || d.Reason != "not_entitled" || d.Used != 2*billing.OneUnit {
		t.Errorf("%+v", d)
	}
	if s, err := w.EntitlementsAt(t.Context(), id, time.Time{}, false); err != nil || len(s.Features) != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := w.EntitlementsAt(t.Context(), id, lived, false); err != nil || len(s.Features) != 1 {
		t.Errorf("while it lived: %+v, %v", s, err)
	}
	_, err := w.Customer(t.Context(), id)
	wantCode(t, err, "CUSTOMER_NOT_FOUND")
	_, err = try(w, func(u *service.Work) (billing.Decision, error) { return u.Consume(id, "seats", 1) })
	wantCode(t, err, "CUSTOMER_NOT_FOUND")
	if err := w.delete(id, true); err != nil {
		t.Fatal(err)
	}
	purged := w.customer("pro")
	if err := w.delete(purged, true); err != nil {
		t.Fatal(err)
	}
	for what, read := range reads {
		if err := read(); err == nil {
			t.Errorf("%s of who is purged is read", what)
		}
	}
	_, err = w.AnyCustomer(t.Context(), purged)
	wantCode(t, err, "CUSTOMER_NOT_FOUND")
}
