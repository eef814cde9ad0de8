package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed is how long the machine has run, asleep or awake: what CLOCK_MONOTONIC counts
// there.
func elapsed() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		return awake()
	}
	return time.Duration(ts.Nano())
}
