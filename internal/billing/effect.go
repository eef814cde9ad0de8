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
	Gains    []Code
	Loses    []Code
	Limits   []limitChange
	Exceeds  []excess
}

// limitChange is a metered feature that is held before and after, with another
// limit.
type limitChange struct {
	Feature  Code
	From, To *int64 // nil: unlimited
}

// excess is a metered feature of which more is used and held than the limit
// would be.
type excess struct {
	Feature Code
	Limit   int64
	Used    Units
	Held    Units
}

// Effect compares what the customer may use now with what it could on other
// terms. Of a feature that has a limit on these, usage answers what is used and
// held of its allowance there; its error is the only one.
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
		code := al.Feature.Code
		was := before[code]
		delete(before, code)
		switch {
		case al.Granted && !was.Granted:
			out.Gains = append(out.Gains, code)
		case !al.Granted && was.Granted:
			out.Loses = append(out.Loses, code)
		case al.Granted && !equalLimit(was.Limit.Max, al.Limit.Max):
			out.Limits = append(out.Limits, limitChange{Feature: code, From: was.Limit.Max, To: al.Limit.Max})
		}
		if !al.Granted || al.Limit.Max == nil || al.Feature.Type != Metered {
			continue
		}
		used, held, err := usage(&al)
		if err != nil {
			return Effect{}, err
		}
		if al.settle(used, held); al.over(used, held) {
			out.Exceeds = append(out.Exceeds, excess{Feature: code, Limit: *al.Limit.Max, Used: used, Held: held})
		}
	}
	for _, code := range slices.Sorted(maps.Keys(before)) {
		if before[code].Granted {
			out.Loses = append(out.Loses, code)
		}
	}
	slices.Sort(out.Loses)
	return out, nil
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
