package billing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/calendar"
)

// noCycle is the cycle of what has none.
const noCycle = calendar.None

// line is an item that a plan has by itself, or from the plan that it extends.
type line struct {
	*ItemSpec
	path string
	at   string // for a message: items[2]
	from Code   // of the plan that it is from; "" of its own
}

// visit is how far a plan was followed to what it extends.
type visit int

const (
	notVisited visit = iota
	visiting
	visited
)

// extend works out which items a plan has, after those of what it extends.
func (a *application) extend(s *statement, stated map[Code]*statement) {
	if s.visit == visited || a.crowded {
		return
	}
	s.visit = visiting
	before := len(a.faults)
	base := a.base(s, stated)
	if a.crowded {
		return
	}
	s.lines = a.lines(s, base)
	s.faulty = s.faulty || len(a.faults) > before
	s.visit = visited
	a.count(s)
}

// make makes the terms of a plan, after those of what it extends.
func (a *application) make(s *statement) {
	if s.made {
		return
	}
	s.made = true
	if s.base != nil {
		a.make(s.base)
		s.faulty = s.faulty || s.base.faulty
	}
	before := len(a.faults)
	s.terms = a.terms(s)
	s.faulty = s.faulty || len(a.faults) > before
}

// mostItems is how many items the plans of a file have in all, with those of the plans that they
// extend: each takes half a KiB, and a line of the file may stand for thousands.
const mostItems = 250_000

// count counts the items of a plan before they are made, and refuses the file if it has too many:
// one fault, which is all that is told.
func (a *application) count(s *statement) {
	if a.items += len(s.lines); a.items <= mostItems || a.crowded {
		return
	}
	a.crowded, a.faults = true, nil
	a.fault(s.path, "with plan %s, which has %d, the plans of this file come to %d items, those of the plans that they extend included; "+
		"a file has at most %d: apply it in parts, or have fewer plans extend it", s.Code, len(s.lines), a.items, mostItems)
}

// extended is a plan that another extends.
type extended struct {
	code  Code
	lines []line
}

// base is the plan that one extends; nil if there is none, or it cannot be extended.
func (a *application) base(s *statement, stated map[Code]*statement) *extended {
	path := s.path + ".extends"
	if s.Extends == "" {
		if len(s.Without) > 0 {
			a.fault(s.path+".without", "without goes with extends; name the plan whose items these are, or remove it")
		}
		return nil
	}
	wrongKind := func(kind PlanKind) bool {
		if kind == s.Kind {
			return false
		}
		a.fault(path, "%s is of kind %s, and this of kind %s; extend one of the same kind", s.Extends, kind, s.Kind)
		return true
	}
	if of := stated[s.Extends]; of != nil {
		if of.visit == visiting {
			a.fault(path, "plans extend each other in a circle: %s; remove extends from one of them", circle(of, stated))
			return nil
		}
		a.extend(of, stated)
		if wrongKind(of.Kind) {
			return nil
		}
		s.base = of
		return &extended{of.Code, of.lines}
	}
	old := a.old.Plans[s.Extends]
	if old == nil {
		a.fault(path, "there is no plan %s; add it under plans%s", s.Extends, choices("plans", a.old.Plans))
		return nil
	}
	if wrongKind(old.Kind) {
		return nil
	}
	of := &extended{code: old.Code}
	for i := range old.Latest().Items {
		it := &old.Latest().Items[i]
		if f := a.next.Features[it.Feature]; f != nil {
			of.lines = append(of.lines, line{ItemSpec: it.Spec(f), path: path, at: fmt.Sprintf("items[%d]", i)})
		}
	}
	return of
}

// circle is the way from a plan back to itself, for a message.
func circle(s *statement, stated map[Code]*statement) string {
	codes := []string{string(s.Code)}
	for of := stated[s.Extends]; of != nil && of != s && len(codes) < mostCodes; of = stated[of.Extends] {
		codes = append(codes, string(of.Code))
	}
	return strings.Join(append(codes, string(s.Code)), " extends ")
}

