package auth

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Principal is who calls, as a verified token says. Two tokens with the same
// Issuer and ClientID are the same principal.
type Principal struct {
	Issuer   string // iss
	ClientID string // azp or client_id; empty if a user's token has neither
	// Subject and OrgCode (sub, org_code) are of the user that a user's token
	// speaks for; Subject of a client's token is empty or names the client itself.
	Subject string
	OrgCode string
	// User reports that the token is a user's. It opens the account API, and
	// never management or native routes, whatever its scopes.
	User    bool
	Scopes  []string
	Expires time.Time // exp
}

// console is the issuer of administrators. No token can have it: an issuer is a URL.
const console = "console"

// NewAdministrator is the principal of an administrator who is signed in to the console.
func NewAdministrator(name string, scopes []string) *Principal {
	return &Principal{Issuer: console, ClientID: name, Scopes: scopes}
}

// Administrator reports whether p is an administrator, whose name is ClientID.
func (p *Principal) Administrator() bool { return p.Issuer == console }

// ErrInvalidCredentials is any fault of a token: none, malformed, ended, wrongly
// signed, of an issuer or for an audience that is not ours, of a revoked client,
// or of a user where a client is wanted. Errors that wrap it say which; that is
// for the log, not for the caller. To the caller it is 403 INVALID_CREDENTIALS.
var ErrInvalidCredentials = errors.New("invalid credentials")

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalidCredentials}, args...)...)
}

// MissingScopeError is a valid token, or the role of an administrator, without a scope that
// the operation needs. To the caller it is 403 SCOPE_MISSING.
type MissingScopeError struct {
	Scope string // the first one missing
	Role  bool   // of an administrator
}

func (e *MissingScopeError) Error() string {
	if e.Role {
		return fmt.Sprintf("the role lacks the scope %s", e.Scope)
	}
	return fmt.Sprintf("the token lacks the scope %s", e.Scope)
}

// Require returns nil if p is a client with all the scopes. It returns an
// [ErrInvalidCredentials] for a user, and a [*MissingScopeError] that names the
// first scope missing.
func (p *Principal) Require(scopes ...string) error {
	if p.User {
		return invalid("token of a user where one of a client is wanted")
	}
	for _, s := range scopes {
		if !slices.Contains(p.Scopes, s) {
			return &MissingScopeError{Scope: s, Role: p.Administrator()}
		}
	}
	return nil
}

// Challenge is the value of the WWW-Authenticate header that goes with an error
// of [Verifier.Verify] or [Principal.Require], after RFC 6750, section 3. It is
// empty for any other error.
func Challenge(err error) string {
	if missing, ok := errors.AsType[*MissingScopeError](err); ok {
		return fmt.Sprintf(`Bearer error="insufficient_scope", scope="%s"`, missing.Scope)
	}
	if errors.Is(err, ErrInvalidCredentials) {
		return `Bearer error="invalid_token"`
	}
	return ""
}

// Bearer is the token of a request's Authorization header. It returns an
// [ErrInvalidCredentials] unless there is exactly one such header and it is of
// the Bearer scheme.
func Bearer(h http.Header) (string, error) {
	values := h["Authorization"]
	if len(values) != 1 {
		return "", invalid("%d Authorization headers, want one", len(values))
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", invalid("authorization scheme is not Bearer")
	}
	return strings.TrimLeft(token, " "), nil
}
