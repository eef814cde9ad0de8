package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// countable are the windows in which usage of a customer can have been counted: of each rhythm that
// something gives, from each instant that something is counted from. That is more than
// those in which it was, and does not depend on when something was changed.
type countable struct {
	zones   []calendar.Zone
	anchors []time.Time
	every   []calendar.Interval
	ends    []time.Time // at which a window can have been over before its end
}

// windowsOf are those by what the customer has had, as far as it is among the facts; nil, which
// has every window, where the catalog lacks a plan of it.
func windowsOf(s *billing.Snapshot) *countable {
	if !IsWhole(s) {
		return nil
	}
	w := &countable{zones: s.Customer.Zones, every: calendar.Units()}
	w.anchor(s.Customer.AnchorOn)
	for i := range s.Agreements {
		a := &s.Agreements[i]
		w.anchor(a.AnchorOn)
		w.ends = append(w.ends, a.StartsOn, a.ExpiresOn)
		w.rhythms(termsThere(s, a))
	}
	for _, f := range s.Catalog.Features {
		w.reset(f.Reset)
	}
	return w
}

// has reports whether a span is one of them, or the first part of one. All time is.
func (w *countable) has(span billing.Window) bool {
	if w == nil || span == (billing.Window{}) {
		return true
	}
	if span.Start.Year() < 2 || !span.Start.Before(span.End) { // it has no start, or no end
		return false
	}
	is := func(g calendar.Grid) bool {
		of, ok := g.At(span.Start)
		return ok && of.Start.Equal(span.Start) &&
			(of.End.Equal(span.End) || of.End.After(span.End) && slices.ContainsFunc(w.ends, span.End.Equal))
	}
	for _, every := range w.every {
		if n, _ := every.Parts(); n == 1 && is(calendar.Grid{Every: every, Align: calendar.Calendar, Zones: w.zones}) {
			return true
		}
		for _, anchor := range w.anchors {
			if is(calendar.Grid{Every: every, Anchor: anchor, Zones: w.zones}) {
				return true
			}
		}
	}
	return false
}

// IsWhole reports whether the catalog has the terms of each agreement, which damage may have taken.
func IsWhole(s *billing.Snapshot) bool {
	return !slices.ContainsFunc(s.Agreements, func(a billing.Agreement) bool { return termsThere(s, &a) == nil })
}

// termsThere are the terms of an agreement; nil if the catalog does not have them.
func termsThere(s *billing.Snapshot, a *billing.Agreement) *billing.Terms {
	if p := s.Catalog.Plans[a.Plan]; p != nil {
		for _, v := range p.Versions {
			if v.Number == a.Version {
				return &v.Terms
			}
		}
	}
	return nil
}

// recall adds what a change names: times that something was counted from, or ended at, and
// what a feature was reset by.
func (w *countable) recall(c *billing.Change) {
	for _, facts := range []map[string]string{c.Before, c.After} {
		for _, text := range facts {
			if on, err := time.Parse(time.RFC3339Nano, text); err == nil {
				w.anchor(on)
				w.ends = append(w.ends, on)
			} else {
				w.reset(billing.Reset(text))
			}
		}
	}
}

// recallCatalog adds the rhythms of all plans that there are.
func (w *countable) recallCatalog(c *billing.Catalog) {
	for _, p := range c.Plans {
		for _, v := range p.Versions {
			w.rhythms(&v.Terms)
		}
	}
}

func (w *countable) rhythms(t *billing.Terms) {
	w.reset(billing.Reset(t.Cycle))
	for i := range t.Items {
		w.reset(t.Items[i].Reset)
		for _, c := range t.Items[i].Caps {
			w.reset(c.Reset)
		}
	}
}

func (w *countable) reset(r billing.Reset) {
	if every := calendar.Interval(r); every.Valid() && !slices.Contains(w.every, every) {
		w.every = append(w.every, every)
	}
}

func (w *countable) anchor(on time.Time) {
	if !on.IsZero() && !slices.ContainsFunc(w.anchors, on.Equal) {
		w.anchors = append(w.anchors, on)
	}
}

// mayHaveDrawn reports whether usage of a feature can ever have been drawn from more than
// the allowance of its window, by all that the customer has had.
func mayHaveDrawn(s *billing.Snapshot, feature *billing.Feature) bool {
	if feature.Type != billing.Metered || feature.Held {
		return false
	}
	if feature.Burned || s.HasSources(feature.Code) {
		return true
	}
	for i := range s.Agreements {
		a := &s.Agreements[i]
		terms := termsThere(s, a)
		if terms == nil {
			return true // which cannot be told
		}
		j := terms.Find(feature.Code)
		if j < 0 {
			continue
		}
		if it := &terms.Items[j]; a.Kind == billing.KindAddOn || it.OverageMax != nil || it.Burns != nil || it.Rollover != nil || len(it.Grants) > 0 {
			return true
		}
	}
	return false
}
