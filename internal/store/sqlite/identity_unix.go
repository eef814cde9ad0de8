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
		return strconv.FormatUint(uint64(s.Dev), 16) + ":" + strconv.FormatUint(uint64(s.Ino), 16)
	}
	return ""
}

// names is how many names a file has.
func names(info fs.FileInfo) uint64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Nlink)
	}
	return 1
}
