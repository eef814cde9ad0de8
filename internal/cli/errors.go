package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// usageError is a command line that cannot be run: exit code 2.
type usageError struct {
	err  error
	hint string
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(hint, format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...), hint}
}

// hintedError is something that went wrong and can be put right in a known way.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// codedError is a refusal that came within a result.
type codedError struct{ code, message string }

func (e *codedError) Error() string { return e.code + ": " + e.message }

// errNo is the end of a command whose result, already printed, is a no. It is not
// printed, and the exit code is 1.
var errNo = errors.New("no")

// errNoCredentials is a command that calls a server without anything to get in
// with.
var errNoCredentials = errors.New("no credentials")

// unaskedError is what kept a question from being answered. Its exit code is 3, so
// that a script tells it from a no, and a test of the exit code from a yes.
type unaskedError struct{ err error }

func (e *unaskedError) Error() string { return e.err.Error() }
func (e *unaskedError) Unwrap() error { return e.err }

// answered is the outcome of a command that asks for a yes or a no.
func answered(yes bool, err error) error {
	switch {
	case err != nil:
		return &unaskedError{err}
	case !yes:
		return errNo
	}
	return nil
}

// fail prints an error and returns the exit code for it.
func (s *session) fail(err error) int {
	s.explain(err)
	_, unasked := errors.AsType[*unaskedError](err)
	switch usage := isUsage(err); {
	case unasked && (!usage || errors.Is(err, errNoCredentials)):
		return 3
	case usage:
		return 2
	}
	return 1
}

// failure is an error for machines, in the form of the API and with a hint.
type failure struct {
	Errors []fault `json:"errors"`
	Hint   string  `json:"hint"`
}

// fault is one thing that is wrong. It has a code if it is a refusal, and a place if it is
// of a catalog file.
type fault struct {
	Code    string `json:"code,omitempty"`
	Message string `json:"message"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
}

func (f fault) String() string {
	if f.Code == "" {
		return f.Message
	}
	return f.Code + ": " + f.Message
}

// explain says on standard error what is wrong and what to try: with --json as a
// document on one line, the last of all that is there.
func (s *session) explain(err error) {
	if errors.Is(err, errNo) || unread(err) {
		return
	}
	f := failure{faults(err), s.hint(err)}
	if isUsage(err) {
		for i := range f.Errors {
			f.Errors[i].Message = withoutPassword(f.Errors[i].Message)
		}
	}
	if s.json {
		encoder := json.NewEncoder(s.err)
		encoder.SetEscapeHTML(false)
		_ = encoder.Encode(f) // there is nowhere to say that it cannot be said
		return
	}
	for _, fault := range f.Errors {
		fmt.Fprintln(s.err, "allot:", fault)
	}
	fmt.Fprintln(s.err, "hint:", f.Hint)
}

// isUsage reports whether the command line itself is wrong. What a server says of
// a value is not seen so, for it may come from a file or depend on the data.
func isUsage(err error) bool {
	if _, ok := errors.AsType[*usageError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*server.ConfigError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*server.URLError](err); ok {
		return true
	}
	code, _, _ := server.Refusal(err)
	return strings.HasSuffix(code, "_INVALID") || strings.HasSuffix(code, "_REQUIRED")
}

// faults are all that is wrong.
func faults(err error) []fault {
	if e, ok := errors.AsType[*server.ConfigError](err); ok {
		var list []fault
		for _, f := range e.Faults {
			list = append(list, fault{Message: f.Error()})
		}
		return list
	}
	if e, ok := errors.AsType[*codedError](err); ok {
		return []fault{{Code: e.code, Message: e.message}}
	}
	if code, message, ok := server.Refusal(err); ok {
		return []fault{{Code: code, Message: message}}
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || len(e.Errors) == 0 {
		return []fault{{Message: err.Error()}}
	}
	list := make([]fault, len(e.Errors))
	for i, f := range e.Errors {
		list[i] = fault{Code: f.Code, Message: f.Message, Line: f.Line, Column: f.Column}
		if e.Status >= 500 && e.RequestID != "" {
			list[i].Message += " (request " + e.RequestID + ")"
		}
	}
	return list
}
