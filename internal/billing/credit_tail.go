package billing

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// lived is a window of a feature as it was lived: a change of plan may have cut it.
type lived struct {
	Window   // as the rhythm has it
	From, To time.Time
	// Allowance is that of the last instant of it.
	Allowance Allowance
	rollover  *Rollover
}

// maxTails is the most windows that anything rolls over to.
const maxTails = 12

// livedBefore are the windows that ended at or before an instant, the last first, at most
// maxTails of them, as long as the feature was held without a gap.
func (s *Snapshot) livedBefore(feature *Feature, at time.Time) []lived {
	var out []lived
	for range maxTails {
		from := s.livedFrom(feature, at)
		before := from.Add(-time.Microsecond)
		if from.IsZero() || len(s.partsOfLive(feature.Code, before)) == 0 {
			break
		}
		al := s.ownAllowance(feature, s.partsOf(feature.Code, before), before)
		l := lived{Window: al.Window, From: s.livedFrom(feature, before), To: from, Allowance: al, rollover: s.rollover(feature, before)}
		out = append(out, l)
		at = before
	}
	return out
}

// livedFrom is when the window that contains an instant began to be lived: its start, or
// the change of plan, after that, that put it in the place of another; zero if it has none.
func (s *Snapshot) livedFrom(feature *Feature, at time.Time) time.Time {
	w := s.windowOf(feature, at)
	for {
		last := w.Start // zero of all time
		for i := range s.Agreements {
			for _, t := range []time.Time{s.Agreements[i].StartsOn, s.Agreements[i].ExpiresOn} {
				if t.After(last) && !t.After(at) {
					last = t
				}
			}
		}
		if !last.After(w.Start) {
			return w.Start
		}
		before := last.Add(-time.Microsecond)
		if len(s.partsOfLive(feature.Code, before)) == 0 || s.windowOf(feature, before) != w {
			return last
		}
		at = before
	}
}

// LivedUntil is when the window that contains an instant ends as it is lived: with itself, or
// where the feature is not held any more or another window takes its place; zero: never.
func (s *Snapshot) LivedUntil(feature *Feature, at time.Time) time.Time {
	w := s.windowOf(feature, at)
	end := w.End
	for i := range s.Agreements {
		for _, t := range []time.Time{s.Agreements[i].StartsOn, s.Agreements[i].ExpiresOn} {
			if t.After(at) && (end.IsZero() || t.Before(end)) &&
				(len(s.partsOfLive(feature.Code, t)) == 0 || s.windowOf(feature, t) != w) {
				end = t
			}
		}
	}
	return end
}

// LastHeld is the last instant up to another at which a feature is held, but by grants, in
// the window that contains one; that one if there is none behind it.
func (s *Snapshot) LastHeld(feature *Feature, at, until time.Time) time.Time {
	w := s.windowOf(feature, at)
	last := at
	try := func(t time.Time) {
		if t.After(last) && !t.After(until) && s.windowOf(feature, t) == w && len(s.partsOfLive(feature.Code, t)) > 0 {
			last = t
		}
	}
	try(until)
	if !w.End.IsZero() {
		try(w.End.Add(-time.Microsecond))
	}
	for i := range s.Agreements {
		try(s.Agreements[i].StartsOn.Add(-time.Microsecond))
		try(s.Agreements[i].ExpiresOn.Add(-time.Microsecond))
	}
	return last
}

func (s *Snapshot) windowOf(feature *Feature, at time.Time) Window {
	return s.rhythm(feature, s.partsOf(feature.Code, at), at).window(at)
}

func (s *Snapshot) partsOfLive(feature Code, at time.Time) []part {
	return slices.DeleteFunc(s.partsOf(feature, at), func(p part) bool { return !p.Live(at) })
}

// rollover is how what is left of a window rolls over by what is held at an instant: as
// the plan's item says, else that of the add-on that gives the rhythm; nil: it does not.
func (s *Snapshot) rollover(feature *Feature, at time.Time) *Rollover {
	if lead := lead(s.partsOf(feature.Code, at), at); lead != nil {
		return lead.item.Rollover
	}
	return nil
}

// tails are what rolled over of windows that ended before, and is usable at an instant of
// [from, to]: for as many further windows as was said at the window's end, while the
// feature is held.
func (s *Snapshot) tails(feature *Feature, from, to time.Time) []CreditSource {
	if !feature.Pooled {
		return nil
	}
	var out []CreditSource
	seen := make(map[string]bool)
	for _, at := range s.moments(feature, from, to) {
		if len(s.partsOfLive(feature.Code, at)) == 0 {
			continue
		}
		had := []Window{s.windowOf(feature, at)} // which is an allowance again, if it was cut before
		for n, l := range s.livedBefore(feature, at) {
			id, again := windowSource(l.Window), slices.Contains(had, l.Window)
			had = append(had, l.Window)
			if l.rollover == nil || n >= l.rollover.Windows || l.Allowance.Limit.Max == nil || again || seen[id] {
				continue
			}
			seen[id] = true
			out = append(out, CreditSource{
				ID: id, Class: CreditRollover, Priority: DefaultPriority, EffectiveOn: l.To, EndsOn: s.tailEnds(feature, l.To, l.rollover.Windows),
				Amount: unitsOf(l.Allowance.Limit.Max), Max: unitsOf(l.rollover.Max), Window: Window{calendar.Span{Start: l.Window.Start, End: l.To}},
			})
		}
	}
	return out
}

// tailEnds is the end of the n-th window that is lived from an instant on.
func (s *Snapshot) tailEnds(feature *Feature, from time.Time, n int) time.Time {
	at := from
	for range n {
		end := s.LivedUntil(feature, at)
		if end.IsZero() || len(s.partsOfLive(feature.Code, end)) == 0 {
			return end
		}
		at = end
	}
	return at
}

// RolledOver names the source that what is left of the window of an instant is once that
// has ended.
func (s *Snapshot) RolledOver(feature *Feature, at time.Time) string {
	return windowSource(s.windowOf(feature, at))
}
