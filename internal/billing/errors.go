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
	// NotFound means a thing the request names does not exist.
	NotFound
	// Conflict means the request clashes with what is stored.
	Conflict
)

// Error is the one error type that crosses the edge of Allot. Code and Message
// are shown to the caller; Err is the cause, logged and never shown.
type Error struct {
	Kind    Kind
	Code    string // for example PLAN_NOT_FOUND
	Message string // names the thing and what would be right
	Err     error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return e.Code + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Outcome reports whether the error is what work came to as things stand, and not
// something that the caller can put right by asking anew: what is wrong with the
// request, or a thing that is not there. The outcome is kept under an idempotency
// key like any other answer.
func (e *Error) Outcome() bool {
	switch e.Kind {
	case Conflict:
		return true
	case Invalid:
		switch e.Code {
		case "AGREEMENT_NOT_ACTIVE", "FEATURE_NOT_METERED", "PLAN_NOT_AVAILABLE", "PLAN_NOT_PUBLISHED",
			"METER_VALUE_INVALID": // which is about what was used before
			return true
		}
	}
	return false
}

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

func Invalidf(code, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: code, Message: fmt.Sprintf(format, args...)}
}

// A message about a thing that is not there never repeats what was asked for,
// which may be of any length.
func Missing(code, message string) *Error {
	return &Error{Kind: NotFound, Code: code, Message: message}
}

func Conflictf(code, format string, args ...any) *Error {
	return &Error{Kind: Conflict, Code: code, Message: fmt.Sprintf(format, args...)}
}
