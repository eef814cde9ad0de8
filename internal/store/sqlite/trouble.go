package sqlite

import (
	"errors"

	driver "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Primary result codes of SQLite that say of the file what keeps it from being used.
const (
	codeReadOnly = 8
	codeIO       = 10
	codeFull     = 13
	codeCantOpen = 14
)

// trouble is what an error says of the file. Where the disk is full, a transaction is rolled back
// before its commit stands in the write-ahead log.
func trouble(err error) sqlstore.Trouble {
	e, ok := errors.AsType[*driver.Error](err)
	if !ok {
		return sqlstore.NoTrouble
	}
	switch e.Code() & 0xff {
	case codeFull:
		return sqlstore.Full
	case codeReadOnly:
		return sqlstore.ReadOnly
	case codeIO, codeCantOpen:
		return sqlstore.Unreachable
	}
	return sqlstore.NoTrouble
}
