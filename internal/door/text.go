package door

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/auth"
)

// Text that comes in is taken in one form of Unicode, NFC: é that is one character
// and é that is two are the same name. All readers here give it so, of queries,
// paths, bodies and tokens, and no others read requests.

// composed is a text in NFC. What is not UTF-8 stays.
func composed(s string) string {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return norm.NFC.String(s)
		}
	}
	return s
}

// PathValue is what the path has for a variable of the route.
func (c *Call) PathValue(variable string) string { return composed(c.Request.PathValue(variable)) }

// composedPrincipal is a caller whose names are in NFC. The one that is given may be
// shared.
func composedPrincipal(by *auth.Principal) *auth.Principal {
	subject, org := composed(by.Subject), composed(by.OrgCode)
	if subject == by.Subject && org == by.OrgCode {
		return by
	}
	changed := *by
	changed.Subject, changed.OrgCode = subject, org
	return &changed
}

// Framed reports whether a text begins or ends with a space. Two names that differ
// in that alone are one to who reads them.
func Framed(s string) bool { return strings.TrimSpace(s) != s }

// Trim notes that a text begins or ends with a space, which a new name must not.
func (f *Faults) Trim(name, text string) {
	if Framed(text) {
		f.Add(api.InvalidCode(name), name+" must not begin or end with a space")
	}
}
