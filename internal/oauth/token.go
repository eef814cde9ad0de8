package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// Request is what a token is asked for with, by a client that is known.
type Request struct {
	ClientID  string
	Scopes    []string // empty means all that the client has
	Audiences []string // empty means the first of [Audiences]
	// User makes it the token of a user (sub), in an organization (org_code) if
	// OrgCode is set. It is for development: users' tokens come from elsewhere.
	User    string
	OrgCode string
}

// Token is a token that was given.
type Token struct {
	Value  string // a JWT
	Scopes []string
	Life   time.Duration
}

// Error is a refusal of a token, after RFC 6749, section 5.2.
type Error struct {
	Code        string // invalid_client, invalid_scope, …
	Description string // for people; names what would be right
}

func (e *Error) Error() string { return e.Code + ": " + e.Description }

// codeAudience is the code of an audience that is not ours.
const codeAudience = "unauthorized_client"

func refuse(code, format string, args ...any) error {
	return &Error{Code: code, Description: fmt.Sprintf(format, args...)}
}

// Mint gives a token without asking for a secret, to those who have the store
// and the key file anyway. It returns an [*Error] if the client is unknown or
// revoked or the request is more than it may have.
func (s *Server) Mint(ctx context.Context, r Request) (Token, error) {
	c, err := s.dir.client(ctx, r.ClientID)
	if errors.Is(err, billing.ErrNotFound) {
		return Token{}, refuse("invalid_client", "no client has this id: see the list of clients")
	} else if err != nil {
		return Token{}, err
	}
	if !c.RevokedOn.IsZero() {
		return Token{}, refuse("invalid_client", "client %s is revoked: create another one", c.ID)
	}
	return s.give(ctx, c, markOf(c.SecretHash), r)
}

// claims are those of our tokens, in Kinde's form.
type claims struct {
	Issuer    string   `json:"iss"`
	Audience  []string `json:"aud"` // Kinde: as requested, and an array even of one
	AZP       string   `json:"azp"`
	Subject   string   `json:"sub,omitempty"`
	OrgCode   string   `json:"org_code,omitempty"`
	Expires   int64    `json:"exp"` // Unix seconds
	IssuedAt  int64    `json:"iat"`
	ID        string   `json:"jti"`
	GrantType []string `json:"gty,omitempty"`
	Scope     string   `json:"scope"`
	SCP       []string `json:"scp"`
	Version   string   `json:"v"`
}

// give makes the token of a client that has been let in by the secret with a mark.
func (s *Server) give(ctx context.Context, c record.Client, mark string, r Request) (Token, error) {
	if r.OrgCode != "" && r.User == "" {
		return Token{}, refuse("invalid_request", "an organization needs a user whose token it is")
	}
	audiences, err := s.grantAudiences(r.Audiences)
	if err != nil {
		return Token{}, err
	}
	scopes, err := grantScopes(c, r.Scopes)
	if err != nil {
		return Token{}, err
	}
	now := s.dir.now().Unix()
	cl := claims{
		Issuer: s.issuer, Audience: audiences, AZP: c.ID,
		Subject: r.User, OrgCode: r.OrgCode,
		IssuedAt: now, Expires: now + int64(s.life/time.Second), ID: newTokenID(mark),
		Scope: strings.Join(scopes, " "), SCP: scopes, Version: "2",
	}
	if r.User == "" {
		cl.GrantType = []string{"client_credentials"}
	}
	payload, err := json.Marshal(cl)
	if err != nil {
		return Token{}, err
	}
	value, err := s.keys.Sign(ctx, payload)
	return Token{Value: value, Scopes: scopes, Life: s.life}, err
}

func (s *Server) grantAudiences(asked []string) ([]string, error) {
	asked = unique(slices.DeleteFunc(slices.Clone(asked), func(a string) bool { return a == "" }))
	if len(asked) == 0 {
		return s.audiences[:1], nil
	}
	issuer := s.Issuer()
	for _, a := range asked {
		if !issuer.Accepts(a) {
			return nil, refuse(codeAudience, "the audience is not this server's: use %s, or start the server with --issuer and the URL that clients have (--audience for a further one)", s.audiences[0])
		}
	}
	return asked, nil
}

func grantScopes(c record.Client, asked []string) ([]string, error) {
	asked = unique(asked)
	if len(asked) == 0 {
		return c.Scopes, nil
	}
	for _, scope := range asked {
		if !slices.Contains(c.Scopes, scope) {
			return nil, refuse("invalid_scope", "%s is not granted to this client: it has %s", quotable(scope), strings.Join(c.Scopes, " "))
		}
	}
	return asked, nil
}

// quotable is a scope as an error description may repeat it (RFC 6749, section
// 5.2 allows few characters), or what it is.
func quotable(scope string) string {
	bad := func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }
	if len(scope) > 100 || strings.ContainsFunc(scope, bad) {
		return "a scope that has the wrong form"
	}
	return "the scope " + scope
}
