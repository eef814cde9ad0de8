package billing

import (
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// An agreement is counted from two instants, which are fixed when it is made:
// AnchorOn, from which its cycles and windows run, and TermFrom, from which its
// terms run. They move only with a start or a trial's end that moves.

// chain is what the two follow from, beside the agreement itself.
type chain struct {
	before *Agreement // of the same slot, without a gap; nil if there is none
	first  bool       // there is no agreement of the customer before it
	anchor time.Time  // the customer's
	wish   AnchorWish
}

// count sets what an agreement is counted from. Its plan, version, annual choice,
// start and trial are set.
func (s *Snapshot) count(a *Agreement, c chain) {
	if c.anchor.IsZero() {
		c.anchor = a.StartsOn
	}
	a.AnchorOn, a.TermFrom = s.anchorOf(a, c), s.termOf(a, c)
	if s.Catalog.Unfinished {
		// Servers of the version before count all windows from there, and a limit has to
		// be about the same window on each of them.
		a.AnchorOn = c.anchor
	}
}

// anchorOf is what cycles and windows run from. An agreement goes on with those of
// the one before it if the cycle is the same. Another cycle begins anew. What has
// none before it goes by the customer's anchor, but for years after a gap.
func (s *Snapshot) anchorOf(a *Agreement, c chain) time.Time {
	if said, ok := c.said(a); ok {
		if c.wish.Keep && c.before != nil {
			return s.anchor(c.before)
		}
		return said
	}
	terms := s.Terms(a)
	_, unit := terms.Cycle.Parts()
	switch {
	case c.before != nil && (terms.Cycle == calendar.None || s.sameCycle(a, c.before)):
		return s.anchor(c.before)
	case terms.Cycle == calendar.None:
		return c.anchor
	case c.before != nil, unit == calendar.Year && !c.first:
		return a.begins()
	}
	return c.anchor
}

// termOf is what terms run from: the end of the trial; else, if the choice between
// the plan's cycles and years and the cycle are as before, what those of the
// agreement before it run from.
func (s *Snapshot) termOf(a *Agreement, c chain) time.Time {
	if a.hasTrial() {
		return a.TrialEndsOn
	}
	if said, ok := c.said(a); ok {
		if c.wish.Keep && c.before != nil {
			return s.termFrom(c.before)
		}
		return said
	}
	before := c.before
	if a.Annual {
		switch {
		case before != nil && before.Annual:
			return s.termFrom(before)
		case c.first:
			return c.anchor
		}
		return a.StartsOn
	}
	if before != nil && !before.Annual && s.sameCycle(a, before) {
		if from := s.termFrom(before); !from.After(a.StartsOn) {
			return from
		}
	}
	return s.anchorOf(a, c)
}

// said is the anchor that was asked for, if one was; for one that is to be kept,
// that of the customer.
func (c *chain) said(a *Agreement) (time.Time, bool) {
	switch {
	case !c.wish.On.IsZero():
		return c.wish.On, true
	case c.wish.Start:
		return a.StartsOn, true
	case c.wish.Keep:
		return c.anchor, true
	}
	return time.Time{}, false
}

// sameCycle reports whether the cycles of two agreements have the same length and
// are put in the same way.
func (s *Snapshot) sameCycle(a, b *Agreement) bool {
	x, y := s.Terms(a), s.Terms(b)
	return x.Cycle == y.Cycle && x.Align == y.Align
}

// hasTrial reports whether the agreement begins with a trial.
func (a *Agreement) hasTrial() bool { return a.TrialEndsOn.After(a.StartsOn) }

// begins is where what is paid for begins: the start, or the end of the trial.
func (a *Agreement) begins() time.Time {
	if a.hasTrial() {
		return a.TrialEndsOn
	}
	return a.StartsOn
}

// anchor is what the cycles of an agreement that is made are counted from.
func (s *Snapshot) anchor(a *Agreement) time.Time {
	if a.AnchorOn.IsZero() {
		return s.Customer.AnchorOn
	}
	return a.AnchorOn
}

// termFrom is what the terms of an agreement that is made are counted from. Of an
// annual one of before there was this field it is not known: then its start.
func (s *Snapshot) termFrom(a *Agreement) time.Time {
	switch {
	case !a.TermFrom.IsZero():
		return a.TermFrom
	case a.Annual:
		return a.StartsOn
	}
	return s.anchor(a)
}

// term is what an agreement was agreed for at an instant: its trial while that
// runs, then years if it is annual, else cycles of its plan. Before the agreement
// starts it is the first one. A term may begin before the agreement does, where that
// starts on no boundary. There is none once the agreement has ended, nor on a plan
// without cycle. The terms of an agreement of before there was TermFrom are the
// cycles of its plan.
func (s *Snapshot) term(a *Agreement, at time.Time) (calendar.Span, bool) {
	if a.Ended(at) {
		return calendar.Span{}, false
	}
	at = latest(at, a.StartsOn)
	grid := s.grid(a)
	if a.TermFrom.IsZero() {
		return grid.At(at)
	}
	if at.Before(a.TrialEndsOn) {
		return calendar.Span{Start: a.StartsOn, End: a.TrialEndsOn}, true
	}
	grid.Anchor = a.TermFrom
	if a.Annual {
		grid.Every = calendar.Year
	}
	return grid.At(at)
}

// grid is how the cycles of an agreement follow each other.
func (s *Snapshot) grid(a *Agreement) calendar.Grid {
	terms := s.Terms(a)
	return calendar.Grid{Every: terms.Cycle, Align: terms.Align, Anchor: s.anchor(a), Zones: s.Customer.Zones}
}
