package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// DamageError is a database that has lost commits, or that SQLite would take without some
// of them: it is not opened until somebody says that it is to be.
type DamageError struct {
	path    string
	message string
	// foreign is a log that is not of this database: it must not be taken in.
	foreign bool
}

func (e *DamageError) Error() string { return e.path + ": " + e.message }

// FormatError is a file that is no SQLite database.
type FormatError struct{ path string }

func (e *FormatError) Error() string { return e.path + " is not a SQLite database" }

const (
	fileHeader = "SQLite format 3\x00"
	headerSize = 100
)

// pageSizeOf reads how long a page of a database file is.
func pageSizeOf(f *os.File, path string) (int, error) {
	var header [headerSize]byte
	if _, err := f.ReadAt(header[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if string(header[:len(fileHeader)]) != fileHeader {
		return 0, &FormatError{path}
	}
	size := int(binary.BigEndian.Uint16(header[16:]))
	if size == 1 {
		size = 65536
	}
	return size, nil
}

// inspect looks at a database that nobody has open before SQLite does, and changes
// nothing. The error is a [*DamageError] if commits were lost, or would be.
func inspect(ctx context.Context, path string, f *os.File, log *slog.Logger) (written logReport, err error) {
	pageSize, err := pageSizeOf(f, path)
	if err != nil {
		return written, err
	}
	if written, err = readLog(path+"-wal", pageSize); err != nil {
		return written, err
	}
	m, marked, err := readMark(markPath(path))
	if err != nil {
		return written, err
	}
	damage := func(format string, args ...any) *DamageError {
		return &DamageError{path: path, message: fmt.Sprintf(format, args...)}
	}
	if info, err := f.Stat(); err != nil {
		return written, err
	} else if names(info) > 1 && !marked && !written.there {
		return written, damage("it is one of several names of a file, and neither a write-ahead log nor %s is beside this one: "+
			"what was written by another name and is in the log there would be left out. Use that name, or a copy that allot backup makes",
			filepath.Base(markPath(path)))
	}
	if written.there && written.header && written.pageSize != pageSize && written.frames > 0 {
		e := damage("the write-ahead log beside it is of another database: its pages have %d bytes, those of the database %d",
			written.pageSize, pageSize)
		e.foreign = true
		return written, e
	}
	if marked && written.commits > 0 {
		if err := belongs(ctx, path, f, &m, int64(pageSize), log); err != nil {
			return written, err
		}
	}
	if written.damaged() && (!marked || !written.oneAtEnd()) {
		return written, damage("%s", written.says(path))
	}
	have, err := commitsOf(ctx, path, "mode=ro")
	if written.commits > 0 {
		if alone, failed := commitsOf(ctx, path, "immutable=1"); failed == nil {
			if e := fits(path, alone, have, err, int64(written.commits)); e != nil {
				return written, e
			}
		}
	}
	if err != nil {
		return written, fmt.Errorf("%s: %w", path, err)
	}
	switch {
	case !marked:
	case have.database != m.database:
		return written, damage("this is database %s, and the mark beside it is of %s, with %d commits: another file was put in its place",
			cmp.Or(have.database, "without a name"), m.database, m.commits)
	case have.commits < m.commits:
		text := fmt.Sprintf("it has %d commits, and %s says that there were %d: %d are lost, which were acknowledged",
			have.commits, filepath.Base(markPath(path)), m.commits, m.commits-have.commits)
		if written.damaged() {
			text += "; " + written.says(path)
		} else {
			text += ". The write-ahead log was removed or cut, or an older database was put in its place"
		}
		return written, damage("%s", text)
	}
	if written.damaged() {
		log.Warn("the last commit in the write-ahead log was not written to the end, as after a power failure; it was not acknowledged and is left out",
			"log", path+"-wal", "frame", written.bad)
	}
	return written, nil
}

// fits compares a database without its log with what it is with it, if it can be read
// so: the log must be of this database, go on from no later a state of it, and take it back
// to no earlier one.
func fits(path string, alone, have commits, unreadable error, logged int64) *DamageError {
	e := &DamageError{path: path, foreign: true}
	switch {
	case alone.database == "":
		return nil // of a version before, or made just now
	case unreadable != nil || alone.database != have.database:
		e.message = fmt.Sprintf("the write-ahead log beside it is of another database: taking it in would spoil this one, which has %d commits", alone.commits)
	case alone.commits < have.commits-logged:
		e.message = fmt.Sprintf("it has %d commits, and the write-ahead log beside it begins behind %d: an older database was put in the place of the one that the log is of",
			alone.commits, have.commits-logged)
	case alone.commits > have.commits:
		e.message = fmt.Sprintf("it has %d commits, and the write-ahead log beside it ends at %d: a newer database was put in the place of the one that the log is of",
			alone.commits, have.commits)
	default:
		return nil
	}
	return e
}

// says what of a log would be lost.
func (r *logReport) says(path string) string {
	name := filepath.Base(path) + "-wal"
	if !r.header {
		return fmt.Sprintf("the header of the write-ahead log %s is damaged: SQLite would leave out all of its %d frames, of at least %d commits",
			name, r.frames, max(r.lost, 1))
	}
	return fmt.Sprintf("the write-ahead log %s is damaged in frame %d of %d: SQLite would take the %d commits before it and leave out %d good frames behind it, of at least %d commits",
		name, r.bad, r.frames, r.commits, r.behind, max(r.lost, 1))
}

// belongs sees that the log beside a database is of that one. Both were noted in the mark: a database
// that was put there since, beside a log that was not, is another. One in which only the same file has
// changed may have been changed by whoever copied the log, or set its time, with nobody to note that.
func belongs(ctx context.Context, path string, f *os.File, m *markContent, pageSize int64, log *slog.Logger) error {
	if m.file == "" || m.log == "" {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	beside, err := os.Stat(path + "-wal")
	if err != nil {
		return err
	}
	isSame := identity(info) == m.file
	if isSame && info.ModTime().UnixNano() == m.changed && info.Size() == m.size || identity(beside) != m.log {
		return nil // or all of it was copied
	}
	if isSame && goesWith(ctx, path, f, info, beside, pageSize) {
		log.Warn("the database was written to by another program before the server ended; its write-ahead log goes with it, and is taken in", "database", path)
		return nil
	}
	return &DamageError{path: path, foreign: true, message: fmt.Sprintf(
		"it was put in the place of another, whose write-ahead log is still beside it: taking in that log would bring back what was there on %s or spoil it",
		time.Unix(0, m.changed).UTC().Format(time.RFC3339))}
}

// goesWith reports whether a file is proved to go with the log beside it. Either the log was copied to
// it: the page of the count is one that the log has, and no older than what is known to have been copied. Or
// the log was written to after the file, by a server that had both. Which state the file has is
// looked at by [fits].
func goesWith(ctx context.Context, path string, f *os.File, file, log fs.FileInfo, pageSize int64) bool {
	known, ok := readIndex(path + "-shm") // before anybody makes it anew
	pages, err := openPages(path+"-wal", pageSize)
	if err != nil {
		return false
	}
	defer pages.close()
	if !ok || known.salts != binary.NativeEndian.Uint64(pages.salts[:]) {
		known.copied = 0
	}
	count, err := pageOfCountIn(ctx, path)
	if err != nil {
		return false
	}
	has := make([]byte, pageSize)
	if _, err := f.ReadAt(has, int64(count-1)*pageSize); err != nil {
		return false
	}
	copied, told := pages.newest(count, 1, known.copied)
	if !told {
		return false
	}
	for n := max(copied, 1); ; n++ {
		page, ok := pages.has(n)
		if !ok {
			break
		}
		if page != count {
			continue
		}
		if text, err := pages.text(n); err == nil && bytes.Equal(text, has) {
			return true
		}
	}
	return changedAt(file).Before(log.ModTime())
}

// commits are what a database says of itself; database is "" of one of a schema without.
type commits struct {
	commits  int64
	database string
}

const (
	countCommit  = `update commits set counted = counted + 1 where one = 1 returning counted`
	selectCommit = `select counted, database from commits where one = 1`
	hasCommits   = `select count(*) from sqlite_schema where type = 'table' and name = 'commits'`
)

func readCommits(ctx context.Context, db *sql.DB) (c commits, err error) {
	var there bool
	if err := db.QueryRowContext(ctx, hasCommits).Scan(&there); err != nil || !there {
		return c, err
	}
	err = db.QueryRowContext(ctx, selectCommit).Scan(&c.commits, &c.database)
	return c, err
}

// commitsOf reads how many commits a database has, without changing anything: with those in
// its log if it is opened by mode=ro, which leaves the log as it is, and without by
// immutable=1.
func commitsOf(ctx context.Context, path, how string) (commits, error) {
	db, err := connectWith(path, 1, how, []string{"query_only(1)"})
	if err != nil {
		return commits{}, err
	}
	c, err := readCommits(ctx, db)
	return c, errors.Join(err, db.Close())
}

// pageOfCountIn is the page of the count of commits in a file without its log.
func pageOfCountIn(ctx context.Context, path string) (page uint32, err error) {
	db, err := connectWith(path, 1, "immutable=1", []string{"query_only(1)"})
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, pageOfCount).Scan(&page)
	return page, errors.Join(err, db.Close())
}

// accept makes a damaged database one that is opened: a copy of its log is kept beside,
// the log is put away if it is of another database and else ends where SQLite leaves it, and
// the mark goes.
func accept(path string, damage *DamageError, now time.Time, log *slog.Logger) error {
	kept := path + "-wal.damaged-" + now.UTC().Format("20060102T150405.000000Z")
	from, err := os.Open(path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kept = ""
	case err != nil:
		return err
	default:
		err := keepCopy(from, kept)
		if err := errors.Join(err, from.Close()); err != nil {
			return fmt.Errorf("keep a copy of the write-ahead log: %w", err)
		}
	}
	gone := []string{markPath(path)}
	if damage.foreign {
		gone = append(gone, path+"-wal", path+"-shm")
	} else if err := cutLog(path + "-wal"); err != nil {
		return err
	}
	for _, name := range gone {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	log.Warn("a damaged database is taken as it is", "damage", damage.Error(), "log kept as", kept)
	return nil
}

// cutLog takes away what SQLite leaves out of a log. SQLite itself writes over the beginning
// of it only, and after a crash the good frames behind that would be damage.
func cutLog(path string) error {
	written, err := readLog(path, 0)
	if err != nil || !written.there {
		return err
	}
	if !written.header { // SQLite takes none of it, and may go by the salts in it all the same
		return os.Truncate(path, 0)
	}
	return written.cut(path)
}

func (r *logReport) cut(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(logHeaderSize + int64(r.committed)*int64(frameHeaderSize+r.pageSize))
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func keepCopy(from io.Reader, name string) error {
	to, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}
