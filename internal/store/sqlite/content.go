package sqlite

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
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
// same pages, of which a few are compared. After a crash the index says that the log is being copied,
// until that is done for the first time: meanwhile nothing is known.
type content struct {
	file  *os.File
	index *index // nil: nothing is known
	page  int64  // bytes of one

	copying atomic.Int32 // this process writes to the file

	mu      sync.Mutex
	size    int64
	changed time.Time
	log     indexLog
	sample  [sha256.Size]byte
	spoiled *billing.Error
}

// look compares: now is what the index said before it was looked how the file and its log are.
func (c *content) look(now indexLog, file, log fs.FileInfo) *billing.Error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spoiled != nil || c.copying.Load() > 0 {
		return c.spoiled
	}
	switch {
	case !c.isWhole(log, now):
		c.spoil(log.Name())
	case now.copied != now.copying: // somebody copies the log
	case file.Size() == c.size && file.ModTime().Equal(c.changed):
		c.log = now
	default:
		c.compare(now)
	}
	return c.spoiled
}

// isWhole reports whether the log has all frames that the index said it had.
func (c *content) isWhole(log fs.FileInfo, was indexLog) bool {
	if was.frames == 0 || log.Size() >= logHeaderSize+int64(was.frames)*(frameHeaderSize+c.page) {
		return true
	}
	now, ok := c.index.log()
	return !ok || now.salts != was.salts || now.frames < was.frames // it began anew, perhaps while was was read
}

// compare looks why the file has changed since the index was as it is in c.log. It is now as in was.
func (c *content) compare(was indexLog) {
	is := content{file: c.file, page: c.page, log: was}
	if err := is.read(); err != nil {
		return // it is looked at again
	}
	now, ok := c.index.log()
	if !ok || now.salts != was.salts || now.copied != was.copied || now.copying != was.copying {
		return // as above
	}
	copied := c.log.salts != now.salts || c.log.copied != now.copied
	if !copied && (is.size != c.size || is.sample != c.sample) {
		c.spoil(filepath.Base(c.file.Name()))
		return
	}
	c.size, c.changed, c.log, c.sample = is.size, is.changed, is.log, is.sample
}

func (c *content) spoil(name string) {
	c.spoiled = billing.Unavailable.Errorf(codeReplaced,
		"%s was written over by another program while this one had it open: nothing is written until the server is started again", name)
}

// samples is how many pages are compared.
const samples = 64

// read notes how the file is.
func (c *content) read() error {
	info, err := c.file.Stat()
	if err != nil {
		return err
	}
	pages := info.Size() / c.page
	sum, text := sha256.New(), make([]byte, c.page)
	for i := range min(samples, pages) {
		if _, err := c.file.ReadAt(text, i*pages/min(samples, pages)*c.page); err != nil {
			return err
		}
		sum.Write(text)
	}
	sum.Sum(c.sample[:0])
	c.size, c.changed = info.Size(), info.ModTime()
	return nil
}

// isSpoiled reports whether it was written over.
func (c *content) isSpoiled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoiled != nil
}

// beginCopy is called before this process copies the log.
func (c *content) beginCopy() { c.copying.Add(1) }

// endCopy is called when it has. It notes how the file is now.
func (c *content) endCopy() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index != nil {
		if log, ok := c.index.log(); ok && c.read() == nil {
			c.log = log
		} // else the next look finds that the log was copied
	}
	c.copying.Add(-1)
}
