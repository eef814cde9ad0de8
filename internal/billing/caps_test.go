package billing

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// capped is a customer of a plan, three times, and of the add-on extra, twice, with api in
// windows of a month from the 31st at 10 o'clock.
func capped(plan, addOn Item) *Snapshot {
	for _, it := range []*Item{&plan, &addOn} {
		it.Feature = "api"
		if it.Reset == "" {
			it.Reset = ResetCycle
		}
	}
	start := date("2027-01-31T10:00:00Z")
	s := &Snapshot{Catalog: &Catalog{
		Features: map[Code]*Feature{"api": {Code: "api", Type: Metered, Reset: ResetCycle}},
		Plans: map[Code]*Plan{
			"pro":   {Code: "pro", Versions: []*PlanVersion{{Plan: "pro", Number: 1, Terms: Terms{Cycle: calendar.Month, Items: []Item{plan}}}}},
			"extra": {Code: "extra", Kind: KindAddOn, Versions: []*PlanVersion{{Plan: "extra", Number: 1, Terms: Terms{Cycle: calendar.Month, Items: []Item{addOn}}}}},
		},
	}}
	s.Customer.AnchorOn = start
	s.Agreements = []Agreement{
		{Plan: "pro", Kind: KindPlan, Version: 1, Quantity: 3, StartsOn: start, AnchorOn: start},
		{Plan: "extra", Kind: KindAddOn, Version: 1, Quantity: 2, StartsOn: start, AnchorOn: start},
	}
	return s
}

func (c *CapAt) text() string {
	text := fmt.Sprintf("%d %s", c.Max, c.Reset)
	if !c.Window.AllTime() {
		text += " " + c.Window.Start.Format(time.RFC3339) + ".." + c.Window.End.Format(time.RFC3339)
	}
	return text
}

func TestCapsOfItems(t *testing.T) {
	caps := func(per bool, align calendar.Align, all ...Cap) Item {
		return Item{PerQuantity: per, Align: align, Caps: all}
	}
	for name, c := range map[string]struct {
		plan, addOn Item
		want        string
	}{
		"none": {Item{}, Item{}, ""},
		"of the plan, from its anchor": {caps(false, "", Cap{100, "day"}, Cap{40, "5 hour"}), Item{},
			"100 day 2027-03-02T10:00:00Z..2027-03-03T10:00:00Z; 40 5 hour 2027-03-03T06:00:00Z..2027-03-03T11:00:00Z"},
		"times the quantity, where the item says so": {caps(true, "", Cap{100, "never"}), Item{}, "300 never"},
		"of the same reset they are summed": {caps(false, "", Cap{100, "never"}), caps(false, "", Cap{10, "never"}, Cap{7, "day"}),
			"120 never; 14 day 2027-03-02T10:00:00Z..2027-03-03T10:00:00Z"},
		"of an add-on in another rhythm, too": {Item{}, Item{Reset: "year", Caps: []Cap{{10, "never"}}}, "20 never"},
		"on the calendar": {caps(false, calendar.Calendar, Cap{100, "day"}), Item{},
			"100 day 2027-03-03T00:00:00Z..2027-03-04T00:00:00Z"},
		"with the cycle": {caps(false, "", Cap{100, ResetCycle}), Item{}, "100 cycle 2027-02-28T10:00:00Z..2027-03-31T10:00:00Z"},
		"no sum wraps":   {caps(false, "", Cap{MaxAmount, "never"}), caps(false, "", Cap{MaxAmount, "never"}), fmt.Sprintf("%d never", int64(MaxAmount))},
	} {
		t.Run(name, func(t *testing.T) {
			s := capped(c.plan, c.addOn)
			al := s.api(date("2027-03-03T09:30:00Z"))
			var got []string
			for i := range al.Caps {
				got = append(got, al.Caps[i].text())
			}
			if strings.Join(got, "; ") != c.want {
				t.Errorf("caps %v\nwant %s", got, c.want)
			}
		})
	}
}

