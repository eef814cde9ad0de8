package sqlite

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// indexLog is what the index of the write-ahead log says of the log.
type indexLog struct {
	salts           uint64 // of the log: another once it has begun anew
	frames          uint32
	copied, copying uint32 // frames that are in the file, and that whoever copies means to have there
}

// content knows what stands in the file that is served and in its log. Of a file that somebody
// copies another over, such as a backup, the name stays and nothing is heard of it: SQLite goes on with
// pages that are not those it knows.
//
// The key decision: only a checkpoint writes to the file, and the index of the log, which all
// programs share, tells of each before it writes and when it has. So a file that has changed while
// the index has not was written to by something else. A file of which only the time was set has the
// same pages, of which a few are compared. Whoever copied the log, the page of the count of commits
// is the one that the log says it must be: see goesOn. After a crash the index says that the log is being
// copied, until that is done for the first time, and as long as somebody copies it does: meanwhile it
// is known that the count only grows.
type content struct {
	file     *os.File
	index    *index // nil: nothing is known
	page     int64  // bytes of one
	database string
	known    func() int64     // commits that there are at least
	note     func(*fileState) // is told of each state that it is right for the file to have

	mu      sync.Mutex
	copying bool   // this process writes to the file
	counts  uint32 // the page of the count of commits
	lost    bool   // which it is no longer
	was     fileState
	log     indexLog
	spoiled *billing.Error
}

// fileState is how the file was.
type fileState struct {
	size    int64
	changed time.Time
	sample  [sha256.Size]byte
	count   []byte // the page of the count of commits; nil if the file ends before it
}

// look compares: now is what the index said before it was looked how the file and its log are.
func (c *content) look(now indexLog, file, log fs.FileInfo) *billing.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoiled != nil || c.copying {
		return c.spoiled
	}
	switch {
	case !c.isWhole(log, now):
		c.spoil(log.Name())
	case now.copied != now.copying: // somebody copies the log, or did not come to the end
		if !file.ModTime().Equal(c.was.changed) && c.isBehind() {
			c.spoil(filepath.Base(c.file.Name()))
		}
	case file.Size() == c.was.size && file.ModTime().Equal(c.was.changed):
		c.log = now
	default:
		c.compare(now, c.log.salts != now.salts || c.log.copied != now.copied)
	}
	return c.spoiled
}

// framesLooked is how many frames of the log are looked at each time, framesCopied how many before
// it is copied, and allFrames all.
const (
	framesLooked = 8
	framesCopied = 64
	allFrames    = 1<<31 - 1
)

