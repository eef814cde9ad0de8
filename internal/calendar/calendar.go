// Package calendar says which span of time an instant is in: windows that follow
// each other without gap or overlap, counted from an anchor or put on the calendar,
// in the time zone of a customer. It is pure, knows nothing of plans, and has the
// zone data with it, so that every node gives the same answer.
//
// Start reading at [Grid].
package calendar

import (
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

// Calendar puts windows on the calendar: the full hour of local clocks, local
// midnight, Monday, the 1st, 1 January. Without it they run from an anchor. It goes
// with one of a unit, not with multiples.
const Calendar Align = "calendar"

// Span is a half-open span of time [Start, End).
type Span struct{ Start, End time.Time }

// Contains reports whether Start ≤ t < End.
func (s Span) Contains(t time.Time) bool { return !t.Before(s.Start) && t.Before(s.End) }
