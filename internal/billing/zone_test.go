package billing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// zonesOf is a customer's zones in short: "UTC, Europe/Berlin from 1".
func zonesOf(c *Customer, start time.Time) string {
	var out []string
	for _, z := range c.Zones {
		text := z.Name
		if !z.From.IsZero() {
			text += fmt.Sprintf(" from %d", z.From.Sub(start)/time.Hour)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// A time zone is a dated fact: what was, stays.
func TestTimeZoneIsDated(t *testing.T) {
	start := date("2027-01-31T10:00:00Z")
	type move struct {
		hour int
		to   string
	}
	for name, tt := range map[string]struct {
		first string
		moves []move
		want  string
	}{
		"none":                          {"", nil, ""},
		"UTC is none":                   {"UTC", nil, ""},
		"from the beginning":            {"Europe/Berlin", nil, "Europe/Berlin"},
		"later":                         {"", []move{{1, "Europe/Berlin"}}, "UTC, Europe/Berlin from 1"},
		"the same again":                {"", []move{{1, "Europe/Berlin"}, {2, "Europe/Berlin"}}, "UTC, Europe/Berlin from 1"},
		"the first again":               {"Europe/Berlin", []move{{1, "Europe/Berlin"}}, "Europe/Berlin"},
		"UTC again":                     {"", []move{{1, "UTC"}, {2, ""}}, ""},
		"back":                          {"", []move{{1, "Europe/Berlin"}, {2, ""}}, "UTC, Europe/Berlin from 1, UTC from 2"},
		"twice at one instant":          {"", []move{{1, "Europe/Berlin"}, {1, "Asia/Kolkata"}}, "UTC, Asia/Kolkata from 1"},
		"there and back at one instant": {"", []move{{1, "Europe/Berlin"}, {1, "UTC"}}, ""},
		"back to the one before":        {"Asia/Kolkata", []move{{1, "UTC"}, {2, "Europe/Berlin"}, {2, "UTC"}}, "Asia/Kolkata, UTC from 1"},
		"at the beginning's instant":    {"Asia/Kolkata", []move{{0, "Europe/Berlin"}}, "Asia/Kolkata, Europe/Berlin from 0"},
	} {
		c, err := NewCustomer{Type: Organization, TimeZone: tt.first}.Record(start, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		present := tt.first
		for _, m := range tt.moves {
			present = m.to
			facts := Facts{Customer: c}
			b := OpenBook(Snapshot{Catalog: &Catalog{}, Facts: facts}, start.Add(time.Duration(m.hour)*time.Hour), "cli", nil, rand.Reader)
			before := slices.Clone(c.Zones)
			if err := b.Update(CustomerUpdate{TimeZone: &m.to}); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !slices.Equal(before, c.Zones) {
				t.Errorf("%s: the stored facts were changed", name)
			}
			logged := len(b.Difference().Changes) == 1
			if changed := !slices.Equal(before, b.Customer.Zones); changed != logged {
				t.Errorf("%s: changed is %v, logged %v", name, changed, logged)
			} else if logged {
				after := b.Difference().Changes[0].After
				if said, err := parseCustomer(after); err != nil || !slices.Equal(said.Zones, b.Customer.Zones) {
					t.Errorf("%s: logged is %v (%v), not %v", name, after, err, b.Customer.Zones)
				}
			}
			c = b.Customer
		}
		if present == "" {
			present = "UTC"
		}
		if got := zonesOf(&c, start); got != tt.want || c.TimeZone() != present {
			t.Errorf("%s: %q, now %s; want %q, now %s", name, got, c.TimeZone(), tt.want, present)
		}
	}
}

func TestTimeZoneInvalid(t *testing.T) {
	refused := func(err error, want string) {
		t.Helper()
		var errs Errors
		if !errors.As(err, &errs) || errs[0].Code != "TIME_ZONE_INVALID" || !strings.Contains(errs[0].Message, want) {
			t.Errorf("%v, want TIME_ZONE_INVALID with %q", err, want)
		}
	}
	for _, name := range []string{"Local", "europe/berlin", "+02:00", "../Europe/Berlin"} {
		_, err := NewCustomer{Type: User, UserID: "ann", TimeZone: name}.Record(epoch, rand.Reader)
		refused(err, "time_zone: want the IANA name of a time zone")
	}
	c, _ := NewCustomer{Type: User, UserID: "ann"}.Record(epoch, rand.Reader)
	names := []string{"Europe/Berlin", "Asia/Kolkata"}
	for i := range maxZones {
		b := OpenBook(Snapshot{Catalog: &Catalog{}, Facts: Facts{Customer: c}}, epoch.AddDate(0, 0, i), "cli", nil, rand.Reader)
		err := b.Update(CustomerUpdate{TimeZone: &names[i%2]})
		if i == maxZones-1 {
			refused(err, "was changed 499 times")
		} else if err != nil {
			t.Fatal(err)
		}
		c = b.Customer
	}
}

// Windows are those of the item's reset in the customer's zone, put on the calendar
// if the item says so, else if the plan does.
func TestRhythm(t *testing.T) {
	const plain, aligned = calendar.Align(""), calendar.Calendar
	anchor, now := date("2027-01-20T10:00:00Z"), date("2027-03-31T22:30:00Z")
	for name, tt := range map[string]struct {
		plan, item calendar.Align
		cycle      calendar.Interval
		reset      Reset
		start, end string // in Berlin, which is in summer from 28 March
	}{
		"the cycle":                     {plain, plain, calendar.Month, ResetCycle, "2027-03-20T10:00:00Z", "2027-04-20T09:00:00Z"},
		"the plan's calendar":           {aligned, plain, calendar.Month, ResetCycle, "2027-03-31T22:00:00Z", "2027-04-30T22:00:00Z"},
		"the item's calendar":           {plain, aligned, calendar.Month, ResetCycle, "2027-03-31T22:00:00Z", "2027-04-30T22:00:00Z"},
		"a reset of its own":            {plain, plain, calendar.Month, "day", "2027-03-31T09:00:00Z", "2027-04-01T09:00:00Z"},
		"one on the plan's calendar":    {aligned, plain, calendar.Month, "day", "2027-03-31T22:00:00Z", "2027-04-01T22:00:00Z"},
		"one on the item's calendar":    {plain, aligned, calendar.Month, "hour", "2027-03-31T22:00:00Z", "2027-03-31T23:00:00Z"},
		"a multiple on a calendar plan": {aligned, plain, calendar.Month, "5 hour", "2027-03-31T20:00:00Z", "2027-04-01T01:00:00Z"},
		"never":                         {aligned, plain, calendar.Month, ResetNever, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"no cycle":                      {plain, plain, calendar.None, ResetCycle, "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"a multiple for a cycle":        {plain, plain, "2 week", ResetCycle, "2027-03-31T09:00:00Z", "2027-04-14T09:00:00Z"},
	} {
		calls := &Feature{Code: "calls", Type: Metered, Reset: ResetCycle}
		terms := Terms{Cycle: tt.cycle, Align: tt.plan, Items: []Item{{Feature: "calls", Reset: tt.reset, Align: tt.item}}}
		s := &Snapshot{
			Catalog: &Catalog{Features: map[Code]*Feature{"calls": calls}, Plans: map[Code]*Plan{
				"pro": {Code: "pro", Kind: KindPlan, Versions: []*PlanVersion{{Plan: "pro", Number: 1, Terms: terms}}},
			}},
			Facts: Facts{
				Customer:   Customer{AnchorOn: anchor, Status: Active, Zones: []calendar.Zone{{Name: "Europe/Berlin"}}},
				Agreements: []Agreement{{Plan: "pro", Kind: KindPlan, Version: 1, Quantity: 1, StartsOn: anchor, AnchorOn: anchor}},
			},
		}
		if al := s.Allowance(calls, now); al.Window.Start != date(tt.start) || al.Window.End != date(tt.end) {
			t.Errorf("%s: %v, want %s to %s", name, al.Window, tt.start, tt.end)
		}
	}
}

// What an add-on resets with the cycle follows the plan's cycle, wherever its own
// would be.
func TestRhythmOfAddOn(t *testing.T) {
	anchor, bought, now := date("2027-01-20T10:00:00Z"), date("2027-02-03T15:00:00Z"), date("2027-03-31T22:30:00Z")
	for name, tt := range map[string]struct {
		reset      Reset
		start, end string
	}{
		"the cycle":          {ResetCycle, "2027-03-20T10:00:00Z", "2027-04-20T10:00:00Z"},
		"a reset of its own": {"week", "2027-03-31T15:00:00Z", "2027-04-07T15:00:00Z"},
	} {
		calls := &Feature{Code: "calls", Type: Metered, Reset: ResetCycle}
		version := func(code Code, cycle calendar.Interval, items ...Item) []*PlanVersion {
			return []*PlanVersion{{Plan: code, Number: 1, Terms: Terms{Cycle: cycle, Items: items}}}
		}
		s := &Snapshot{
			Catalog: &Catalog{Features: map[Code]*Feature{"calls": calls}, Plans: map[Code]*Plan{
				"pro":   {Code: "pro", Kind: KindPlan, Versions: version("pro", calendar.Month)},
				"extra": {Code: "extra", Kind: KindAddOn, Versions: version("extra", calendar.Year, Item{Feature: "calls", Reset: tt.reset})},
			}},
			Facts: Facts{
				Customer: Customer{AnchorOn: anchor, Status: Active},
				Agreements: []Agreement{
					{Plan: "pro", Kind: KindPlan, Version: 1, Quantity: 1, StartsOn: anchor, AnchorOn: anchor},
					{Plan: "extra", Kind: KindAddOn, Version: 1, Quantity: 1, StartsOn: bought, AnchorOn: bought},
				},
			},
		}
		if al := s.Allowance(calls, now); al.Window.Start != date(tt.start) || al.Window.End != date(tt.end) {
			t.Errorf("%s: %v, want %s to %s", name, al.Window, tt.start, tt.end)
		}
	}
}
