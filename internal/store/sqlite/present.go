package sqlite

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// lookEvery is how often the files are looked at where nothing is written and nobody asks. What others do
// to them is to be noted before this process may be killed.
const lookEvery = time.Second / 10

// lookAgain is for how long a look counts for those who ask before they write.
const lookAgain = 20 * time.Millisecond

// present knows the files that the connections have open, and whether they still have
// their names. SQLite goes on writing to files that were removed or replaced, and what it
// writes there is gone when they are closed.
type present struct {
	files map[string]fs.FileInfo // by name
	path  string                 // of the database
	wal   string                 // of its write-ahead log
	content
	once sync.Once // that its content is another is told
	gone atomic.Pointer[billing.Error]
	seen atomic.Int64 // when that was, in nanoseconds
	stop context.CancelFunc
	done sync.WaitGroup
}

// look compares.
func (p *present) look() *billing.Error {
	var before indexLog
	known := p.index != nil
	if known {
		before, known = p.index.log()
	}
	var file, log fs.FileInfo
	for name, was := range p.files {
		is, err := os.Stat(name)
		if err != nil || !os.SameFile(was, is) {
			return billing.Unavailable.Errorf(codeReplaced,
				"%s is no longer the file that was opened: nothing is written until it is back or the server is started again", filepath.Base(name))
		}
		switch name {
		case p.path:
			file = is
		case p.wal:
			log = is
		}
	}
	if !known {
		return nil
	}
	return p.content.look(before, file, log)
}

const codeReplaced = sqlstore.CodeReplaced

func (p *present) close() {
	p.stop()
	p.done.Wait()
}

// watch begins to compare the files with their names, and to keep the mark.
func (db *DB) watch(ctx context.Context) error {
	has, err := readCommits(ctx, db.writer)
	if err != nil {
		return err
	}
	db.mark = &mark{path: markPath(db.path), database: has.database}
	p := &present{files: map[string]fs.FileInfo{}, path: db.path, wal: db.path + "-wal", content: content{file: db.file.File, index: db.index}}
	if p.files[db.path], err = db.file.Stat(); err != nil {
		return err
	}
	if named, err := filepath.Abs(db.named); err == nil {
		p.files[named] = p.files[db.path]
	}
	for _, end := range []string{"-wal", "-shm"} {
		if p.files[db.path+end], err = os.Stat(db.path + end); err != nil {
			return err
		}
	}
	if db.serving != nil {
		page, err := pageSizeOf(db.file.File, db.path)
		if err != nil {
			return err
		}
		p.page, p.database, p.known = int64(page), has.database, db.mark.known
		p.note = db.noteFile
		if err := db.writer.QueryRowContext(ctx, pageOfCount).Scan(&p.counts); err != nil {
			return err
		}
		p.begin()
		if err := db.settle(has.commits); err != nil {
			return err
		}
		db.checkpoints.around = db.around
	} else { // beside a server, whose mark it may be
		db.checkpoints.around = func() (after func(), err error) {
			if err := unsettleMark(db.path); err != nil {
				db.log.Warn("the files are not noted beside the database", "error", err)
			}
			return func() {}, nil
		}
	}
	ctx, p.stop = context.WithCancel(context.WithoutCancel(ctx))
	db.present = p
	p.done.Go(func() {
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				db.checkLog()
				_ = db.look() // who writes is told
				db.present.find(ctx, db.reader)
			}
		}
	})
	return nil
}

// checkLog looks at some of the log, and at all of it once SQLite has found damage.
func (db *DB) checkLog() {
	switch {
	case db.serving == nil: // who serves looks
	case db.doubted.Swap(false):
		if now, was := time.Now().UnixNano(), db.lookedThrough.Load(); now-was > int64(time.Second) && db.lookedThrough.CompareAndSwap(was, now) {
			db.present.checkLog(allFrames)
		}
	default:
		db.present.checkLog(framesLooked)
	}
}

// look compares the files with their names, and tells once of each change.
func (db *DB) look() *billing.Error {
	if db.doubted.Load() {
		db.checkLog()
	}
	gone := db.present.look()
	was := db.present.gone.Swap(gone)
	db.present.seen.Store(time.Now().UnixNano())
	const noLonger = "the database is no longer the file that was opened; nothing is written any more"
	switch {
	case gone != nil && db.present.isSpoiled(): // and stays so
		db.present.once.Do(func() {
			db.log.Error(noLonger, "error", gone)
			db.checkpoints.stop() // which would spoil more
		})
	case gone != nil && was == nil:
		db.log.Error(noLonger, "error", gone)
		if err := db.mark.again(); err != nil {
			db.log.Error("what the database had cannot be noted beside it", "error", err)
		}
	case gone == nil && was != nil:
		db.log.Info("the database is the file again that was opened")
	}
	return gone
}

// Replaced says that the files are no longer those that were opened, as an error of kind
// [billing.Unavailable], or nil. It looks again unless somebody has just looked: what is
// committed meanwhile is looked after once more.
func (db *DB) Replaced() error {
	if db.present == nil {
		return nil
	}
	gone := db.present.gone.Load()
	if time.Since(time.Unix(0, db.present.seen.Load())) > lookAgain {
		gone = db.look()
	}
	if gone != nil {
		return gone
	}
	return nil
}

// counted marks a commit. Nobody is told of one that went to files without a name.
func (db *DB) counted(commits int64) error {
	if err := db.mark.count(commits); err != nil {
		db.log.Warn("a commit is not marked beside the database", "error", err)
	}
	if gone := db.look(); gone != nil {
		return gone
	}
	return nil
}

// settle notes in the mark what the files are.
func (db *DB) settle(commits int64) error {
	info, err := db.file.Stat()
	if err != nil {
		return err
	}
	return db.settleAs(commits, info.Size(), info.ModTime())
}

// settleAs is settle of a file that was so when it was looked at: it may be another now.
func (db *DB) settleAs(commits, size int64, changed time.Time) error {
	c := markContent{commits: commits, size: size, changed: changed.UnixNano()}
	if info, err := db.file.Stat(); err == nil {
		c.file = identity(info)
	}
	if log, err := os.Stat(db.path + "-wal"); err == nil {
		c.log = identity(log)
	}
	return db.mark.put(c)
}

// noteFile settles after the file was changed by another program, or by this one.
func (db *DB) noteFile(is *fileState) {
	if err := db.settleAs(0, is.size, is.changed); err != nil {
		db.log.Warn("the files are not noted beside the database", "error", err)
	}
}

// around has the mark say nothing of the files while the log is copied into the database. It is not
// copied into a file that was written over, nor if it was written over itself.
func (db *DB) around() (after func(), err error) {
	db.present.checkLog(framesCopied)
	if gone := db.look(); gone != nil && db.present.isSpoiled() {
		return nil, gone
	}
	db.present.beginCopy()
	db.mark.unsettle()
	return func() {
		db.present.endCopy()
		if db.present.isSpoiled() || db.index != nil { // the next look tells, or it is noted, or else the next look does
			return
		}
		if err := db.settle(0); err != nil {
			db.log.Warn("the files are not noted beside the database", "error", err)
		}
	}, nil
}
