package calendar

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func date(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestGrid(t *testing.T) {
	for _, tt := range []struct {
		anchor, now, start, end string
		every                   Interval
	}{
		{anchor: "2026-01-31T10:00:00Z", every: Month, now: "2026-02-28T09:59:59Z", start: "2026-01-31T10:00:00Z", end: "2026-02-28T10:00:00Z"},
		{anchor: "2026-01-31T10:00:00Z", every: Month, now: "2026-02-28T10:00:00Z", start: "2026-02-28T10:00:00Z", end: "2026-03-31T10:00:00Z"},
		{anchor: "2028-01-31T00:00:00Z", every: Month, now: "2028-02-29T00:00:00Z", start: "2028-02-29T00:00:00Z", end: "2028-03-31T00:00:00Z"},
		{anchor: "2028-02-29T12:00:00Z", every: Year, now: "2029-02-28T12:00:00Z", start: "2029-02-28T12:00:00Z", end: "2030-02-28T12:00:00Z"},
		{anchor: "2028-02-29T12:00:00Z", every: Year, now: "2032-03-01T00:00:00Z", start: "2032-02-29T12:00:00Z", end: "2033-02-28T12:00:00Z"},
		{anchor: "2026-11-22T10:00:00Z", every: Week, now: "2026-11-29T09:00:00Z", start: "2026-11-22T10:00:00Z", end: "2026-11-29T10:00:00Z"},
		{anchor: "2026-11-22T10:00:00Z", every: Day, now: "2026-11-22T09:00:00Z", start: "2026-11-21T10:00:00Z", end: "2026-11-22T10:00:00Z"},
		{anchor: "2026-03-31T00:00:00Z", every: Month, now: "2026-01-01T00:00:00Z", start: "2025-12-31T00:00:00Z", end: "2026-01-31T00:00:00Z"},
	} {
		got, ok := Grid{Anchor: date(tt.anchor), Every: tt.every}.At(date(tt.now))
		if want := (Span{date(tt.start), date(tt.end)}); !ok || got != want {
			t.Errorf("Grid(%s, %s, %s) = %v, %v; want %v", tt.anchor, tt.every, tt.now, got, ok, want)
		}
	}
	if c, ok := (Grid{Anchor: date("2026-01-31T10:00:00Z"), Every: None}).At(date("2026-02-28T09:59:59Z")); ok {
		t.Errorf("interval none has cycle %v", c)
	}
	if c, ok := (Grid{Every: Month}).At(date("2026-02-28T09:59:59Z")); ok {
		t.Errorf("no anchor, but cycle %v", c)
	}
}

// Fifty years of months and years from each anchor day of each month: cycles
// follow each other without gap or overlap and keep the anchor's day wherever
// the month has it, and its time of day always.
func TestCyclesFromEveryAnchorDay(t *testing.T) {
	for anchor := date("2027-01-01T23:59:59Z"); anchor.Year() < 2029; anchor = anchor.AddDate(0, 0, 1) {
		if d := anchor.Day(); d > 2 && d < 28 {
			continue // as the 2nd: every month has the day, and is not near its end
		}
		for _, every := range []Interval{Month, Year} {
			c, ok := Grid{Anchor: anchor, Every: every}.At(anchor)
			if !ok || c.Start != anchor {
				t.Fatalf("the first %s from %s starts on %v", every, anchor, c.Start)
			}
			n := 0
			for ; c.Start.Year() < anchor.Year()+50; n++ {
				next, _ := Grid{Anchor: anchor, Every: every}.At(c.End)
				before, _ := Grid{Anchor: anchor, Every: every}.At(c.End.Add(-time.Microsecond))
				if next.Start != c.End || before != c || !c.End.After(c.Start) {
					t.Fatalf("anchor %s: after %v comes %v, and just before its end it is %v", anchor, c, next, before)
				}
				lastDay := time.Date(next.Start.Year(), next.Start.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
				if want := min(anchor.Day(), lastDay); next.Start.Day() != want {
					t.Fatalf("anchor %s: a cycle starts on %s, want day %d", anchor, next.Start, want)
				}
				if next.Start.Format(time.TimeOnly) != anchor.Format(time.TimeOnly) {
					t.Fatalf("anchor %s: a cycle starts at another time of day, %s", anchor, next.Start)
				}
				c = next
			}
			// From 31 December the loop's 50 calendar years hold a cycle less.
			if want := map[Interval]int{Month: 12, Year: 1}[every] * 49; n < want {
				t.Fatalf("anchor %s: %d cycles of a %s in 50 years", anchor, n, every)
			}
		}
	}
}

// Any instant, before or after the anchor, lies in exactly the cycle that
// Grid.At says, and every instant of that cycle says the same.
func TestCycleContainsNow(t *testing.T) {
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMicro(rapid.Int64Range(-1e15, 5e15).Draw(t, "µs")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		anchor, now := instant.Draw(t, "anchor"), instant.Draw(t, "now")
		every := rapid.SampledFrom([]Interval{Day, Week, Month, Year}).Draw(t, "every")
		c, ok := Grid{Anchor: anchor, Every: every}.At(now)
		if !ok || !c.Contains(now) {
			t.Fatalf("%v does not contain %s", c, now)
		}
		within := c.Start.Add(time.Duration(rapid.Int64Range(0, int64(c.End.Sub(c.Start))-1).Draw(t, "within")))
		if again, _ := (Grid{Anchor: anchor, Every: every}).At(within); again != c {
			t.Fatalf("at %s the cycle is %v, at %s it is %v", now, c, within, again)
		}
	})
}
