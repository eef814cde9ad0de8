package billing

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// manyPlans states n plans in some groups, and among them add-ons that lift limits.
func manyPlans(n, groups, addOns int) CatalogSpec {
	spec := CatalogSpec{Currency: "usd", Features: []Feature{
		{Code: "base", Name: "Base", Type: Charge}, {Code: "seats", Name: "Seats", Type: Metered}, {Code: "calls", Name: "Calls", Type: Metered},
	}}
	for i := range groups {
		spec.Groups = append(spec.Groups, PlanGroup{Code: Code(fmt.Sprint("group-", i)), Name: "Group", CustomerType: Organization})
	}
	for i := range n {
		p := PlanSpec{
			Code: Code(fmt.Sprint("plan-", i)), Name: "Plan", Group: spec.Groups[i%groups].Code, Kind: KindPlan, Status: Published,
			Default: i < groups,
			Items:   []ItemSpec{{Feature: "base", FixedCharge: new(int64(100))}, {Feature: "seats", Max: new(int64(i))}},
		}
		if n-i <= addOns {
			p.Kind, p.Items = KindAddOn, []ItemSpec{{Feature: "seats"}, {Feature: "calls"}}
		}
		spec.Plans = append(spec.Plans, p)
	}
	return spec
}

func applied(tb testing.TB, c *Catalog, spec CatalogSpec) (*Catalog, CatalogChanges) {
	tb.Helper()
	id := 0
	next, changes, faults, err := c.Apply(spec, time.UnixMilli(1), func() (GroupID, error) {
		id++
		return GroupID{byte(id >> 16), byte(id >> 8), byte(id)}, nil
	})
	if err != nil || len(faults) > 0 {
		tb.Fatal(err, faults)
	}
	return next, changes
}

// What applying a file costs goes by its length, whatever it is made of, and what the
// log says of it by what it changes.
func TestApplyCostsWhatTheFileHas(t *testing.T) {
	const few, times = 250, 8
	for name, shape := range map[string]struct {
		groups, addOns int // of each so many plans
	}{
		"one group": {0, 0}, "as many groups as plans": {few, 0}, "half of it add-ons": {0, few / 2},
	} {
		t.Run(name, func(t *testing.T) {
			work := func(scale int) (first, again, facts uint64) {
				spec := manyPlans(few*scale, max(shape.groups*scale, 1), shape.addOns*scale)
				var c *Catalog
				first = allocated(func() { c, _ = applied(t, new(Catalog), spec) })
				changed := spec
				changed.Plans = append([]PlanSpec{}, spec.Plans...)
				changed.Plans[0].Name = "Another"
				if shape.groups == 0 {
					changed.Plans[0].Default, changed.Plans[1].Default = false, true
				}
				var next *Catalog
				again = allocated(func() { next, _ = applied(t, c, changed) })
				facts = allocated(func() {
					if _, is, err := next.RowFacts(c, func(*Terms) (string, error) { return "", nil }); err != nil || len(is) == 0 {
						t.Fatal(is, err)
					}
				})
				return first, again, facts
			}
			first, again, facts := work(1)
			first8, again8, facts8 := work(times)
			for _, cost := range []struct {
				of         string
				small, big uint64
				most       float64
			}{
				{"a new file", first, first8, 1.3 * times}, {"a file with one change", again, again8, 1.3 * times},
				{"the facts of one change", facts, facts8, 1.3},
			} {
				if ratio := float64(cost.big) / float64(cost.small); ratio > cost.most {
					t.Errorf("%s of %d times the plans costs %.1f times as many bytes, want at most %.1f", cost.of, times, ratio, cost.most)
				}
			}
		})
	}
}

// allocated is how many bytes f asks for.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestMessagesListFewPlans(t *testing.T) {
	_, changes := applied(t, new(Catalog), manyPlans(40, 1, 1))
	for _, w := range changes.Warnings {
		if strings.Contains(w.Message, "is lifted") {
			if !strings.Contains(w.Message, "the limit of plan-0, plan-1, plan-10, ") || !strings.HasSuffix(w.Message, " and 19 more is lifted") {
				t.Errorf("warned %q", w)
			}
			return
		}
	}
	t.Errorf("warned %q, want of a limit that is lifted", changes.Warnings)
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{500, 1000, 5000, 10000} {
		b.Run(fmt.Sprint("plans=", n), func(b *testing.B) {
			spec := manyPlans(n, 1, n/100)
			for b.Loop() {
				applied(b, new(Catalog), spec)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/plan")
		})
	}
}
