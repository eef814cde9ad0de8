package creditmodel

import (
	"slices"
	"time"
)

// termsAt are the terms of a chain in force at t; the zero Terms if there are none. Of two
// with one start the later written holds.
func (m *Model) termsAt(feature, chain string, t time.Time) Terms {
	var found *termsFact
	for i := range m.terms {
		f := &m.terms[i]
		if f.feature != feature || f.chain != chain || f.from.After(t) {
			continue
		}
		if found == nil || !f.from.Before(found.from) {
			found = f
		}
	}
	if found == nil {
		return Terms{}
	}
	return found.terms
}

// changes are the instants at which a chain's terms change, in order.
func (m *Model) changes(feature, chain string) []time.Time {
	var at []time.Time
	for _, f := range m.terms {
		if f.feature == feature && f.chain == chain {
			at = append(at, f.from)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	return slices.CompactFunc(at, time.Time.Equal)
}

// chains are the add-ons that ever had an allowance of their own for a feature, by code,
// after the empty one of the terms.
func (m *Model) chains(feature string) []string {
	all := []string{""}
	for _, f := range m.terms {
		if f.feature == feature && !slices.Contains(all, f.chain) {
			all = append(all, f.chain)
		}
	}
	slices.Sort(all)
	return all
}

// windowsAt are the windows a chain has at t: those in force, or where nothing is held
// those that were in force last.
//
// READING: while nothing is held, windows go on in the last rhythm of a chain; only to
// know which are "further windows" of a rollover.
func (m *Model) windowsAt(feature, chain string, t time.Time) Windows {
	if in := m.termsAt(feature, chain, t); in.Has {
		return in.Windows
	}
	windows := m.features[feature].Alone
	for _, c := range m.changes(feature, chain) {
		if in := m.termsAt(feature, chain, c); in.Has && !c.After(t) {
			windows = in.Windows
		}
	}
	return windows
}

// windowOf is the window of the feature that contains t: the terms', or without terms that
// of an override alone (rule 14). A held feature never resets.
func (m *Model) windowOf(feature string, t time.Time) Window {
	f := m.features[feature]
	if f.Held {
		return Never.At(t)
	}
	if in := m.termsAt(feature, "", t); in.Has {
		return in.Windows.At(t)
	}
	return f.Alone.At(t)
}

// segment is a stretch of one window in which a chain is given or not given throughout.
type segment struct {
	window     Window
	start, end time.Time
	has        bool
}

// segments are all of a chain's from its first terms on, until some that start after t.
//
// Rule 3: a window that a plan change cuts ends there. A change that keeps the same span
// does not cut it (rule 11); a change to another span, an end and a new start do.
func (m *Model) segments(feature, chain string, t time.Time) []segment {
	changes := m.changes(feature, chain)
	if len(changes) == 0 {
		return nil
	}
	var all []segment
	after := 0
	for at := changes[0]; at.Before(Forever) && after < 30; {
		in := m.termsAt(feature, chain, at)
		s := segment{window: m.windowsAt(feature, chain, at).At(at), start: at, has: in.Has}
		s.end = s.window.End
		for _, c := range changes {
			if !c.After(at) || !c.Before(s.end) {
				continue
			}
			next := m.termsAt(feature, chain, c)
			if next.Has != s.has || m.windowsAt(feature, chain, c).At(c) != s.window {
				s.end = c
				break
			}
		}
		all = append(all, s)
		if s.start.After(t) {
			after++
		}
		at = s.end
	}
	return all
}

// segmentAt is the one that contains t.
func segmentAt(segments []segment, t time.Time) (segment, bool) {
	for _, s := range segments {
		if !t.Before(s.start) && t.Before(s.end) {
			return s, true
		}
	}
	return segment{}, false
}

// lastHeld is the last segment of a window, as of now, in which it was given.
func lastHeld(segments []segment, w Window, now time.Time) (segment, bool) {
	var last segment
	found := false
	for _, s := range segments {
		if s.window == w && s.has && !s.start.After(now) {
			last, found = s, true
		}
	}
	return last, found
}

// inForce are the terms of a window as of now: those of now while it runs, else those in
// force at its end (rules 3 and 11).
//
// READING: in force at the end is just before it; what begins at that instant is the next
// window's.
func (m *Model) inForce(feature, chain string, s segment, now time.Time) Terms {
	if !now.Before(s.end) {
		now = s.end.Add(-instant)
	}
	return m.termsAt(feature, chain, now)
}

// base are the terms of the feature's own window that contains counted, as of now.
func (m *Model) base(feature string, counted, now time.Time) Terms {
	if m.features[feature].Held {
		return m.termsAt(feature, "", counted)
	}
	segments := m.segments(feature, "", now)
	s, ok := segmentAt(segments, counted)
	if !ok || !s.has {
		return Terms{}
	}
	last, ok := lastHeld(segments, s.window, now)
	if !ok {
		return Terms{}
	}
	return m.inForce(feature, "", last, now)
}

// soft says whether use beyond the sources is overage: rule 4, it is the allowance's, and
// alone a grant is hard.
//
// READING: with add-ons in another rhythm, only if they and the terms are all soft, as
// merged limits are.
func (m *Model) soft(feature string, counted, now time.Time) bool {
	any := false
	for _, chain := range m.chains(feature) {
		in := m.termsAt(feature, chain, counted)
		if chain == "" {
			in = m.base(feature, counted, now)
		}
		if in.Has && !in.Soft {
			return false
		}
		any = any || in.Has
	}
	return any
}

// burns is what a feature burns at t: its item's, else the feature's own.
func (m *Model) burns(feature string, t time.Time) *Burns {
	if m.features[feature].Held {
		return nil
	}
	if in := m.termsAt(feature, "", t); in.Has && in.Burns != nil {
		return in.Burns
	}
	return m.features[feature].Burns
}

// access says whether the feature may be used at t at all: an item, an override, an add-on,
// or a live grant (rule 14).
//
// READING: a grant that is empty still gives access while it is live, so that the refusal
// is limit_reached, and so does one whose `only` leaves the feature itself out.
func (m *Model) access(feature string, t time.Time) bool {
	for _, chain := range m.chains(feature) {
		if m.termsAt(feature, chain, t).Has {
			return true
		}
	}
	for _, g := range m.allGrants(t) {
		if g.Feature == feature && m.live(g, t) {
			return true
		}
	}
	return false
}
