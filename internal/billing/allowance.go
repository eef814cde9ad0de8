package billing

import (
	"maps"
	"math"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// SourceKind is where a part of an allowance comes from.
type SourceKind string

// The kinds of sources.
const (
	fromPlan     SourceKind = "plan"
	fromAddOn    SourceKind = "add_on"
	fromOverride SourceKind = "override"
	fromGrant    SourceKind = "grant"
)

var sourceKinds = []SourceKind{fromPlan, fromAddOn, fromOverride, fromGrant}

// Source is one thing that has a say in what a customer may use of a feature.
type Source struct {
	Kind SourceKind
	ID   string // of the agreement, the override or the grant
	Plan Code   // "" of an override and of a grant
	// Max is the source's part of the limit; nil is unlimited. Of a grant it is its whole
	// units.
	Max *int64
	// Counts is false for a part that another source has taken the place of. Of those that
	// count, grants of a feature that is used up and add-ons in another rhythm come beside
	// the limit; the others sum to it, but where an earlier one is carried.
	Counts bool
}

// Allowance is what a customer may use of one feature at an instant, and why.
type Allowance struct {
	Feature *Feature
	// Granted is false if nothing grants the feature, or an override denies it.
	Granted bool
	// Denied says that an override takes the feature away.
	Denied bool
	// Suspended customers may use nothing, whatever they are granted.
	Suspended bool
	Limit     Limit
	// Value, of a config feature that is granted, is what it is set to; nil if nothing
	// sets it.
	Value *Value
	// Caps are further limits in other windows.
	Caps []CapAt
	// Included is how many units of a window cost nothing; nil: none are said to.
	Included *int64
	// Rate is told and never counted; nil: none is said.
	Rate *Rate
	// Window is the span in which usage counts against the limit; the zero
	// Window is all time.
	Window     Window
	Sources    []Source
	NextChange *NextChange
	// EndsOn is when the allowance ends: with its window, or with what gives it if that is
	// sooner; zero: never.
	EndsOn time.Time
	// Pooled says that more than the limit and one counter decides: see [CreditSource].
	Pooled bool
	// OverageMax is how much may be used above a soft limit; nil: any amount. Burns is the
	// feature that is used with it.
	OverageMax *int64
	Burns      *Burns
	// Thresholds are the percents of the limit at which, and Low is what is available when,
	// the owner is to be told; nil: not.
	Thresholds []int
	Low        *int64
	// Grace is an earlier limit that holds on if the customer is over; nil if there is
	// none. Whoever decides by the allowance is to answer it first.
	Grace *graceLimit

	rhythm     rhythm
	capRhythms []rhythm // of Caps
}

// NextChange is the next instant at which an allowance follows from other facts
// than now, apart from the reset of its window.
type NextChange struct {
	On  time.Time
	Why ChangeReason
}

// ChangeReason is why an allowance changes by itself.
type ChangeReason string

// The reasons. Of several at one instant the first in this order is told.
const (
	whyTrialEnds       ChangeReason = "trial_ends"
	whyPlanEnds        ChangeReason = "plan_ends"
	whyAddOnEnds       ChangeReason = "add_on_ends"
	whyScheduledChange ChangeReason = "scheduled_change"
	whyOverrideExpires ChangeReason = "override_expires"
	whyGraceEnds       ChangeReason = "grace_ends"
	whyGrantStarts     ChangeReason = "grant_starts"
	whyGrantExpires    ChangeReason = "grant_expires"
	whyRolloverEnds    ChangeReason = "rollover_ends"
	whyAllowanceResets ChangeReason = "allowance_resets"
	whyZoneChanges     ChangeReason = "zone_changes"
)

// changeReasons are in the order of the constants.
var changeReasons = []ChangeReason{
	whyTrialEnds, whyPlanEnds, whyAddOnEnds, whyScheduledChange, whyOverrideExpires, whyGraceEnds,
	whyGrantStarts, whyGrantExpires, whyRolloverEnds, whyAllowanceResets, whyZoneChanges,
}

// before reports whether a change is told rather than another.
func (n NextChange) before(other NextChange) bool {
	if !n.On.Equal(other.On) {
		return n.On.Before(other.On)
	}
	return slices.Index(changeReasons, n.Why) < slices.Index(changeReasons, other.Why)
}

// Window is a span of time in which usage counts: a cycle, or all time if it is
// zero.
type Window struct{ calendar.Span }

// AllTime reports whether the window never resets.
func (w Window) AllTime() bool { return w.End.IsZero() }

// Contains reports whether an instant is in the window.
func (w Window) Contains(t time.Time) bool { return w.AllTime() || w.Span.Contains(t) }

// part is an item for a feature in an agreement that has not ended.
type part struct {
	*Agreement
	item *Item
}

// parts are those of all features, in the order of the agreements.
func (s *Snapshot) parts(now time.Time) map[Code][]part {
	all := make(map[Code][]part)
	for i := range s.Agreements {
		a := &s.Agreements[i]
		if a.Ended(now) {
			continue
		}
		terms := s.Terms(a)
		for j := range terms.Items {
			item := &terms.Items[j]
			all[item.Feature] = append(all[item.Feature], part{a, item})
		}
	}
	return all
}

// partsOf are those of one feature.
func (s *Snapshot) partsOf(feature Code, now time.Time) []part {
	var parts []part
	for i := range s.Agreements {
		a := &s.Agreements[i]
		if terms := s.Terms(a); !a.Ended(now) {
			if j := terms.Find(feature); j >= 0 {
				parts = append(parts, part{a, &terms.Items[j]})
			}
		}
	}
	return parts
}

// larger reports whether a limit is larger than another; nil is unlimited.
func larger(a, b *int64) bool { return b != nil && (a == nil || *a > *b) }

// barred reports whether the customer is entitled to nothing, whatever it holds.
func (s *Snapshot) barred() bool { return s.Customer.Status == Suspended || s.deleted() }

func (s *Snapshot) deleted() bool { return !s.Customer.DeletedOn.IsZero() }

// Allowance is what the customer may use of a feature of the catalog.
func (s *Snapshot) Allowance(feature *Feature, now time.Time) Allowance {
	return s.allowance(feature, s.partsOf(feature.Code, now), now)
}

// Allowances are those of all features that something live has a say in,
// ascending by code.
func (s *Snapshot) Allowances(now time.Time) []Allowance {
	parts := s.parts(now)
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.live(now) && parts[o.Feature] == nil {
			parts[o.Feature] = []part{}
		}
	}
	s.sourcesOf(parts)
	var out []Allowance
	for _, code := range slices.Sorted(maps.Keys(parts)) {
		if al := s.allowance(s.Catalog.Features[code], parts[code], now); len(al.Sources) > 0 {
			out = append(out, al)
		}
	}
	return out
}

