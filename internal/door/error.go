package door

import (
	"fmt"
	"slices"

	"github.com/allot-dev/allot/api"
)

// Kind sorts errors by what the caller can do about them. Which status a kind
// has is the dialect's.
type Kind uint8

const (
	// Internal is a fault of ours; nothing of it is shown.
	Internal Kind = iota
	// Invalid means the request is wrong, or not permitted as things stand.
	Invalid
	// NotFound means a thing the request names does not exist.
	NotFound
	// Conflict means the request clashes with what is stored.
	Conflict
	// Unavailable means that no request can be answered now.
	Unavailable
	// TooMany means that the caller asks for more at once than it may.
	TooMany
)

// Error is an error that is meant for the caller. Code and Message are shown;
// Err is the cause, logged and never shown.
type Error struct {
	Kind    Kind
	Code    string // for example PLAN_NOT_FOUND
	Message string // names the thing and what would be right
	Err     error
	// Existing is the id of what is there already, of a conflict with it; else "".
	// Dialects that have no place for it leave it out.
	Existing string
	// Line and Column are where in a file that was sent the fault is, from 1; 0 of any
	// other. Dialects that have no place for them leave them out.
	Line, Column int
	// Outcome is whether this is what the work came to, which is said again under
	// the same Idempotency-Key, and not something that can be put right under it.
	Outcome bool
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Errors are several of one request, reported together. They are of one kind.
type Errors []*Error

func (es Errors) Error() string {
	switch len(es) {
	case 0:
		return "no errors"
	case 1:
		return es[0].Error()
	}
	return fmt.Sprintf("%v (and %d more)", es[0], len(es)-1)
}

// Unwrap returns each of them.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// Fault is something wrong with a request.
func Fault(code, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Faults collects what is wrong with the parameters of a request.
type Faults struct {
	missing, wrong Errors
	closed         *Body // whose unknown fields are faults; may be nil
}

// Require notes a parameter that is missing; what says what it would be.
func (f *Faults) Require(name, what string) {
	f.missing = append(f.missing, Fault(api.RequiredCode(name), "%s is required: %s", name, what))
}

// Refuse notes a parameter that cannot be accepted; what says what would be.
func (f *Faults) Refuse(name, what string) {
	f.wrong = append(f.wrong, Fault(api.InvalidCode(name), "%s must be %s", name, what))
}

// Add notes a fault with a code of its own.
func (f *Faults) Add(code, message string) {
	f.wrong = append(f.wrong, Fault(code, "%s", message))
}

// Wrong is how many parameters cannot be accepted, so far.
func (f *Faults) Wrong() int { return len(f.wrong) }

// Err is nil, or all faults as [Errors]: fields that are unknown, which may be the
// missing ones by another name, then what is missing, then what is wrong.
func (f *Faults) Err() error {
	var unknown Errors
	if f.closed != nil {
		unknown = f.closed.unknown()
	}
	if len(unknown)+len(f.missing)+len(f.wrong) == 0 {
		return nil
	}
	return slices.Concat(unknown, f.missing, f.wrong)
}

// What a parameter would be, of those that are read here.
const (
	SomeText    = "text"
	ATime       = "a time in ISO 8601 of the years 2 to 9998, such as 2026-11-22T10:00:00Z"
	TrueOrFalse = "true or false"
	AnAmount    = "a decimal number such as 12.5: at most 6 digits after the point, size below 10^12, no exponent, as text or number"

	someMetadata = "an object whose values are text"
)
