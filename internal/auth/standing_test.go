package auth

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// trusting is a verifier of one issuer of others, with what it may and may not.
func trusting(t *testing.T, p *provider, scopes, denied []string) *Verifier {
	t.Helper()
	c := newClock()
	o := RemoteOptions{
		Trusted: []string{p.URL + "=allot"}, Known: []string{"read:a", "read:b", "update:catalog"}, Now: c.now,
	}
	for _, s := range scopes {
		o.Scopes = append(o.Scopes, p.URL+"="+s)
	}
	for _, d := range denied {
		o.Denied = append(o.Denied, p.URL+"="+d)
	}
	issuers, err := RemoteIssuers(o)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(Options{Issuers: issuers, Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *provider) says(t *testing.T, changes object) string {
	t.Helper()
	c := clientClaims(object{"iss": p.URL, "aud": "allot"})
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return sign(t, jose.RS256, rsaKeys()[0], "k1", c)
}

// Another issuer decides who its clients are, not what they may do here.
func TestScopesOfATrustedIssuersClients(t *testing.T) {
	p := newProvider(t)
	p.set(func(p *provider) { p.keys = []any{jwk("k1")} })
	administrator := object{"scope": "update:catalog read:a", "scp": nil}
	for name, c := range map[string]struct {
		permitted []string
		changes   object
		want      []string
	}{
		"none by default":              {nil, administrator, nil},
		"only those it may have":       {[]string{"read:a read:b"}, administrator, []string{"read:a"}},
		"given one by one":             {[]string{"read:b", "read:a"}, administrator, []string{"read:a"}},
		"all":                          {[]string{"all"}, administrator, []string{"update:catalog", "read:a"}},
		"all of what there is":         {[]string{"all"}, object{"scope": "update:all read:a"}, []string{"read:a"}},
		"in scp":                       {[]string{"read:a"}, object{"scope": nil, "scp": []string{"update:catalog", "read:a"}}, []string{"read:a"}},
		"not in a token without scope": {[]string{"all"}, object{"scope": nil, "scp": nil}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			principal, err := trusting(t, p, c.permitted, nil).Verify(t.Context(), p.says(t, c.changes))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(principal.Scopes, c.want) {
				t.Errorf("scopes %q, want %q", principal.Scopes, c.want)
			}
		})
	}
	user, err := trusting(t, p, nil, nil).Verify(t.Context(), p.says(t, object{"sub": "kp_1", "gty": nil}))
	if err != nil || !user.User {
		t.Errorf("a user's token: %+v, %v", user, err)
	}
}

func TestDeniedClientsOfATrustedIssuer(t *testing.T) {
	p := newProvider(t)
	p.set(func(p *provider) { p.keys = []any{jwk("k1")} })
	v := trusting(t, p, []string{"all"}, []string{"c1 c2", "c3"})
	for name, c := range map[string]struct {
		changes object
		denied  bool
	}{
		"by azp":                      {object{"azp": "c1"}, true},
		"the second":                  {object{"azp": "c2"}, true},
		"the third":                   {object{"azp": "c3"}, true},
		"by client_id":                {object{"azp": nil, "client_id": "c1"}, true},
		"by client_id beside azp":     {object{"azp": "other", "client_id": "c1"}, true},
		"by subject":                  {object{"azp": "other", "sub": "c1"}, true},
		"by Auth0's subject":          {object{"azp": nil, "gty": nil, "sub": "c1@clients"}, true},
		"what it got for a user":      {object{"azp": "c1", "sub": "kp_1", "gty": nil}, true},
		"another":                     {object{"azp": "c4"}, false},
		"one that begins like it":     {object{"azp": "c11"}, false},
		"one that has other capitals": {object{"azp": "C1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.Verify(t.Context(), p.says(t, c.changes))
			if errors.Is(err, ErrInvalidCredentials) != c.denied || !c.denied && err != nil {
				t.Errorf("err = %v, want it denied: %v", err, c.denied)
			}
		})
	}
}

// forge signs any header and payload with our key, as RS256 whatever they say.
func forge(t testing.TB, header, payload string) string {
	t.Helper()
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, rsaKeys()[0], crypto.SHA256, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + b64(signature)
}

// text is JSON of a value.
func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// withHeader forges a good token with more in its header.
func withHeader(t testing.TB, header, claims object) string {
	t.Helper()
	all := object{"alg": "RS256", "kid": "k1"}
	maps.Copy(all, header)
	return forge(t, text(t, all), text(t, clientClaims(claims)))
}

func TestKindsOfTokens(t *testing.T) {
	type header = object
	for name, c := range map[string]struct {
		header header
		claims object
		want   bool
	}{
		"JWT":                          {header{"typ": "JWT"}, nil, true},
		"jwt":                          {header{"typ": "jwt"}, nil, true},
		"access token":                 {header{"typ": "at+jwt"}, nil, true},
		"access token, in full":        {header{"typ": "application/AT+JWT"}, nil, true},
		"unknown header":               {header{"x": 1}, nil, true},
		"Keycloak's access token":      {header{"typ": "JWT"}, object{"typ": "Bearer"}, true},
		"Cognito's access token":       {nil, object{"token_use": "access"}, true},
		"ID":                           {header{"typ": "ID"}, nil, false},
		"ID token":                     {header{"typ": "id_token+jwt"}, nil, false},
		"log-out":                      {header{"typ": "logout+jwt"}, nil, false},
		"log-out, in full":             {header{"typ": "application/logout+jwt"}, nil, false},
		"proof of possession":          {header{"typ": "dpop+jwt"}, nil, false},
		"security event":               {header{"typ": "secevent+jwt"}, nil, false},
		"empty typ":                    {header{"typ": ""}, nil, false},
		"typ with a blank":             {header{"typ": "JWT "}, nil, false},
		"typ of another tree":          {header{"typ": "text/jwt"}, nil, false},
		"typ is a number":              {header{"typ": 1}, nil, false},
		"typ is null":                  {header{"typ": nil}, nil, false},
		"typ is a list":                {header{"typ": []string{"JWT"}}, nil, false},
		"Keycloak's ID token":          {header{"typ": "JWT"}, object{"typ": "ID"}, false},
		"Keycloak's refresh token":     {header{"typ": "JWT"}, object{"typ": "Refresh"}, false},
		"Cognito's ID token":           {nil, object{"token_use": "id"}, false},
		"ID token by its at_hash":      {nil, object{"at_hash": "x"}, false},
		"ID token by its c_hash":       {nil, object{"c_hash": "x"}, false},
		"log-out by its events":        {nil, object{"events": object{}}, false},
		"crit empty":                   {header{"crit": []string{}}, nil, false},
		"crit null":                    {header{"crit": nil}, nil, false},
		"crit is text":                 {header{"crit": "exp"}, nil, false},
		"crit names what is absent":    {header{"crit": []string{"b64"}}, nil, false},
		"crit names what is there":     {header{"crit": []string{"b64"}, "b64": true}, nil, false},
		"crit names what is unknown":   {header{"crit": []string{"x"}, "x": 1}, nil, false},
		"crit names what always is":    {header{"crit": []string{"alg"}}, nil, false},
		"payload that is not base64":   {header{"b64": false}, nil, false},
		"payload that is, said so":     {header{"b64": true}, nil, false},
		"crit names nothing by a name": {header{"crit": []string{""}}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newRig(t, 0).Verify(t.Context(), withHeader(t, c.header, clientClaims(c.claims)))
			if (err == nil) != c.want || err != nil && !errors.Is(err, ErrInvalidCredentials) {
				t.Errorf("err = %v, want it accepted: %v", err, c.want)
			}
		})
	}
}