func (s *Snapshot) allowance(feature *Feature, parts []part, now time.Time) Allowance {
	al := s.ownAllowance(feature, parts, now)
	if al.Pooled {
		s.pool(&al, parts, s.override(feature.Code, now), now)
	}
	return al
}

// ownAllowance is the allowance without what other sources than that of the window give.
func (s *Snapshot) ownAllowance(feature *Feature, parts []part, now time.Time) Allowance {
	o := s.override(feature.Code, now)
	al := Allowance{Feature: feature, Suspended: s.Customer.Status == Suspended && !s.deleted()}
	all := parts
	if feature.Type == Metered {
		al.Thresholds, al.Low = feature.Thresholds, feature.Low
		lead := lead(parts, now)
		if lead != nil {
			al.Thresholds, al.Low = lead.item.Thresholds, lead.item.Low
		}
		al.rhythm = s.rhythmOfPart(feature, lead, now)
		al.Window = al.rhythm.window(now)
		parts, _ = s.ofRhythm(feature, parts, al.rhythm, now)
		al.Pooled = s.pooled(feature, all, al.rhythm, now)
	}
	al.Granted, al.Limit = s.limit(feature, parts, o, now)
	al.NextChange = s.nextChange(feature.Code, parts, o, al.Granted, now)
	al.Granted, al.Denied = al.Granted && !s.deleted(), o != nil && o.Deny || !al.Granted && s.denies(feature.Code, now)
	al.Sources = s.sources(feature, all, o, now)
	al.Grace = s.grace(feature, parts, o, &al, now)
	if al.Granted {
		al.Value = feature.value(parts, o, now)
		al.Caps, al.capRhythms = s.caps(all, now) // which bound use from whatever source
		al.Included, al.Rate = included(parts, now), rateOf(all, now)
	}
	return al
}

// WindowAt is the span that contains an instant, as the windows of the allowance
// follow each other.
func (al *Allowance) WindowAt(t time.Time) Window { return al.rhythm.window(t) }

