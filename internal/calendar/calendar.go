// Package calendar says which span of time an instant is in: windows that follow
// each other without gap or overlap, counted from an anchor or put on the calendar,
// in the time zone of a customer. It is pure, knows nothing of plans, and has the
// zone data with it, so that every node gives the same answer.
//
// Start reading at [Grid].
package calendar

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Interval is the length of a window: a unit of the calendar, or a multiple of one.
// Its text is the unit, with the number before it if that is not 1: "month",
// "5 hour". [Every] makes one.
type Interval string

// The units.
const (
	Hour  Interval = "hour"
	Day   Interval = "day"
	Week  Interval = "week"
	Month Interval = "month"
	Year  Interval = "year"
	None  Interval = "none" // no windows
)

// units are all that an interval can be of.
var units = []Interval{Hour, Day, Week, Month, Year}

// Units returns the units that an interval can be of, ascending. None is not among
// them.
func Units() []Interval { return slices.Clone(units) }

// MostOf is how many of a unit an interval has at most.
const MostOf = 1000

// Every is the interval of n units; n is from 1 to [MostOf].
func Every(n int, unit Interval) Interval {
	if n == 1 {
		return unit
	}
	return Interval(strconv.Itoa(n) + " " + string(unit))
}

// Parts are the number and the unit of an interval.
func (i Interval) Parts() (n int, unit Interval) {
	number, unit2, multiple := strings.Cut(string(i), " ")
	if !multiple {
		return 1, i
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0, i
	}
	return n, Interval(unit2)
}

// Valid reports whether the interval is one that Every makes. None is not.
func (i Interval) Valid() bool {
	n, unit := i.Parts()
	return n >= 1 && n <= MostOf && slices.Contains(units, unit) && Every(n, unit) == i
}

// Align says where windows begin.
type Align string

// Calendar puts windows on the calendar: local midnight, Monday, the 1st, 1 January.
// Without it they run from an anchor. It goes with one of a unit, not with
// multiples.
const Calendar Align = "calendar"

// Zone is a time zone from an instant on; the first of several from ever.
type Zone struct {
	From time.Time
	Name string // of IANA, such as Europe/Berlin
}

// Span is a half-open span of time [Start, End).
type Span struct{ Start, End time.Time }

// Contains reports whether Start ≤ t < End.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }

// Grid is how the windows of an interval follow each other.
type Grid struct {
	Every Interval
	// Anchor is what windows are counted from, at its time of day; with Align
	// [Calendar] it is of no account.
	Anchor time.Time
	Align  Align
	// Zones ascend; none is UTC.
	Zones []Zone
}

// At is the window that contains an instant. There is none for the interval None
// and, but on the calendar, for a zero anchor.
func (g Grid) At(t time.Time) (Span, bool) {
	if g.Every == None || g.Every == "" || g.Anchor.IsZero() && g.Align == "" {
		return Span{}, false
	}
	return cycleAt(g.Anchor, g.Every, t), true
}

// CheckZone is an error that says what is wrong with the name of a zone.
func CheckZone(name string) error {
	if _, err := time.LoadLocation(name); err != nil || name == "" || name == "Local" {
		return fmt.Errorf("want the name of a time zone, such as Europe/Berlin")
	}
	return nil
}

// cycleAt is the cycle of an interval that contains now. Cycles run in UTC in
// both directions from the anchor, at its time of day; a month that lacks the
// anchor's day ends its cycle on its last day, and the next one that has the
// day keeps it.
func cycleAt(anchor time.Time, every Interval, now time.Time) Span {
	anchor, now = anchor.UTC(), now.UTC()
	n := estimate(anchor, every, now)
	for now.Before(boundary(anchor, every, n)) {
		n--
	}
	for !now.Before(boundary(anchor, every, n+1)) {
		n++
	}
	return Span{boundary(anchor, every, n), boundary(anchor, every, n+1)}
}

// estimate is the number of the cycle that contains now, wrong by at most one.
func estimate(anchor time.Time, every Interval, now time.Time) int {
	const day = 24 * 60 * 60
	switch every {
	case Hour:
		return int((now.Unix() - anchor.Unix()) / 3600)
	case Day:
		return int((now.Unix() - anchor.Unix()) / day)
	case Week:
		return int((now.Unix() - anchor.Unix()) / (7 * day))
	case Year:
		return now.Year() - anchor.Year()
	default:
		return (now.Year()-anchor.Year())*12 + int(now.Month()-anchor.Month())
	}
}

// boundary is the start of cycle n, counted from the anchor.
func boundary(anchor time.Time, every Interval, n int) time.Time {
	switch every {
	case Hour:
		return anchor.Add(time.Duration(n) * time.Hour)
	case Day:
		return anchor.AddDate(0, 0, n)
	case Week:
		return anchor.AddDate(0, 0, 7*n)
	case Year:
		n *= 12
	}
	// time.AddDate would carry 31 January + 1 month into March.
	first := time.Date(anchor.Year(), anchor.Month()+time.Month(n), 1,
		anchor.Hour(), anchor.Minute(), anchor.Second(), anchor.Nanosecond(), time.UTC)
	lastDay := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(anchor.Day(), lastDay)-1)
}
