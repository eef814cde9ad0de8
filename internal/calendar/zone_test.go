package calendar

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// places have clocks of every kind: set for an hour, for half of one, in Ramadan,
// at midnight, never; days left out; far on both sides of UTC.
var places = []string{
	UTC, "America/New_York", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca",
	"Pacific/Kiritimati", "Pacific/Honolulu", "Pacific/Pago_Pago", "Asia/Kolkata", "Asia/Kathmandu", "Europe/Berlin", "Europe/Dublin",
	"America/St_Johns", "Antarctica/Troll", "America/Nuuk",
}

// Local times that clocks never show, or show twice.
func TestGapsAndRepeats(t *testing.T) {
	for _, tt := range []struct{ name, zone, anchor, every, align, now, start, end string }{
		{"no midnight in spring", "America/Sao_Paulo", "", "day", "calendar", "2018-11-04T12:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		{"the day before it", "America/Sao_Paulo", "", "day", "calendar", "2018-11-04T02:59:59Z", "2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z"},
		{"no midnight on a Friday", "Africa/Cairo", "", "day", "calendar", "2023-04-28T12:00:00Z", "2023-04-27T22:00:00Z", "2023-04-28T21:00:00Z"},
		{"a quarter past midnight there", "Africa/Cairo", "2023-04-01T22:15:00Z", "day", "", "2023-04-28T12:00:00Z", "2023-04-27T22:00:00Z", "2023-04-28T21:15:00Z"},
		{"a day left out", "Pacific/Apia", "", "day", "calendar", "2011-12-30T09:59:59Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z"},
		{"the day after it", "Pacific/Apia", "", "day", "calendar", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"},
		{"at noon, a day left out", "Pacific/Apia", "2011-12-01T22:00:00Z", "day", "", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"},
		{"half an hour left out", "Australia/Lord_Howe", "2026-09-01T15:45:00Z", "day", "", "2026-10-04T00:00:00Z", "2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"},
		{"a full hour left out", "Australia/Lord_Howe", "", "hour", "calendar", "2026-10-03T15:40:00Z", "2026-10-03T15:30:00Z", "2026-10-03T16:00:00Z"},
		{"half an hour twice", "Australia/Lord_Howe", "", "hour", "calendar", "2026-04-04T15:10:00Z", "2026-04-04T14:00:00Z", "2026-04-04T15:30:00Z"},
		{"Ramadan begins", "Africa/Casablanca", "2026-01-01T01:30:00Z", "day", "", "2026-02-15T12:00:00Z", "2026-02-15T01:30:00Z", "2026-02-16T02:30:00Z"},
		{"spring", "America/New_York", "2026-01-08T07:30:00Z", "month", "", "2026-03-10T00:00:00Z", "2026-03-08T07:00:00Z", "2026-04-08T06:30:00Z"},
		{"autumn", "America/New_York", "2026-10-01T05:30:00Z", "day", "", "2026-11-01T06:00:00Z", "2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"},
		{"an anchor the second time", "America/New_York", "2026-11-01T06:30:00Z", "day", "", "2026-11-01T06:30:00Z", "2026-11-01T06:30:00Z", "2026-11-02T06:30:00Z"},
		{"an hour that is two", "America/New_York", "", "hour", "calendar", "2026-11-01T06:10:00Z", "2026-11-01T05:00:00Z", "2026-11-01T07:00:00Z"},
		{"elapsed hours", "America/New_York", "2026-11-01T00:10:00Z", "hour", "", "2026-11-01T06:10:00Z", "2026-11-01T06:10:00Z", "2026-11-01T07:10:00Z"},
		{"five hours", "America/New_York", "2026-11-01T00:10:00Z", "5 hour", "", "2026-11-01T06:10:00Z", "2026-11-01T05:10:00Z", "2026-11-01T10:10:00Z"},
		{"two weeks", "Europe/Berlin", "2026-03-20T10:00:00Z", "2 week", "", "2026-04-01T00:00:00Z", "2026-03-20T10:00:00Z", "2026-04-03T09:00:00Z"},
		{"three months", "Europe/Berlin", "2026-01-31T10:00:00Z", "3 month", "", "2026-05-01T00:00:00Z", "2026-04-30T09:00:00Z", "2026-07-31T09:00:00Z"},
		{"before the anchor", "Europe/Berlin", "2026-01-31T10:00:00Z", "3 month", "", "2025-10-31T09:59:59Z", "2025-07-31T09:00:00Z", "2025-10-31T10:00:00Z"},
		{"Monday", "Europe/Berlin", "", "week", "calendar", "2026-11-29T12:00:00Z", "2026-11-22T23:00:00Z", "2026-11-29T23:00:00Z"},
		{"the 1st", "Europe/Berlin", "", "month", "calendar", "2026-03-31T22:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"},
		{"1 January", "Europe/Berlin", "", "year", "calendar", "2026-03-31T22:00:00Z", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"},
		{"a month end clamps where it is", "Pacific/Kiritimati", "2026-01-30T12:00:00Z", "month", "", "2026-03-01T00:00:00Z", "2026-02-27T12:00:00Z", "2026-03-30T12:00:00Z"},
	} {
		g := Grid{Every: Interval(tt.every), Align: Align(tt.align), Zones: []Zone{{Name: tt.zone}}}
		if tt.anchor != "" {
			g.Anchor = date(tt.anchor)
		}
		if got, ok := g.At(date(tt.now)); !ok || got != (Span{date(tt.start), date(tt.end)}) {
			t.Errorf("%s: %v, %v; want %s to %s", tt.name, got, ok, tt.start, tt.end)
		}
	}
}

func drawGrid(t *rapid.T, near time.Time) Grid {
	unit := rapid.SampledFrom(Units()).Draw(t, "unit")
	g := Grid{Every: unit}
	if rapid.Bool().Draw(t, "aligned") {
		g.Align = Calendar
	} else {
		g.Every = Every(rapid.IntRange(1, 5).Draw(t, "n"), unit)
	}
	n, _ := g.Every.Parts()
	about := int64(n) * seconds(unit)
	instant := func(name string) time.Time {
		second := near.Unix() + rapid.Int64Range(-8*about-2*day, 8*about+2*day).Draw(t, name)
		if rapid.Bool().Draw(t, "round "+name) {
			second -= second % (15 * 60)
		}
		return time.Unix(second, 0).UTC()
	}
	g.Anchor = instant("anchor")
	zone := rapid.SampledFrom(places)
	for range rapid.IntRange(0, 5).Draw(t, "zones") {
		g.Zones = append(g.Zones, Zone{Name: zone.Draw(t, "zone"), From: instant("change")})
	}
	slices.SortFunc(g.Zones, func(a, b Zone) int { return a.From.Compare(b.From) })
	if len(g.Zones) > 0 {
		g.Zones[0].From = time.Time{}
	}
	return g
}

// plainInstant is the first instant at which clocks show a time or a later one, by
// going on a quarter of an hour at a time: since 1973 they are set at those.
func plainInstant(wall time.Time, name string) time.Time {
	location := zoneOf(name).location
	at := time.Unix(wall.Unix()-26*60*60, 0).Truncate(15 * time.Minute)
	for ; ; at = at.Add(15 * time.Minute) {
		l := at.In(location)
		shows := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
		if !shows.Before(wall) {
			return at.UTC()
		}
		if shows.Add(15 * time.Minute).After(wall) {
			return at.Add(wall.Sub(shows)).UTC()
		}
	}
}

// plainDate is a date some months on, by going on a month at a time.
func plainDate(wall time.Time, monthsOn int) time.Time {
	day, first := wall.Day(), wall.AddDate(0, 0, 1-wall.Day())
	first = first.AddDate(0, monthsOn, 0)
	for on := first.AddDate(0, 0, day-1); ; on = on.AddDate(0, 0, -1) {
		if on.Month() == first.Month() {
			return on
		}
	}
}

// plainAt is the rule, word for word: all boundaries in the first zone, then with
// each change those up to the first after it, and the later ones in the new zone.
func plainAt(g Grid, t time.Time) Span {
	zones := g.Zones
	if len(zones) == 0 {
		zones = []Zone{{Name: UTC}}
	}
	n, unit := g.Every.Parts()
	l := g.Anchor.In(zoneOf(ZoneAt(zones, g.Anchor)).location)
	wall := time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), 0, time.UTC)
	if g.Align == Calendar {
		wall = wall.Truncate(time.Hour)
		if unit != Hour {
			wall = time.Date(wall.Year(), wall.Month(), wall.Day(), 0, 0, 0, 0, time.UTC)
		}
		for unit == Week && wall.Weekday() != time.Monday || unit == Month && wall.Day() > 1 || unit == Year && wall.YearDay() > 1 {
			wall = wall.AddDate(0, 0, -1)
		}
	}
	boundary := func(k int, zone string) time.Time {
		on := wall
		switch unit {
		case Hour:
			if g.Align == "" {
				return g.Anchor.Add(time.Duration(k*n) * time.Hour)
			}
			on = on.Add(time.Duration(k) * time.Hour)
		case Day:
			on = on.AddDate(0, 0, k*n)
		case Week:
			on = on.AddDate(0, 0, 7*k*n)
		case Month:
			on = plainDate(on, k*n)
		case Year:
			on = plainDate(on, 12*k*n)
		}
		return plainInstant(on, zone)
	}
	const far = 120 // drawGrid draws nothing that is further off: of hours, some days each way
	type numbered struct {
		k  int
		on time.Time
	}
	var list []numbered
	add := func(k int, zone string) {
		on := boundary(k, zone)
		if g.Align == "" {
			switch {
			case k == 0:
				on = g.Anchor
			case k < 0 && !on.Before(g.Anchor), k > 0 && !on.After(g.Anchor):
				return
			}
		}
		if len(list) == 0 || on.After(list[len(list)-1].on) {
			list = append(list, numbered{k, on})
		}
	}
	for k := -far; k <= far; k++ {
		add(k, zones[0].Name)
	}
	for _, change := range zones[1:] {
		i := slices.IndexFunc(list, func(b numbered) bool { return b.on.After(change.From) })
		list = list[:i+1]
		for k := list[i].k + 1; k <= far; k++ {
			add(k, change.Name)
		}
	}
	i := slices.IndexFunc(list, func(b numbered) bool { return b.on.After(t) })
	return Span{list[i-1].on, list[i].on}
}

// The windows are those of the rule as it is written, in any zones.
func TestWindowsAreThoseOfTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := time.Unix(rapid.Int64Range(date("1990-01-01T00:00:00Z").Unix(), date("2060-01-01T00:00:00Z").Unix()).Draw(t, "near"), 0).UTC()
		if rapid.Bool().Draw(t, "known day") {
			near = date(rapid.SampledFrom([]string{
				"2018-11-04T03:00:00Z", "2023-04-27T22:00:00Z", "2011-12-30T10:00:00Z", "2026-10-03T15:30:00Z", "2026-04-04T15:00:00Z",
				"2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-02-15T02:00:00Z",
			}).Draw(t, "day"))
		}
		g := drawGrid(t, near)
		n, unit := g.Every.Parts()
		about := int64(n) * seconds(unit)
		at := time.Unix(near.Unix()+rapid.Int64Range(-4*about, 4*about).Draw(t, "at"), 0).UTC()
		got, ok := g.At(at)
		if want := plainAt(g, at); !ok || got != want {
			t.Fatalf("%+v at %s: %v, want %v", g, at, got, want)
		}
	})
}

