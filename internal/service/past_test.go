package service_test

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
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
		return o, err
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
