package billing

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A plan that many extend stands for its items in each of them: what a file comes to is counted
// before any of it is made, and the refusal is the one fault there is.
func TestItemsOfAFileAreBounded(t *testing.T) {
	wide := func(features, plans int, extends func(i int) Code) CatalogSpec {
		spec := CatalogSpec{Groups: []PlanGroup{{Code: "g", Name: "G", CustomerType: Organization}}}
		base := PlanSpec{Code: "p", Name: "P", Group: "g"}
		for i := range features {
			code := Code(fmt.Sprint("f", i))
			spec.Features = append(spec.Features, Feature{Code: code, Name: "F", Type: Metered})
			base.Items = append(base.Items, ItemSpec{Feature: code, Max: new(int64(1))})
		}
		spec.Plans = append(spec.Plans, base)
		for i := range plans {
			spec.Plans = append(spec.Plans, PlanSpec{Code: Code(fmt.Sprint("p", i)), Name: "P", Group: "g", Extends: extends(i)})
		}
		return spec
	}
	star := func(int) Code { return "p" }
	chain := func(i int) Code {
		if i == 0 {
			return "p"
		}
		return Code(fmt.Sprint("p", i-1))
	}
	backwards := func(i int) Code { // each before the one that it extends
		if i == 18_999 {
			return "p"
		}
		return Code(fmt.Sprint("p", i+1))
	}
	for name, c := range map[string]struct {
		spec  CatalogSpec
		fault string // what it says; "" for none
	}{
		"many of many items": {wide(2000, 5000, star), "with plan p124, which has 2000, the plans of this file come to 252000 items"},
		"a long chain":       {wide(200, 19_000, chain), "with plan p1249, which has 200, the plans of this file come to 250200 items"},
		"a chain backwards":  {wide(200, 19_000, backwards), "come to 250200 items"},
		"many of few items":  {wide(12, 18_000, star), ""},
		"a chain of few":     {wide(5, 18_000, chain), ""},
	} {
		t.Run(name, func(t *testing.T) {
			c.spec.Plans[1].Name = strings.Repeat("x", 300) // of which nothing is told beside
			var faults []Fault
			cost := allocated(func() {
				var err error
				_, _, faults, err = new(Catalog).Apply(c.spec, time.UnixMilli(1), func() (GroupID, error) { return GroupID{1}, nil })
				if err != nil {
					t.Fatal(err)
				}
			})
			t.Logf("%d MiB", cost>>20)
			if c.fault == "" {
				if len(faults) > 0 {
					t.Error(faults[0])
				}
				return
			}
			if len(faults) != 1 || !strings.Contains(faults[0].Message, c.fault) || !strings.Contains(faults[0].Message, "at most 250000") {
				t.Errorf("%d faults, %.300q", len(faults), fmt.Sprint(faults))
			}
			if cost > 100<<20 {
				t.Errorf("the refusal cost %d MiB", cost>>20)
			}
		})
	}
}

// What changes is told in as many lines as somebody may read, however many there are.
func TestDetailsOfChangesAreBounded(t *testing.T) {
	a := &application{}
	for i := range 3 {
		a.change(actionUpdate, thingPlan, Code(fmt.Sprint("p", i)), 1, make([]string, mostDetails/2+1)...)
	}
	for i, want := range []int{mostDetails/2 + 1, mostDetails / 2, 1} {
		if got := len(a.changes.Changes[i].Details); got != want {
			t.Errorf("change %d has %d details, want %d", i, got, want)
		}
	}
	if got, want := a.changes.Changes[2].Details[0], fmt.Sprintf("%d more, which are not listed", mostDetails/2+1); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
