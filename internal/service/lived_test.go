package service_test

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// What never resets is counted once, for all time: also what is corrected after the plan that
// it was used by has ended. Up to that end it has no counter of its own, which nobody who
// decides in memory would move, and which would be locked in the place of the lane.
func TestCorrectionsAfterTheEndOfAPlan(t *testing.T) {
	for name, change := range map[string]func(*billing.CatalogSpec){
		"held":    func(spec *billing.CatalogSpec) { spec.Features[0].Held = true },
		"used up": func(spec *billing.CatalogSpec) { spec.Features[0].Reset = billing.ResetNever },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			spec := catalog()
			change(&spec)
			for i := range spec.Plans {
				if p := &spec.Plans[i]; p.Code == "pro" {
					p.Items[0].Reset = spec.Features[0].Reset
				}
			}
			w.apply(spec)
			id := w.customer("")
			plan := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
			w.recorded(id, usage.Report{ID: "one", Feature: "seats", Value: 8 * billing.OneUnit})
			w.now = w.now.AddDate(0, 0, 7)
			w.cancel(plan.ID, billing.WhenNow)
			for range 3 {
				w.now = w.now.AddDate(0, 0, 1)
				w.recorded(id, usage.Report{Feature: "seats", Value: -billing.OneUnit, Corrects: "one"})
				verifyClean(t, w)
			}
			var counters []usage.Counter
			err := w.Store.View(t.Context(), func(r service.Reader) (err error) {
				counters, err = r.Counters(id)
				return err
			})
			if err != nil || len(counters) != 1 || counters[0].Used != 5*billing.OneUnit {
				t.Errorf("counters are %+v, %v", counters, err)
			}
			w.subscribe(id, billing.NewAgreement{Plan: "pro"})
			if d := w.check(id); d.Used != 5*billing.OneUnit {
				t.Errorf("%s are used, want 5", d.Used)
			}
		})
	}
}
