//go:build !linux

package load

import (
	"os"
	"time"
)

// CPUTime is the processor time that a process has used so far. Of another
// process only Linux tells while it runs, so here it reports false.
func CPUTime(int) (time.Duration, bool) { return 0, false }

// WrittenBytes is how many bytes a process has written so far, to files and sockets.
// Only Linux tells, so here it reports false.
func WrittenBytes(int) (int64, bool) { return 0, false }

// Runs reports whether a process of this machine runs the program of that name.
// Only Linux tells, so here it reports false.
func Runs(int, string) bool { return false }

// Sync waits until what was written to a file is on its disk.
func Sync(f *os.File) error { return f.Sync() }

// SameDisk reports whether two files are on one device. Only Linux is asked.
func SameDisk(string, string) bool { return false }
