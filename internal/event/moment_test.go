package event_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

var start = time.Date(2027, 1, 31, 10, 0, 0, 0, time.UTC)

func day(n int) time.Time { return start.AddDate(0, 0, n) }

// sold is a catalog with the plans small and large, of 3 and 9 seats, the first with a
// trial of 14 days.
func sold(t *testing.T) *billing.Catalog {
	t.Helper()
	plan := func(code billing.Code, seats int64) billing.PlanSpec {
		return billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Items: []billing.ItemSpec{{Feature: "seats", Max: &seats}}}
	}
	small := plan("small", 3)
	small.Trial = &billing.TrialSpec{Days: new(14), CardPromptDays: new(4)}
	next, _, faults, err := new(billing.Catalog).Apply(billing.CatalogSpec{
		Currency: "usd", Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
		Groups: []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization}}, Plans: []billing.PlanSpec{small, plan("large", 9)},
	}, start, func() (billing.GroupID, error) { return billing.GroupID{1}, nil })
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return next
}

// subscribed are the facts of a customer with some agreements to plans.
func subscribed(catalog *billing.Catalog, agreements ...billing.Agreement) *billing.Snapshot {
	for i := range agreements {
		a := &agreements[i]
		a.ID, a.Version, a.Kind, a.Quantity = billing.AgreementID{byte(i + 1)}, 1, billing.KindPlan, 1
		a.AnchorOn, a.TermFrom = a.StartsOn, a.StartsOn
	}
	customer := billing.Customer{ID: billing.CustomerID{1}, Status: billing.Active, AnchorOn: start, CreatedOn: start}
	return &billing.Snapshot{Catalog: catalog, Facts: billing.Facts{Customer: customer, Agreements: agreements}}
}

// typesOf are the types of the events of a moment, in order.
func typesOf(m event.Moment) string {
	var types []string
	for _, e := range m.Events() {
		types = append(types, string(e.Type))
	}
	slices.Sort(types)
	return strings.Join(types, " ")
}

func TestMoments(t *testing.T) {
	catalog := sold(t)
	trying := billing.Agreement{Plan: "small", StartsOn: start, TrialEndsOn: day(14), TrialScope: "teams"}
	until := func(a billing.Agreement, end time.Time) billing.Agreement { a.ExpiresOn = end; return a }
	large := billing.Agreement{Plan: "large", StartsOn: day(14)}
	for _, test := range []struct {
		name          string
		at            int // of which day
		before, after *billing.Snapshot
		want          string
	}{
		{"a day on which nothing happens", 5, subscribed(catalog, trying), nil, ""},
		{"the reminder", 10, subscribed(catalog, trying), nil, "trial.will_end"},
		{"the end of a trial", 14, subscribed(catalog, trying), nil, "trial.ended"},
		{"the end of a trial that was cut", 14, subscribed(catalog, until(trying, day(12))), nil, ""},
		{"a phase", 14, subscribed(catalog, until(trying, day(14)), large), nil, "agreement.ended agreement.started entitlements.changed trial.ended"},
		{"one that never lived", 14, subscribed(catalog, until(large, day(14))), nil, ""},
		{"one that begins when it is asked for", 14, subscribed(catalog), subscribed(catalog, large), "entitlements.changed"},
		{"one that ends when it is asked for", 5, subscribed(catalog, trying), subscribed(catalog, until(trying, day(5))), "entitlements.changed"},
		{"a change that meets a planned end", 14, subscribed(catalog, until(trying, day(14))), subscribed(catalog, large),
			"agreement.ended entitlements.changed trial.ended"},
		{"a trial whose end comes near by a change", 5, subscribed(catalog, trying),
			subscribed(catalog, billing.Agreement{Plan: "small", StartsOn: start, TrialEndsOn: day(7), TrialScope: "teams"}), "trial.will_end"},
		{"one that is near and goes on in another plan", 12, subscribed(catalog, trying), subscribed(catalog, until(trying, day(12)),
			billing.Agreement{Plan: "large", StartsOn: day(12), TrialEndsOn: day(14), TrialScope: "teams"}), "entitlements.changed"},
	} {
		m := event.Moment{On: day(test.at), Before: test.before, After: test.after}
		if m.After == nil {
			m.After = m.Before
		}
		if got := typesOf(m); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Nothing happens between an instant and the next at which something may.
func TestNext(t *testing.T) {
	catalog := sold(t)
	s := subscribed(catalog,
		billing.Agreement{Plan: "small", StartsOn: start, TrialEndsOn: day(14), ExpiresOn: day(20)}, billing.Agreement{Plan: "large", StartsOn: day(20)})
	s.Grants = []billing.Grant{{ID: billing.GrantID{1}, Feature: "seats", Amount: 1, EffectiveOn: day(17), ExpiresOn: day(18)}}
	var got []string
	for at := start; !at.IsZero(); at = event.Next(s, at, false) {
		got = append(got, fmt.Sprint(at.Sub(start).Hours()/24))
	}
	if want := "0 10 14 17 18 20"; strings.Join(got, " ") != want {
		t.Errorf("days %v, want %s", got, want)
	}
	if got := event.Next(s, start, true); !got.Equal(day(10)) {
		t.Errorf("with windows: %s", got)
	}
	if got := event.Next(s, day(20), true); !got.Equal(time.Date(2027, 3, 20, 10, 0, 0, 0, time.UTC)) {
		t.Errorf("the first window ends on %s", got)
	}
	s.Customer.DeletedOn = day(11)
	if got := event.Next(s, day(11), true); !got.IsZero() {
		t.Errorf("of a deleted customer: %s", got)
	}
}
