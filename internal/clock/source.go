package clock

import (
	"sync/atomic"
	"time"
)

// Reading is what a clock shows at one moment.
type Reading struct {
	// Wall is the time.
	Wall time.Time
	// Elapsed is how long it is since some moment, the same for all readings: setting the
	// time does not move it.
	Elapsed time.Duration
}

// Source reads a clock. It is safe for concurrent use.
type Source func() Reading

const (
	// apart is how long after each other the two halves of a reading may be read.
	apart = time.Millisecond
	// stirred is by how much the wall moves against the time awake before it is asked anew
	// how long the machine slept; unasked that is known for so long.
	stirred, known = 100 * time.Millisecond, time.Second
)

// sleep is how long the machine slept, as it was found at a time awake. Until the wall moves
// against that it has not slept again, and neither was the wall set.
type sleep struct {
	slept, awake, ahead time.Duration
}

// System reads the clock of the machine. Elapsed counts the time that it slept, on Linux, macOS
// and Windows; elsewhere it does not.
func System() Source {
	var last atomic.Pointer[sleep]
	start := time.Now()
	wall := start.Round(0)
	read := func() (time.Time, time.Duration, time.Duration) {
		t := time.Now()
		awake := t.Sub(start) // by the monotonic half
		return t, awake, t.Round(0).Sub(wall) - awake
	}
	return func() Reading {
		t, awake, ahead := read()
		if s := last.Load(); s != nil && awake-s.awake <= known && max(ahead-s.ahead, s.ahead-ahead) <= stirred {
			return Reading{t, awake + s.slept}
		}
		const attempts = 10
		for attempt := 1; ; attempt++ {
			before := elapsed()
			t, awake, ahead = read()
			after := elapsed()
			// Who was stopped between the two, or slept, reads again.
			if after-before <= apart || attempt == attempts {
				last.Store(&sleep{after - awake, awake, ahead})
				return Reading{t, after}
			}
		}
	}
}

var began = time.Now()

// awake is how long this process has run, by a clock that may stand still while the machine
// sleeps.
func awake() time.Duration { return time.Since(began) }