// Windows tile time, whatever the zones and however often they change: at any
// instant, also far from the anchor, and on a walk.
func TestWindowsTileTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := time.Unix(rapid.Int64Range(-2e9, 7e9).Draw(t, "near"), 0).UTC()
		g := drawGrid(t, near)
		at := near
		if rapid.Bool().Draw(t, "far") {
			at = time.Unix(rapid.Int64Range(-2e9, 7e9).Draw(t, "at"), 0).UTC()
		}
		for range 20 {
			w, ok := g.At(at)
			if !ok || !w.Contains(at) {
				t.Fatalf("%+v at %s: %v", g, at, w)
			}
			last, _ := g.At(w.End.Add(-time.Microsecond))
			first, _ := g.At(w.Start)
			before, _ := g.At(w.Start.Add(-time.Microsecond))
			if last != w || first != w || before.End != w.Start {
				t.Fatalf("%+v: %v is at its end %v, at its start %v, after %v", g, w, last, first, before)
			}
			at = w.End
		}
	})
}

func TestWindowsTileFiftyYears(t *testing.T) {
	for _, name := range places {
		for _, g := range []Grid{
			{Every: Day, Align: Calendar},
			{Every: Month, Align: Calendar},
			{Every: Week, Anchor: date("2000-01-31T02:15:00Z")},
			{Every: "3 month", Anchor: date("2000-01-31T02:15:00Z")},
		} {
			g.Zones = []Zone{{Name: name}}
			for at := date("1990-01-01T00:00:00Z"); at.Year() < 2040; {
				w, _ := g.At(at)
				if last, _ := g.At(w.End.Add(-time.Microsecond)); !w.Contains(at) || last != w || at.Year() > 1990 && w.Start != at {
					t.Fatalf("%s, %+v: from %s comes %v, at its end %v", name, g, at, w, last)
				}
				at = w.End
			}
		}
	}
}

