package billing

import (
	"strings"
	"unicode/utf8"
)

// OneLine reports whether a text can be kept and shown on one line: UTF-8 without
// control characters, of at most limit characters.
func OneLine(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
