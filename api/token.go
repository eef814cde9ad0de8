package api

// Token answers POST /oauth2/token, after RFC 6749 section 5.1.
type Token struct {
	AccessToken string `json:"access_token"` // a JWT
	TokenType   string `json:"token_type"`   // bearer
	ExpiresIn   int64  `json:"expires_in"`   // seconds
	Scope       string `json:"scope"`        // what was granted, separated by spaces
}

// TokenError is the body of a refusal by POST /oauth2/token.
type TokenError struct {
	Error            string `json:"error"` // a Token… code
	ErrorDescription string `json:"error_description"`
}

// JWKS answers GET /.well-known/jwks and its twin jwks.json.
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// JWK is an RSA public key, after RFC 7517.
type JWK struct {
	KeyType   string `json:"kty"` // RSA
	Use       string `json:"use"` // sig
	Algorithm string `json:"alg"` // RS256
	KeyID     string `json:"kid"`
	N         string `json:"n"` // modulus, base64url
	E         string `json:"e"` // exponent, base64url
}

// OpenIDConfiguration answers GET /.well-known/openid-configuration.
type OpenIDConfiguration struct {
	Issuer                           string   `json:"issuer"`
	JWKSURI                          string   `json:"jwks_uri"`
	TokenEndpoint                    string   `json:"token_endpoint"`
	AuthorizationEndpoint            string   `json:"authorization_endpoint"`
	SubjectTypesSupported            []string `json:"subject_types_supported"`
	ResponseTypesSupported           []string `json:"response_types_supported"`
	IDTokenSigningAlgValuesSupported []string `json:"id_token_signing_alg_values_supported"`
	GrantTypesSupported              []string `json:"grant_types_supported"`
}
