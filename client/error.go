package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
)

// The situations that a refusal may be. Ask with errors.Is.
var (
	// ErrUnauthorized: the credentials or the token do not hold here.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: any 401 or 403; besides ErrUnauthorized that is a scope
	// that the token lacks.
	ErrForbidden = errors.New("forbidden")
	// ErrNotFound: a customer, agreement, plan, feature or hold that the
	// request names does not exist. Not a path that does not: that is a wrong
	// base URL.
	ErrNotFound = errors.New("not found")
	// ErrConflict: what the request makes is there already, or what it ends is
	// over.
	ErrConflict = errors.New("conflict")
	// ErrInvalid: the request cannot be accepted as it is, in any other way.
	ErrInvalid = errors.New("invalid request")
	// ErrThrottled: too many requests; Error.RetryAfter may say how long to wait.
	ErrThrottled = errors.New("throttled")
	// ErrServer: the server, or something before it, is at fault.
	ErrServer = errors.New("server fault")
)

// ErrNoProgress ends a walk over pages when the server says that there is more
// but names nothing new to go on from.
var ErrNoProgress = errors.New("pages make no progress")

// Error is a refusal by the server.
type Error struct {
	Method, Path string        // of the request, without its query
	Status       int           // the HTTP status
	Errors       []api.Error   // as the server sent them; empty if the body held none
	RequestID    string        // names the request in the server's log; may be empty
	RetryAfter   time.Duration // how long the server asks to wait; 0 if it does not
}

// Code returns the code of the first error, or "".
func (e *Error) Code() string {
	if len(e.Errors) == 0 {
		return ""
	}
	return e.Errors[0].Code
}

// Message returns the message of the first error, or the text of the status.
func (e *Error) Message() string {
	if len(e.Errors) == 0 || e.Errors[0].Message == "" {
		return strings.ToLower(http.StatusText(e.Status))
	}
	return e.Errors[0].Message
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	if code := e.Code(); code != "" {
		b.WriteString(" " + code)
	}
	if message := e.Message(); message != "" {
		b.WriteString(": " + message)
	}
	if n := len(e.Errors); n > 1 {
		fmt.Fprintf(&b, " (and %d more)", n-1)
	}
	if e.RequestID != "" {
		fmt.Fprintf(&b, " (request %s)", e.RequestID)
	}
	return b.String()
}

// Is reports whether the refusal is the situation that target names.
func (e *Error) Is(target error) bool {
	code := e.Code()
	notFound := strings.HasSuffix(code, "_NOT_FOUND") && code != api.CodeRouteNotFound
	conflict := e.Status == http.StatusConflict || strings.HasSuffix(code, "_EXISTS")
	switch target {
	case ErrUnauthorized:
		return e.Status == http.StatusUnauthorized ||
			e.Status == http.StatusForbidden && code == api.CodeInvalidCredentials
	case ErrForbidden:
		return e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden
	case ErrNotFound:
		return notFound
	case ErrConflict:
		return conflict
	case ErrInvalid:
		return (e.Status == http.StatusBadRequest || e.Status == http.StatusRequestEntityTooLarge) && !notFound && !conflict
	case ErrThrottled:
		return e.Status == http.StatusTooManyRequests
	case ErrServer:
		return e.Status >= 500
	}
	return false
}

const maxErrorBytes = 1 << 20

// refusal makes an Error of an answer that is no success. A body that is not
// understood, such as a proxy's page, is left out.
func refusal(r *request, resp *http.Response) *Error {
	e := &Error{
		Method:     r.method,
		Path:       r.path,
		Status:     resp.StatusCode,
		RequestID:  resp.Header.Get(api.HeaderRequestID),
		RetryAfter: askedWait(resp),
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	var form struct {
		Errors           json.RawMessage `json:"errors"`
		Error            string          `json:"error"` // of the token endpoint
		ErrorDescription string          `json:"error_description"`
	}
	if json.Unmarshal(body, &form) != nil {
		return e
	}
	var one api.Error
	switch {
	case form.Error != "":
		e.Errors = []api.Error{{Code: form.Error, Message: form.ErrorDescription}}
	case json.Unmarshal(form.Errors, &e.Errors) == nil:
	case json.Unmarshal(form.Errors, &one) == nil:
		e.Errors = []api.Error{one} // an unknown route, there and only there
	}
	return e
}
