package billing

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// A next change has the reason of what begins or ends at that instant.
func TestNextChange(t *testing.T) {
	feature := func(code Code) *Feature { return &Feature{Code: code, Type: Metered, Reset: ResetNever} }
	plan := func(code Code, kind PlanKind, features ...Code) *Plan {
		v := &PlanVersion{Plan: code, Number: 1, Terms: Terms{Cycle: calendar.Month}}
		for _, f := range features {
			v.Items = append(v.Items, Item{Feature: f, Max: new(int64(1))})
		}
		return &Plan{Code: code, Group: "teams", Kind: kind, Status: Published, Versions: []*PlanVersion{v}}
	}
	catalog := &Catalog{
		Features: map[Code]*Feature{"seats": feature("seats"), "calls": feature("calls")},
		Plans: map[Code]*Plan{
			"pro": plan("pro", KindPlan, "seats"), "max": plan("max", KindPlan, "seats"),
			"bare": plan("bare", KindPlan, "calls"), "extra": plan("extra", KindAddOn, "seats"),
		},
	}
	now := epoch
	day := func(n int) time.Time { return now.AddDate(0, 0, n) }
	agreement := func(code Code, from, to time.Time) Agreement {
		return Agreement{ID: AgreementID{5: code[0]}, Plan: code, Kind: catalog.Plans[code].Kind, Version: 1, Quantity: 1, StartsOn: from, ExpiresOn: to}
	}
	var never time.Time
	trial := func(a Agreement, ends time.Time) Agreement { a.TrialEndsOn = ends; return a }
	carried := func(a Agreement, until time.Time) Agreement {
		a.Carried = []Carry{{Feature: "seats", Max: new(int64(9)), Until: until}}
		return a
	}
	own := func(ends time.Time) Override {
		return Override{Feature: "seats", Add: 1, StartsOn: day(-2), ExpiresOn: ends}
	}
	pro, extra := agreement("pro", day(-9), never), agreement("extra", day(-1), never)

	for name, c := range map[string]struct {
		agreements []Agreement
		overrides  []Override
		want       ChangeReason
	}{
		"nothing ends":                          {[]Agreement{pro, extra}, []Override{own(never)}, ""},
		"the plan ends":                         {[]Agreement{agreement("pro", day(-9), day(5))}, nil, whyPlanEnds},
		"another plan takes its place":          {[]Agreement{agreement("pro", day(-9), day(5)), agreement("max", day(5), never)}, nil, whyScheduledChange},
		"a plan without the feature does":       {[]Agreement{agreement("pro", day(-9), day(5)), agreement("bare", day(5), never)}, nil, whyScheduledChange},
		"a plan comes after a gap":              {[]Agreement{agreement("pro", day(-9), day(5)), agreement("max", day(6), never)}, nil, whyPlanEnds},
		"a first plan begins":                   {[]Agreement{agreement("pro", day(5), never)}, nil, whyScheduledChange},
		"the add-on ends":                       {[]Agreement{pro, agreement("extra", day(-1), day(5))}, nil, whyAddOnEnds},
		"an add-on begins":                      {[]Agreement{pro, agreement("extra", day(5), never)}, nil, whyScheduledChange},
		"the plan ends under an add-on":         {[]Agreement{agreement("extra", day(-9), day(5)), agreement("bare", day(-9), day(5))}, nil, whyPlanEnds},
		"the trial ends":                        {[]Agreement{trial(pro, day(5))}, nil, whyTrialEnds},
		"the trial ends, and the plan with it":  {[]Agreement{trial(agreement("pro", day(-9), day(5)), day(5))}, nil, whyTrialEnds},
		"with an older add-on too":              {[]Agreement{agreement("extra", day(-9), day(5)), trial(pro, day(5))}, nil, whyTrialEnds},
		"the grace ends":                        {[]Agreement{carried(pro, day(5))}, nil, whyGraceEnds},
		"the grace of an ended plan does not":   {[]Agreement{carried(agreement("pro", day(-9), day(-1)), day(5))}, nil, ""},
		"the grace ends as the override does":   {[]Agreement{carried(pro, day(5))}, []Override{own(day(5))}, whyOverrideExpires},
		"the override expires":                  {[]Agreement{pro}, []Override{own(day(5))}, whyOverrideExpires},
		"an add-on begins as the override ends": {[]Agreement{pro, agreement("extra", day(5), never)}, []Override{own(day(5))}, whyScheduledChange},
		"the override alone loses its plan":     {[]Agreement{agreement("bare", day(-9), day(5))}, []Override{own(never)}, whyPlanEnds},
		"the override waits for a plan":         {[]Agreement{agreement("bare", day(5), never)}, []Override{own(never)}, whyScheduledChange},
		"a plan without the feature is nothing": {[]Agreement{agreement("bare", day(5), day(6))}, nil, ""},
		"the override has ended":                {[]Agreement{pro}, []Override{own(day(-1))}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &Snapshot{Catalog: catalog, Facts: Facts{Agreements: c.agreements, Overrides: c.overrides}}
			next := s.Allowance(catalog.Features["seats"], now).NextChange
			switch {
			case c.want == "" && next != nil:
				t.Errorf("the next change is %s on %s; there is none", next.Why, next.On)
			case c.want != "" && next == nil:
				t.Errorf("there is no next change; %s is one", c.want)
			case c.want != "" && (next.Why != c.want || !next.On.Equal(day(5))):
				t.Errorf("the next change is %s on %s; want %s on %s", next.Why, next.On, c.want, day(5))
			}
		})
	}
}
