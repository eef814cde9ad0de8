package door

import (
	"fmt"
	"net/http"

	"github.com/allot-dev/allot/internal/auth"
)

// Dialect is how an API admits, refuses and may be called. It is a value: a new
// API brings its own, and nothing here changes.
type Dialect struct {
	// Admission says who is let in. Nil: anybody, without credentials.
	Admission *Admission
	// Statuses that refusals have. A kind whose status is 0 does not come up; if
	// it does, that is a fault of ours.
	Invalid, NotFound, Conflict, TooLarge int
	// Details is whether refusals have a place for more than a code and a message: the id
	// of what is there already, and where in a file a fault is.
	Details bool
	// RetryReads is whether who reads is told as well when to ask again. The clients of an
	// API whose reads carry Retry-After may repeat them in silence.
	RetryReads bool
	// Pages are the paths, by their start, that pages of [Config].Origins may read
	// from a browser, unknown routes among them; "" if they may read none.
	Pages string
	// Everybody is whether any page may read the answers from a browser, of whatever
	// origin: they are for the whole world.
	Everybody bool
}

// status is that of a kind of errors; 0 if it has none.
func (d *Dialect) status(k Kind) int {
	switch k {
	case Invalid:
		return d.Invalid
	case NotFound:
		return d.NotFound
	case Conflict:
		return d.Conflict
	case Unavailable:
		return http.StatusServiceUnavailable
	case TooMany:
		return http.StatusTooManyRequests
	}
	return 0
}

// Admission is who may call: a check of the principal against the scopes of a
// route, and what those are told who have no credentials that will do.
type Admission struct {
	Check  func(p *auth.Principal, scopes []string) error
	Wanted string
}

// Clients lets in clients that have the scopes of the route.
var Clients = &Admission{
	Check:  func(p *auth.Principal, scopes []string) error { return p.Require(scopes...) },
	Wanted: "a bearer token of a client is required, valid now and for this API; POST /oauth2/token gives one",
}

// Users lets in users.
var Users = &Admission{
	Check:  requireUser,
	Wanted: "a bearer token of a user is required, valid now and for this API; the identity provider gives one",
}

// requireUser returns nil if the token is a user's and says whose: without that
// it would speak for the organization it names.
func requireUser(p *auth.Principal, _ []string) error {
	if !p.User || p.Subject == "" {
		return fmt.Errorf("%w: token of a client where one of a user is wanted", auth.ErrInvalidCredentials)
	}
	return nil
}
