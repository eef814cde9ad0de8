package billing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// storing is a customer whose plan has 10 of a feature that is held, and 100 of one that is
// used up, with grants.
func storing(grants ...Grant) *Snapshot {
	start := date("2027-01-01T00:00:00Z")
	s := &Snapshot{Catalog: &Catalog{
		Features: map[Code]*Feature{
			"gb":    {Code: "gb", Name: "Storage", Type: Metered, Held: true, Reset: ResetCycle},
			"calls": {Code: "calls", Name: "Calls", Type: Metered, Reset: ResetCycle},
		},
		Plans: map[Code]*Plan{"pro": {Code: "pro", Versions: []*PlanVersion{{Plan: "pro", Number: 1, Terms: Terms{Cycle: calendar.Month, Items: []Item{
			{Feature: "gb", PriceName: "Storage", Max: new(int64(10)), Limit: Hard, Reset: ResetCycle},
			{Feature: "calls", PriceName: "Calls", Max: new(int64(100)), Limit: Soft, Reset: ResetCycle},
		}}}}}},
	}}
	s.Customer.AnchorOn = start
	s.Agreements = []Agreement{{ID: AgreementID{5: 1}, Plan: "pro", Kind: KindPlan, Version: 1, Quantity: 1, StartsOn: start}}
	for i, g := range grants {
		g.ID = GrantID{21: byte(i + 1)}
		s.Grants = append(s.Grants, g)
	}
	return s
}

func (s *Snapshot) of(feature Code, now time.Time) Allowance {
	return s.Allowance(s.Catalog.Features[feature], now)
}

func jan(day int) time.Time { return time.Date(2027, 1, day, 0, 0, 0, 0, time.UTC) }

// E14: 10 GB and a promotional 5 until Feb 1; Jan 10 12 are stored; Feb 1: limit 10, used
// 12, nothing new until below 10.
func TestWhatIsHeldFallsWithItsGrants(t *testing.T) {
	u := func(n int64) Units { return Units(n) * OneUnit }
	s := storing(Grant{Feature: "gb", Amount: u(5), EffectiveOn: jan(1), ExpiresOn: jan(32), Kind: Promotional})
	d := s.of("gb", jan(10)).Decide(u(12), 0, 0)
	if !d.Allowed || *d.Limit.Max != 15 || !d.Window.AllTime() || *d.Remaining != u(15) {
		t.Fatalf("%s of %d, %s remain", d.Reason, *d.Limit.Max, d.Remaining)
	}
	if n := d.NextChange; n == nil || n.Why != whyGrantExpires || !n.On.Equal(jan(32)) {
		t.Errorf("the next change is %v", n)
	}
	sum := int64(0)
	for _, source := range d.Sources {
		if source.Counts {
			sum += *source.Max
		}
	}
	if last := d.Sources[len(d.Sources)-1]; sum != 15 || last.Kind != fromGrant || last.ID != s.Grants[0].ID.String() {
		t.Errorf("sources %+v", d.Sources)
	}
	for used, allowed := range map[Units]bool{u(12): false, u(10): false, u(10) - 1: false, u(9): true} {
		d := s.of("gb", jan(32)).Decide(u(1), used, 0)
		if d.Allowed != allowed || *d.Limit.Max != 10 || d.Used != used {
			t.Errorf("with %s stored: %v, limit %d", used, d.Allowed, *d.Limit.Max)
		}
	}
}

