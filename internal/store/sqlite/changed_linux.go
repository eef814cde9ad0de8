package sqlite

import (
	"io/fs"
	"syscall"
	"time"
)

// changedAt is when a file was last changed. Nobody can set that to another time.
func changedAt(info fs.FileInfo) time.Time {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return time.Unix(s.Ctim.Unix())
	}
	return info.ModTime()
}