// rhythm is how the windows of a feature follow each other.
type rhythm struct {
	never bool
	grid  calendar.Grid
}

// rhythm is that of the plan's item, else that of the add-on with the lowest code,
// else the feature's own reset. What resets with the cycle does so with the plan's, and
// what is held never does.
func (s *Snapshot) rhythm(feature *Feature, parts []part, now time.Time) rhythm {
	return s.rhythmOfPart(feature, lead(parts, now), now)
}

// rhythmOfPart is that of a live part, as if it were the lead; nil: there is none.
func (s *Snapshot) rhythmOfPart(feature *Feature, lead *part, now time.Time) rhythm {
	switch {
	case feature.Held:
		return rhythm{never: true}
	case lead == nil:
		return s.rhythmOf(feature.Reset, nil, now)
	}
	return s.rhythmOf(lead.item.Reset, lead, now)
}

// lead is the part that gives the rhythm; nil if none is live.
func lead(parts []part, now time.Time) (lead *part) {
	for i := range parts {
		p := &parts[i]
		if p.Live(now) && (lead == nil || p.Kind == KindPlan || lead.Kind == KindAddOn && p.Plan < lead.Plan) {
			lead = p
		}
	}
	return lead
}

// rhythmOf is that of a reset that an item has; nil: that no item has.
func (s *Snapshot) rhythmOf(reset Reset, lead *part, now time.Time) rhythm {
	plan := s.plan(now)
	r := rhythm{grid: calendar.Grid{Anchor: s.Customer.AnchorOn, Every: calendar.None, Zones: s.Customer.Zones}}
	if plan != nil {
		r.grid = s.grid(plan)
	}
	align := calendar.Align("")
	if lead != nil {
		if reset != ResetCycle || plan == nil {
			r.grid = s.grid(lead.Agreement)
		}
		if reset != ResetCycle || lead.Kind == KindPlan {
			align = lead.item.Align
		}
	}
	switch reset {
	case ResetNever:
		return rhythm{never: true}
	case ResetCycle:
	default:
		r.grid.Every = calendar.Interval(reset)
	}
	if align != "" {
		r.grid.Align = align
	}
	if n, _ := r.grid.Every.Parts(); n != 1 {
		r.grid.Align = "" // of the plan: a multiple is not on the calendar
	}
	return r
}

// window is the one that contains an instant.
func (r rhythm) window(at time.Time) Window {
	if r.never {
		return Window{}
	}
	w, _ := r.grid.At(at)
	return Window{w}
}

// plan is the live agreement to a plan, or nil.
func (s *Snapshot) plan(now time.Time) *Agreement {
	for i := range s.Agreements {
		if a := &s.Agreements[i]; a.Kind == KindPlan && a.Live(now) {
			return a
		}
	}
	return nil
}

// override is the live override of a feature, or nil. Overrides count only
// beside a plan.
func (s *Snapshot) override(feature Code, now time.Time) *Override {
	for i := range s.Overrides {
		if o := &s.Overrides[i]; o.Feature == feature && o.live(now) && s.plan(now) != nil {
			return o
		}
	}
	return nil
}

// Reason says why a request was allowed or not.
type Reason string

// The reasons of a decision.
const (
	reasonUnmetered      Reason = "unmetered"
	reasonWithinLimit    Reason = "within_limit"
	reasonUnlimited      Reason = "unlimited"
	reasonOverSoftLimit  Reason = "over_soft_limit"
	reasonLimitReached   Reason = "limit_reached"
	reasonCapReached     Reason = "cap_reached"
	reasonPoolEmpty      Reason = "pool_empty"
	reasonOverageReached Reason = "overage_limit_reached"
	reasonNotEntitled    Reason = "not_entitled"
	reasonSuspended      Reason = "suspended"
	// ReasonHeld is that of a decision that was made when the units were held.
	ReasonHeld Reason = "held"
)

var reasons = []Reason{
	reasonUnmetered, reasonWithinLimit, reasonUnlimited, reasonOverSoftLimit, reasonLimitReached, reasonCapReached,
	reasonPoolEmpty, reasonOverageReached, reasonNotEntitled, reasonSuspended, ReasonHeld,
}

