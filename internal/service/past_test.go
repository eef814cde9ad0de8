package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// Asked of the past, what was planned only later is not shown: not an agreement
// that was not made yet, not an override that was not given yet.
func TestPastKnowsNothingPlannedLater(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	then := w.now.Add(time.Hour)
	later := instant("2027-06-01T00:00:00Z")
	next := func(at time.Time) string {
		t.Helper()
		s, err := w.EntitlementsAt(t.Context(), id, at, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Features) != 1 {
			t.Fatalf("at %s: %+v", at, s.Features)
		}
		if n := s.Features[0].NextChange; n != nil {
			return n.On.Format(time.RFC3339) + " " + string(n.Why)
		}
		return ""
	}
	w.now = then.Add(time.Hour)
	planned := w.now
	w.subscribe(id, billing.NewAgreement{Plan: "extra", StartsOn: later})
	w.now = w.now.Add(time.Hour)
	given := w.now
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: 1, ExpiresOn: later.AddDate(0, -1, 0)})
		return o.Override, err
	})
	w.now = w.now.Add(time.Hour)

	for _, c := range []struct {
		name string
		at   time.Time
		want string
	}{
		{"before the add-on was scheduled", then, ""},
		{"when it was scheduled", planned, "2027-06-01T00:00:00Z scheduled_change"},
		{"before the override was given", given.Add(-time.Microsecond), "2027-06-01T00:00:00Z scheduled_change"},
		{"when it was given", given, "2027-05-01T00:00:00Z override_expires"},
		{"now", w.now, "2027-05-01T00:00:00Z override_expires"},
	} {
		if got := next(c.at); got != c.want {
			t.Errorf("%s: the next change is %q; what was planned then is %q", c.name, got, c.want)
		}
	}
}

// What is known now counts where it happened: late usage at its stamp, and of a hold
// that was confirmed since, what was counted from when it was made, the rest held
// until it was closed.
func TestPastAsKnownNow(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.now = w.now.Add(time.Hour)
	hold := must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(id, "seats", 5_000_000, time.Hour)
		return h, err
	})
	w.now = w.now.Add(time.Minute)
	then := w.now
	w.now = w.now.Add(time.Minute)
	must(w, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.ConfirmHold(hold.ID, usage.Confirm{Units: new(billing.Units(2_000_000))})
		return h, err
	})
	w.now = w.now.Add(time.Minute)
	must(w, func(u *service.Work) ([]service.UsageOutcome, error) {
		return u.RecordUsage(id, []usage.Report{
			{Feature: "seats", Value: 1_000_000, Kind: usage.Delta, Stamp: then.Add(-time.Second)},
			{Feature: "seats", Value: 1_000_000, Kind: usage.Delta, Stamp: then.Add(time.Second)},
		})
	})
	for _, c := range []struct {
		at         time.Time
		known      bool
		used, held billing.Units
	}{
		{then, false, 0, 5_000_000},
		{then, true, 3_000_000, 3_000_000},
		{then.Add(2 * time.Minute), true, 4_000_000, 0},
	} {
		s, err := w.EntitlementsAt(t.Context(), id, c.at, c.known)
		if err != nil || len(s.Features) != 1 {
			t.Fatalf("%+v, %v", s, err)
		}
		if d := s.Features[0]; d.Used != c.used || d.Held != c.held {
			t.Errorf("at %v, known now %v: used %s held %s, want %s and %s", c.at, c.known, d.Used, d.Held, c.used, c.held)
		}
	}
}

// A row that is not as the log has it is named.
func TestVerifyHoldsRowsAgainstTheLog(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	err := w.Store.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCustomer(id); err != nil {
			return err
		}
		held, err := tx.Agreements(id, w.now)
		if err != nil {
			return err
		}
		held[0].TrialScope = "other"
		return tx.UpdateAgreement(held[0])
	})
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	if _, _, err := w.Verify(t.Context(), func(d service.Drift) { found = append(found, d.Message) }); err != nil {
		t.Fatal(err)
	}
	if len(found) != 1 || !strings.Contains(found[0], "is not what its last change says") {
		t.Errorf("found %q", found)
	}
}
