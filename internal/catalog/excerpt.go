package catalog

import (
	"bytes"
	"fmt"
	"strings"
)

// Excerpt is the line of a file that a fault is on, with a caret below the
// column, for a terminal:
//
//	12 |   - {feature: seats, max: ten}
//	   |                           ^
//
// It is "" if the file has no such line.
func Excerpt(src []byte, line, column int) string {
	const before, width = 60, 100 // characters shown of a long line
	lines := bytes.Split(normalize(src), []byte("\n"))
	if line < 1 || line > len(lines) || column < 1 {
		return ""
	}
	text := []rune(strings.Map(func(r rune) rune {
		if r != '\t' && unprintable(r) {
			return '\ufffd' // a terminal would obey it
		}
		return r
	}, string(lines[line-1])))
	column = min(column, len(text)+1)
	lead, trail := "", ""
	if cut := column - 1 - before; cut > 0 && len(text) > width {
		text, column, lead = text[cut:], before+1, "…"
	}
	if len(text) > width {
		text, trail = text[:width], "…"
	}
	// Tabs stay tabs above and below, so that the caret stands right whatever
	// their width.
	indent := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, lead+string(text[:column-1]))
	number := fmt.Sprint(line)
	return fmt.Sprintf("%s | %s%s%s\n%s | %s^\n", number, lead, string(text), trail, strings.Repeat(" ", len(number)), indent)
}