// checkLog looks whether frames of the log are as they were written: SQLite does not when it reads them,
// nor when it copies them into the file.
func (c *content) checkLog(looks int) {
	if c.index == nil {
		return
	}
	before, ok := c.index.log()
	if !ok || before.frames == 0 {
		return
	}
	path := c.file.Name() + "-wal"
	pages, err := openPages(path, c.page)
	if err != nil {
		return // its name is looked at
	}
	defer pages.close()
	isSound := binary.NativeEndian.Uint64(pages.salts[:]) == before.salts && pages.unsound(before.frames, looks) == 0
	if now, ok := c.index.log(); isSound || !ok || now.salts != before.salts || now.frames < before.frames {
		return // or it began anew
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoiled == nil {
		c.spoil(filepath.Base(path))
	}
}

// isWhole reports whether the log has all frames that the index said it had.
func (c *content) isWhole(log fs.FileInfo, was indexLog) bool {
	if was.frames == 0 || log.Size() >= logHeaderSize+int64(was.frames)*(frameHeaderSize+c.page) {
		return true
	}
	now, ok := c.index.log()
	return !ok || now.salts != was.salts || now.frames < was.frames // it began anew, perhaps while was was read
}

// compare looks why the file has changed. The index was as in was a moment ago; copied says that the log
// was copied since the file was as in c.was.
func (c *content) compare(was indexLog, copied bool) {
	known := c.known() // before the index is read: what is committed since may be in neither
	before, ok := c.index.log()
	if !ok || !before.isCopiedAs(was) {
		return // it is looked at again
	}
	is, err := c.read()
	if err != nil {
		return
	}
	goesOn := c.goesOn(&is, before, known)
	if now, ok := c.index.log(); !ok || !now.isCopiedAs(was) {
		return // as above
	}
	if !goesOn || !copied && (is.size != c.was.size || is.sample != c.was.sample) {
		c.spoil(filepath.Base(c.file.Name()))
		return
	}
	c.was, c.log = is, before
	c.note(&c.was)
}

// isBehind reports whether the file has fewer commits than it had.
func (c *content) isBehind() bool {
	had, ok := readCount(c.was.count, c.database)
	for range 2 { // a page that is being written may be read as half of it
		is, err := c.read()
		if has, counts := readCount(is.count, c.database); err != nil || !ok || !counts || has >= had {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return true
}

// isCopiedAs reports whether nothing was copied from one state to the other, and the log did not begin anew.
func (l indexLog) isCopiedAs(o indexLog) bool {
	return l.salts == o.salts && l.copied == o.copied && l.copying == o.copying
}

// goesOn reports whether the file has a count of commits that it can have beside the log, with known commits
// or more in all. Where that cannot be told it has.
func (c *content) goesOn(is *fileState, log indexLog, known int64) bool {
	has, ok := readCount(is.count, c.database)
	c.lost = !ok
	if had, counts := readCount(c.was.count, c.database); ok && counts && has < had {
		return false
	}
	if log.frames == 0 {
		return !ok || has >= known
	}
	pages, err := openPages(c.file.Name()+"-wal", c.page)
	if err != nil {
		return true
	}
	defer pages.close()
	if binary.NativeEndian.Uint64(pages.salts[:]) != log.salts {
		return true
	}
	// The log began when all of the one before was in the file.
	n, told := pages.oldest(c.counts, 1, log.frames)
	if !told || n == 0 {
		return !told || !ok || has >= known
	}
	text, err := pages.text(n)
	if next, counts := readCount(text, c.database); err != nil || counts && ok && has < next-1 {
		return err != nil
	}
	// Of a log that is copied no further than somebody reads, a page that is written to again behind that is
	// not copied.
	if log.copied < log.frames {
		return true
	}
	if n, told = pages.newest(c.counts, 1, log.copied); !told || n == 0 {
		return true
	}
	text, err = pages.text(n)
	return err != nil || bytes.Equal(text, is.count)
}

func (c *content) spoil(name string) {
	c.spoiled = billing.Unavailable.Errorf(codeReplaced,
		"%s was written over by another program while this one had it open: nothing is written until the server is started again", name)
}

// samples is how many pages are compared.
const samples = 64

// read reads how the file is.
func (c *content) read() (is fileState, err error) {
	info, err := c.file.Stat()
	if err != nil {
		return is, err
	}
	is.size, is.changed = info.Size(), info.ModTime()
	pages := is.size / c.page
	sum, text := sha256.New(), make([]byte, c.page)
	for i := range min(samples, pages) {
		if _, err := c.file.ReadAt(text, i*pages/min(samples, pages)*c.page); err != nil {
			return is, err
		}
		sum.Write(text)
	}
	if n := int64(c.counts); 0 < n && n <= pages {
		if _, err := c.file.ReadAt(text, (n-1)*c.page); err != nil {
			return is, err
		}
		sum.Write(text)
		is.count = text
	}
	sum.Sum(is.sample[:0])
	return is, nil
}

// isSpoiled reports whether it was written over.
func (c *content) isSpoiled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoiled != nil
}

// find finds the page of the count of commits where that was moved.
func (c *content) find(ctx context.Context, db *sql.DB) {
	c.mu.Lock()
	lost := c.lost
	c.mu.Unlock()
	if !lost {
		return
	}
	var page uint32
	if err := db.QueryRowContext(ctx, pageOfCount).Scan(&page); err != nil {
		return // it is looked for again
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if is, err := c.read(); err == nil && page != c.counts && c.spoiled == nil && is.changed.Equal(c.was.changed) {
		c.counts = page
		if is, err = c.read(); err == nil {
			c.was = is
		}
	}
	c.lost = false
}

// begin takes the file as it is.
func (c *content) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index == nil {
		return
	}
	if log, ok := c.index.log(); ok {
		c.log = log
		c.was, _ = c.read() // what cannot be read is compared by the next look
	}
}

// beginCopy is called before this process copies the log.
func (c *content) beginCopy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copying = true
}

// endCopy is called when it has. It notes how the file is now; if that cannot be read, the next look
// finds that the log was copied.
func (c *content) endCopy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.copying = false
	if c.index == nil || c.spoiled != nil {
		return
	}
	if log, ok := c.index.log(); ok && log.copied == log.copying {
		c.compare(log, true)
	}
}
