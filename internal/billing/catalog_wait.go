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
		faults = append(faults, Fault{Path: path, Message: what + " " + WaitMessage})
	}
	for i, f := range spec.Features {
		old := c.Features[f.Code]
		if !known(calendar.Interval(f.Reset)) && (old == nil || old.Reset != f.Reset) {
			wait(fmt.Sprintf("features[%d].reset", i), "a reset by the hour, or by several of a unit,")
		}
		if is := next.Features[f.Code]; is != nil && is != old {
			if key := newKey(is); key != "" {
				wait(fmt.Sprintf("features[%d].%s", i, key), key)
			}
		}
	}
	for i, g := range spec.Groups {
		old := c.Groups[g.Code]
		if g.Fallback != "" && (old == nil || old.Fallback != g.Fallback) {
			wait(fmt.Sprintf("plan_groups[%d].fallback", i), "a fallback")
		}
		if key := g.key(); key != "" && next.Groups[g.Code] != old {
			wait(fmt.Sprintf("plan_groups[%d].%s", i, key), key)
		}
	}
	for i, p := range spec.Plans {
		old, plan := c.Plans[p.Code], next.Plans[p.Code]
		if plan == nil || plan == old || len(plan.Versions) == 0 {
			continue
		}
		if key := newPlanKey(plan); key != "" {
			wait(fmt.Sprintf("plans[%d].%s", i, key), key)
		}
		if old != nil && old.Latest() == plan.Latest() {
			continue
		}
		if what := newWords(&plan.Latest().Terms); what != "" {
			wait(fmt.Sprintf("plans[%d]", i), what)
		}
	}
	return faults
}

// newKey is a key of a feature that a program of the version before does not know; ""
// if there is none.
func newKey(f *Feature) string {
	switch {
	case f.Type == Config:
		return "type"
	case f.Held:
		return "held"
	case f.Burns != nil:
		return "burns"
	case f.Thresholds != nil:
		return "thresholds"
	case f.Low != nil:
		return "low"
	}
	return f.key()
}

// key is one of what is told of a thing.
func (of *About) key() string {
	switch {
	case of.Description != "":
		return "description"
	case of.Metadata != nil:
		return "metadata"
	}
	return ""
}

// newPlanKey is a key of a plan that a program of the version before does not know, but
// for those of its terms; "" if there is none.
func newPlanKey(p *Plan) string {
	switch {
	case p.Kind == KindPack:
		return "kind"
	case p.Hidden:
		return "hidden"
	case p.Price != "":
		return "price"
	case p.Extends != "":
		return "extends"
	}
	return p.key()
}

// WaitMessage says what has to be done first.
const WaitMessage = "has to wait until every server is of this version: see to that, then run allot migrate --finish"

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
	case t.Beside != nil:
		return "beside"
	}
	for i := range t.Items {
		if key := t.Items[i].newKey(); key != "" {
			return key + " of an item"
		}
	}
	return ""
}

// newKey is a key of an item that a program of the version before does not know; "" if
// there is none.
func (it *Item) newKey() string {
	for _, k := range []struct {
		key string
		is  bool
	}{
		{"included", it.Included != nil}, {"caps", it.Caps != nil}, {"thresholds", it.Thresholds != nil}, {"low", it.Low != nil},
		{"overage_max", it.OverageMax != nil}, {"burns", it.Burns != nil}, {"rollover", it.Rollover != nil}, {"grants", it.Grants != nil},
		{"rate", it.Rate != nil}, {"value", it.Value != nil}, {"interval: once", it.Once}, {"annual", it.AnnualUnitAmount != nil},
		{"tiers_mode", it.TiersMode != ""},
		{"tiers with annual or flat_amount", slices.ContainsFunc(it.Tiers, func(t Tier) bool { return t.AnnualUnitAmount != nil || t.FlatAmount != nil })},
	} {
		if k.is {
			return k.key
		}
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
	return Refused.Errorf(code, "%s %s", field, WaitMessage)
}
