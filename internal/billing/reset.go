package billing

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// Reset is when usage of a metered item starts anew: with the plan's cycle, never,
// or after an interval of its own.
type Reset string

// The resets that are no intervals.
const (
	ResetCycle Reset = "cycle" // with the plan's cycle
	ResetNever Reset = "never"
)

var resets = []Reset{ResetCycle, ResetNever}

// Valid reports whether the reset is one of the constants or an interval.
func (r Reset) Valid() bool {
	return slices.Contains(resets, r) || calendar.Interval(r).Valid()
}

// Instants that customers' facts may have: what follows from them, a trial's end
// or a cycle's, can still be written.
const (
	firstYear = 1900
	lastYear  = 9000
)

// MaxAhead is how far ahead of now a time may be that a caller brings, and how far
// behind it a start still is now: clocks differ.
const MaxAhead = 5 * time.Minute

// plausible reports whether an instant is between them.
func plausible(t time.Time) bool { return t.Year() >= firstYear && t.Year() < lastYear }
