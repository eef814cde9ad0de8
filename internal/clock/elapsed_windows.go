package clock

import (
	"time"

	"golang.org/x/sys/windows"
)

// elapsed is how long the machine has run, asleep or awake.
func elapsed() time.Duration { return windows.DurationSinceBoot() }
