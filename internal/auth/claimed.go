package auth

import (
	"encoding/base64"
	"encoding/json"
	"strings"
)

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
