package door

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
)

// retryAfter is in how many seconds to ask again what cannot be answered now.
const retryAfter = "1"

// refuse answers a request that came to nothing.
func (d *door) refuse(route *served, x *exchange, err error) {
	if why, ok := errors.AsType[*shed](err); ok {
		if why.status == http.StatusServiceUnavailable {
			x.Header()["Connection"] = connectionClose
		}
		if route.Method == http.MethodPost || why.status == http.StatusServiceUnavailable && route.Dialect.RetryReads {
			x.setHeader("Retry-After", retryAfter)
		}
		x.shed, x.code = true, why.code
		x.send(why.status, why.body)
		return
	}
	if challenge := auth.Challenge(err); challenge != "" {
		x.Header().Set("WWW-Authenticate", challenge)
	}
	status, body := d.refusal(route, x.id, err)
	// The messages of the others may repeat what the caller sent.
	if status == http.StatusForbidden || status >= http.StatusInternalServerError {
		x.cause = err
	}
	if status == http.StatusServiceUnavailable && (route.Dialect.RetryReads || route.Method == http.MethodPost) {
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
	if errs := d.errors(route, err); len(errs) > 0 && dialect.status(errs[0].Kind) != 0 {
		return dialect.status(errs[0].Kind), route.shown(errs)
	}
	return http.StatusInternalServerError, internalError(requestID)
}

// errors are an error as the caller of a route is told it; nil if it is not meant for the
// caller.
func (d *door) errors(route *served, err error) Errors {
	if several, ok := errors.AsType[Errors](err); ok {
		return route.named(several)
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return route.named(Errors{one})
	}
	return route.named(d.Explain(err))
}

// named are errors that each name the parameter that they are about: the code says which
// one it is, and so does the message, which is what people read.
func (r *Route) named(errs Errors) Errors {
	errs = slices.Clone(errs)
	for i, e := range errs {
		if parameter := cmp.Or(r.Parameters[e.Code], parameterOf(e.Code)); parameter != "" && !mentions(e.Message, parameter) {
			told := *e
			told.Message = parameter + ": " + e.Message
			errs[i] = &told
		}
	}
	return errs
}

// parameterOf is the parameter that a code is about; "" if it is about none.
func parameterOf(code string) string {
	if code == api.CodeCatalogInvalid { // a file, each of whose faults has its place
		return ""
	}
	for _, suffix := range []string{"_INVALID", "_REQUIRED"} {
		if parameter, ok := strings.CutSuffix(code, suffix); ok {
			return strings.ToLower(parameter)
		}
	}
	return ""
}

// mentions reports whether a message has a parameter as a word. That of a header is
// written with hyphens.
func mentions(message, parameter string) bool {
	words := strings.FieldsFunc(strings.ToLower(message), func(r rune) bool {
		return r != '_' && r != '-' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return slices.ContainsFunc(words, func(word string) bool { return strings.ReplaceAll(word, "-", "_") == parameter })
}

// shown are errors in the words of the route's dialect.
func (r *Route) shown(errs Errors) api.Errors {
	body := api.Errors{Errors: make([]api.Error, len(errs))}
	for i, e := range errs {
		body.Errors[i] = api.Error{Code: e.Code, Message: e.Message}
		if r.Dialect.Details {
			body.Errors[i].ExistingID, body.Errors[i].Line, body.Errors[i].Column = e.Existing, e.Line, e.Column
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

// refuseAlso is refuse of what is no route. The token endpoint has words of its own for
// it, which stand beside.
func (d *door) refuseAlso(x *exchange, r *http.Request, err error) {
	why, ok := errors.AsType[*shed](err)
	if !ok { // the caller is gone
		why = errGone
	}
	x.shed = ok
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
