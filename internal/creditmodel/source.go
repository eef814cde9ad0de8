package creditmodel

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Source is something a pool can be drawn from, at one instant.
type Source struct {
	Key       string // unique within the feature; the id of a grant
	Kind      string // allowance, rollover, promotional, paid
	Amount    *Units // nil is unlimited
	Remaining Units
	Held      Units
	Drawn     Units
	Priority  int
	Effective time.Time
	Ends      time.Time // Forever is never
	Only      []string
	// own marks the allowance of the feature's own window, whose draws are not stored.
	own   bool
	chain string
}

const (
	allowance   = "allowance"
	rollover    = "rollover"
	promotional = "promotional"
	paid        = "paid"
	uncovered   = "uncovered" // not a source: what nothing covers
	usualRank   = 50
)

// classes is the third word of the burn order (rule 2).
var classes = []string{rollover, allowance, promotional, paid}

func windowKey(kind, chain string, w Window) string {
	if chain != "" {
		chain = "(" + chain + ")"
	}
	return kind + chain + " " + w.String()
}

// burnOrder is rule 2: priority; the earlier end; class; effective_on, between allowances
// the plan's and then the add-on's code; id.
func burnOrder(a, b Source) int {
	return cmp.Or(
		cmp.Compare(a.Priority, b.Priority),
		a.Ends.Compare(b.Ends),
		cmp.Compare(slices.Index(classes, a.Kind), slices.Index(classes, b.Kind)),
		whenOrCode(a, b),
		strings.Compare(a.Key, b.Key),
	)
}

// READING: between tails that end together the chain comes first as between allowances,
// then the one whose window ended first.
func whenOrCode(a, b Source) int {
	if a.Kind == allowance || a.Kind == rollover {
		return cmp.Or(strings.Compare(a.chain, b.chain), a.Effective.Compare(b.Effective))
	}
	return a.Effective.Compare(b.Effective)
}

// mayBurn says whether a grant may be drawn by uses of a feature.
//
// READING: `only` names every feature that may draw, the pool itself too if it may.
func mayBurn(g Grant, by string) bool {
	return len(g.Only) == 0 || slices.Contains(g.Only, by)
}

