package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"
)

// A mark is a small file beside a database that says how many commits the database had
// when it was last written to. It is written after a commit and before anybody hears of
// it, and never synced: the page cache keeps it when the process is killed, and after a
// power failure it may be behind the database, which is synced. It is never ahead of it,
// unless commits have been lost.
//
// It also says which files the database and its write-ahead log were, and as of when the
// database was: a database that was put in the place of another is not one that the log
// beside it goes with.
type mark struct {
	path     string
	database string // its own name

	mu    sync.Mutex
	file  *os.File // nil until it is written to
	wrote markContent
}

// markContent is what a mark says.
type markContent struct {
	commits       int64
	database      string // its own name
	file, log     string // identities; "" where nothing is to be said of them
	changed, size int64  // of the file
}

const (
	markHead = "allot mark 1\ncommits  "
	// markDigits is how many a number of commits has, so that it is written over in place.
	markDigits = 19
	markZeros  = "0000000000000000000"
	markSize   = 256
)

func markPath(database string) string { return database + ".mark" }

func (c *markContent) text() string {
	text := fmt.Sprintf("%s%0*d\ndatabase %s\nfiles    %s %s %d %d\n", markHead, markDigits, c.commits, c.database,
		orNone(c.file), orNone(c.log), c.changed, c.size)
	return text + strings.Repeat(" ", max(0, markSize-len(text)-1)) + "\n"
}

func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// readMark reads a mark. ok is false if there is none, or one that a power failure has
// left half written.
func readMark(path string) (c markContent, ok bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err != nil {
		return c, false, err
	}
	rest, found := strings.CutPrefix(string(text), markHead)
	if !found {
		return c, false, nil
	}
	_, err = fmt.Sscanf(rest, "%d\ndatabase %s\nfiles %s %s %d %d", &c.commits, &c.database, &c.file, &c.log, &c.changed, &c.size)
	if err != nil {
		return markContent{}, false, nil //nolint:nilerr // half written
	}
	c.file, c.log = strings.TrimPrefix(c.file, "-"), strings.TrimPrefix(c.log, "-")
	return c, true, nil
}

// put writes the whole mark, in the place of one that is there.
func (m *mark) put(c markContent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.open(); err != nil {
		return err
	}
	return m.write(c)
}

// unsettle has the mark say nothing of the files, which are about to change.
func (m *mark) unsettle() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file != nil {
		_ = m.write(markContent{}) // the next commit tells of what cannot be written
	}
}

// unsettleMark has the mark of a database say nothing of the files, if there is one.
func unsettleMark(path string) error {
	there, ok, err := readMark(markPath(path))
	if err != nil || !ok || there.file == "" {
		return err
	}
	m := &mark{path: markPath(path), database: there.database, wrote: markContent{commits: there.commits}}
	if err := m.open(); err != nil {
		return err
	}
	m.unsettle()
	return m.close()
}

// again makes the mark anew: the file that it was may have been removed.
func (m *mark) again() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil // nothing was written to the database
	}
	_ = m.file.Close() // nothing in it is missed
	m.file = nil
	if err := m.open(); err != nil {
		return err
	}
	return m.write(m.wrote)
}

func (m *mark) open() error {
	if m.file != nil {
		return nil
	}
	f, err := os.OpenFile(m.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	m.file = f
	return nil
}

func (m *mark) write(c markContent) error {
	c.commits, c.database = max(m.wrote.commits, c.commits), m.database
	if _, err := m.file.WriteAt([]byte(c.text()), 0); err != nil {
		return err
	}
	m.wrote = c
	return nil
}

// count says that there are so many commits. Of several programs that say so at one time
// the last one wins: the mark may be behind then.
func (m *mark) count(commits int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		there, ok, err := readMark(m.path)
		if err == nil {
			err = m.open()
		}
		if err != nil {
			return err
		}
		if !ok || there.database != m.database {
			return m.write(markContent{commits: commits})
		}
		m.wrote = there
	}
	if commits <= m.wrote.commits {
		return nil
	}
	var digits [markDigits]byte
	text := strconv.AppendInt(digits[:0], commits, 10)
	padded := [markDigits]byte([]byte(markZeros))
	copy(padded[markDigits-len(text):], text)
	if _, err := m.file.WriteAt(padded[:], int64(len(markHead))); err != nil {
		return err
	}
	m.wrote.commits = commits
	return nil
}

// known is how many commits there are at least: other programs say so in the file alone.
func (m *mark) known() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	commits := m.wrote.commits
	if there, ok, err := readMark(m.path); err == nil && ok && there.database == m.database {
		commits = max(commits, there.commits)
	}
	return commits
}

func (m *mark) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	err := m.file.Close()
	m.file = nil
	return err
}
