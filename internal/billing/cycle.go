package billing

import "time"

// Interval is the length of a plan's cycle or of a charge.
type Interval string

// The intervals.
const (
	Day   Interval = "day"
	Week  Interval = "week"
	Month Interval = "month"
	Year  Interval = "year"
	None  Interval = "none" // no cycle
)

var intervals = []Interval{Day, Week, Month, Year, None}

// Reset is when usage of a metered item starts anew.
type Reset string

// The resets.
const (
	ResetCycle Reset = "cycle" // with the plan's cycle
	ResetNever Reset = "never"
	ResetDay   Reset = "day"
	ResetWeek  Reset = "week"
	ResetMonth Reset = "month"
	ResetYear  Reset = "year"
)

var resets = []Reset{ResetCycle, ResetNever, ResetDay, ResetWeek, ResetMonth, ResetYear}

// Instants that customers' facts may have: what follows from them, a trial's end
// or a cycle's, can still be written.
const (
	firstYear = 1900
	lastYear  = 9000
)

// MaxAhead is how far ahead of now a time may be that a caller brings: clocks
// differ.
const MaxAhead = 5 * time.Minute

// plausible reports whether an instant is between them.
func plausible(t time.Time) bool { return t.Year() >= firstYear && t.Year() < lastYear }

// Cycle is a half-open span of time [Start, End).
type Cycle struct{ Start, End time.Time }

// Contains reports whether Start ≤ t < End.
func (c Cycle) Contains(t time.Time) bool { return !t.Before(c.Start) && t.Before(c.End) }

// CycleAt is the cycle of an interval that contains now. Cycles run in UTC in
// both directions from the anchor, at its time of day; a month that lacks the
// anchor's day ends its cycle on its last day, and the next one that has the
// day keeps it. There is none for the interval None and for a zero anchor.
func CycleAt(anchor time.Time, every Interval, now time.Time) (Cycle, bool) {
	if anchor.IsZero() || every == None {
		return Cycle{}, false
	}
	anchor, now = anchor.UTC(), now.UTC()
	n := estimate(anchor, every, now)
	for now.Before(boundary(anchor, every, n)) {
		n--
	}
	for !now.Before(boundary(anchor, every, n+1)) {
		n++
	}
	return Cycle{boundary(anchor, every, n), boundary(anchor, every, n+1)}, true
}

// estimate is the number of the cycle that contains now, wrong by at most one.
func estimate(anchor time.Time, every Interval, now time.Time) int {
	const day = 24 * 60 * 60
	switch every {
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