// sources are those live at an instant, with what is left of them as of now, in burn order
// (rules 2, 3, 5). For a use at now both are the same.
func (m *Model) sources(feature string, at, now time.Time) []Source {
	var all []Source
	for _, chain := range m.chains(feature) {
		segments := m.segments(feature, chain, maxTime(at, now))
		if s, ok := m.allowanceAt(feature, chain, segments, at, now); ok {
			all = append(all, s)
		}
		all = append(all, m.tailsAt(feature, chain, segments, at, now)...)
	}
	for _, g := range m.allGrants(maxTime(at, now)) {
		if g.Feature == feature && m.live(g, at) {
			all = append(all, m.grantSource(g, now))
		}
	}
	slices.SortStableFunc(all, burnOrder)
	return all
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// allowanceAt is a chain's allowance of the window that contains at. Rule 11: remaining =
// max(0, amount − tail's draws − rest of the counter); what is held counts like a draw.
func (m *Model) allowanceAt(feature, chain string, segments []segment, at, now time.Time) (Source, bool) {
	s, ok := segmentAt(segments, at)
	if !ok || !s.has {
		return Source{}, false
	}
	last, ok := lastHeld(segments, s.window, maxTime(at, now))
	if !ok {
		return Source{}, false
	}
	in := m.inForce(feature, chain, last, maxTime(at, now))
	key := windowKey(allowance, chain, s.window)
	src := Source{
		Key: key, Kind: allowance, Amount: in.Amount, Priority: usualRank,
		Effective: s.window.Start, Ends: s.end, own: chain == "", chain: chain,
		Held: m.heldInside(feature, chain, s.window, last.end, now),
	}
	if in.Amount == nil {
		return src, true
	}
	mine := m.inside(feature, chain, s.window, last.end)
	tail := m.tailTaken(feature, chain, s.window, now)
	room := atLeastZero(sum(*in.Amount, -tail, -src.Held))
	src.Drawn = min(mine, room)
	src.Remaining = room - src.Drawn
	return src, true
}

// inside is what was drawn inside a window up to an end: of the feature's own windows the
// rest of the counter and what payments took, of an add-on's its stored draws. It may
// exceed the amount; then the rest is overage or uncovered.
func (m *Model) inside(feature, chain string, w Window, end time.Time) Units {
	if chain != "" {
		return m.drawn(feature, windowKey(allowance, chain, w))
	}
	w.End = end
	return sum(m.paidIn(feature, w), m.restIn(feature, w))
}

// heldInside is what is held inside a window up to an end: of the feature's own windows by
// the holds' own instants (rule 3), in whatever rhythm they were made.
func (m *Model) heldInside(feature, chain string, w Window, end, now time.Time) Units {
	if chain != "" {
		return m.heldOn(feature, windowKey(allowance, chain, w), now)
	}
	var total Units
	for _, p := range m.pins(feature, now) {
		for _, d := range p.draws {
			if d.rest && d.Source != uncovered && (Window{w.Start, end}).contains(p.record.counted) {
				total = sum(total, d.Units)
			}
		}
	}
	return total
}

// tailTaken is what was drawn and is held in a window's tail.
func (m *Model) tailTaken(feature, chain string, w Window, now time.Time) Units {
	key := windowKey(rollover, chain, w)
	return sum(m.drawn(feature, key), m.heldOn(feature, key, now))
}

// tailsAt is rule 3: what rolled over from windows that ended and is usable at an instant.
// min(max, amount − inside) − draws in the tail, by the terms in force at the window's end.
//
// READING: "while the feature is held" is without a gap from the window's end on, by an item,
// an override or an add-on; a grant alone does not keep a tail usable. A window whose end a gap brought, and which is held
// again before its own end, is an allowance again and no tail.
func (m *Model) tailsAt(feature, chain string, segments []segment, at, now time.Time) []Source {
	present, ok := segmentAt(segments, at)
	if !ok || !m.given(feature, at) {
		return nil
	}
	var all []Source
	for i, s := range segments {
		if !s.has || s.end.After(at) || s.window == present.window && present.has {
			continue
		}
		if endedAgain(segments[i+1:], s.window, at) {
			continue
		}
		in := m.termsAt(feature, chain, s.end.Add(-instant))
		if in.Rollover == nil || in.Amount == nil || !s.window.End.Before(Forever) {
			continue
		}
		ends := tailEnd(m.withoutGap(feature, segments[i+1:]), s.window, in.Rollover.Windows)
		if !at.Before(ends) {
			continue
		}
		all = append(all, m.tail(feature, chain, s, in, ends, now))
	}
	return all
}

// endedAgain says whether a window was held once more and ended by an instant.
func endedAgain(later []segment, w Window, at time.Time) bool {
	for _, s := range later {
		if s.has && s.window == w && !s.end.After(at) {
			return true
		}
	}
	return false
}

// withoutGap are segments up to the first in which the feature is not given.
func (m *Model) withoutGap(feature string, later []segment) []segment {
	for i, s := range later {
		if !m.given(feature, s.start) {
			return later[:i]
		}
	}
	return later
}

// tailEnd is the end of the n-th further window after a window.
func tailEnd(later []segment, w Window, n int) time.Time {
	end, count := Beginning, 0
	for _, s := range later {
		if s.window != w {
			w = s.window
			count++
		}
		if count > n {
			break
		}
		if count > 0 {
			end = s.end
		}
	}
	return end
}

func (m *Model) tail(feature, chain string, s segment, in Terms, ends, now time.Time) Source {
	key := windowKey(rollover, chain, s.window)
	insideHeld := m.heldInside(feature, chain, s.window, s.end, now)
	left := atLeastZero(sum(*in.Amount, -m.inside(feature, chain, s.window, s.end), -insideHeld))
	rolled := min(in.Rollover.Max, left)
	src := Source{
		Key: key, Kind: rollover, Priority: usualRank, Effective: s.end, Ends: ends, chain: chain,
		Drawn: m.drawn(feature, key), Held: m.heldOn(feature, key, now),
	}
	// What late usage has drawn inside since never takes what the tail has paid.
	rolled = max(rolled, sum(src.Drawn, src.Held))
	src.Amount = &rolled
	src.Remaining = sum(rolled, -src.Drawn, -src.Held)
	return src
}

// given says whether an item, an override or an add-on gives the feature at t.
func (m *Model) given(feature string, t time.Time) bool {
	for _, chain := range m.chains(feature) {
		if m.termsAt(feature, chain, t).Has {
			return true
		}
	}
	return false
}

// grantSource is a grant with what is left of it as of now. A voided one has nothing
// (rule 8), even for usage that counts before its void.
func (m *Model) grantSource(g Grant, now time.Time) Source {
	amount := g.Amount
	src := Source{
		Key: g.ID, Kind: g.Kind, Amount: &amount, Priority: g.Priority, Effective: g.Effective, Only: g.Only,
		Ends: m.grantEnds(g), Drawn: m.drawn(g.Feature, g.ID), Held: m.heldOn(g.Feature, g.ID, now),
	}
	if !m.voidedBy(g.ID, now) {
		src.Remaining = atLeastZero(sum(amount, -src.Drawn, -src.Held))
	}
	return src
}
