package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Knows reports whether a token was found to be good before and still counts: then to
// verify it costs nothing. Whether its client may call now is not asked.
func (v *Verifier) Knows(token string) bool {
	t, ok := v.cache.GetIfPresent(token)
	if !ok {
		t, ok = v.issued.peek(token)
	}
	return ok && t.drops == v.drops.Load() && v.now().Before(t.until)
}

// peek gets a token that is not used yet.
func (i *issued) peek(token string) (*verified, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	t, ok := i.tokens.young[token]
	if !ok {
		t, ok = i.tokens.old[token]
	}
	return t, ok
}

// Claimed is the client that a token says it is of; "" if it says none. Nothing of it is
// verified: it is a hint that costs little, and no reason to believe anything.
func Claimed(token string) string {
	_, rest, ok := strings.Cut(token, ".")
	if !ok || len(token) > MaxTokenBytes {
		return ""
	}
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		AZP string `json:"azp"`
	}
	if json.Unmarshal(text, &claims) != nil {
		return ""
	}
	return claims.AZP[:min(len(claims.AZP), 200)]
}
