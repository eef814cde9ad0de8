package service_test

import (
	"context"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// E14 of the credits: 10 GB and a promotional 5 until Feb 1; Jan 10 12 are stored; Feb 1:
// limit 10, used 12, nothing new until below 10. A deletion is a use of less than none. What
// is held is decided by its limit, on a node that keeps usage in memory, too.
func TestWhatIsHeldFallsWithItsGrant(t *testing.T) {
	w := newWorld(t)
	w.on("2027-01-01T00:00:00Z")
	spec := catalog()
	spec.Features[0].Held = true
	w.apply(spec)
	k := &keeper{watched: &watched{Store: w.Store}, t: t, id: w.customer("pro")}
	k.Service = &service.Service{Store: k.watched, Clock: w.Clock, Known: func(ctx context.Context, id billing.CustomerID, _ billing.Revision) (*billing.Snapshot, error) {
		snap, _, err := w.Snapshot(ctx, id)
		return snap, err
	}}
	grant := must(w, func(u *service.Work) (service.GrantsMade, error) {
		made, _, err := u.CreateGrant(k.id, billing.NewGrant{
			Feature: "seats", Amount: 5 * billing.OneUnit, Kind: billing.Promotional, ExpiresOn: instant("2027-02-01T00:00:00Z"),
		})
		return made, err
	})
	if len(grant.Grants) != 1 {
		t.Fatalf("%+v", grant)
	}
	w.on("2027-01-10T00:00:00Z")
	if d := k.consume(12 * billing.OneUnit); !d.Allowed || *d.Limit.Max != 15 || *d.Remaining != 3*billing.OneUnit || !d.Window.AllTime() {
		t.Fatalf("%s of %d", d.Reason, *d.Limit.Max)
	}
	want := func(allowed bool, used, remaining billing.Units) {
		t.Helper()
		for _, d := range []billing.Decision{k.consume(billing.OneUnit), w.check(k.id)} {
			if d.Allowed != allowed || *d.Limit.Max != 10 || !allowed && (d.Used != used*billing.OneUnit || *d.Remaining != remaining) {
				t.Errorf("%v: %s of %d, used %s, %s remain", d.Allowed, d.Reason, *d.Limit.Max, d.Used, *d.Remaining)
			}
			if allowed {
				break
			}
		}
	}
	w.on("2027-02-01T00:00:00Z")
	want(false, 12, 0)
	record(w, k.id, -2*billing.OneUnit)
	want(false, 10, 0)
	record(w, k.id, -1*billing.OneUnit)
	want(true, 0, 0)
	want(false, 10, 0)
	verifyClean(t, w)
}
