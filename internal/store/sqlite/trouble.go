package sqlite

import (
	"errors"

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
)

// primary is the code of an error of SQLite; 0 of any other.
func primary(err error) int {
	if e, ok := errors.AsType[*driver.Error](err); ok {
		return e.Code() & 0xff
	}
	return 0
}

func busy(err error) bool {
	code := primary(err)
	return code == codeBusy || code == codeLocked
}

// trouble is what an error says of the file. Where the disk is full, a transaction is rolled back
// before its commit stands in the write-ahead log.
func trouble(err error) sqlstore.Trouble {
	switch primary(err) {
	case codeFull:
		return sqlstore.Full
	case codeReadOnly:
		return sqlstore.ReadOnly
	case codeIO, codeCantOpen:
		return sqlstore.Unreachable
	}
	return sqlstore.NoTrouble
}

// isDamage says that SQLite found the file damaged.
func isDamage(err error) bool { return primary(err) == codeCorrupt }

// IsFull says that a fault is for want of room on the disk.
func IsFull(err error) bool { return trouble(err) == sqlstore.Full }

// IsDenied says that a file, or one that SQLite puts beside it, could not be opened or written.
func IsDenied(err error) bool {
	e, ok := errors.AsType[*driver.Error](err)
	return ok && (e.Code()&0xff == codeCantOpen || e.Code()&0xff == codeReadOnly)
}