// A change of zone moves nothing that is past, nor the end of the window that runs.
func TestZoneChangeMovesNoPastBoundary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		near := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "near"), 0).UTC()
		g := drawGrid(t, near)
		changed := g
		if len(changed.Zones) == 0 {
			changed.Zones = []Zone{{Name: UTC}}
		}
		on := latest(changed.Zones[len(changed.Zones)-1].From, near)
		changed.Zones = append(slices.Clone(changed.Zones), Zone{From: on, Name: rapid.SampledFrom(places).Draw(t, "to")})
		if g.Align == "" && !g.Anchor.Before(on) {
			t.Skip("nothing runs yet that is counted from there")
		}
		running, _ := g.At(on)
		n, unit := g.Every.Parts()
		for _, at := range []time.Time{on, running.End.Add(-1), on.Add(-time.Duration(rapid.Int64Range(0, 9*int64(n)*seconds(unit)).Draw(t, "ago")) * time.Second)} {
			was, _ := g.At(at)
			if is, _ := changed.At(at); is != was {
				t.Fatalf("%+v, changed on %s: at %s %v, before %v", changed, on, at, is, was)
			}
		}
	})
}

// Going somewhere and coming back within one window changes nothing, and whatever
// is done in a year gives at most one window more.
func TestNoAllowanceIsRefilledByMoving(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		home, away := rapid.SampledFrom(places).Draw(t, "home"), rapid.SampledFrom(places).Draw(t, "away")
		still := Grid{Every: rapid.SampledFrom([]Interval{Day, Week, Month}).Draw(t, "every"), Anchor: date("2026-01-31T10:15:00Z"), Zones: []Zone{{Name: home}}}
		if rapid.Bool().Draw(t, "aligned") {
			still.Align = Calendar
		}
		on := time.Unix(date("2027-01-01T00:00:00Z").Unix()+rapid.Int64Range(0, 365*day).Draw(t, "on"), 0).UTC()
		w, _ := still.At(on)
		back := time.Unix(rapid.Int64Range(on.Unix(), w.End.Unix()-1).Draw(t, "back"), 0).UTC()
		moved := still
		moved.Zones = []Zone{{Name: home}, {Name: away, From: on}, {Name: home, From: back}}
		for _, at := range []time.Time{on, back, w.End, w.End.AddDate(0, 0, 40)} {
			was, _ := still.At(at)
			if is, _ := moved.At(at); is != was {
				t.Fatalf("there and back from %s to %s: %v, staying %v", on, back, is, was)
			}
		}

		windows := func(g Grid) (n int) {
			for at := date("2027-01-01T00:00:00Z"); at.Before(date("2028-01-01T00:00:00Z")); n++ {
				w, _ := g.At(at)
				at = w.End
			}
			return n
		}
		moved.Zones = []Zone{{Name: home}}
		at := date("2027-01-01T00:00:00Z")
		for range rapid.IntRange(1, 40).Draw(t, "moves") {
			at = at.Add(time.Duration(rapid.IntRange(1, 20*24).Draw(t, "hours")) * time.Hour)
			moved.Zones = append(moved.Zones, Zone{From: at, Name: rapid.SampledFrom(places).Draw(t, "to")})
		}
		if all, most := windows(moved), windows(still)+1; all > most {
			t.Fatalf("%+v has %d windows in a year, without moving %d", moved, all, most-1)
		}
	})
}

