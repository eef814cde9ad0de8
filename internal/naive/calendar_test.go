package naive

import (
	"math/rand"
	"testing"
	"time"
)

func at(t *testing.T, s string) T {
	t.Helper()
	v, ok := parseTime(s)
	if !ok {
		t.Fatalf("not a time: %s", s)
	}
	return v
}

func TestResolve(t *testing.T) {
	for _, c := range []struct{ zone, local, want string }{
		{"UTC", "2027-03-01T00:00:00", "2027-03-01T00:00:00Z"},
		{"America/New_York", "2027-03-14T01:59:59", "2027-03-14T06:59:59Z"},
		{"America/New_York", "2027-03-14T02:30:00", "2027-03-14T07:00:00Z"}, // gap
		{"America/New_York", "2027-03-14T03:00:00", "2027-03-14T07:00:00Z"},
		{"America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00Z"}, // twice: the first
		{"America/New_York", "2027-11-07T02:00:00", "2027-11-07T07:00:00Z"},
		{"Pacific/Apia", "2011-12-29T23:59:59", "2011-12-30T09:59:59Z"},
		{"Pacific/Apia", "2011-12-30T10:30:00", "2011-12-30T10:00:00Z"}, // a day that is not
		{"Pacific/Apia", "2011-12-31T00:00:00", "2011-12-30T10:00:00Z"},
		{"Australia/Lord_Howe", "2027-10-03T02:15:00", "2027-10-02T15:30:00Z"}, // gap of 30 minutes
		{"Australia/Lord_Howe", "2027-04-04T01:45:00", "2027-04-03T14:45:00Z"}, // twice for 30 minutes
		{"America/Sao_Paulo", "2018-11-04T00:00:00", "2018-11-04T03:00:00Z"},   // no midnight
		{"Africa/Cairo", "2027-04-30T00:00:00", "2027-04-29T22:00:00Z"},        // no midnight
		{"Asia/Kolkata", "2027-01-01T00:00:00", "2026-12-31T18:30:00Z"},
		{"Pacific/Kiritimati", "2027-01-01T00:00:00", "2026-12-31T10:00:00Z"},
	} {
		if got := resolve(local{at(t, c.local+"Z").in("UTC")}, c.zone).String(); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.zone, c.local, got, c.want)
		}
	}
}

// TestCasablanca: the clock goes back for Ramadan and forward after it.
func TestCasablanca(t *testing.T) {
	gaps, twice := 0, 0
	for d := at(t, "2027-01-01T00:00:00Z"); d < at(t, "2029-01-01T00:00:00Z"); d += hour {
		l := local{d.in("UTC")}
		r := resolve(l, "Africa/Casablanca")
		if !readLocal(r, "Africa/Casablanca").Equal(l.Time) {
			gaps++
		}
		if readLocal(r+hour, "Africa/Casablanca").Equal(l.Time) {
			twice++
		}
	}
	if gaps != 2 || twice != 2 {
		t.Errorf("%d gaps and %d repeats in two years, want 2 and 2", gaps, twice)
	}
}

func TestWindow(t *testing.T) {
	day1, month, year := Cycle{N: 1, Unit: "day"}, Cycle{N: 1, Unit: "month"}, Cycle{N: 1, Unit: "year"}
	aligned := func(u string) Cycle { return Cycle{N: 1, Unit: u, Align: true} }
	ny := "America/New_York"
	for _, c := range []struct {
		zone, anchor string
		cycle        Cycle
		t, from, to  string
	}{
		{"UTC", "2027-01-31T10:30:00Z", month, "2027-02-15T00:00:00Z", "2027-01-31T10:30:00Z", "2027-02-28T10:30:00Z"},
		{"UTC", "2027-01-31T10:30:00Z", month, "2027-02-28T10:30:00Z", "2027-02-28T10:30:00Z", "2027-03-31T10:30:00Z"},
		{"UTC", "2024-02-29T00:00:00Z", year, "2025-02-28T00:00:00Z", "2025-02-28T00:00:00Z", "2026-02-28T00:00:00Z"},
		{"UTC", "2024-02-29T00:00:00Z", year, "2028-03-01T00:00:00Z", "2028-02-29T00:00:00Z", "2029-02-28T00:00:00Z"},
		{"UTC", "2027-01-31T10:30:00Z", month, "2027-01-30T00:00:00Z", "2026-12-31T10:30:00Z", "2027-01-31T10:30:00Z"},
		{ny, "2027-03-10T07:30:00Z", day1, "2027-03-14T08:00:00Z", "2027-03-14T07:00:00Z", "2027-03-15T06:30:00Z"},
		{ny, "2027-01-31T10:30:00Z", aligned("week"), "2027-03-14T12:00:00Z", "2027-03-08T05:00:00Z", "2027-03-15T04:00:00Z"},
		{ny, "2027-01-31T10:30:00Z", aligned("month"), "2027-03-14T12:00:00Z", "2027-03-01T05:00:00Z", "2027-04-01T04:00:00Z"},
		{ny, "2027-01-31T10:30:00Z", aligned("year"), "2027-03-14T12:00:00Z", "2027-01-01T05:00:00Z", "2028-01-01T05:00:00Z"},
		{ny, "2027-01-31T10:30:00Z", aligned("hour"), "2027-11-07T06:15:00Z", "2027-11-07T05:00:00Z", "2027-11-07T07:00:00Z"},
		{"Asia/Kolkata", "2027-01-31T10:10:00Z", aligned("hour"), "2027-02-01T00:15:00Z", "2027-01-31T23:30:00Z", "2027-02-01T00:30:00Z"},
		{"Pacific/Apia", "2011-12-01T00:00:00Z", aligned("day"), "2011-12-30T09:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"Pacific/Apia", "2011-12-01T00:00:00Z", aligned("day"), "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"UTC", "2027-01-31T10:30:00Z", Cycle{N: 5, Unit: "hour"}, "2027-01-31T10:29:00Z", "2027-01-31T05:30:00Z", "2027-01-31T10:30:00Z"},
		{"UTC", "2027-01-31T10:30:00Z", Cycle{N: 2, Unit: "week"}, "2027-02-14T10:30:00Z", "2027-02-14T10:30:00Z", "2027-02-28T10:30:00Z"},
	} {
		w := window([]zoneFact{{Always, c.zone}}, at(t, c.anchor), c.cycle, at(t, c.t))
		if w.from.String() != c.from || w.to.String() != c.to {
			t.Errorf("%s %s %v at %s: %s..%s, want %s..%s", c.zone, c.anchor, c.cycle, c.t, w.from, w.to, c.from, c.to)
		}
	}
}

