//go:build !linux

package load

import "time"

// CPUTime is the processor time that a process has used so far. Of another
// process only Linux tells while it runs, so here it reports false.
func CPUTime(int) (time.Duration, bool) { return 0, false }
