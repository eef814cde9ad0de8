package billing

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

func faultsOf(c *Catalog, spec CatalogSpec) []Fault {
	_, _, faults, _ := c.Apply(spec, epoch, func() (GroupID, error) { return GroupID{3}, nil })
	return faults
}

// The plans of baseSpec.
const (
	free  = 0
	pro   = 1
	extra = 2
	next  = 3
)

func TestApplyWindowFaults(t *testing.T) {
	fiveHours := Reset(calendar.Every(5, calendar.Hour))
	published, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	for _, tt := range []struct {
		path, message string
		change        func(*CatalogSpec)
	}{
		{"plans[1].align", "not with windows of 3 month", func(s *CatalogSpec) {
			s.Plans[pro].Cycle, s.Plans[pro].Align = calendar.Every(3, calendar.Month), calendar.Calendar
		}},
		{"plans[1].align", "there are no windows", func(s *CatalogSpec) { s.Plans[pro].Cycle, s.Plans[pro].Align = calendar.None, calendar.Calendar }},
		{"plans[3].items[1].align", "not with windows of 5 hour", func(s *CatalogSpec) {
			s.Plans[next].Items = append(s.Plans[next].Items, ItemSpec{Feature: "calls", Reset: fiveHours, Align: calendar.Calendar})
		}},
		{"plans[3].items[1].align", "there are no windows", func(s *CatalogSpec) {
			s.Plans[next].Items = append(s.Plans[next].Items, ItemSpec{Feature: "calls", Reset: ResetNever, Align: calendar.Calendar})
		}},
		{"plans[3].items[1].reset", "the plan has align", func(s *CatalogSpec) {
			s.Plans[next].Align = calendar.Calendar
			s.Plans[next].Items = append(s.Plans[next].Items, ItemSpec{Feature: "calls", Reset: fiveHours})
		}},
		{"plans[3].items[0].align", "goes with metered", func(s *CatalogSpec) { s.Plans[next].Items[0].Align = calendar.Calendar }},
		{"plans[3].items[0].per", "goes with metered", func(s *CatalogSpec) { s.Plans[next].Items[0].PerQuantity = true }},
		{"plans[1].items[1].per", "add quantity: true", func(s *CatalogSpec) { s.Plans[pro].Items[1].PerQuantity = true }},
		{"plans[1].quantity", "from 5 to 4", func(s *CatalogSpec) { s.Plans[pro].Quantity = &Quantity{Min: new(int64(5)), Max: new(int64(4))} }},
		{"plans[1].quantity", "at least 1", func(s *CatalogSpec) { s.Plans[pro].Quantity = &Quantity{Min: new(int64(0))} }},
		{"plans[1].items[1].over_limit", "allow lasts until usage resets", func(s *CatalogSpec) {
			s.Plans[free].Items, s.Plans[extra].Items = nil, nil
			s.Plans[pro].Items[1].Reset, s.Plans[pro].Items[1].OverLimit = ResetNever, &OverLimit{Policy: Allow}
		}},
		{"plans[1].items[1].over_limit", "allow lasts until usage resets", func(s *CatalogSpec) {
			s.Plans[free].Items, s.Plans[extra].Items = nil, nil
			s.Plans[pro].Cycle, s.Plans[pro].Items[1].OverLimit = calendar.None, &OverLimit{Policy: Allow}
		}},
		{"plan_groups[0].fallback", "no such plan", func(s *CatalogSpec) { s.Groups[0].Fallback = "gone" }},
		{"plan_groups[0].fallback", "is an add-on", func(s *CatalogSpec) { s.Groups[0].Fallback = "extra" }},
		{"plan_groups[0].fallback", "is a draft", func(s *CatalogSpec) { s.Groups[0].Fallback = "next" }},
		{"plan_groups[1].fallback", "is in group teams", func(s *CatalogSpec) { s.Groups[1].Fallback = "free" }},
		{"plan_groups[0].fallback", "is archived", func(s *CatalogSpec) { s.Plans[pro].Archived, s.Groups[0].Fallback = true, "pro" }},
	} {
		t.Run(tt.path, func(t *testing.T) {
			spec := baseSpec()
			spec.Features = append(spec.Features, Feature{Code: "calls", Name: "Calls", Type: Metered})
			tt.change(&spec)
			faults := faultsOf(published, spec)
			if len(faults) != 1 || faults[0].Path != tt.path || !strings.Contains(faults[0].Message, tt.message) {
				t.Errorf("got %v; want %s: …%s…", faults, tt.path, tt.message)
			}
		})
	}
}

// A plan that a group falls back to stays on sale, whatever file says otherwise.
func TestFallbackStaysOnSale(t *testing.T) {
	spec := baseSpec()
	spec.Groups[0].Fallback = "free"
	c, _ := mustApply(t, &Catalog{}, spec, epoch)
	plan := spec.Plans[0]
	plan.Default, plan.Archived = false, true
	faults := faultsOf(c, CatalogSpec{Plans: []PlanSpec{plan}})
	if len(faults) != 1 || faults[0].Path != "plans[0]" || !strings.Contains(faults[0].Message, "the fallback of group teams and is archived") {
		t.Errorf("archived: %v", faults)
	}
	spec.Groups[0].Fallback = ""
	if _, changes := mustApply(t, c, spec, epoch); len(changes.Changes) != 1 || len(changes.Fallbacks) != 0 ||
		!slices.Equal(changes.Changes[0].Details, []string{"fallback: free → none"}) {
		t.Errorf("removed: %+v", changes)
	}
	spec.Groups[0].Fallback = "pro"
	if _, changes := mustApply(t, c, spec, epoch); !slices.Equal(changes.Fallbacks, []Code{"teams"}) || !warned(changes, "plan pro, the fallback of group teams, costs something") {
		t.Errorf("changed: %+v", changes)
	}
}

