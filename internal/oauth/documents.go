package oauth

import (
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// ServeJWKS answers GET /.well-known/jwks and /.well-known/jwks.json: the public
// keys by which tokens are verified (RFC 7517). It is never older than the
// request, so that a token of a key made a moment ago can be verified.
func (s *Server) ServeJWKS(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	roster, err := s.dir.refreshed(r.Context())
	if err != nil {
		s.fail(w, r, err)
		return
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range roster.verifying(s.dir.now()) {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: k.public, KeyID: k.ID, Algorithm: string(jose.RS256), Use: "sig",
		})
	}
	writeJSON(w, http.StatusOK, set)
}

// ServeDiscovery answers GET /.well-known/openid-configuration, by which clients
// find the token endpoint and the keys (OpenID Connect Discovery 1.0).
func (s *Server) ServeDiscovery(w http.ResponseWriter, r *http.Request) {
	if !readOnly(w, r) {
		return
	}
	writeJSON(w, http.StatusOK, struct {
		Issuer        string   `json:"issuer"`
		JWKS          string   `json:"jwks_uri"`
		Token         string   `json:"token_endpoint"`
		Authorization string   `json:"authorization_endpoint"`
		SubjectTypes  []string `json:"subject_types_supported"`
		ResponseTypes []string `json:"response_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		GrantTypes    []string `json:"grant_types_supported"`
	}{
		Issuer: s.issuer,
		JWKS:   s.issuer + "/.well-known/jwks",
		Token:  s.issuer + "/oauth2/token",
		// Kinde: the Java SDK wants this and the next three, though nobody logs in here.
		Authorization: s.issuer + "/oauth2/auth",
		SubjectTypes:  []string{"public"},
		ResponseTypes: []string{"code"},
		Algorithms:    []string{string(jose.RS256)},
		GrantTypes:    []string{"client_credentials"},
	})
}

// readOnly refuses what is not GET or HEAD.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	writeJSON(w, http.StatusMethodNotAllowed, refusal{"invalid_request", "use GET"})
	return false
}
