package auth

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4/json"
)

// accessTypes are what the header typ of an access token may say: nothing but that
// it is a JWT, or what RFC 9068 has it say. Any other names another kind of token,
// which the same issuer signs with the same key for the same audience (RFC 8725,
// section 3.11).
var accessTypes = []string{"jwt", "at+jwt"}

// checkHeader refuses tokens whose header says that they are of another kind, or
// that they are not understood without an extension: none is known here. Token is
// three parts, the first of them a JSON object.
func checkHeader(token string) error {
	part, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return invalid("header: %w", err)
	}
	var header map[string]json.RawMessage
	if err := json.Unmarshal(text, &header); err != nil {
		return invalid("header: %w", err)
	}
	for _, extension := range []string{"crit", "b64"} {
		if value, ok := header[extension]; ok {
			return invalid("header %s %.100q: no extension is known here", extension, value)
		}
	}
	raw, ok := header["typ"]
	if !ok {
		return nil
	}
	var typ string
	if err := json.Unmarshal(raw, &typ); err != nil || raw[0] != '"' {
		return invalid("header typ %.100q: want a string", raw)
	}
	kind := strings.TrimPrefix(strings.ToLower(typ), "application/")
	if !slices.Contains(accessTypes, kind) {
		return invalid("header typ %.100q: not of an access token", typ)
	}
	return nil
}
