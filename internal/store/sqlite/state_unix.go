//go:build unix

package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// The index of the write-ahead log, which all who have the database open share in memory,
// begins with what tells them which of its frames are committed (the format is
// https://sqlite.org/walformat.html, section 2.2): its version, a count of the commits, the
// last frame and its checksum, the salts of the log, and a checksum of all of these. It is
// written by whoever commits, as that which makes the commit seen. Behind a copy of it stands how
// far the log was copied into the file, and how far whoever copies it means to come.
const (
	indexHeader  = 136
	indexVersion = 3007000
	indexCommits = 8
	indexLast    = 16
	indexSalts   = 32
	indexCopied  = 96
	indexCopying = 128
)

// index is the beginning of that memory. It is read as SQLite reads it: without a lock. What is
// read while somebody writes it is no state that there was before.
type index struct {
	file   *os.File
	text   []byte
	before *index // of a log that is gone; nil if there was none
}

// readIndex reads what the index says of a log that nobody has open.
func readIndex(path string) (s indexLog, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil || len(text) < indexHeader {
		return s, false
	}
	return (&index{text: text}).log()
}

// is reports whether it is what has a name now.
func (x *index) is(path string) bool {
	named, err := os.Stat(path)
	if err != nil {
		return false
	}
	info, err := x.file.Stat()
	return err == nil && os.SameFile(named, info)
}

// openIndex maps the index of a database that is open.
func openIndex(path string) (_ *index, err error) {
	x := &index{}
	if x.file, err = os.Open(path); err != nil {
		return nil, err
	}
	info, err := x.file.Stat()
	if err == nil && info.Size() < indexHeader {
		err = fmt.Errorf("%s has %d bytes", path, info.Size())
	}
	if err == nil {
		x.text, err = unix.Mmap(int(x.file.Fd()), 0, indexHeader, unix.PROT_READ, unix.MAP_SHARED)
	}
	if err != nil {
		// Its locks are SQLite's, and closing it would drop them: it stays open for what is left.
		return nil, err
	}
	return x, nil
}

func (x *index) close() error {
	_ = unix.Munmap(x.text)
	err := x.file.Close()
	if x.before != nil {
		err = errors.Join(err, x.before.close())
	}
	return err
}

// word is one of eight bytes.
func (x *index) word(at int) uint64 {
	return atomic.LoadUint64((*uint64)(unsafe.Pointer(&x.text[at]))) //nolint:gosec // a page begins at a multiple of eight
}

// state reads which state of the database is the newest that is committed.
func (x *index) state() (s sqlstore.State, ok bool) {
	var first [2][8]byte
	for i := range first {
		binary.NativeEndian.PutUint64(first[i][:], x.word(8*i))
	}
	const initialised = 12 - indexCommits
	if binary.NativeEndian.Uint32(first[0][:]) != indexVersion || first[1][initialised] == 0 {
		return s, false
	}
	s.Commits = binary.NativeEndian.Uint32(first[1][:])
	for i := range s.Rest {
		s.Rest[i] = x.word(indexLast + 8*i)
	}
	return s, true
}

// log reads how long the log is, and how far it is copied into the file. What somebody is writing is not ok:
// the head stands there twice, and the second is written first.
func (x *index) log() (s indexLog, ok bool) {
	const head = 48
	var words [head / 8]uint64
	for i := range words {
		words[i] = x.word(8 * i)
	}
	half := func(at int) uint32 {
		return atomic.LoadUint32((*uint32)(unsafe.Pointer(&x.text[at]))) //nolint:gosec // as in word
	}
	s.copied, s.copying = half(indexCopied), half(indexCopying)
	for i := range words {
		if words[i] != x.word(head+8*i) {
			return s, false
		}
	}
	if _, ok := x.state(); !ok {
		return s, false
	}
	var last [8]byte
	binary.NativeEndian.PutUint64(last[:], words[indexLast/8])
	s.salts, s.frames = words[indexSalts/8], binary.NativeEndian.Uint32(last[:])
	return s, s.copied <= s.frames // else it is about to begin anew
}