// lines are the items of a plan: those of its base, each in its own words where it has
// some, and then those that are its alone.
func (a *application) lines(s *statement, base *extended) []line {
	own := make(map[Code]int, len(s.Items))
	for i := range s.Items {
		if _, twice := own[s.Items[i].Feature]; !twice {
			own[s.Items[i].Feature] = i
		}
	}
	mine := func(i int) line {
		return line{ItemSpec: &s.Items[i], path: element(s.path+".items", i), at: fmt.Sprintf("items[%d]", i)}
	}
	var out []line
	placed := make(map[int]bool)
	if base != nil {
		without := a.without(s, base, own)
		for _, l := range base.lines {
			if without[l.Feature] {
				continue
			}
			if i, is := own[l.Feature]; is {
				l, placed[i] = mine(i), true
			} else if l.from == "" {
				l.from = base.code
			}
			out = append(out, l)
		}
	}
	for i := range s.Items {
		if !placed[i] {
			out = append(out, mine(i))
		}
	}
	return out
}

// without are the features of a base that a plan leaves out.
func (a *application) without(s *statement, base *extended, own map[Code]int) map[Code]bool {
	out := make(map[Code]bool, len(s.Without))
	if len(s.Without) == 0 {
		return out
	}
	has := make(map[Code]bool, len(base.lines))
	for _, l := range base.lines {
		has[l.Feature] = true
	}
	for i, code := range s.Without {
		path := element(s.path+".without", i)
		switch _, mine := own[code]; {
		case code == "":
			continue // a fault of the file
		case out[code]:
			a.fault(path, "%s is there twice; remove one", code)
		case mine:
			a.fault(path, "%s is among the items too, and an own item takes the place of the whole one; remove one of the two", code)
		case !has[code]:
			a.fault(path, "plan %s has no item of %s to leave out; remove it", base.code, code)
		}
		out[code] = true
	}
	return out
}

// sever parts plans from what they extend if that changes while they are not in the
// spec: they keep their items, which are no longer those of the other.
func (a *application) sever(stated map[Code]*statement) {
	for _, code := range slices.Sorted(maps.Keys(a.old.Plans)) {
		p := a.old.Plans[code]
		if p.Extends == "" || stated[code] != nil {
			continue
		}
		was, is := a.old.Plans[p.Extends], a.next.Plans[p.Extends]
		if was == is || len(itemsDetails(&was.Latest().Terms, &is.Latest().Terms)) == 0 {
			continue
		}
		parted := *p
		parted.Extends, parted.Without = "", nil
		a.next.Plans[code] = &parted
		a.change(actionUpdate, thingPlan, code, p.Latest().Number, planDetails(p, &parted)...)
		a.warn(warnExtendsNoMore, "plan %s extends %s, whose items change, and is not in the file: it keeps its items, and extends it no longer", code, p.Extends)
	}
}

// Spec is the item as a spec states it, with nothing left to a default but the name of
// the price.
func (it *Item) Spec(f *Feature) *ItemSpec {
	s := &ItemSpec{
		Feature: it.Feature, Interval: it.Interval, Annual: it.Annual, Once: it.Once,
		Min: it.Min, Max: it.Max, PerQuantity: it.PerQuantity, Limit: it.Limit, Reset: it.Reset, Align: it.Align,
		UnitAmount: it.UnitAmount, AnnualUnitAmount: it.AnnualUnitAmount, Tiers: it.Tiers, TiersMode: it.TiersMode,
		Included: it.Included, Caps: it.Caps, OverageMax: it.OverageMax, Rate: it.Rate, Value: it.Value.spec(f.Of),
	}
	if !it.PriceNameDefaulted {
		s.PriceName = it.PriceName
	}
	if f.Type == Charge {
		s.FixedCharge = &it.FixedCharge
	}
	if it.OverLimit != (OverLimit{}) {
		s.OverLimit = &it.OverLimit
	}
	if it.Package != 0 {
		s.Package = &it.Package
	}
	if r := it.Rollover; r != nil {
		s.Rollover = &RolloverSpec{Max: r.Max, Windows: &r.Windows}
	}
	for _, g := range it.Grants {
		s.Grants = append(s.Grants, ItemGrantSpec{Amount: &g.Amount, At: g.At, Lasts: g.Lasts, Days: g.Days, Priority: &g.Priority, Kind: g.Kind})
	}
	if it.Limit != "" { // not in a pack; what is not said there is none, whatever the feature says
		s.Thresholds = append([]int{}, it.Thresholds...)
		if s.Low = it.Low; s.Low == nil {
			s.Low = new(int64(-1))
		}
		if s.Burns = it.Burns; s.Burns == nil {
			s.Burns = new(Burns)
		}
	}
	return s
}
