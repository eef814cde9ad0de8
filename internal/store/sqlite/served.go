package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/gofrs/flock"
)

// SQLite locks a file for the process. Closing any descriptor of the file drops these
// locks, so whoever wants one takes it from here: there is one for each file that the
// process has open, and it is closed after the last connection.
var held struct {
	sync.Mutex
	files []*heldFile
}

// heldFile is a database file that this process has open. It is the file that was
// opened, whatever has its name later.
type heldFile struct {
	*os.File
	refs     int
	opened   int // by how many of these it is opened as a database
	writable bool
	// unwritable is why not.
	unwritable error
	served     bool
	index      *index // of its write-ahead log, once it was served; nil before
}

// hold opens a file, or takes the descriptor there is.
func hold(path string) (h *heldFile, err error) {
	held.Lock()
	defer held.Unlock()
	if info, err := os.Stat(path); err == nil {
		for _, h := range held.files {
			if of, err := h.Stat(); err == nil && os.SameFile(of, info) {
				h.refs++
				return h, nil
			}
		}
	}
	h = &heldFile{refs: 1, writable: true}
	h.File, err = os.OpenFile(path, os.O_RDWR, 0)
	if readOnly(err) {
		h.writable, h.unwritable = false, err
		h.File, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	held.files = append(held.files, h)
	return h, nil
}

// holdOpen is hold of a file that is about to be opened as a database. alone says that it is not
// yet in this process: who has reserved it has not opened it.
func holdOpen(path string) (h *heldFile, alone bool, err error) {
	if h, err = hold(path); err != nil {
		return nil, false, err
	}
	held.Lock()
	defer held.Unlock()
	h.opened++
	return h, h.opened == 1, nil
}

func (h *heldFile) releaseOpen() error {
	held.Lock()
	h.opened--
	held.Unlock()
	return h.release()
}

func (h *heldFile) release() error {
	held.Lock()
	defer held.Unlock()
	if h.refs--; h.refs > 0 {
		return nil
	}
	held.files = slices.DeleteFunc(held.files, func(o *heldFile) bool { return o == h })
	var err error
	if h.index != nil {
		err = h.index.close()
	}
	return errors.Join(err, h.Close())
}

// share maps the index of the write-ahead log, which is there while the file is open.
func (h *heldFile) share(path string) (*index, error) {
	held.Lock()
	defer held.Unlock()
	if h.index != nil && h.index.is(path+"-shm") {
		return h.index, nil
	}
	x, err := openIndex(path + "-shm")
	if err != nil {
		return nil, err
	}
	x.before, h.index = h.index, x
	return x, nil
}

// serve takes the lock of the file, for one server in all processes.
func (h *heldFile) serve() (ok bool, err error) {
	held.Lock()
	defer held.Unlock()
	if h.served {
		return false, nil
	}
	h.served, err = lockFile(h.File, h.writable)
	return h.served, err
}

func (h *heldFile) unserve() error {
	held.Lock()
	defer held.Unlock()
	h.served = false
	return unlockFile(h.File)
}

// isServed says whether a server has the file, by whatever name.
func (h *heldFile) isServed() bool {
	held.Lock()
	defer held.Unlock()
	return h.served || fileLocked(h.File)
}

// readOnly says that something failed because nothing may be written there.
func readOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// ServedError is a file that a server has.
type ServedError struct{ path, lock string }

func (e *ServedError) Error() string {
	if e.lock == "" {
		return fmt.Sprintf("another allot serves %s: it holds the lock on the file, which may have another name", e.path)
	}
	return fmt.Sprintf("another allot serves %s: it holds the lock %s", e.path, e.lock)
}

func lockPath(database string) string { return database + ".lock" }

func schemaLockPath(database string) string { return database + ".schema-lock" }

// serving is the right to serve a file: the lock on the file itself, and the file beside
// it that versions before look at.
type serving struct {
	file  *heldFile
	named *flock.Flock // nil where nothing may be written
}

func takeServing(path string, h *heldFile) (*serving, error) {
	ok, err := h.serve()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !ok {
		e := &ServedError{path: path}
		if _, err := os.Stat(lockPath(path)); err == nil {
			e.lock = lockPath(path)
		}
		return nil, e
	}
	s := &serving{file: h, named: flock.New(lockPath(path), flock.SetPermissions(0o600))}
	locked, err := s.named.TryLock()
	switch {
	case err != nil && readOnly(err) && !h.writable:
		s.named = nil
	case err != nil:
		return nil, errors.Join(fmt.Errorf("lock %s: %w", s.named.Path(), err), h.unserve())
	case !locked:
		return nil, errors.Join(&ServedError{path, s.named.Path()}, h.unserve())
	}
	return s, nil
}

func (s *serving) close() error {
	err := s.file.unserve()
	if s.named != nil {
		err = errors.Join(err, s.named.Close())
	}
	return err
}

// Reserve takes the lock of a file as a server does, without opening it. The
// error is a [*ServedError] if another has it.
func Reserve(path string) (release func() error, err error) {
	path, err = resolve(path)
	if err != nil {
		return nil, err
	}
	h, err := hold(path)
	if err != nil {
		return nil, err
	}
	s, err := takeServing(path, h)
	if err != nil {
		return nil, errors.Join(err, h.release())
	}
	return func() error { return errors.Join(s.close(), h.release()) }, nil
}

// resolve is the name of a file without links. A file that is not there has its
// directory's.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path)), nil
	}
	return path, nil
}

// Reserve takes the lock of the open file as a server does; see [Reserve].
func (db *DB) Reserve() (release func() error, err error) { return Reserve(db.path) }

// Served says whether a server has the file.
func (db *DB) Served() bool { return db.file.isServed() }
