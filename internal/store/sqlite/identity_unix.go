//go:build unix

package sqlite

import (
	"io/fs"
	"strconv"
	"syscall"
)

// identity tells a file from any other, also from one that has its name later; "" if that
// cannot be told.
func identity(info fs.FileInfo) string {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return strconv.FormatUint(uint64(s.Dev), 16) + ":" + strconv.FormatUint(s.Ino, 16) //nolint:unconvert // Dev is another type on another system
	}
	return ""
}

// names is how many names a file has.
func names(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink) //nolint:unconvert // as above
	}
	return 1
}
