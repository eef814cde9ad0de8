package billing

import (
	"slices"
	"time"
)

// Snapshot is what Allot knows of one customer, at one state of the store: facts
// from which every answer follows by the passing of time.
type Snapshot struct {
	Catalog *Catalog
	Facts

	graced map[Code]Limit // see InForce
	beside map[Code]Units // see Beside
}

// Facts are what is kept of one customer, but for the usage.
type Facts struct {
	Customer Customer
	// Agreements are those that had not ended when the facts were read, ascending
	// by id.
	Agreements []Agreement
	// Overrides are those that had not ended, ascending by StartsOn, then id.
	Overrides []Override
	// Grants are those that are not set aside, ascending by id. Ended ones are among them
	// until they are.
	Grants []Grant
}

// Now is the effective now: the clock's time, but never before the last change
// in the facts, so that a node whose clock lags does not unsee a change. Behind a change of
// the customer a clock that lags is put after it: what was known at the instant of the change,
// as of a void, is what went before.
func (s *Snapshot) Now(clock time.Time) time.Time {
	if last := s.Customer.ChangedOn; clock.Before(last) {
		clock = last.Add(time.Microsecond)
	}
	return latest(clock, s.Catalog.ChangedOn)
}

// Terms are those of the version an agreement is on.
func (s *Snapshot) Terms(a *Agreement) *PlanVersion {
	return s.Catalog.Plans[a.Plan].Version(a.Version)
}

// Live are the live agreements, ascending by id. A suspended customer has none
// for the purpose of entitlements: see [Entitlements].
func (s *Snapshot) Live(now time.Time) []*Agreement {
	var live []*Agreement
	for i := range s.Agreements {
		if s.Agreements[i].Live(now) {
			live = append(live, &s.Agreements[i])
		}
	}
	return live
}

// Limit is how much of a metered feature a customer may use in a window.
type Limit struct {
	Max  *int64 // nil: unlimited
	Soft bool   // reported, not enforced
}

// times and plus treat nil as unlimited and stop at [MaxAmount], beyond which no
// usage can be counted.
func times(limit *int64, n int64) *int64 {
	if limit == nil || n == 1 {
		return limit
	}
	if n > 0 && *limit > MaxAmount/n {
		return new(int64(MaxAmount))
	}
	return new(*limit * n)
}

func plus(a, b *int64) *int64 {
	if a == nil || b == nil {
		return nil
	}
	return new(min(*a+*b, MaxAmount))
}

// equalLimit reports whether two limits are the same; nil is unlimited.
func equalLimit(a, b *int64) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// Entitlement is one feature that a customer may use, and what gives it: an
// item of a live agreement, or an override or a grant alone.
type Entitlement struct {
	ID      EntitlementID
	Feature *Feature
	// Item says the prices. That of an override or a grant has none.
	Item *Item
	// Agreement is the one that the item is of; nil for an override or a grant.
	Agreement *Agreement
	// LimitMax is the customer's effective limit of the feature, of one that is used up
	// with what it has beside its allowance, the same on all its entitlements; nil where
	// there is no maximum.
	LimitMax *int64
}

// FixedCharge is what the charge costs, in minor units, for the interval the
// agreement chose. It reports false for other features.
func (e *Entitlement) FixedCharge() (int64, bool) {
	if e.Feature.Type != Charge {
		return 0, false
	}
	if e.Agreement != nil && e.Agreement.Annual && e.Item.Annual != nil {
		return *e.Item.Annual, true
	}
	return e.Item.FixedCharge, true
}

// UnitAmount is the price of a unit in minor units. It reports false unless the
// feature is metered and has one flat price that is a whole number.
func (e *Entitlement) UnitAmount() (int64, bool) {
	if e.Item.UnitAmount == nil {
		return 0, false
	}
	return wholeMinorUnits(*e.Item.UnitAmount)
}

// Entitlements are all a customer is entitled to at an instant, ascending by id:
// one for each item of each live agreement, unless an override denies it, one for each
// override that gives what no agreement does, and one for each feature that grants alone
// give, by the id of the first. A flag that is false is none. A suspended or deleted
// customer has none. Take now from [Snapshot.Now].
func Entitlements(s *Snapshot, now time.Time) []Entitlement {
	if s.barred() {
		return nil
	}
	return s.entitlements(now, false)
}