// Decision is the answer to "may she?", with all it was decided from.
type Decision struct {
	Allowance
	Allowed bool
	Reason  Reason
	Used    Units
	Held    Units
	// Remaining is what can still be used: the least that the limit and the caps leave; nil
	// without any.
	Remaining *Units
	Revision  Revision

	// Of a pooled feature: what it burns (nil: nothing), the sources that a use has drawn
	// on, and what was used in the window above what sources could pay.
	Pool    *PoolCredit
	Draws   []CreditDraw
	Overage Units

	// counted is what Used comes from. It can be below 0, after a correction of
	// usage that another rhythm of windows had put into an earlier one.
	counted    Units
	capCounted []Units // the same of Caps
}

// open is the beginning of a decision.
func (al Allowance) open(used, held Units) Decision {
	al.settle(used, held)
	al.Caps = slices.Clone(al.Caps)
	d := Decision{Allowance: al, counted: used, Used: max(used, 0), Held: held}
	for i := range d.Caps {
		c := &d.Caps[i]
		d.capCounted = append(d.capCounted, c.Used)
		c.Used = max(c.Used, 0)
	}
	return d
}

// Decide answers whether some more units may be used when so much is used and
// held already, and so much as the caps say in their windows.
func (al Allowance) Decide(units, used, held Units) Decision {
	d := al.open(used, held)
	al = d.Allowance
	if al.Feature.Type == Metered && (al.Suspended || !al.Granted) {
		d.Remaining = new(Units)
	}
	switch {
	case al.Suspended:
		d.Reason = reasonSuspended
		return d
	case !al.Granted:
		d.Reason = reasonNotEntitled
		return d
	case al.Feature.Type != Metered:
		d.Allowed, d.Reason = true, reasonUnmetered
		return d
	}
	room := d.room()
	most := al.Limit.Max
	within := most == nil || units <= room || !binds(*most)
	capped := !d.remain(units)
	switch {
	case !within && !al.Limit.Soft:
		d.Reason = reasonLimitReached
	case capped:
		d.Reason = reasonCapReached
	case !within:
		d.Allowed, d.Reason = true, reasonOverSoftLimit
	case most == nil && len(d.Caps) == 0:
		d.Allowed, d.Reason = true, reasonUnlimited
	default:
		d.Allowed, d.Reason = true, reasonWithinLimit
	}
	return d
}

// remain sets what remains, and reports whether the caps allow some units.
func (d *Decision) remain(units Units) bool {
	allowed, least := d.measure(units, d.room())
	d.Remaining = nil
	if d.Limit.Max != nil || len(d.Caps) > 0 {
		d.Remaining = &least
	}
	return allowed
}

// After is a decision as it stands once its units are counted or held.
func (d Decision) After(used, held Units) Decision {
	d.counted = d.counted.Plus(used)
	d.Used, d.Held = max(d.counted, 0), d.Held.Plus(held)
	d.Caps, d.capCounted = slices.Clone(d.Caps), slices.Clone(d.capCounted)
	for i := range d.Caps {
		d.capCounted[i], d.Caps[i].Held = d.capCounted[i].Plus(used), d.Caps[i].Held.Plus(held)
	}
	d.settle(d.Used, d.Held) // which may have come to be more than the limit
	d.remain(0)
	return d
}

// Counted is what Used comes from: it can be below 0.
func (d *Decision) Counted() Units { return d.counted }

// room is what the limit leaves, never below 0.
func (d *Decision) room() Units {
	if d.Limit.Max == nil {
		return math.MaxInt64
	}
	return left(*d.Limit.Max, d.Used, d.Held)
}

// Carry is what remains of an earlier limit after a change to a smaller one, by
// the over_limit policy of the new terms.
type Carry struct {
	Feature Code
	// Max is the earlier plan's part of the limit; nil is unlimited. It holds on only
	// while more is used than the new limit, and only for who was over at each of the
	// instants OverOn, ascending: the start of the agreement that carried it first, of
	// each that took it over, and of this one. Without OverOn it is the earlier limit as
	// a whole, and holds on for everybody: so agreements of before there was this field
	// have it.
	Max    *int64
	OverOn []time.Time
	Until  time.Time // zero: for as long as the agreement
}

// ifOver reports whether it depends on who was over.
func (c *Carry) ifOver() bool { return len(c.OverOn) > 0 }

// holds reports whether the earlier limit is still in force.
func (c *Carry) holds(now time.Time) bool { return c.Until.IsZero() || now.Before(c.Until) }
