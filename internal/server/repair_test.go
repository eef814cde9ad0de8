package server

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

const repairCatalog = `
currency: usd
features:
  - {code: base, name: Base, type: charge}
  - {code: calls, name: Calls, type: metered, unit: call, reset: day}
  - {code: seats, name: Seats, type: metered, unit: seat, reset: never}
plan_groups: [{code: teams, name: Teams, customer_type: organization, default: true}]
plans:
  - {code: pro, name: Pro, group: teams, status: published, trial: {days: 14}, items: [{feature: base, fixed_charge: 100}, {feature: calls, max: 10}, {feature: seats, max: 50}]}
  - {code: max, name: Max, group: teams, status: published, items: [{feature: base, fixed_charge: 200}, {feature: calls, max: 20}, {feature: seats, max: 50}]}
`

// must returns what a call answers.
func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// The clock a year ahead, one catalog, the clock right again: windows stand still for a year. A
// repair has them roll again, and verify finds nothing.
func TestRepairClock(t *testing.T) {
	var now = time.Now().UTC().Truncate(time.Second)
	clock := func() time.Time { return now }
	place := Place{Data: t.TempDir()}
	run := func(do func(r *running, c *client.Client)) {
		t.Helper()
		r := start(t, Config{Place: place, Clock: clock})
		c, _ := r.client(t)
		do(r, c)
		r.end(t)
	}
	var before, during *api.Customer
	overlap := map[string]time.Duration{} // of clients, in which their first secret is good still
	rotate := func(r *running, d time.Duration) {
		t.Helper()
		made, _, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
		if err != nil {
			t.Fatal(err)
		}
		must[string](t)(r.RotateClient(t.Context(), made.ID, d))
		overlap[made.ID] = d
	}
	began := now
	run(func(r *running, c *client.Client) {
		must[*api.CatalogChanges](t)(c.Catalog.Apply(t.Context(), []byte(repairCatalog), false))
		before = must[*api.Customer](t)(c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "before", PlanCode: api.Some("pro")}))
		consume(t, c, before.ID, "calls", "3")
		consume(t, c, before.ID, "seats", "3")
		rotate(r, 48*time.Hour)
	})

	right := now.Add(time.Minute)
	now = now.AddDate(1, 0, 0)
	run(func(r *running, c *client.Client) {
		must[*api.CatalogChanges](t)(c.Catalog.Apply(t.Context(), []byte(strings.Replace(repairCatalog, "max: 20", "max: 30", 1)), false))
		during = must[*api.Customer](t)(c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "during", PlanCode: api.Some("pro")}))
		must[AdministratorLink](t)(r.CreateAdministrator(t.Context(), r.URL(), "ada", "viewer"))
		if err := r.DisableAdministrator(t.Context(), "ada"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{before.ID, during.ID} {
			ctx := t.Context()
			consume(t, c, id, "calls", "4")
			if _, err := c.Customers.SetOverride(ctx, id, "seats", api.SetOverrideRequest{Add: 5}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Second)
			if _, err := c.Customers.CreateAgreement(ctx, id, api.CreateCustomerAgreementRequest{PlanCode: "max"}); err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Second)
			if _, err := c.Holds.Create(ctx, client.HoldParams{CustomerID: id, FeatureCode: "seats", Units: "2", ExpiresIn: time.Hour}); err != nil {
				t.Fatal(err)
			}
			held := must[*api.Hold](t)(c.Holds.Create(ctx, client.HoldParams{CustomerID: id, FeatureCode: "calls", Units: "1", ExpiresIn: time.Hour}))
			if _, err := c.Holds.Confirm(ctx, held.ID, ""); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Grants.Create(ctx, id, api.CreateGrantRequest{FeatureCode: "calls", Amount: "100", ExpiresOn: &api.Time{Time: now.AddDate(0, 0, 30)}}); err != nil {
				t.Fatal(err)
			}
			consume(t, c, id, "calls", "5")
		}
		rotate(r, 24*time.Hour)
	})

	now = right
	verify := func(when string) {
		t.Helper()
		i, err := Open(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		defer i.Close()
		v, err := i.Verify(t.Context(), VerifyOptions{})
		// By the machine's clock it is ahead, which verify says, until it is repaired.
		ahead := func(d service.Drift) bool { return d.Of == "clock" }
		if slices.ContainsFunc(v.Drifts, ahead) != (when != "after the repair") {
			t.Errorf("%s: of the clock it says %v", when, v.Drifts)
		}
		if v.Drifts = slices.DeleteFunc(v.Drifts, ahead); err != nil || len(v.Drifts) > 0 {
			t.Errorf("%s: %v, %v", when, v.Drifts, err)
		}
	}
	verify("while it is poisoned")
	i := must[*Installation](t)(Open(t.Context(), place))
	tried, err := i.RepairClock(t.Context(), right, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	done, err := i.RepairClock(t.Context(), right, false, nil)
	if err != nil || done != tried || done.Customers != 2 || done.Scopes < 4 {
		t.Fatalf("repaired %+v, said before %+v, %v", done, tried, err)
	}
	again, err := i.RepairClock(t.Context(), right, false, nil)
	if err != nil || again.Customers != 0 || again.Scopes != 0 {
		t.Errorf("repaired again: %+v, %v", again, err)
	}
	if err := i.store.Read(t.Context(), func(r *sqlstore.Reader) error {
		last, err := r.LastStamped()
		if last.After(right.Add(time.Second)) {
			t.Errorf("something is stamped %v still", last)
		}
		return err
	}); err != nil {
		t.Error(err)
	}
	for _, c := range must[[]record.Client](t)(i.Clients(t.Context())) {
		from := right
		if overlap[c.ID] == 48*time.Hour {
			from = began
		}
		if overlap[c.ID] > 0 && (len(c.OldSecrets) != 1 || !c.OldSecrets[0].Until.Equal(from.Add(overlap[c.ID]))) {
			t.Errorf("the secrets of before are %v, want one until %v after %v", c.OldSecrets, overlap[c.ID], from)
		}
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	verify("after the repair")

	now = right.Add(time.Minute)
	run(func(r *running, c *client.Client) {
		ctx := t.Context()
		for _, id := range []string{before.ID, during.ID} {
			consume(t, c, id, "calls", "1")
			got := must[*api.Customer](t)(c.Customers.Get(ctx, id))
			var live []string
			for _, a := range got.Agreements {
				if a.Status == api.AgreementLive {
					live = append(live, a.PlanCode)
				}
				if a.StartsOn.After(now) {
					t.Errorf("agreement to %s starts on %v", a.PlanCode, a.StartsOn)
				}
			}
			if len(live) != 1 || live[0] != "max" {
				t.Errorf("live are %v", live)
			}
		}
		now = now.Add(24 * time.Hour) // windows roll again
		for _, id := range []string{before.ID, during.ID} {
			consume(t, c, id, "calls", "19")
		}
		events := must[*api.EventList](t)(c.Events.List(ctx, client.EventParams{Types: []string{"clock.repaired"}}))
		if len(events.Events) < 3 {
			t.Errorf("%d events of the repair", len(events.Events))
		}
	})
	verify("a day later")
}

// consume uses some units.
func consume(t *testing.T, c *client.Client, id, feature, units string) {
	t.Helper()
	d, err := c.Consume(t.Context(), client.ConsumeParams{CustomerID: id, FeatureCode: feature, Units: api.Decimal(units)})
	if err != nil || !d.Allowed {
		t.Fatalf("consume %s of %s: %+v, %v", units, feature, d, err)
	}
}

// What was ended while the clock was ahead is over after the repair, and a zone counts, also where
// a later change has taken the place of the stamp in the customer's row. A cancelled agreement came
// back to life until the wrong time; a zone that was set then stood in the way of the next.
func TestRepairClockMovesWhatLaterChangesOverwrote(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Second)
	place := Place{Data: t.TempDir()}
	run := func(do func(c *client.Client)) {
		t.Helper()
		r := start(t, Config{Place: place, Clock: func() time.Time { return now }})
		c, _ := r.client(t)
		do(c)
		r.end(t)
	}
	ctx := t.Context()
	var id string
	run(func(c *client.Client) {
		must[*api.CatalogChanges](t)(c.Catalog.Apply(ctx, []byte(repairCatalog), false))
		id = must[*api.Customer](t)(c.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", PlanCode: api.Some("max")})).ID
		must[*api.Override](t)(c.Customers.SetOverride(ctx, id, "seats", api.SetOverrideRequest{Add: 5}))
	})

	right := now.Add(time.Minute)
	now = now.AddDate(0, 0, 20)
	run(func(c *client.Client) {
		if err := c.Customers.EndOverride(ctx, id, "seats"); err != nil {
			t.Fatal(err)
		}
		for _, change := range []func(){
			func() {
				held := must[*api.Customer](t)(c.Customers.Get(ctx, id))
				if _, err := c.Customers.CancelAgreement(ctx, held.Agreements[0].ID, "now"); err != nil {
					t.Fatal(err)
				}
			},
			func() {
				must[*api.Customer](t)(c.Customers.Update(ctx, id, api.UpdateCustomerRequest{TimeZone: api.Some("Asia/Tokyo")}))
			},
			func() {
				must[*api.Customer](t)(c.Customers.Update(ctx, id, api.UpdateCustomerRequest{Name: api.Some("Acme")}))
			},
		} {
			now = now.Add(time.Minute)
			change()
		}
	})

	now = right
	i := must[*Installation](t)(Open(ctx, place))
	for _, wanted := range []int{1, 0} {
		if done, err := i.RepairClock(ctx, right, false, nil); err != nil || done.Customers != wanted {
			t.Fatalf("repaired %+v, %v; want %d customers", done, err, wanted)
		}
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}

	now = right.Add(time.Minute)
	run(func(c *client.Client) {
		got := must[*api.Customer](t)(c.Customers.Get(ctx, id))
		for _, a := range got.Agreements {
			if a.Status != api.AgreementEnded || a.ExpiresOn == nil || a.ExpiresOn.After(now) {
				t.Errorf("the agreement that was cancelled is %s and ends on %v", a.Status, a.ExpiresOn)
			}
		}
		for _, o := range got.Overrides {
			if o.ExpiresOn == nil || o.ExpiresOn.After(now) {
				t.Errorf("the override that was ended ends on %v", o.ExpiresOn)
			}
		}
		must[*api.Customer](t)(c.Customers.Update(ctx, id, api.UpdateCustomerRequest{TimeZone: api.Some("Europe/Berlin")}))
		now = now.Add(time.Minute)
		must[*api.Customer](t)(c.Customers.Update(ctx, id, api.UpdateCustomerRequest{Name: api.Some("Acme & Co")}))
	})
	i = must[*Installation](t)(Open(ctx, place))
	defer i.Close()
	verify := func() {
		t.Helper()
		if v, err := i.Verify(ctx, VerifyOptions{}); err != nil || len(v.Drifts) > 0 {
			t.Errorf("%v, %v", v.Drifts, err)
		}
	}
	verify()
	// A change that has no place in the feed yet when all is repaired comes before the repair.
	of, err := billing.ParseID[billing.CustomerID](id)
	if err != nil {
		t.Fatal(err)
	}
	late := service.Service{Store: i.store, Clock: func() time.Time { return now }}
	err = late.Do(ctx, "test", func(u *service.Work) error {
		_, err := u.UpdateCustomer(of, billing.CustomerUpdate{Name: new("Acme Ltd")})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []int{1, 0} { // the first was to too late a time
		if done, err := i.RepairClock(ctx, right.Add(-30*time.Second), false, nil); err != nil || done.Customers != wanted {
			t.Fatalf("repaired %+v, %v; want %d customers", done, err, wanted)
		}
	}
	if err := i.place(ctx); err != nil { // as the next server does
		t.Fatal(err)
	}
	verify()
}
