package service_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
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

// What would need a boundary within a folded record is refused, and nothing else.
func TestHistoryFolded(t *testing.T) {
	spec := metering()
	for _, every := range []calendar.Interval{"900 hour", "960 hour", "36 hour"} {
		n, _ := every.Parts()
		spec.Plans = append(spec.Plans, billing.PlanSpec{
			Code: billing.Code(fmt.Sprintf("hours%d", n)), Name: "Hours", Group: "teams", Status: billing.Published,
			Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(1000)), Reset: billing.Reset(every)}},
		})
	}
	for name, tt := range map[string]struct {
		plan billing.Code
		fold bool
		code string
	}{
		"within a folded day":           {"hours900", true, "HISTORY_FOLDED"},
		"nothing is folded":             {"hours900", false, ""},
		"at the anchor's time of day":   {"hours960", true, ""},
		"a window that begins too late": {"hours36", true, ""},
		"a month":                       {"pro", true, ""},
	} {
		w := newWorld(t)
		w.apply(spec)
		w.on("2027-01-31T10:20:00Z")
		id := w.customer("max")
		for range 60 * 4 {
			w.consume(id, "0.1")
			w.now = w.now.Add(6 * time.Hour)
		}
		if tt.fold {
			if gone, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -3)); err != nil || gone == 0 {
				t.Fatalf("%s: %d, %v", name, gone, err)
			}
		}
		err := w.Do(t.Context(), "test", func(u *service.Work) error {
			_, _, err := u.Subscribe(id, billing.NewAgreement{Plan: tt.plan})
			return err
		})
		var refused *billing.Error
		if errors.As(err, &refused); (err == nil) != (tt.code == "") || err != nil && (refused == nil || refused.Code != tt.code) {
			t.Errorf("%s: %v, want %q", name, err, tt.code)
		}
		w.verify()
	}
}

// folding counts the records that each transaction folds.
type folding struct {
	service.Store
	steps []int
}

type foldingTx struct {
	service.UsageTx
	step *int
}

func (f foldingTx) FoldUsage(
	id billing.CustomerID, code billing.Code, before time.Time, day func(time.Time) calendar.Span, limit int,
) (int, error) {
	n, err := f.UsageTx.FoldUsage(id, code, before, day, limit)
	*f.step += n
	return n, err
}

func (f *folding) Update(ctx context.Context, fn func(service.Tx) error) error {
	step := 0
	err := f.Store.Update(ctx, func(tx service.Tx) error {
		step = 0
		tx.UsageTx = foldingTx{tx.UsageTx, &step}
		return fn(tx)
	})
	f.steps = append(f.steps, step)
	return err
}

// No transaction folds more than some hundred records, also of one day, so that others who
// write have their turn between.
func TestFoldUsageInSteps(t *testing.T) {
	w := newWorld(t)
	w.apply(metering())
	w.on("2027-01-31T10:20:00Z")
	id := w.customer("max")
	const records = 650
	reports := make([]usage.Report, records)
	for i := range reports {
		reports[i] = usage.Report{Feature: "seats", Value: 1, Stamp: w.now.Add(time.Duration(i) * time.Second)}
	}
	w.now = w.now.Add(time.Hour)
	must(w, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(id, reports) })
	w.now = w.now.AddDate(0, 0, 9)
	st := &folding{Store: w.Store}
	w.Store = st
	gone, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -3))
	if err != nil || gone != records || len(st.steps) < 4 {
		t.Errorf("%d records are gone in %d steps, %v", gone, len(st.steps), err)
	}
	for _, n := range st.steps {
		if n > 200 {
			t.Errorf("a transaction folds %d records", n)
		}
	}
	w.verify()
}
