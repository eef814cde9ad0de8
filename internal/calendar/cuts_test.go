package calendar

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// No boundary of any window lies within two cuts.
func TestCutsAreAtEveryBoundary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := time.Unix(rapid.Int64Range(0, 5e9).Draw(t, "near"), 0).UTC()
		g := drawGrid(t, near)
		_, unit := g.Every.Parts()
		other := near.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "other")) * time.Second)
		cuts := Cuts{Zones: g.Zones, Anchors: []time.Time{other, g.Anchor}, Instants: []time.Time{near}, Hours: unit == Hour}
		at := near
		for range 5 {
			w, _ := g.At(at)
			if s := cuts.Around(w.End); s.Start != w.End || !s.Contains(w.End) {
				t.Fatalf("%+v: the window %v ends within %v", g, w, s)
			}
			s := cuts.Around(at)
			if last := cuts.Around(s.End.Add(-time.Microsecond)); !s.Contains(at) || last != s || s.Start.Before(w.Start) || s.End.After(w.End) {
				t.Fatalf("%+v at %s: between the cuts is %v, at its end %v, in the window %v", g, at, s, last, w)
			}
			at = w.End
		}
	})
}

// A customer of one zone and one anchor has two stretches a day; one that moved has
// more, on all days.
func TestCutsOfADay(t *testing.T) {
	anchor := date("2026-01-31T10:00:00Z")
	for name, tt := range map[string]struct {
		cuts Cuts
		want []string
	}{
		"one":         {Cuts{Anchors: []time.Time{anchor}}, []string{"00:00", "10:00"}},
		"two anchors": {Cuts{Anchors: []time.Time{anchor, anchor.AddDate(0, 1, 0), anchor.Add(30 * time.Minute)}}, []string{"00:00", "10:00", "10:30"}},
		"two zones": {
			Cuts{Anchors: []time.Time{anchor}, Zones: []Zone{{Name: UTC}, {Name: "Asia/Kolkata", From: date("2026-03-01T00:00:00Z")}, {Name: UTC, From: date("2026-04-01T00:00:00Z")}}},
			[]string{"00:00", "04:30", "10:00", "18:30"},
		},
		"an instant": {Cuts{Anchors: []time.Time{anchor}, Instants: []time.Time{date("2026-02-10T13:00:00Z")}}, []string{"00:00", "10:00", "13:00"}},
	} {
		var got []string
		for at := date("2026-02-10T00:00:00Z"); at.Before(date("2026-02-11T00:00:00Z")); {
			s := tt.cuts.Around(at)
			got, at = append(got, s.Start.Format("15:04")), s.End
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	hours := Cuts{Anchors: []time.Time{date("2026-01-31T10:20:00Z")}, Zones: []Zone{{Name: "Asia/Kolkata"}}, Hours: true}
	if s := hours.Around(date("2026-02-10T07:21:00Z")); s != (Span{date("2026-02-10T07:20:00Z"), date("2026-02-10T07:30:00Z")}) {
		t.Errorf("of hours %v", s)
	}
}
