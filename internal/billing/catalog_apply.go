package billing

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Apply works out the catalog that results from a spec, and what changes on the
// way. The receiver stays as it is. If the spec has faults they are all
// returned and nothing else is.
func (c *Catalog) Apply(spec CatalogSpec, now time.Time, newGroupID func() (GroupID, error)) (*Catalog, CatalogChanges, []Fault, error) {
	a := &application{
		now: now, old: c, sold: make(map[Code]*sold),
		next: &Catalog{
			Rev: c.Rev + 1, ChangedOn: now, Currency: c.Currency, Unfinished: c.Unfinished,
			Features: copied(c.Features), Groups: copied(c.Groups), Plans: copied(c.Plans),
		},
	}
	a.features(spec)
	if err := a.groups(spec.Groups, newGroupID); err != nil {
		return nil, CatalogChanges{}, nil, err
	}
	if a.plans(spec.Plans); a.crowded {
		return nil, CatalogChanges{}, a.faults, nil
	}
	a.pools()
	a.values(spec)
	a.chains(spec)
	a.rhythms()
	a.fallbacks(spec.Groups)
	a.currency(spec)
	a.faults = append(a.faults, c.waiting(spec, a.next)...)
	if len(a.faults) > 0 {
		return nil, CatalogChanges{}, a.faults, nil
	}
	a.surprises()
	a.moveDefaults(spec)
	a.untouched(spec)
	if len(a.changes.Changes) == 0 {
		a.next = c
	}
	a.changes.Rev = a.next.Rev
	return a.next, a.changes, nil, nil
}

// application is one run of [Catalog.Apply].
type application struct {
	now     time.Time
	old     *Catalog
	next    *Catalog
	changes CatalogChanges
	faults  []Fault
	sold    map[Code]*sold // the plans of the spec, with faults or without
	items   int            // of the plans of the spec, so far
	crowded bool           // whether they are too many
	details int            // of the changes, so far

	// Found when they are first asked for, or each thing of the spec would walk the
	// whole catalog: by a feature and by a group a plan that fixes its type; what each
	// group sells.
	bound, fixed map[Code]Code
	ranges       map[Code]*assortment
	burning      []burnUse // that the spec states
}

