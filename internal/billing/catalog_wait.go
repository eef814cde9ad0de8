package billing

import (
	"fmt"
	"slices"

	"github.com/allot-dev/allot/internal/calendar"
)

// waiting are faults of a spec: what of the catalog that results from it would be
// lost on a server of the version before, which may still run beside this one. There
// are none unless the receiver is Unfinished.
func (c *Catalog) waiting(spec CatalogSpec, next *Catalog) []Fault {
	if !c.Unfinished || next == c {
		return nil
	}
	var faults []Fault
	wait := func(path, what string) {
		faults = append(faults, Fault{Path: path, Message: what + " " + waitMessage})
	}
	for i, f := range spec.Features {
		if old := c.Features[f.Code]; !known(calendar.Interval(f.Reset)) && (old == nil || old.Reset != f.Reset) {
			wait(fmt.Sprintf("features[%d].reset", i), "a reset by the hour, or by several of a unit,")
		}
	}
	for i, g := range spec.Groups {
		if old := c.Groups[g.Code]; g.Fallback != "" && (old == nil || old.Fallback != g.Fallback) {
			wait(fmt.Sprintf("plan_groups[%d].fallback", i), "a fallback")
		}
	}
	for i, p := range spec.Plans {
		old, plan := c.Plans[p.Code], next.Plans[p.Code]
		if plan == nil || len(plan.Versions) == 0 || old != nil && old.Latest() == plan.Latest() {
			continue
		}
		if what := newWords(&plan.Latest().Terms); what != "" {
			wait(fmt.Sprintf("plans[%d]", i), what)
		}
	}
	return faults
}

// waitMessage says what has to be done first.
const waitMessage = "has to wait until every server is of this version: see to that, then run allot migrate --finish"

// newWords says what of some terms a program of the version before does not know.
func newWords(t *Terms) string {
	switch {
	case !known(t.Cycle):
		return "a cycle by the hour, or of several of a unit,"
	case t.Align != "" || slices.ContainsFunc(t.Items, func(it Item) bool { return it.Align != "" }):
		return "align"
	case t.Quantity != nil || slices.ContainsFunc(t.Items, func(it Item) bool { return it.PerQuantity }):
		return "quantity"
	case slices.ContainsFunc(t.Items, func(it Item) bool { return !known(calendar.Interval(it.Reset)) }):
		return "a reset by the hour, or by several of a unit,"
	}
	return ""
}

// known reports whether a program of the version before knows the interval of a cycle
// or of a reset.
func known(every calendar.Interval) bool {
	n, unit := every.Parts()
	return n == 1 && unit != calendar.Hour
}

// waits is an error if a customer's field has to wait, as what waiting finds.
func (c *Catalog) waits(code, field string) error {
	if !c.Unfinished {
		return nil
	}
	return Refused.Errorf(code, "%s %s", field, waitMessage)
}
