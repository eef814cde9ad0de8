package load

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
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

// WrittenBytes is how many bytes a process has written so far, to files and to
// sockets, by the count of its calls: what the kernel counts of storage is in whole
// folios of its cache, of up to megabytes. It reports false if it is not known.
func WrittenBytes(pid int) (int64, bool) {
	if pid <= 0 {
		return 0, false
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, false // of another user, or gone
	}
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte("wchar: ")); ok {
			n, err := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Runs reports whether a process of this machine runs the program of that name.
func Runs(pid int, program string) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && string(bytes.TrimSpace(name)) == program
}

// Sync waits until what was written to a file is on its disk, as a database does
// at a commit.
func Sync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// SameDisk reports whether two files are on one device.
func SameDisk(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev == y.Dev
}
