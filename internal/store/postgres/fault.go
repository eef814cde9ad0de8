package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// SQLSTATEs that mean the server has undone the transaction because it met
// others.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// SQLSTATEs that mean the server has ended what took too long. Whoever waited for that does
// not wait as long again.
const (
	queryCanceled = "57014" // statement_timeout, or somebody has cancelled it
	lockTimeout   = lockNotAvailable
	idleTimeout   = "25P03" // idle_in_transaction_session_timeout; the session ends with it
)

// busy reports whether an error before the commit may pass when the transaction
// is run again: it met another, or the connection or the server behind it has
// gone, which leaves nothing of it.
func busy(err error) bool {
	if ended(err) {
		return false
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case serializationFailure, deadlockDetected,
			"57P01", "57P02", "57P03", "57P05", // the server ends, or starts
			"XX000": // what a distributed database reports of a node that left
			return true
		}
		return strings.HasPrefix(e.Code, "08") // the connection
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return pgconn.SafeToRetry(err) || errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// trouble is what an error says of the database.
func trouble(err error) sqlstore.Trouble {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok && !ended(err) {
		return sqlstore.Unreachable // whatever there is no connection for, such as a password or a right
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch e.Code {
		case "53100":
			return sqlstore.Full
		case "25006":
			return sqlstore.ReadOnly
		case "42501":
			return sqlstore.Denied
		case serializationFailure, deadlockDetected, "XX000":
			return sqlstore.NoTrouble
		case "53300": // it takes no more connections
			return sqlstore.Unreachable
		case queryCanceled, lockTimeout, idleTimeout:
			if !ended(err) { // else it may be the caller's doing
				return sqlstore.Slow
			}
		}
	}
	if busy(err) {
		return sqlstore.Unreachable
	}
	return sqlstore.NoTrouble
}

// refusals are how often a connection is tried where nothing listens: one that is restarted
// at once is not missed.
const refusals = 3

// patience is how often something that failed so is run. Who waited for a connection until that
// took too long waits no longer.
func patience(err error) int {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); !ok {
		return 0
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return 1
	}
	return refusals
}

// undone reports whether an error of a commit means that it has surely not come
// to pass and may when the transaction is run again. Only the server's word for
// it will do. That it ends is none, as it may have committed before; nor is
// [pgconn.SafeToRetry], which also says so of a connection that broke after the
// commit was sent.
func undone(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && !ended(err) && (e.Code == serializationFailure || e.Code == deadlockDetected)
}

// ended reports whether it is the caller who has given up.
func ended(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