func (a *application) fault(path, format string, args ...any) {
	a.faults = append(a.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
}

// faultBy is a fault of what is measured by another place.
func (a *application) faultBy(from, path, format string, args ...any) {
	a.faults = append(a.faults, Fault{Path: path, Message: fmt.Sprintf(format, args...), From: from})
}

// mostDetails is how many details the changes of a file have in all.
const mostDetails = 50_000

func (a *application) change(action Action, kind Thing, code Code, version int, details ...string) {
	if more := a.details + len(details) - mostDetails; more > 0 && len(details) > 0 {
		keep := max(len(details)-more, 0)
		details = append(details[:keep:keep], fmt.Sprintf("%d more, which are not listed", len(details)-keep))
	}
	a.details += len(details)
	a.changes.Changes = append(a.changes.Changes, catalogChange{Action: action, Kind: kind, Code: code, Version: version, Details: details})
}

func (a *application) warn(code, format string, args ...any) {
	a.changes.Warnings = append(a.changes.Warnings, warning(code, format, args...))
}

func (a *application) currency(spec CatalogSpec) {
	published := false
	for _, p := range a.old.Plans {
		published = published || p.Status == Published
	}
	if code := spec.Currency; code != "" && code != a.old.Currency {
		if published {
			a.fault("currency", "the currency was fixed to %s by the first published plan; it cannot become %s", a.old.Currency, code)
			return
		}
		a.next.Currency = code
		a.change(actionUpdate, thingCurrency, Code(code), 0, detail("currency", a.old.Currency, code))
	}
	publishes := slices.ContainsFunc(spec.Plans, func(p PlanSpec) bool { return p.Status == Published })
	if a.next.Currency == "" && publishes {
		a.fault("currency", "a published plan needs a currency; add for example currency: usd")
	}
}

// copied is a copy of a map that can be written to, also of a nil one.
func copied[V any](m map[Code]V) map[Code]V {
	out := make(map[Code]V, len(m))
	maps.Copy(out, m)
	return out
}

func (a *application) groups(groups []PlanGroup, newID func() (GroupID, error)) error {
	seen := make(map[Code]int)
	defaults := make(map[CustomerType]Code)
	for i, g := range groups {
		path := fmt.Sprintf("plan_groups[%d]", i)
		if g.Code == "" {
			continue
		}
		if first, twice := seen[g.Code]; twice {
			a.fault(path+".code", "plan group %s is in the file twice, first as plan_groups[%d]; remove one", g.Code, first)
			continue
		}
		seen[g.Code] = i
		if g.Default && g.CustomerType != "" {
			if other := defaults[g.CustomerType]; other != "" {
				a.fault(path+".default", "%s is the default group for customers of type %s already; there can be only one", other, g.CustomerType)
			}
			defaults[g.CustomerType] = g.Code
		}
		a.about(path, &g.About)
		old := a.old.Groups[g.Code]
		if old == nil {
			id, err := newID()
			if err != nil {
				return err
			}
			g.ID = id
			a.next.Groups[g.Code] = &g
			a.change(actionCreate, thingGroup, g.Code, 0)
			continue
		}
		g.ID = old.ID
		if g.CustomerType != old.CustomerType && g.CustomerType != "" {
			if user := a.publishedIn(g.Code); user != "" {
				a.fault(path+".customer_type", "plan group %s is for customers of type %s, because plan %s is published in it; use another code",
					g.Code, old.CustomerType, user)
				continue
			}
		}
		if !reflect.DeepEqual(*old, g) {
			a.next.Groups[g.Code] = &g
			a.change(actionUpdate, thingGroup, g.Code, 0, groupDetails(old, &g)...)
		}
	}
	return nil
}

// publishedIn is the first published plan of a group; "" if there is none.
func (a *application) publishedIn(group Code) Code {
	if a.fixed == nil {
		a.fixed = make(map[Code]Code)
		for code, p := range a.old.Plans {
			if first := a.fixed[p.Group]; p.Status == Published && (first == "" || code < first) {
				a.fixed[p.Group] = code
			}
		}
	}
	return a.fixed[group]
}

// moveDefaults takes the mark of the default from the group or plan that had it
// when the spec gives it to another.
func (a *application) moveDefaults(spec CatalogSpec) {
	groups := make(map[CustomerType][]Code)
	for code, g := range a.next.Groups {
		if g.Default {
			groups[g.CustomerType] = append(groups[g.CustomerType], code)
		}
	}
	for _, g := range spec.Groups {
		if !g.Default {
			continue
		}
		for _, code := range others(groups[g.CustomerType], g.Code) {
			moved := *a.next.Groups[code]
			moved.Default = false
			a.next.Groups[code] = &moved
			a.change(actionUpdate, thingGroup, code, 0, detail("default", true, false))
		}
	}
	plans := make(map[Code][]Code)
	for code, p := range a.next.Plans {
		if p.Default {
			plans[p.Group] = append(plans[p.Group], code)
		}
	}
	for _, p := range spec.Plans {
		if !p.Default {
			continue
		}
		for _, code := range others(plans[p.Group], p.Code) {
			moved := *a.next.Plans[code]
			moved.Default = false
			a.next.Plans[code] = &moved
			a.change(actionUpdate, thingPlan, code, moved.Latest().Number, detail("default", true, false))
		}
	}
}

// others are all codes but one, ascending.
func others(all []Code, but Code) []Code {
	rest := slices.DeleteFunc(slices.Clone(all), func(c Code) bool { return c == but })
	slices.Sort(rest)
	return rest
}

// untouched lists what the catalog has and the spec leaves out.
func (a *application) untouched(spec CatalogSpec) {
	features, groups, plans := make(map[Code]bool), make(map[Code]bool), make(map[Code]bool)
	for _, f := range spec.Features {
		features[f.Code] = true
	}
	for _, g := range spec.Groups {
		groups[g.Code] = true
	}
	for _, p := range spec.Plans {
		plans[p.Code] = true
	}
	add := func(kind Thing, have []Code, named map[Code]bool) {
		for _, code := range have {
			if !named[code] {
				a.changes.Untouched = append(a.changes.Untouched, reference{Kind: kind, Code: code})
			}
		}
	}
	add(thingFeature, slices.Sorted(maps.Keys(a.old.Features)), features)
	add(thingGroup, slices.Sorted(maps.Keys(a.old.Groups)), groups)
	add(thingPlan, slices.Sorted(maps.Keys(a.old.Plans)), plans)
}

// choices lists the codes there are, for a message.
func choices[T any](kind string, have map[Code]T) string {
	if len(have) == 0 || len(have) > 12 {
		return ""
	}
	return fmt.Sprintf(" (%s there are: %v)", kind, slices.Sorted(maps.Keys(have)))
}
