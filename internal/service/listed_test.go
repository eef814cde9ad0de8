package service_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// The list of entitlements has what is beside the allowance on top of the limit, as long as
// it is live and not used up, whatever it comes from; one that is used up is left out.
func TestListedLimits(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	gives := billing.PlanSpec{Code: "gives", Name: "Gives", Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{{
		Feature: "seats", Max: new(int64(10)),
		Grants: []billing.ItemGrantSpec{{Amount: new(50 * billing.OneUnit), At: billing.AtStart, Lasts: billing.LastsNever}},
	}}}
	yearly := billing.PlanSpec{Code: "yearly_more", Name: "More a year", Group: "teams", Kind: billing.KindAddOn, Status: billing.Published,
		Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(7)), Reset: "year"}}}
	spec.Plans = append(spec.Plans, gives, yearly)
	w.apply(spec)
	listed := func(id billing.CustomerID) string {
		t.Helper()
		snap, _, err := w.Snapshot(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if snap, err = w.Listed(t.Context(), snap, w.now); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprint(snap.Sole(w.now) != nil)
		for _, e := range billing.Entitlements(snap, w.now) {
			text += fmt.Sprintf(" %d", *e.LimitMax)
		}
		return text
	}
	want := func(what, got, text string) {
		t.Helper()
		if got != text {
			t.Errorf("%s: %s, want %s", what, got, text)
		}
	}
	grant := func(id billing.CustomerID, units billing.Units, ends time.Time) {
		must(w, func(u *service.Work) (service.GrantsMade, error) {
			made, _, err := u.CreateGrant(id, billing.NewGrant{Feature: "seats", Amount: units * billing.OneUnit, ExpiresOn: ends})
			return made, err
		})
	}
	plain := w.customer("pro")
	want("nothing beside it", listed(plain), "true 10")
	grant(plain, 5, w.now.AddDate(0, 0, 3))
	grant(plain, 30, time.Time{})
	want("two grants", listed(plain), "false 45")
	w.consume(plain, "15") // the one that ends burns before the allowance
	want("one of them is used up", listed(plain), "false 40")
	w.now = w.now.AddDate(0, 0, 3)
	want("and has ended", listed(plain), "false 40")

	given := w.customer("gives")
	want("of the plan", listed(given), "false 60")
	other := w.customer("pro")
	w.subscribe(other, billing.NewAgreement{Plan: "yearly_more"})
	want("an add-on in another rhythm", listed(other), "false 17 17")
	for _, id := range []billing.CustomerID{plain, given, other} {
		d := w.check(id)
		seen := make(map[string]bool)
		for _, source := range d.Sources {
			if seen[source.ID] || !source.Counts {
				t.Errorf("%s is a source twice, or does not count: %+v", source.ID, d.Sources)
			}
			seen[source.ID] = true
		}
		if len(seen) < 2 || *d.Limit.Max != 10 {
			t.Errorf("limit %d, sources %+v", *d.Limit.Max, d.Sources)
		}
	}
}