func warned(changes CatalogChanges, text string) bool {
	return slices.ContainsFunc(changes.Warnings, func(w Warning) bool { return strings.Contains(w.Message, text) })
}

// What was published before it was refused stays, applies and is told of; a change
// of it is refused.
func TestPublishedItemsStay(t *testing.T) {
	spec := baseSpec()
	c, _ := mustApply(t, &Catalog{}, spec, epoch)
	allowed := &OverLimit{Policy: Allow}
	spec.Plans[free].Items[0].OverLimit, spec.Plans[free].Items[0].Reset = allowed, ResetNever
	spec.Plans[pro].Items[1].Reset, spec.Plans[extra].Items[0].Reset = ResetNever, "day"
	for code, plan := range map[Code]int{"free": free, "pro": pro, "extra": extra} { // as an older program had stored them
		it := &c.Plans[code].Versions[0].Items[c.Plans[code].Versions[0].Find("seats")]
		it.Reset = spec.Plans[plan].Items[max(0, slices.IndexFunc(spec.Plans[plan].Items, func(it ItemSpec) bool { return it.Feature == "seats" }))].Reset
		if code == "free" {
			it.OverLimit = *allowed
		}
	}
	next, changes := mustApply(t, c, spec, epoch.Add(time.Hour))
	if next != c {
		t.Errorf("unchanged: %+v", changes.Changes)
	}
	for _, want := range []string{"plan free has over_limit: allow on seats, which never resets", "add-on extra resets seats each day, and plan free never"} {
		if !warned(changes, want) {
			t.Errorf("no warning %q in %q", want, changes.Warnings)
		}
	}
	spec.Plans[free].Items[0].Max, spec.Plans[extra].Items[0].Max = new(int64(4)), new(int64(6))
	var paths []string
	for _, f := range faultsOf(c, spec) {
		paths = append(paths, f.Path)
	}
	if want := []string{"plans[0].items[0].over_limit"}; !slices.Equal(paths, want) {
		t.Errorf("changed: faults at %v, want %v", paths, want)
	}
}

// An add-on in another rhythm than the plans beside it, or where no plan has the feature
// than the first add-on, gives an allowance of its own.
func TestWarnsOfAnotherRhythm(t *testing.T) {
	addOn := func(code Code, reset Reset) PlanSpec {
		return PlanSpec{Code: code, Name: "A", Group: "teams", Kind: KindAddOn, Status: Published, Items: []ItemSpec{{Feature: "daily", Max: new(int64(1)), Reset: reset}}}
	}
	for text, change := range map[string]func(*CatalogSpec){
		"add-on extra resets seats never, and plan free each month": func(s *CatalogSpec) { s.Plans[extra].Items[0].Reset = ResetNever },
		"add-on extra resets seats each month of the calendar, and": func(s *CatalogSpec) { s.Plans[extra].Items[0].Align = calendar.Calendar },
		"add-on pk2 resets daily each day, and add-on pk1 never":    func(s *CatalogSpec) { s.Plans = append(s.Plans, addOn("pk1", ResetNever), addOn("pk2", "")) },
		"": func(s *CatalogSpec) {
			only, other := addOn("pk1", ResetNever), addOn("pk2", "")
			only.Beside, other.Beside = []Code{"free"}, []Code{"pro"}
			s.Plans = append(s.Plans, only, other)
		},
	} {
		spec := baseSpec()
		spec.Features = append(spec.Features, Feature{Code: "daily", Name: "Daily", Type: Metered, Reset: "day"})
		change(&spec)
		if _, changes := mustApply(t, &Catalog{}, spec, epoch); text == "" && warned(changes, "allowance of its own") || !warned(changes, text) && text != "" {
			t.Errorf("no warning %q in %q", text, changes.Warnings)
		}
	}
}

func TestSurprises(t *testing.T) {
	for text, change := range map[string]func(*CatalogSpec){
		"plans of group teams reset seats differently: each month in free; each year in pro": func(s *CatalogSpec) { s.Plans[pro].Cycle = calendar.Year },
		"plan free has no cycle, so what resets with it never does: seats": func(s *CatalogSpec) {
			s.Plans[free].Cycle, s.Plans[pro].Cycle = calendar.None, calendar.None
		},
		"add-on extra has no max for seats: with it, the limit of free, pro is lifted": func(s *CatalogSpec) { s.Plans[extra].Items[0].Max = nil },
		"plan next has no price and is not said to be free":                            func(s *CatalogSpec) { s.Plans[next].Status = Published },
		"a year of base at once costs 30001, and by the month it is 30000":             func(s *CatalogSpec) { s.Plans[pro].Items[0].Annual = new(int64(30001)) },
		"plan pro has no max for seats, so limit":                                      func(s *CatalogSpec) { s.Plans[pro].Items[1].Max, s.Plans[pro].Items[1].Limit = nil, Soft },
	} {
		spec := baseSpec()
		_, changes := mustApply(t, &Catalog{}, spec, epoch)
		if len(changes.Warnings) != 0 {
			t.Errorf("without surprise: %q", changes.Warnings)
		}
		change(&spec)
		if _, changes = mustApply(t, &Catalog{}, spec, epoch); !warned(changes, text) {
			t.Errorf("no warning %q in %q", text, changes.Warnings)
		}
	}
}
