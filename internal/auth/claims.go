package auth

import (
	"bytes"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	// Not encoding/json: this one tells "sub" from "Sub" and refuses a name
	// given twice, so that two readers of a token cannot see two subjects.
	"github.com/go-jose/go-jose/v4/json"
	"github.com/go-jose/go-jose/v4/jwt"
)

// claims are those of a token that are looked at, after RFC 7519, RFC 9068 and
// what Kinde's tokens have.
type claims struct {
	Issuer    string           `json:"iss"`
	Subject   string           `json:"sub"`
	Audience  jwt.Audience     `json:"aud"`
	Expiry    *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
	ID        string           `json:"jti"`
	AZP       string           `json:"azp"`
	ClientID  string           `json:"client_id"` // RFC 9068 has it where Kinde has azp
	OrgCode   string           `json:"org_code"`
	GrantType words            `json:"gty"`
	Scope     words            `json:"scope"`
	SCP       json.RawMessage  `json:"scp"` // the scopes, if scope has none; ours have them in both
	kind
}

// kind is what tells other tokens of an issuer from its access tokens, where their
// headers do not.
type kind struct {
	Type       string          `json:"typ"`       // Keycloak: Bearer, ID, Refresh, …
	Use        string          `json:"token_use"` // Cognito: access, id
	AccessHash json.RawMessage `json:"at_hash"`   // of ID tokens (OpenID Connect Core, section 3.1.3.6)
	CodeHash   json.RawMessage `json:"c_hash"`    // of ID tokens
	Events     json.RawMessage `json:"events"`    // of logout and other event tokens (RFC 8417)
}

// valid refuses what is not an access token.
func (k kind) valid() error {
	switch {
	case k.Type != "" && !strings.EqualFold(k.Type, "Bearer") && !slices.Contains(accessTypes, strings.ToLower(k.Type)):
		return invalid("claim typ %.100q: not of an access token", k.Type)
	case k.Use != "" && k.Use != "access":
		return invalid("claim token_use %.100q: not of an access token", k.Use)
	case k.AccessHash != nil || k.CodeHash != nil:
		return invalid("an ID token, it has at_hash or c_hash: want an access token")
	case k.Events != nil:
		return invalid("a token that tells of events, such as a log-out: want an access token")
	}
	return nil
}

// words is a list that some issuers write as an array and some as a string
// with spaces.
type words []string

func (w *words) UnmarshalJSON(b []byte) error {
	var list []string
	switch {
	case len(b) > 0 && b[0] == '[':
		if err := json.Unmarshal(b, &list); err != nil {
			return err
		}
	case len(b) > 1 && b[0] == '"' && utf8.Valid(b) && bytes.IndexByte(b, '\\') < 0:
		list = strings.Fields(string(b[1 : len(b)-1])) // it stands for itself
	default:
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		list = strings.Fields(s)
	}
	*w = list
	return nil
}

func parseClaims(payload []byte) (claims, error) {
	var c claims
	if err := json.Unmarshal(payload, &c); err != nil {
		return claims{}, invalid("claims: %w", err)
	}
	if len(c.Scope) == 0 && c.SCP != nil {
		if err := json.Unmarshal(c.SCP, &c.Scope); err != nil {
			return claims{}, invalid("claims: scp: %w", err)
		}
	}
	return c, nil
}

// clientID is azp, or what stands for it; empty if a user's token has neither.
func (c claims) clientID() string {
	if c.AZP != "" {
		return c.AZP
	}
	return c.ClientID
}

// valid checks the claims of a token that issuer has signed.
func (c claims) valid(issuer *Issuer, now time.Time) error {
	if c.Issuer != issuer.URL {
		return invalid("token of %.100q with a key of %s", c.Issuer, issuer.URL)
	}
	if err := c.kind.valid(); err != nil {
		return err
	}
	if client, denied := c.denied(issuer); denied {
		return invalid("client %.100q of %s is denied", client, issuer.URL)
	}
	if !slices.ContainsFunc(c.Audience, issuer.Accepts) {
		return invalid("token for another audience %.200q", c.Audience)
	}
	if c.Expiry == nil {
		return invalid("token without exp")
	}
	if !now.Before(c.Expiry.Time()) {
		return invalid("token ended on %s", c.Expiry.Time().UTC().Format(time.RFC3339))
	}
	if c.NotBefore != nil && now.Add(issuer.Leeway).Before(c.NotBefore.Time()) {
		return invalid("token begins on %s", c.NotBefore.Time().UTC().Format(time.RFC3339))
	}
	if c.clientID() == "" && (c.Subject == "" || c.clientGrant()) {
		return invalid("token without azp, and not a user's")
	}
	return nil
}

// denied reports whether any claim that may name a client names one that the issuer's
// tokens are not taken for.
func (c claims) denied(issuer *Issuer) (client string, denied bool) {
	for _, id := range []string{c.AZP, c.ClientID, c.Subject, strings.TrimSuffix(c.Subject, "@clients")} {
		if slices.Contains(issuer.Denied, id) {
			return id, true
		}
	}
	return "", false
}

// principal has of the token's scopes those that the issuer may give.
func (c claims) principal(issuer *Issuer) Principal {
	scopes := []string(c.Scope)
	if issuer.Scopes != nil {
		scopes = slices.DeleteFunc(scopes, func(s string) bool { return !slices.Contains(issuer.Scopes, s) })
	}
	return Principal{
		Issuer:   c.Issuer,
		ClientID: c.clientID(),
		Subject:  c.Subject,
		OrgCode:  c.OrgCode,
		User:     c.user(),
		Scopes:   slices.Clip(scopes),
		Expires:  c.Expiry.Time(),
	}
}

func (c claims) origin() Origin {
	from := Origin{ID: c.ID}
	if c.IssuedAt != nil {
		from.IssuedOn = c.IssuedAt.Time()
	}
	return from
}

// user reports whether a token may be a user's. It is a client's only if it
// names one and nothing speaks against it: no subject but the client itself
// (RFC 9068, section 2.2; Auth0 writes id@clients), and no grant but client
// credentials.
func (c claims) user() bool {
	id := c.clientID()
	if id == "" || c.Subject != "" && c.Subject != id && c.Subject != id+"@clients" {
		return true
	}
	return len(c.GrantType) > 0 && !c.clientGrant()
}

// clientGrant reports whether a token says that it is of client credentials.
func (c claims) clientGrant() bool {
	return slices.Contains(c.GrantType, "client_credentials") ||
		slices.Contains(c.GrantType, "client-credentials") // Auth0
}