// TestZoneChange: the window that runs keeps its end, later ones are of the new zone.
func TestZoneChange(t *testing.T) {
	facts := []zoneFact{{Always, "UTC"}, {at(t, "2027-02-10T00:00:00Z"), "America/New_York"}}
	g := func(s string) string {
		w := window(facts, at(t, "2027-01-31T10:30:00Z"), Cycle{N: 1, Unit: "month"}, at(t, s))
		return w.from.String() + ".." + w.to.String()
	}
	for in, want := range map[string]string{
		"2027-02-01T00:00:00Z": "2027-01-31T10:30:00Z..2027-02-28T10:30:00Z",
		"2027-03-01T00:00:00Z": "2027-02-28T10:30:00Z..2027-03-31T14:30:00Z",
		"2027-12-01T00:00:00Z": "2027-11-30T15:30:00Z..2027-12-31T15:30:00Z",
	} {
		if want != g(in) {
			t.Errorf("%s: %s, want %s", in, g(in), want)
		}
	}
	// A day in the new zone that would begin before the window's end is none.
	facts = []zoneFact{{Always, "Pacific/Honolulu"}, {at(t, "2027-02-10T20:00:00Z"), "Pacific/Kiritimati"}}
	w := window(facts, at(t, "2027-01-31T10:00:00Z"), Cycle{N: 1, Unit: "day"}, at(t, "2027-02-10T21:00:00Z"))
	if got := w.from.String() + ".." + w.to.String(); got != "2027-02-10T10:00:00Z..2027-02-11T10:00:00Z" {
		t.Errorf("the day that runs: %s", got)
	}
	w = window(facts, at(t, "2027-01-31T10:00:00Z"), Cycle{N: 1, Unit: "day"}, at(t, "2027-02-11T10:00:00Z"))
	if got := w.to.String(); got != "2027-02-12T10:00:00Z" {
		t.Errorf("the next day ends %s", got)
	}
}

// TestTiling: for 50 years windows follow each other without gap or overlap.
func TestTiling(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	from := T(time.Date(2005, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro())
	for _, z := range zones {
		for _, c := range []Cycle{{1, "day", false}, {1, "day", true}, {1, "week", false}, {1, "week", true}, {2, "week", false},
			{1, "month", false}, {1, "month", true}, {3, "month", false}, {1, "year", false}, {1, "year", true}, {1, "hour", true}} {
			to := from + 50*365*day
			facts := []zoneFact{{Always, z}}
			if c.Unit == "hour" {
				to = from + 400*day
			} else if r.Intn(2) == 0 {
				facts = append(facts, zoneFact{from + T(r.Int63n(int64(40*365*day))), pick(r, zones...)})
			}
			anchor := from + T(r.Int63n(int64(to-from)))
			grid := boundaries(facts, anchor, c, from, to)
			if grid[0].at > from || grid[len(grid)-1].at <= to {
				t.Fatalf("%s %v: does not cover", z, c)
			}
			for i, b := range grid[1:] {
				last := grid[i]
				if b.at <= last.at || b.at-last.at > about(c)+about(c)/2+5*day {
					t.Fatalf("%s %v: %s then %s", z, c, last.at, b.at)
				}
				if r.Intn(20000) == 0 && b.at < to {
					w := window(facts, anchor, c, b.at-1)
					n := window(facts, anchor, c, b.at)
					if w.from != last.at || w.to != b.at || n.from != b.at {
						t.Fatalf("%s %v at %s: %v, %v", z, c, b.at, w, n)
					}
				}
			}
		}
	}
}
