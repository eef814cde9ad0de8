package service_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
)

// Folding changes the sum of no window that a customer has or can get, wherever it
// has been: of days or longer, on the calendar or from its anchor.
func TestFoldUsageKeepsWindowsOfAllZones(t *testing.T) {
	w := newWorld(t)
	w.apply(metering())
	w.on("2027-01-31T10:20:00Z")
	random := rand.New(rand.NewPCG(10, 16))
	for _, zones := range [][]string{
		{""}, {"America/New_York"}, {"", "Asia/Kolkata"}, {"Pacific/Kiritimati", "Pacific/Honolulu", "Australia/Lord_Howe"}, {"Africa/Cairo", "", "Africa/Cairo"},
	} {
		from := w.now
		in := billing.NewCustomer{Type: billing.Organization, Plan: "max", TimeZone: zones[0]}
		c := must(w, func(u *service.Work) (billing.CustomerAt, error) { return u.CreateCustomer(in) })
		for i := range 30 * len(zones) {
			if to := i / 30; i%30 == 0 && to > 0 {
				c = must(w, func(u *service.Work) (billing.CustomerAt, error) {
					return u.UpdateCustomer(c.ID, billing.CustomerUpdate{TimeZone: &zones[to]})
				})
			}
			w.consume(c.ID, "0.5")
			w.now = w.now.Add(time.Duration(random.IntN(8*60)) * time.Minute)
		}
		w.now = w.now.AddDate(0, 0, 5)
		cut := w.now.AddDate(0, 0, -6)

		sums := func() (sums []billing.Units) {
			t.Helper()
			err := w.Store.View(t.Context(), func(r service.Reader) error {
				for _, every := range []calendar.Interval{calendar.Day, "2 day", calendar.Week, calendar.Month} {
					for _, align := range []calendar.Align{"", calendar.Calendar} {
						g := calendar.Grid{Anchor: c.AnchorOn, Every: every, Align: align, Zones: c.Zones}
						for at := from; at.Before(w.now); {
							window, _ := g.At(at)
							sum, err := r.SumUsage(c.ID, "seats", billing.Window{Span: window}, time.Time{})
							if err != nil {
								return err
							}
							sums, at = append(sums, sum), window.End
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return sums
		}
		before := sums()
		if gone, err := w.FoldUsage(t.Context(), cut); err != nil || gone < 10 {
			t.Errorf("%q: %d records are gone, %v", zones, gone, err)
		}
		if diff := cmp.Diff(before, sums()); diff != "" {
			t.Errorf("%q: usage by window (-before +after):\n%s", zones, diff)
		}
		w.verify()
	}
}
