package admin

import (
	"strings"
	"sync"

	"github.com/allot-dev/allot/docs"
)

// section is a part of the runbook.
type section struct {
	ID, Title string
	Blocks    []block
}

// block is a paragraph, or the steps of a list.
type block struct {
	Steps [][]piece // nil of a paragraph
	Text  []piece
}

// piece is a piece of text, in one way of writing it.
type piece struct {
	Text         string
	Code, Strong bool
	Href         string // of a link within the runbook; what leads elsewhere is text here
}

// readRunbook is docs/runbook.md, which is in the binary, in parts. It knows what that page
// is written in: headings, paragraphs, numbered steps, code, links and what is strong.
var readRunbook = sync.OnceValue(func() []section {
	var sections []section
	at := section{}
	var lines []string
	paragraph := func() {
		if len(lines) > 0 {
			at.Blocks = append(at.Blocks, readBlock(lines))
		}
		lines = nil
	}
	for line := range strings.Lines(docs.Runbook) {
		line = strings.TrimRight(line, "\n")
		if title, ok := strings.CutPrefix(line, "### "); ok {
			paragraph()
			sections, at = append(sections, at), section{ID: title, Title: title}
			continue
		}
		if line == "" || strings.HasPrefix(line, "# ") {
			paragraph()
			continue
		}
		lines = append(lines, line)
	}
	paragraph()
	return append(sections, at)
})

func readBlock(lines []string) block {
	if !isStep(lines[0]) {
		return block{Text: pieces(strings.Join(lines, " "))}
	}
	var steps []string
	for _, line := range lines {
		if isStep(line) {
			_, text, _ := strings.Cut(line, ". ")
			steps = append(steps, text)
			continue
		}
		steps[len(steps)-1] += " " + strings.TrimSpace(line)
	}
	var b block
	for _, s := range steps {
		b.Steps = append(b.Steps, pieces(s))
	}
	return b
}

func isStep(line string) bool {
	number, _, ok := strings.Cut(line, ". ")
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// pieces splits a text where the way of writing changes.
func pieces(text string) (all []piece) {
	for text != "" {
		at := strings.IndexAny(text, "`[*")
		if at < 0 {
			return append(all, piece{Text: text})
		}
		p, rest, ok := marked(text[at:])
		if !ok {
			at++
			p, rest = piece{}, text[at:]
		}
		if at > 0 {
			all = append(all, piece{Text: text[:at]})
		}
		if ok {
			all = append(all, p)
		}
		text = rest
	}
	return all
}

// marked reads what begins with a mark.
func marked(text string) (p piece, rest string, ok bool) {
	switch {
	case text[0] == '`':
		p.Code = true
		p.Text, rest, ok = strings.Cut(text[1:], "`")
	case strings.HasPrefix(text, "**"):
		p.Strong = true
		p.Text, rest, ok = strings.Cut(text[2:], "**")
	case text[0] == '[':
		var href string
		if p.Text, rest, ok = strings.Cut(text[1:], "]("); !ok {
			return p, text, false
		}
		href, rest, ok = strings.Cut(rest, ")")
		if strings.HasPrefix(href, "#") {
			p.Href = "#" + p.Text
		}
	}
	return p, rest, ok
}
