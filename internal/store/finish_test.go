package store

import (
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
)

// Until an upgrade is finished, what a server of the version before would lose is
// refused, and nothing else is.
func TestUnfinishedUpgradeRefuses(t *testing.T) {
	url := "sqlite:" + t.TempDir() + "/allot.db"
	open(t, url).Close()
	change(t, fileOf(t, url), `insert into settings (name, value) values ('unfinished', '4')`)
	s := service.Service{Store: open(t, url)}
	do := func(fn func(*service.Work) error) error { return s.Do(t.Context(), "test", fn) }
	apply := func(group billing.PlanGroup, feature billing.Feature, plan billing.PlanSpec) error {
		group.Code, group.Name, group.CustomerType = "teams", "Teams", billing.Organization
		feature.Code, feature.Name, feature.Type = "calls", "Calls", billing.Metered
		plan.Code, plan.Name, plan.Group, plan.Status = "pro", "Pro", "teams", billing.Published
		return do(func(u *service.Work) error {
			_, err := u.ApplyCatalog(billing.CatalogSpec{
				Currency: "usd", Features: []billing.Feature{feature}, Groups: []billing.PlanGroup{group}, Plans: []billing.PlanSpec{plan},
			})
			return err
		})
	}
	zone := func() error {
		return do(func(u *service.Work) error {
			_, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, NoPlan: true, TimeZone: "Europe/Berlin"})
			return err
		})
	}
	if err := apply(billing.PlanGroup{}, billing.Feature{}, billing.PlanSpec{}); err != nil {
		t.Error(err)
	}
	hours := billing.PlanSpec{Cycle: calendar.Hour}
	floor := func(max *int64) error {
		return do(func(u *service.Work) error {
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, NoPlan: true})
			if err == nil {
				_, _, _, err = u.SetOverride(c.ID, "calls", billing.NewOverride{AtLeast: max})
			}
			return err
		})
	}
	anchored := func() error {
		return do(func(u *service.Work) error {
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "pro"})
			if err == nil {
				_, _, err = u.Subscribe(c.ID, billing.NewAgreement{Plan: "pro", Anchor: billing.AnchorWish{Start: true}})
			}
			return err
		})
	}
	for name, err := range map[string]error{
		"at_least":            floor(new(int64(3))),
		"an anchor":           anchored(),
		"a cycle by the hour": apply(billing.PlanGroup{}, billing.Feature{}, hours),
		"a time zone":         zone(),
	} {
		if err == nil || !strings.Contains(err.Error(), "allot migrate --finish") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 2 {
		if done, err := s.Finish(t.Context(), "cli"); err != nil || done != (i == 0) {
			t.Errorf("finish %d: %v, %v", i+1, done, err)
		}
	}
	for _, try := range []func() error{zone, anchored, func() error { return floor(new(int64(3))) }} {
		if err := try(); err != nil {
			t.Error(err)
		}
	}
	if c, err := s.Catalog(t.Context()); err != nil || c.Unfinished {
		t.Errorf("%+v, %v", c, err)
	}
}

// Until an upgrade is finished windows are counted from where servers of the version
// before count them from, also of a plan with another cycle: a limit is about the same
// window on all.
func TestWindowsOfAnUnfinishedUpgrade(t *testing.T) {
	url := "sqlite:" + t.TempDir() + "/allot.db"
	s, _ := adoptable(t, url, 0)
	now := time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)
	s.Clock = func() time.Time { return now }
	var id billing.CustomerID
	follow := func() (a billing.Agreement) {
		t.Helper()
		err := s.Do(t.Context(), "test", func(u *service.Work) error {
			_, err := u.ApplyCatalog(billing.CatalogSpec{Plans: []billing.PlanSpec{{
				Code: "weekly", Name: "Weekly", Group: "teams", Status: billing.Published, Cycle: calendar.Week,
			}}})
			if err != nil {
				return err
			}
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization})
			id = c.Customer.ID
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		now = now.Add(50 * time.Hour)
		err = s.Do(t.Context(), "test", func(u *service.Work) error {
			out, _, err := u.Subscribe(id, billing.NewAgreement{Plan: "weekly"})
			a = out.Agreement.Agreement
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if a := follow(); a.AnchorOn.Equal(a.StartsOn) {
		t.Error("unfinished: windows run from the agreement's own start")
	}
	if _, err := s.Finish(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	if a := follow(); !a.AnchorOn.Equal(a.StartsOn) {
		t.Errorf("finished: windows run from %v, want %v", a.AnchorOn, a.StartsOn)
	}
}
