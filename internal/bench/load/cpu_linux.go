package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// CPUTime is the processor time that a process has used so far, user and system,
// all its threads together. It reports false if that is not known: there is no
// such process, or the system does not tell. It comes from the process's clock
// and not from /proc/PID/stat, which counts in hundredths of a second.
func CPUTime(pid int) (time.Duration, bool) {
	if pid <= 0 {
		return 0, false
	}
	// See clock_getcpuclockid(3): the id of the scheduler's clock of a process.
	clock := int32(^uint32(pid)<<3 | 2)
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0, false
	}
	return time.Duration(t.Nano()), true
}
