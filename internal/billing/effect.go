package billing

import (
	"maps"
	"slices"
	"time"
)

// Effect is what another plan, or another version of the same one, does to a
// customer.
type Effect struct {
	Customer CustomerID
	From     *PlanVersion // nil: no plan
	Gains    []Code       // a flag that becomes true, too
	Loses    []Code
	Limits   []limitChange
	Caps     []capChange
	Values   []valueChange
	Exceeds  []excess
}

// limitChange is a metered feature that is held before and after, with another
// limit.
type limitChange struct {
	Feature  Code
	From, To *int64 // nil: unlimited
}

// capChange is a metered feature that is held before and after, with another cap of a
// reset.
type capChange struct {
	Feature  Code
	Reset    Reset
	From, To *int64 // nil: there is no cap
}

// valueChange is a config feature that is held before and after, with another value.
type valueChange struct {
	Feature  *Feature
	From, To *Value // nil: none is set
}

// excess is a metered feature of which more is used and held than the limit, or a cap,
// would be.
type excess struct {
	Feature Code
	Reset   Reset // of the cap; "" of the limit
	Limit   int64
	Used    Units
	Held    Units
}

// Effect compares what the customer may use now with what it could on other
// terms. Of a feature that has a limit or caps on these, usage answers what is used and
// held of its allowance there, and sets that of its caps; its error is the only one.
func (s *Snapshot) Effect(to *PlanVersion, now time.Time, usage func(*Allowance) (used, held Units, err error)) (Effect, error) {
	then, from := s.on(to, now)
	out := Effect{Customer: s.Customer.ID, From: from}
	before := make(map[Code]Allowance)
	for _, al := range s.Allowances(now) {
		if al.Grace != nil {
			used, held, err := usage(&al)
			if err != nil {
				return Effect{}, err
			}
			al.settle(used, held)
		}
		before[al.Feature.Code] = al
	}
	for _, al := range then.Allowances(now) {
		was := before[al.Feature.Code]
		delete(before, al.Feature.Code)
		out.compare(&was, &al)
		if err := out.exceed(&al, usage); err != nil {
			return Effect{}, err
		}
	}
	for _, code := range slices.Sorted(maps.Keys(before)) {
		if al := before[code]; al.has() {
			out.Loses = append(out.Loses, code)
		}
	}
	slices.Sort(out.Loses)
	return out, nil
}

// has reports whether there is something to use: a flag that is false is nothing.
func (al *Allowance) has() bool { return al.Granted && !al.Feature.isOff(al.Value) }

// compare notes what becomes of a feature.
func (e *Effect) compare(was, is *Allowance) {
	code := is.Feature.Code
	switch {
	case is.has() && !was.has():
		e.Gains = append(e.Gains, code)
		return
	case !is.has() && was.has():
		e.Loses = append(e.Loses, code)
		return
	case !is.has():
		return
	}
	if !equalLimit(was.Limit.Max, is.Limit.Max) {
		e.Limits = append(e.Limits, limitChange{Feature: code, From: was.Limit.Max, To: is.Limit.Max})
	}
	if !equalValue(was.Value, is.Value) {
		e.Values = append(e.Values, valueChange{Feature: is.Feature, From: was.Value, To: is.Value})
	}
	for _, c := range is.Caps {
		if from := was.cap(c.Reset); from == nil || *from != c.Max {
			e.Caps = append(e.Caps, capChange{Feature: code, Reset: c.Reset, From: from, To: new(c.Max)})
		}
	}
	for _, c := range was.Caps {
		if is.cap(c.Reset) == nil {
			e.Caps = append(e.Caps, capChange{Feature: code, Reset: c.Reset, From: new(c.Max)})
		}
	}
}

// cap is that of a reset; nil if there is none.
func (al *Allowance) cap(reset Reset) *int64 {
	i := slices.IndexFunc(al.Caps, func(c CapAt) bool { return c.Reset == reset })
	if i < 0 {
		return nil
	}
	return &al.Caps[i].Max
}

// exceed notes of what more is used and held than there would be.
func (e *Effect) exceed(al *Allowance, usage func(*Allowance) (used, held Units, err error)) error {
	if !al.Granted || al.Limit.Max == nil && len(al.Caps) == 0 || al.Feature.Type != Metered {
		return nil
	}
	code := al.Feature.Code
	used, held, err := usage(al)
	if err != nil {
		return err
	}
	if al.settle(used, held); al.over(used, held) {
		e.Exceeds = append(e.Exceeds, excess{Feature: code, Limit: *al.Limit.Max, Used: used, Held: held})
	}
	for _, c := range al.Caps {
		if binds(c.Max) && max(c.Used, 0).Plus(c.Held) > LimitUnits(c.Max) {
			e.Exceeds = append(e.Exceeds, excess{Feature: code, Reset: c.Reset, Limit: c.Max, Used: c.Used, Held: c.Held})
		}
	}
	return nil
}

// on is the snapshot with other terms from an instant on, and those they replace; nil
// if they replace none.
func (s *Snapshot) on(to *PlanVersion, now time.Time) (then *Snapshot, from *PlanVersion) {
	kind := s.Catalog.Plans[to.Plan].Kind
	next := Agreement{CustomerID: s.Customer.ID, Plan: to.Plan, Version: to.Number, Kind: kind, Quantity: 1, StartsOn: now}
	out := *s
	c := chain{anchor: s.Customer.AnchorOn}
	out.Agreements = slices.DeleteFunc(slices.Clone(s.Agreements), func(a Agreement) bool {
		if a.slot() != next.slot() || !a.Live(now) {
			return false
		}
		from, next.Quantity, next.Annual, c.before = s.Terms(&a), a.Quantity, a.Annual, &a
		return true
	})
	s.count(&next, c)
	if c.before != nil && c.before.Plan == next.Plan { // a migration keeps both
		next.AnchorOn, next.TermFrom = c.before.AnchorOn, c.before.TermFrom
	}
	if next.Kind == KindPlan {
		out.Agreements = slices.DeleteFunc(out.Agreements, func(a Agreement) bool {
			return a.Kind == KindAddOn && a.Live(now) && !among(s.goesBeside(&a), next.Plan)
		})
	}
	out.Agreements = append(out.Agreements, next)
	return &out, from
}

// HeldOn is the first instant, from one on, at which the customer holds a plan or
// add-on; that instant itself if there is none.
func (s *Snapshot) HeldOn(code Code, now time.Time) time.Time {
	var first time.Time
	for i := range s.Agreements {
		if a := &s.Agreements[i]; a.Plan == code && !a.Ended(now) {
			first = earlier(first, latest(now, a.StartsOn))
		}
	}
	if first.IsZero() {
		return now
	}
	return first
}
