package billing

import (
	"errors"
	"fmt"
)

// ErrNotFound is what a store returns for a record that does not exist.
var ErrNotFound = errors.New("not found")

// ErrExists is what a store returns when a record would break a uniqueness
// rule: an id, a pair of codes or a key that is already taken.
var ErrExists = errors.New("already exists")

// Kind sorts errors by what the caller can do about them. Each way into Allot
// (HTTP, command line) maps kinds to its own statuses in one table.
type Kind uint8

const (
	// Internal is a fault of ours; nothing of it is shown.
	Internal Kind = iota
	// Invalid means the request is wrong and will stay wrong.
	Invalid
	// Refused means the request is right and not permitted as things stand.
	Refused
	// NotFound means a thing the request names does not exist.
	NotFound
	// Conflict means the request clashes with what is stored.
	Conflict
	// Unavailable means that the request may be right, and cannot be answered now.
	Unavailable
)

// Errorf returns an error of the kind, which the caller is shown. The message of
// a NotFound names no more than the kind of thing: what was asked for may be of
// any length.
func (k Kind) Errorf(code, format string, args ...any) *Error {
	return &Error{Kind: k, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error is the one error type that crosses the edge of Allot. Code and Message
// are shown to the caller; Err is the cause, logged and never shown.
type Error struct {
	Kind    Kind
	Code    string // for example PLAN_NOT_FOUND
	Message string // names the thing and what would be right
	Err     error
	// Existing is the id of what is there already, of a conflict with a thing that
	// the caller may have meant; else "".
	Existing string
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return e.Code + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errors are several faults of one request, reported together.
type Errors []*Error

func (es Errors) Error() string {
	if len(es) == 0 {
		return "no errors"
	}
	if len(es) == 1 {
		return es[0].Error()
	}
	return fmt.Sprintf("%v (and %d more)", es[0], len(es)-1)
}

func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
