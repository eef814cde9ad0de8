//go:build !linux

package sqlite

import (
	"io/fs"
	"time"
)

// changedAt is when a file was last changed, as it says.
func changedAt(info fs.FileInfo) time.Time { return info.ModTime() }