// Clocks are those of the time package, at any time.
func TestClocksAreThoseOfTheTimePackage(t *testing.T) {
	names := make([]string, 0, 600)
	for name := range zoneFiles() {
		names = append(names, name)
	}
	slices.Sort(names)
	rapid.Check(t, func(t *rapid.T) {
		z := zoneOf(rapid.SampledFrom(names).Draw(t, "zone"))
		for range 50 {
			at := time.Unix(rapid.Int64Range(-4e9, 9e9).Draw(t, "at"), 0)
			_, offset := at.In(z.location).Zone()
			if s := z.at(at.Unix()); s.offset != int64(offset) || at.Unix() < s.from || at.Unix() >= s.to {
				t.Fatalf("%s at %s: %+v, want an offset of %d", z.location, at.UTC(), s, offset)
			}
		}
	})
	for _, name := range names { // every one can be loaded
		if z := zoneOf(name); z.location.String() != name || len(z.stretches) == 0 {
			t.Errorf("%s is loaded as %s", name, z.location)
		}
	}
}

func TestCheckZone(t *testing.T) {
	for _, good := range []string{"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "EST5EDT", "Etc/GMT+5", "Asia/Calcutta"} {
		if err := CheckZone(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, hint := range map[string]string{
		"": "such as Europe/Berlin", "Local": "such as Europe/Berlin", "Factory": "such as", "Europe": "such as", "Europe/": "such as",
		"../Europe/Berlin": "such as", "/usr/share/zoneinfo/Europe/Berlin": "such as", "+02:00": "such as", "Europe/Berlin\x00": "such as",
		"europe/berlin": "did you mean Europe/Berlin?", " Europe/Berlin ": "did you mean Europe/Berlin?",
		"America/New York": "did you mean America/New_York?", "Berlin": "did you mean Europe/Berlin?", strings.Repeat("x", 1<<20): "such as",
	} {
		if err := CheckZone(bad); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%.40q: %v, want a hint %q", bad, err, hint)
		}
	}
}

// What the system or the environment knows of zones is of no account.
func TestZonesComeFromTheBinary(t *testing.T) {
	t.Setenv("ZONEINFO", t.TempDir())
	zones.Clear()
	got := zoneOf("Europe/Berlin").wall(date("2026-07-01T00:00:00Z"))
	if want := date("2026-07-01T02:00:00Z"); got != want {
		t.Errorf("in Berlin it is %s, want %s", got, want)
	}
}

// A change of zone at the very instant of an anchor moves nothing of the window that
// begins there.
func TestZoneChangeAtTheAnchor(t *testing.T) {
	anchor := date("2026-03-10T20:00:00Z")
	for _, name := range []string{"Pacific/Pago_Pago", "Pacific/Kiritimati"} {
		for every, end := range map[Interval]string{Day: "2026-03-11T20:00:00Z", Month: "2026-04-10T20:00:00Z"} {
			g := Grid{Anchor: anchor, Every: every, Zones: []Zone{{Name: UTC}, {From: anchor, Name: name}}}
			if got, _ := g.At(anchor); !got.Start.Equal(anchor) || !got.End.Equal(date(end)) {
				t.Errorf("%s, %s: the window is %v, want to %s", name, every, got, end)
			}
		}
	}
}

func TestLocation(t *testing.T) {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	for name, want := range map[string]string{"Europe/Berlin": "14:00 CEST", "UTC": "12:00 UTC", "Nowhere/At_All": "12:00 UTC"} {
		if got := at.In(Location(name)).Format("15:04 MST"); got != want {
			t.Errorf("%s shows %s, want %s", name, got, want)
		}
	}
}
