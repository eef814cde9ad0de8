package naive

import (
	"math"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zone data come from the binary
)

// T is an instant in microseconds since 1970. 0 is an absent time.
type T int64

// Never is no end, Always no start.
const (
	Never  T = math.MaxInt64
	Always T = math.MinInt64
	second T = 1_000_000
	hour   T = 3600 * second
	day    T = 24 * hour
)

func (t T) at(l *time.Location) time.Time { return time.UnixMicro(int64(t)).In(l) }
func (t T) in(z string) time.Time         { return t.at(zone(z)) }

// String is RFC 3339 in UTC, "-" for none.
func (t T) String() string {
	if t == 0 || t == Never || t == Always {
		return "-"
	}
	return t.in("UTC").Format("2006-01-02T15:04:05.999999Z07:00")
}

// loaded spares reading a zone's file again; it holds no state.
var loaded sync.Map

func zone(name string) *time.Location {
	if l, ok := loaded.Load(name); ok {
		return l.(*time.Location)
	}
	l, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	loaded.Store(name, l)
	return l
}

func parseTime(s string) (T, bool) {
	for _, f := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02"} {
		if t, err := time.Parse(f, strings.Replace(s, " ", "T", 1)); err == nil {
			return T(t.UnixMicro()), true
		}
	}
	return 0, false
}

// local is a date and a time of day. It is kept as an instant of UTC that has
// this date and time, so that no date is without its place.
type local struct{ time.Time }

func readLocal(t T, z string) local {
	l := t.in(z)
	return local{time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)}
}

// resolve finds the first instant at which clocks of the zone show l, or, where
// they never do, the first instant after the gap. It tries every offset that the
// zone has around l; in a gap it goes minute by minute.
func resolve(l local, z string) T {
	loc := zone(z)
	u := T(l.UnixMicro())
	found, most := Never, Always
	for h := T(-15); h <= 15; h += 3 {
		_, seconds := (u + h*hour).at(loc).Zone()
		offset := T(seconds) * second
		most = max(most, offset)
		if t := u - offset; readLocal(t, z).Equal(l.Time) {
			found = min(found, t)
		}
	}
	if found != Never {
		return found
	}
	// Offsets change on whole minutes.
	t := u - most
	for t -= t % (60 * second); readLocal(t, z).Before(l.Time); {
		t += 60 * second
	}
	return t
}

// label is the date and time of boundary k, counted from l.
func label(l local, c Cycle, k int) local {
	n := k * c.N
	switch c.Unit {
	case "hour":
		return local{l.Add(time.Duration(n) * time.Hour)}
	case "day":
		return local{l.AddDate(0, 0, n)}
	case "week":
		return local{l.AddDate(0, 0, 7*n)}
	}
	months := n
	if c.Unit == "year" {
		months = 12 * n
	}
	// The day of the anchor, or the last of the month.
	first := time.Date(l.Year(), l.Month()+time.Month(months), 1, l.Hour(), l.Minute(), l.Second(), l.Nanosecond(), time.UTC)
	d := l.Day()
	for first.AddDate(0, 0, d-1).Month() != first.Month() {
		d--
	}
	return local{first.AddDate(0, 0, d-1)}
}

// floor is the full hour, midnight, Monday, 1st or 1 January at or before l.
func floor(l local, unit string) local {
	d := time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, time.UTC)
	switch unit {
	case "hour":
		d = time.Date(l.Year(), l.Month(), l.Day(), l.Hour(), 0, 0, 0, time.UTC)
	case "week":
		for d.Weekday() != time.Monday {
			d = d.AddDate(0, 0, -1)
		}
	case "month":
		d = time.Date(l.Year(), l.Month(), 1, 0, 0, 0, 0, time.UTC)
	case "year":
		d = time.Date(l.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return local{d}
}

// zoneFact says that a zone is in force from an instant on.
type zoneFact struct {
	from T
	name string
}

func zoneAt(facts []zoneFact, t T) string {
	z := facts[0].name
	for _, f := range facts[1:] {
		if f.from <= t {
			z = f.name
		}
	}
	return z
}

// span is a window [from, to).
type span struct{ from, to T }

func (s span) has(t T) bool { return s.from <= t && t < s.to }

// boundary is a boundary with its number.
type boundary struct {
	k  int
	at T
}

func about(c Cycle) T {
	return map[string]T{"hour": hour, "day": day, "week": 7 * day, "month": 30*day + 10*hour, "year": 365*day + 6*hour}[c.Unit] * T(c.N)
}

// boundaries lists every boundary of a grid from before lo to after hi.
func boundaries(facts []zoneFact, anchor T, c Cycle, lo, hi T) []boundary {
	for _, f := range facts[1:] {
		lo = min(lo, f.from)
	}
	step := about(c)
	// The division only says where to begin counting; three more on both sides.
	first, last := int((lo-anchor)/step)-3-24/c.N, int((hi-anchor)/step)+3+24/c.N
	l := readLocal(anchor, zoneAt(facts, anchor-1))
	if c.Align {
		l = floor(l, c.Unit)
	}
	inZone := func(k int, z string) T {
		if k == 0 && !c.Align {
			return anchor
		}
		return resolve(label(l, c, k), z)
	}
	var grid []boundary
	for k := first; k <= last; k++ {
		at := inZone(k, facts[0].name)
		if len(grid) == 0 || at > grid[len(grid)-1].at {
			grid = append(grid, boundary{k, at})
		}
	}
	for _, change := range facts[1:] {
		var next []boundary
		for _, b := range grid {
			next = append(next, b)
			if b.at > change.from {
				break
			}
		}
		for k := next[len(next)-1].k + 1; k <= last; k++ {
			if at := inZone(k, change.name); at > next[len(next)-1].at {
				next = append(next, boundary{k, at})
			}
		}
		grid = next
	}
	return grid
}

// window is the window of a cycle, counted from anchor, that contains t.
func window(facts []zoneFact, anchor T, c Cycle, t T) span {
	if c.never() {
		return span{Always, Never}
	}
	if c.Unit == "hour" && !c.Align {
		step := T(c.N) * hour
		from := anchor + (t-anchor)/step*step
		if from > t {
			from -= step
		}
		return span{from, from + step}
	}
	w := span{Always, Never}
	for _, b := range boundaries(facts, anchor, c, t, t) {
		if b.at <= t {
			w.from = b.at
		} else {
			w.to = b.at
			break
		}
	}
	return w
}
