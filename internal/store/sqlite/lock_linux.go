package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Locks of open file descriptions, which other descriptors of this process do not drop.
const (
	ofdGetLock = unix.F_OFD_GETLK
	ofdSetLock = unix.F_OFD_SETLK
)

// lockByte is a byte that SQLite, whose locks begin at 1 GiB, does not lock.
const lockByte = 1<<30 + 1<<12

// sharedByte is the byte of the -shm file that each connection holds a lock of.
const sharedByte = 128

// tellsUse says that inUse can tell.
const tellsUse = true

func lockRange(kind int16, at int64) *syscall.Flock_t {
	return &syscall.Flock_t{Type: kind, Whence: 0, Start: at, Len: 1}
}

// lockFile takes the lock of a database on the file itself; ok is false if another has it.
func lockFile(f *os.File, writable bool) (ok bool, err error) {
	kind := int16(syscall.F_WRLCK)
	if !writable {
		kind = syscall.F_RDLCK // it keeps servers out as well
	}
	err = syscall.FcntlFlock(f.Fd(), ofdSetLock, lockRange(kind, lockByte))
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		return false, nil
	}
	return err == nil || noLocks(err), hide(err)
}

func unlockFile(f *os.File) error {
	return hide(syscall.FcntlFlock(f.Fd(), ofdSetLock, lockRange(syscall.F_UNLCK, lockByte)))
}

// fileLocked says whether another has the lock of a database.
func fileLocked(f *os.File) bool {
	lock := lockRange(syscall.F_WRLCK, lockByte)
	err := syscall.FcntlFlock(f.Fd(), ofdGetLock, lock)
	return err == nil && lock.Type != syscall.F_UNLCK
}

// noLocks says that there are no such locks on this file system: the lock file alone
// keeps others away.
func noLocks(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOLCK) || errors.Is(err, syscall.ENOTSUP)
}

func hide(err error) error {
	if noLocks(err) {
		return nil
	}
	return err
}

// inUse says whether a process has the database open whose -shm file is at a path. No
// descriptor of the file may be open in this process: its locks would go.
func inUse(shm string) (bool, error) {
	f, err := os.Open(shm)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	lock := lockRange(syscall.F_WRLCK, sharedByte)
	if err := syscall.FcntlFlock(f.Fd(), ofdGetLock, lock); err != nil {
		return true, hide(err)
	}
	return lock.Type != syscall.F_UNLCK, nil
}
