//go:build !linux

package sqlite

import "os"

// Here the lock file alone keeps a second server away, by its name.

func lockFile(*os.File, bool) (ok bool, err error) { return true, nil }

func unlockFile(*os.File) error { return nil }

func fileLocked(*os.File) bool { return false }

// tellsUse says that inUse cannot tell.
const tellsUse = false

// inUse is true: it cannot be told, so that a log is not read which another may write to.
func inUse(string) (bool, error) { return true, nil }
