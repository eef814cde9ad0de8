package clock

import (
	"time"

	"golang.org/x/sys/unix"
)

// elapsed is how long the machine has run, asleep or awake.
func elapsed() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return awake() // a kernel older than 2.6.39
	}
	return time.Duration(ts.Nano())
}
