package sqlite

import (
	"errors"
	"fmt"
	"time"

	driver "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Primary result codes of SQLite: the low byte of the extended ones.
const (
	codeBusy     = 5 // another connection holds the lock, perhaps of another process
	codeLocked   = 6 // the same within one process
	codeReadOnly = 8
	codeIO       = 10
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeNoFormat = 26 // the file is no database
)

// codeMemorySize is the extended code of a -shm file that cannot be made longer: that is written,
// and there is no room.
const codeMemorySize = 19<<8 | codeIO

// Extended codes of damage: of a read that ends too soon, of a checksum that does not hold, and of
// a file system that is damaged itself.
const (
	codeShortRead = 2<<8 | codeIO
	codeBadSum    = 32<<8 | codeIO
	codeBadFiles  = 33<<8 | codeIO
)

// extended is the code of an error of SQLite; 0 of any other.
func extended(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code()
	}
	return 0
}

// primary is the primary one of these.
func primary(err error) int { return extended(err) & 0xff }

func busy(err error) bool {
	code := primary(err)
	return code == codeBusy || code == codeLocked
}

// trouble is what an error says of the file. Where the disk is full, a transaction is rolled back
// before its commit stands in the write-ahead log.
func trouble(err error) sqlstore.Trouble { return troubleOf(extended(err)) }

func troubleOf(code int) sqlstore.Trouble {
	switch code {
	case codeMemorySize:
		return sqlstore.Full
	case codeShortRead, codeBadSum, codeBadFiles:
		return sqlstore.Damaged
	}
	switch code & 0xff {
	case codeFull:
		return sqlstore.Full
	case codeReadOnly:
		return sqlstore.ReadOnly
	case codeIO, codeCantOpen:
		return sqlstore.Unreachable
	case codeCorrupt, codeNoFormat:
		return sqlstore.Damaged
	}
	return sqlstore.NoTrouble
}

// isDamage says that SQLite found the file damaged.
func isDamage(err error) bool {
	code := primary(err)
	return code == codeCorrupt || code == codeNoFormat
}

// IsFull says that a fault is for want of room on the disk.
func IsFull(err error) bool { return trouble(err) == sqlstore.Full }

// IsFaulty says that the disk, or its file system, reports a fault.
func IsFaulty(err error) bool { return primary(err) == codeIO && !IsFull(err) }

// tellDamage is how often it is logged that SQLite finds a file damaged that is served.
const tellDamage = time.Minute

// explainServed is explain of a file that is served. What SQLite found has the log looked through, as it
// may be that which is damaged.
func (db *DB) explainServed(err error) error {
	if trouble(err) != sqlstore.Damaged {
		return err
	}
	err = explain(db.path, err)
	db.doubted.Store(true)
	now, told := time.Now().UnixNano(), db.toldDamage.Load()
	if now-told > int64(tellDamage) && db.toldDamage.CompareAndSwap(told, now) {
		db.log.Error("SQLite finds the database damaged: end the server, keep a copy of its directory, and see docs/damage.md", "error", err)
	}
	return err
}

// troubleApart is trouble of a file that a command has open: it says what is damaged.
func troubleApart(err error) sqlstore.Trouble {
	if found := trouble(err); found != sqlstore.Damaged {
		return found
	}
	return sqlstore.NoTrouble
}

// CorruptError is a database whose file is damaged, in what SQLite has come upon.
type CorruptError struct {
	path string
	err  error
}

func (e *CorruptError) Error() string { return e.path + " is damaged: " + e.err.Error() }
func (e *CorruptError) Unwrap() error { return e.err }

// explain names the file that an error of SQLite is of that is damaged.
func explain(path string, err error) error {
	if _, ok := errors.AsType[*CorruptError](err); ok {
		return err
	}
	if isDamage(err) {
		return &CorruptError{path, err}
	}
	return err
}

// explainOpen is explain of a file that is being opened: it may be no database, and what SQLite
// calls a fault of the disk may be that it is full.
func explainOpen(path string, err error) error {
	if primary(err) == codeNoFormat {
		return &FormatError{path}
	}
	if extended(err) == codeMemorySize {
		return fmt.Errorf("%s: the disk is full: %w", path, err)
	}
	return explain(path, err)
}

// IsDenied says that a file, or one that SQLite puts beside it, could not be opened or written.
func IsDenied(err error) bool {
	code := primary(err)
	return code == codeCantOpen || code == codeReadOnly
}