func TestGrantsGiveAccess(t *testing.T) {
	u := func(n int64) Units { return Units(n) * OneUnit }
	held, usedUp := Grant{Feature: "gb", Amount: u(5) + OneUnit/2, EffectiveOn: jan(5)}, Grant{Feature: "calls", Amount: u(500), EffectiveOn: jan(5)}
	deny := func(feature Code, ends time.Time) Override {
		return Override{Feature: feature, Deny: true, StartsOn: jan(1), ExpiresOn: ends}
	}
	for name, c := range map[string]struct {
		grants    []Grant
		plan      bool
		overrides []Override
		feature   Code
		at        time.Time
		want      string // limit, soft, next change; "" without access
	}{
		"whole units count":               {[]Grant{held}, true, nil, "gb", jan(5), "15 hard"},
		"not before it starts":            {[]Grant{held}, true, nil, "gb", jan(4), "10 hard grant_starts"},
		"each by itself":                  {[]Grant{held, held}, true, nil, "gb", jan(5), "20 hard"},
		"voided":                          {[]Grant{{Feature: "gb", Amount: u(5), EffectiveOn: jan(2), EndedOn: jan(4)}}, true, nil, "gb", jan(5), "10 hard"},
		"voided before it started":        {[]Grant{{Feature: "gb", Amount: u(5), EffectiveOn: jan(6), EndedOn: jan(4)}}, true, nil, "gb", jan(5), "10 hard"},
		"alone":                           {[]Grant{held}, false, nil, "gb", jan(5), "5 hard"},
		"not yet":                         {[]Grant{held}, false, nil, "gb", jan(4), " grant_starts"},
		"what is used up comes beside":    {[]Grant{usedUp}, true, nil, "calls", jan(5), "100 soft"},
		"alone it is hard, with limit 0":  {[]Grant{usedUp}, false, nil, "calls", jan(5), "0 hard"},
		"an override's max stays":         {[]Grant{held}, true, []Override{{Feature: "gb", HasMax: true, Max: new(int64(1)), StartsOn: jan(1)}}, "gb", jan(5), "6 hard"},
		"deny comes first":                {[]Grant{held}, true, []Override{deny("gb", time.Time{})}, "gb", jan(5), ""},
		"also without a plan":             {[]Grant{held}, false, []Override{deny("gb", jan(9))}, "gb", jan(5), " override_expires"},
		"of another feature it does not":  {[]Grant{held}, false, []Override{deny("calls", jan(9))}, "gb", jan(5), "5 hard"},
		"a grant of another feature, too": {[]Grant{usedUp}, false, nil, "gb", jan(5), ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := storing(c.grants...)
			s.Overrides = c.overrides
			if !c.plan {
				s.Agreements = nil
			}
			al := s.of(c.feature, c.at)
			got := ""
			if al.Granted {
				got = fmt.Sprintf("%d hard", *al.Limit.Max)
				if al.Limit.Soft {
					got = fmt.Sprintf("%d soft", *al.Limit.Max)
				}
			}
			if al.NextChange != nil {
				got += " " + string(al.NextChange.Why)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
			if al.Held() != (c.plan || len(s.liveGrants(c.feature, c.at)) > 0) {
				t.Errorf("held: %v", al.Held())
			}
		})
	}
}

// The list of entitlements has one limit for a feature: what check says, and of what is
// used up all that is beside it. What grants alone give has an id of its own.
func TestEntitlementsOfGrants(t *testing.T) {
	u := func(n int64) Units { return Units(n) * OneUnit }
	s := storing(
		Grant{Feature: "gb", Amount: u(5), EffectiveOn: jan(1)},
		Grant{Feature: "calls", Amount: u(500), EffectiveOn: jan(1)},
		Grant{Feature: "calls", Amount: u(40), EffectiveOn: jan(1)},
	)
	list := func(s *Snapshot) string {
		var out []string
		for _, e := range Entitlements(s, jan(10)) {
			out = append(out, fmt.Sprintf("%s %s %d", e.ID.String()[12:], e.Feature.Code, *e.LimitMax))
		}
		return strings.Join(out, "; ")
	}
	plan := func(n int) string { return s.Agreements[0].ID.Entitlement(n).String()[12:] }
	if got, want := list(s), plan(0)+" gb 15; "+plan(1)+" calls 640"; got != want {
		t.Errorf("entitlements %s\nwant %s", got, want)
	}
	if s.Sole(jan(10)) != nil {
		t.Error("with grants a plan is not all that there is")
	}
	if got, want := list(s.Beside(map[Code]Units{"calls": u(7)})), plan(0)+" gb 15; "+plan(1)+" calls 107"; got != want {
		t.Errorf("with 7 left beside it: %s\nwant %s", got, want)
	}
	s.Agreements = nil
	id := func(n int) string { return EntitlementID(s.Grants[n].ID[16:]).String()[12:] }
	if got, want := list(s), id(0)+" gb 5; "+id(1)+" calls 540"; got != want {
		t.Errorf("without a plan: %s\nwant %s", got, want)
	}
	if all := s.Allowances(jan(10)); len(all) != 2 {
		t.Errorf("%d allowances", len(all))
	}
}
