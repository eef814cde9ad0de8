package server

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
)

// await waits until the feed has an event of a type of a customer.
func (r *running) await(t *testing.T, id billing.CustomerID, want event.Type) event.Event {
	t.Helper()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-look.C {
		var all []event.Happening
		err := r.place.store.View(t.Context(), func(tx service.Reader) (err error) {
			all, err = tx.Happenings(id.Scope(), 0, 100)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(all, func(h event.Happening) bool { return h.Event != nil && h.Event.Type == want }); i >= 0 {
			return *all[i].Event
		}
	}
	t.Fatalf("there was no %s", want)
	return event.Event{}
}

// A server tells of what a change makes different, and of what time causes, also of what
// it did while no server ran.
func TestMomentsAreTold(t *testing.T) {
	var ahead atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	cfg := Config{Place: Place{Data: t.TempDir()}, Clock: clock}
	r := start(t, cfg)
	var made billing.CustomerAt
	err := r.billing.Do(t.Context(), "test", func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{
			Currency: "usd", Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
			Groups: []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
			Plans: []billing.PlanSpec{{
				Code: "pro", Name: "Pro", Group: "teams", Status: billing.Published, Trial: &billing.TrialSpec{Days: new(14)},
				Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(5))}},
			}},
		})
		return err
	})
	if err == nil {
		err = r.billing.Do(t.Context(), "test", func(u *service.Work) (err error) {
			made, err = u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, OrgCode: "acme", Plan: "pro"})
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	ends := made.Agreements[0].TrialEndsOn
	if e := r.await(t, made.ID, event.EntitlementsChanged); !e.On.Equal(made.CreatedOn) {
		t.Errorf("it was entitled at %s, and made at %s", e.On, made.CreatedOn)
	}
	ahead.Add(int64(12 * 24 * time.Hour))
	if e := r.await(t, made.ID, event.TrialWillEnd); !e.On.Equal(ends.AddDate(0, 0, -3)) {
		t.Errorf("reminded on %s of %s", e.On, ends)
	}
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	ahead.Add(int64(7 * 24 * time.Hour))
	r = start(t, cfg)
	if e := r.await(t, made.ID, event.TrialEnded); !e.On.Equal(ends) {
		t.Errorf("ended on %s, and not %s", e.On, ends)
	}
}
