package cli

import (
	"errors"
	"fmt"
	"syscall"

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

// errNo is the end of a command whose result, already printed, is a no. It is not
// printed, and the exit code is 1.
var errNo = errors.New("no")

// fail prints an error and returns the exit code for it.
func (s *session) fail(err error) int {
	for _, line := range messages(err) {
		fmt.Fprintln(s.err, "allot:", line)
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintln(s.err, "hint:", hint)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return 2
	}
	if _, ok := errors.AsType[*server.ConfigError](err); ok {
		return 2
	}
	return 1
}

// messages are all that is wrong, a line each.
func messages(err error) []string {
	var lines []string
	if errors.Is(err, errNo) {
		return nil
	}
	if e, ok := errors.AsType[*server.ConfigError](err); ok {
		for _, fault := range e.Faults {
			lines = append(lines, fault.Error())
		}
		return lines
	}
	if code, message, ok := server.Refusal(err); ok {
		return []string{code + ": " + message}
	}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || len(e.Errors) == 0 {
		return []string{err.Error()}
	}
	for _, fault := range e.Errors {
		line := fault.Code + ": " + fault.Message
		if e.Status >= 500 && e.RequestID != "" {
			line += " (request " + e.RequestID + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// hintFor says what to try, "" if there is nothing that would be true in general.
func hintFor(err error) string {
	if e, ok := errors.AsType[*usageError](err); ok {
		return e.hint
	}
	if e, ok := errors.AsType[*hintedError](err); ok {
		return e.hint
	}
	if _, ok := errors.AsType[*server.ConfigError](err); ok {
		return "allot serve --help says what each setting means"
	}
	switch {
	case errors.Is(err, server.ErrWrongKeyFile):
		return "give the key file that belongs to this database with --key-file, or make new keys: allot key rotate"
	case errors.Is(err, syscall.EADDRINUSE):
		return "something listens there already; choose another address with --listen, port 0 takes a free one"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there; is the server running, and is --url or ALLOT_URL its address?"
	case errors.Is(err, client.ErrUnauthorized):
		return "give the credentials of a client of this server: allot client create makes one"
	case errors.Is(err, client.ErrForbidden):
		return "the client lacks the scope; allot client create --scope makes one that has it"
	case errors.Is(err, client.ErrThrottled):
		return "wait, then try again"
	}
	return ""
}
