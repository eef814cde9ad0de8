package door

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
)

// retryAfter is in how many seconds to ask again what cannot be answered now.
const retryAfter = "1"

// refuse answers a request that came to nothing.
func (d *door) refuse(route *served, x *exchange, err error) {
	if challenge := auth.Challenge(err); challenge != "" {
		x.Header().Set("WWW-Authenticate", challenge)
	}
	status, body := d.refusal(route, x.id, err)
	// The messages of the others may repeat what the caller sent.
	if status == http.StatusForbidden || status >= http.StatusInternalServerError {
		x.cause = err
	}
	if errors.Is(err, errBodies) {
		x.Header()["Connection"] = connectionClose
	}
	if shedding(err) != nil && x.call.Method == http.MethodPost ||
		status == http.StatusServiceUnavailable && (route.Dialect.RetryReads || route.Method == http.MethodPost) {
		x.Header().Set("Retry-After", retryAfter)
	}
	x.code = body.Errors[0].Code
	x.send(status, body)
}

// refusal is the status and the body that an error is answered with. Of an
// error that is not meant for the caller it shows nothing but the request id.
func (d *door) refusal(route *served, requestID string, err error) (int, api.Errors) {
	dialect := route.Dialect
	if errors.Is(err, errThrottled) {
		return http.StatusTooManyRequests, oneError(api.CodeTooManyRequests,
			"this client asks more often than it may; RateLimit-Reset says in how many seconds its limit is whole again")
	}
	if err := shedding(err); err != nil {
		return err.status, oneError(err.code, err.message)
	}
	// Kinde: bad credentials are 403, never 401
	if missing, ok := errors.AsType[*auth.MissingScopeError](err); ok {
		return http.StatusForbidden, oneError(api.CodeScopeMissing, missing.Error())
	}
	if errors.Is(err, auth.ErrInvalidCredentials) {
		return http.StatusForbidden, oneError(api.CodeInvalidCredentials, dialect.Admission.Wanted)
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return dialect.TooLarge, oneError(api.CodeBodyTooLarge, fmt.Sprintf("the body must be at most %d MiB", large.Limit>>20))
	}
	// Errors that come together are of one kind.
	if errs := d.errors(err); len(errs) > 0 && dialect.status(errs[0].Kind) != 0 {
		return dialect.status(errs[0].Kind), route.shown(errs)
	}
	return http.StatusInternalServerError, internalError(requestID)
}

// errors are an error as the caller is told it; nil if it is not meant for the
// caller.
func (d *door) errors(err error) Errors {
	if several, ok := errors.AsType[Errors](err); ok {
		return several
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return Errors{one}
	}
	return d.Explain(err)
}

// shown are errors with messages that name the parameters of the route.
func (r *Route) shown(errs Errors) api.Errors {
	body := api.Errors{Errors: make([]api.Error, len(errs))}
	for i, e := range errs {
		body.Errors[i] = api.Error{Code: e.Code, Message: e.Message}
		if r.Dialect.Details {
			body.Errors[i].ExistingID, body.Errors[i].Line, body.Errors[i].Column = e.Existing, e.Line, e.Column
		}
		if parameter, ok := r.Parameters[e.Code]; ok && !strings.Contains(e.Message, parameter) {
			body.Errors[i].Message = parameter + ": " + e.Message
		}
	}
	return body
}

func internalError(requestID string) api.Errors {
	return oneError(api.CodeInternalError, "a fault of the server, not of the request; its log has it under request id "+requestID)
}

func oneError(code, message string) api.Errors {
	return api.Errors{Errors: []api.Error{{Code: code, Message: message}}}
}

// shed is how a request is refused that did not get in for want of room.
type shed struct {
	status        int
	code, message string
}

// shedding is how an error is told that says so; nil for any other.
func shedding(err error) *shed {
	switch {
	case errors.Is(err, errBusy):
		return &shed{http.StatusTooManyRequests, api.CodeTooManyRequests,
			"the server has more to do than it can, and most of it for this client: send fewer requests at a time, and this one again"}
	case errors.Is(err, errStranger):
		return &shed{http.StatusTooManyRequests, api.CodeTooManyRequests,
			"too many requests without good credentials come from this address: wait, and send fewer"}
	case errors.Is(err, errBodies):
		return &shed{http.StatusServiceUnavailable, api.CodeOverloaded,
			"the server reads as many large bodies as it can: send this one again in a moment"}
	}
	return nil
}

// refuseAlso is refuse of what is no route. The token endpoint has words of its own for
// it, which stand beside.
func (d *door) refuseAlso(x *exchange, r *http.Request, err error) {
	why := shedding(err)
	if why == nil { // the caller is gone
		why = &shed{http.StatusServiceUnavailable, api.CodeOverloaded, "the request was given up"}
	}
	if r.Method == http.MethodPost {
		x.Header().Set("Retry-After", retryAfter)
	}
	x.code = why.code
	x.send(why.status, struct {
		Error       string      `json:"error"`
		Description string      `json:"error_description"`
		Errors      []api.Error `json:"errors"`
	}{"temporarily_unavailable", why.message, []api.Error{{Code: why.code, Message: why.message}}})
}
