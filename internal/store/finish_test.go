package store

import (
	"strings"
	"testing"

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
	for name, err := range map[string]error{
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
	if err := zone(); err != nil {
		t.Error(err)
	}
	if c, err := s.Catalog(t.Context()); err != nil || c.Unfinished {
		t.Errorf("%+v, %v", c, err)
	}
}