// entitlements are those of a customer that is not barred; with off, flags that are
// false, too.
func (s *Snapshot) entitlements(now time.Time, off bool) []Entitlement {
	parts := s.parts(now)
	limits := make(map[Code]*int64, len(parts)) // of the features that are entitled
	for code, parts := range parts {
		f, o := s.Catalog.Features[code], s.override(code, now)
		if granted, l := s.limit(f, s.inWindow(f, parts, now), o, now); granted && (off || !f.isOff(f.value(parts, o, now))) {
			limits[code] = s.shown(f, l.Max, now)
		}
	}
	out := make([]Entitlement, 0, len(parts))
	for _, a := range s.Live(now) {
		items := s.Terms(a).Items
		for i := range items {
			item := &items[i]
			if most, entitled := limits[item.Feature]; entitled {
				out = append(out, Entitlement{
					ID: a.ID.Entitlement(i), Feature: s.Catalog.Features[item.Feature], Item: item, Agreement: a, LimitMax: most,
				})
			}
		}
	}
	out = append(out, s.withoutAgreement(parts, now)...)
	slices.SortFunc(out, func(a, b Entitlement) int { return CompareIDs(a.ID, b.ID) })
	return out
}

// withoutAgreement are the entitlements that an override or a grant gives alone.
func (s *Snapshot) withoutAgreement(parts map[Code][]part, now time.Time) (out []Entitlement) {
	alone := make(map[Code]EntitlementID)
	add := func(code Code, id EntitlementID) {
		if _, told := alone[code]; !told && !slices.ContainsFunc(parts[code], func(p part) bool { return p.Live(now) }) {
			alone[code] = id
		}
	}
	for i := range s.Overrides {
		if o := &s.Overrides[i]; s.override(o.Feature, now) == o {
			add(o.Feature, EntitlementID(o.ID))
		}
	}
	for i := range s.Grants {
		if g := &s.Grants[i]; g.Live(now) {
			add(g.Feature, EntitlementID(g.ID[16:]))
		}
	}
	for code, id := range alone {
		f, o := s.Catalog.Features[code], s.override(code, now)
		if granted, l := s.limit(f, nil, o, now); granted && !f.isOff(f.value(nil, o, now)) {
			out = append(out, Entitlement{ID: id, Feature: f, Item: &Item{Feature: f.Code, PriceName: f.Name}, LimitMax: s.shown(f, l.Max, now)})
		}
	}
	return out
}

// Sole is the one live agreement of a customer whose entitlements depend on
// nothing beside it: those of that agreement by itself, each of its items at its
// own limit. Nil if there is no such one. Most customers have one at most times,
// and what they are entitled to differs in nothing but the ids.
func (s *Snapshot) Sole(now time.Time) *Agreement {
	if s.barred() {
		return nil
	}
	for i := range s.Overrides {
		if s.Overrides[i].live(now) {
			return nil
		}
	}
	if len(s.beside) > 0 {
		return nil
	}
	for i := range s.Grants {
		if s.Grants[i].Live(now) {
			return nil
		}
	}
	var sole *Agreement
	for i := range s.Agreements {
		switch a := &s.Agreements[i]; {
		case !a.Live(now):
		case sole != nil || a.Quantity != 1 || len(a.Carried) > 0:
			return nil
		default:
			sole = a
		}
	}
	return sole
}

// Alone are the entitlements of a customer who has nothing but an agreement like
// a, as [Snapshot.Sole] means it: one for each of its items, in their order. Not all are
// so if some of the items are flags that are false, which by themselves entitle to
// nothing.
func (s *Snapshot) Alone(a *Agreement) (items []Entitlement, all bool) {
	agreement := Agreement{ID: a.ID, Plan: a.Plan, Version: a.Version, Kind: a.Kind, Quantity: 1, Annual: a.Annual}
	alone := &Snapshot{Catalog: s.Catalog, Facts: Facts{Agreements: []Agreement{agreement}}}
	items = alone.entitlements(time.Time{}, true)
	return items, len(items) == len(alone.entitlements(time.Time{}, false))
}

// latest is the last of some instants.
func latest(t time.Time, others ...time.Time) time.Time {
	for _, o := range others {
		if o.After(t) {
			t = o
		}
	}
	return t
}