// All caps must hold, beside the limit, also a soft one; the first that does not is told.
func TestCapsDecide(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	u := func(n int64) Units { return Units(n) * OneUnit }
	type use struct{ used, held Units }
	for name, c := range map[string]struct {
		max        *int64
		limit      LimitKind
		units      Units
		all        use   // of the window of the item
		caps       []use // of 100 and of 10
		reason     Reason
		remaining  Units
		afterwards Units // what remains once the units are used
	}{
		"all hold":                     {n(1000), Hard, u(1), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonWithinLimit, u(8), u(7)},
		"one is reached":               {n(1000), Hard, u(9), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonCapReached, u(8), 0},
		"exactly":                      {n(1000), Hard, u(8), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonWithinLimit, u(8), 0},
		"what is held counts":          {n(1000), Hard, u(9), use{u(500), 0}, []use{{u(50), u(42)}, {0, 0}}, reasonCapReached, u(8), 0},
		"the limit is told first":      {n(501), Hard, u(9), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonLimitReached, u(1), 0},
		"without a limit":              {nil, Hard, u(1), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonWithinLimit, u(8), u(7)},
		"a soft limit does not soften": {n(1), Soft, u(9), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonCapReached, 0, 0},
		"within the caps it is soft":   {n(1), Soft, u(8), use{u(500), 0}, []use{{u(50), 0}, {u(2), 0}}, reasonOverSoftLimit, 0, 0},
		"more is used than there is":   {n(1000), Hard, u(1), use{u(500), 0}, []use{{u(150), 0}, {0, 0}}, reasonCapReached, 0, 0},
		"a correction leaves no more":  {n(1000), Hard, u(8), use{u(500), 0}, []use{{0, 0}, {u(-5), 0}}, reasonWithinLimit, u(10), u(7)}, // 3 of 10
	} {
		t.Run(name, func(t *testing.T) {
			s := capped(Item{Max: c.max, Limit: c.limit, Caps: []Cap{{100, "week"}, {10, "day"}}}, Item{})
			s.Agreements = s.Agreements[:1]
			al := s.api(date("2027-03-03T09:30:00Z"))
			for i, use := range c.caps {
				al.Caps[i].Used, al.Caps[i].Held = use.used, use.held
			}
			d := al.Decide(c.units, c.all.used, c.all.held)
			if d.Reason != c.reason || *d.Remaining != c.remaining {
				t.Errorf("%s, %s remain; want %s, %s", d.Reason, *d.Remaining, c.reason, c.remaining)
			}
			if d.Allowed != (c.reason != reasonCapReached && c.reason != reasonLimitReached) {
				t.Errorf("allowed: %v", d.Allowed)
			}
			if !d.Allowed {
				return
			}
			after := d.After(c.units, 0)
			if *after.Remaining != c.afterwards || after.Caps[0].Used != max(c.caps[0].used+c.units, 0) {
				t.Errorf("afterwards %s remain, %s are used of the first; want %s", *after.Remaining, after.Caps[0].Used, c.afterwards)
			}
			if held := d.After(0, c.units); *held.Remaining > *d.Remaining || held.Caps[1].Held != c.caps[1].held+c.units {
				t.Errorf("held, %s remain, %s of the second are held", *held.Remaining, held.Caps[1].Held)
			}
		})
	}
	denied := capped(Item{Caps: []Cap{{100, "day"}}}, Item{})
	denied.Overrides = []Override{{Feature: "api", Deny: true, StartsOn: epoch}}
	if d := denied.api(date("2027-03-03T09:30:00Z")).Decide(OneUnit, 0, 0); d.Reason != reasonNotEntitled || len(d.Caps) > 0 || *d.Remaining != 0 {
		t.Errorf("denied: %s, %v, %s", d.Reason, d.Caps, *d.Remaining)
	}
}

func TestRatesAndIncluded(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		plan, addOn  Item
		rate         Rate
		burst, total *int64
	}{
		"of one":                         {Item{Rate: &Rate{10, perSecond, n(20)}}, Item{}, Rate{Max: 10, Per: perSecond}, n(20), nil},
		"summed":                         {Item{Rate: &Rate{10, perSecond, n(20)}}, Item{Rate: &Rate{5, perSecond, n(5)}}, Rate{Max: 15, Per: perSecond}, n(25), nil},
		"a burst that only one says":     {Item{Rate: &Rate{10, perSecond, nil}}, Item{Rate: &Rate{5, perSecond, n(5)}}, Rate{Max: 15, Per: perSecond}, n(5), nil},
		"by the second and by the other": {Item{Rate: &Rate{10, perSecond, nil}}, Item{Rate: &Rate{5, perMinute, nil}}, Rate{Max: 605, Per: perMinute}, nil, nil},
		"included goes by quantity":      {Item{Included: n(100), Rate: &Rate{1, perMinute, nil}}, Item{Included: n(10)}, Rate{Max: 1, Per: perMinute}, nil, n(120)},
		"where the plan says so":         {Item{Included: n(100), PerQuantity: true, Rate: &Rate{1, perMinute, nil}}, Item{}, Rate{Max: 1, Per: perMinute}, nil, n(300)},
	} {
		t.Run(name, func(t *testing.T) {
			al := capped(c.plan, c.addOn).api(date("2027-03-03T09:30:00Z"))
			if al.Rate == nil || al.Rate.Max != c.rate.Max || al.Rate.Per != c.rate.Per || !equalLimit(al.Rate.Burst, c.burst) {
				t.Errorf("rate %+v, want %+v, burst %v", al.Rate, c.rate, c.burst)
			}
			if !equalLimit(al.Included, c.total) {
				t.Errorf("included %v, want %v", al.Included, c.total)
			}
		})
	}
}
