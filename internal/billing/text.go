package billing

import (
	"strings"
	"unicode/utf8"
)

// OneLine reports whether a text of one line can be kept and shown.
func OneLine(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
