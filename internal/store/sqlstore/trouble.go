package sqlstore

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// Trouble is what keeps a database from doing what it is asked, and is no fault of this program.
type Trouble uint8

// The troubles there are.
const (
	NoTrouble   Trouble = iota
	Unreachable         // there is no connection to it, or its file cannot be read
	Full                // its disk is
	ReadOnly            // it takes no writes
	Slow                // it has ended what took longer than it lets anything take
	Denied              // its user may not do that
	Damaged             // its file is, or what is beside it
)

// The codes that callers are told.
const (
	CodeUnreachable = "STORE_UNREACHABLE"
	CodeFull        = "DISK_FULL"
	CodeReadOnly    = "STORE_READ_ONLY"
	CodeSlow        = "STORE_SLOW"
	CodeReplaced    = "FILE_REPLACED"
)

// told makes of an error that comes of trouble with the database one that says so to callers. A
// commit of which it is not known whether it came to pass stays as it is: nobody may be told
// to try again. So does the error of a caller that has gone; one whose time has run out has
// not.
func (s *Store) told(ctx context.Context, err error) error {
	if err != nil && s.explain != nil {
		err = s.explain(err)
	}
	if err == nil || s.trouble == nil || errors.Is(ctx.Err(), context.Canceled) {
		return err
	}
	if e, ok := errors.AsType[*billing.Error](err); ok && e.Kind == billing.Unavailable {
		return err
	}
	trouble := s.trouble(err)
	if trouble == NoTrouble && errors.Is(err, context.DeadlineExceeded) { // of this store, or of who asks
		trouble = Unreachable
	}
	if c, ok := errors.AsType[*CommitError](err); ok && (trouble == Unreachable || trouble == Slow || trouble == Damaged) && !s.undone(c.Err) {
		return err
	}
	var unavailable *billing.Error
	switch trouble {
	case Unreachable:
		unavailable = billing.Unavailable.Errorf(CodeUnreachable, "the database cannot be reached: try again in a moment")
	case Damaged:
		unavailable = billing.Unavailable.Errorf(CodeReplaced, "the database is damaged, or was written over: end the server and keep a copy of its directory; docs/damage.md says what to do then")
	case Full:
		unavailable = billing.Unavailable.Errorf(CodeFull, "the disk of the database is full: nothing can be written until there is room")
	case ReadOnly:
		unavailable = billing.Unavailable.Errorf(CodeReadOnly, "the database takes no writes: it is read-only")
	case Denied:
		unavailable = billing.Unavailable.Errorf(CodeReadOnly, "the database does not let this server do that: its user has not the right to")
	case Slow:
		unavailable = billing.Unavailable.Errorf(CodeSlow, "the database took too long, as others have what this needs or it has much to do: try again in a moment")
	default:
		return err
	}
	unavailable.Err = err
	return unavailable
}
