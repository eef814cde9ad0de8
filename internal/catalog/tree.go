package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth bounds how deep a file may nest. The deepest place of a catalog is
// at 8.
const maxDepth = 32

// node is a value of the file, as YAML and JSON have them in common.
type node struct {
	kind    nodeKind
	at      place
	flow    bool    // a collection that starts with its bracket
	entries []entry // of a mapping, in the order of the file
	elems   []*node // of a list that is there
	parts   []part  // of one that is taken apart when it is read
	text    string  // of a scalar
	style   style   // of a scalar

	kept      *part // the part whose elements are kept
	keptElems []*node
}

type entry struct {
	key   string
	at    place // of the key
	value *node
}

// place is where to point for the entry: at a collection's name rather than at
// its first line.
func (e entry) place() place {
	if e.value.kind == scalar || e.value.flow {
		return e.value.at
	}
	return e.at
}

type place struct{ line, column int }

type nodeKind uint8

const (
	mapping nodeKind = iota
	list
	scalar
	nothing // a key with no value behind it
)

// style is how a scalar is written, which says what it may be read as.
type style uint8

const (
	quoted style = iota // text
	plain               // YAML without quotes: whatever belongs there
	bare                // a JSON number, true, false or null: never text
)

// parseTree reads the syntax of a file, whole or in parts, whose syntax shows when they are read. A
// fault it returns is the only one.
func parseTree(src []byte, whole bool) (*node, *Fault) {
	if len(src) > MaxSize {
		return nil, faultAt(place{1, 1}, "the file has %d bytes; at most %d are read", len(src), MaxSize)
	}
	src = normalize(src)
	if signs(src) > maxSigns {
		return nil, faultAt(place{1, 1}, "the file has more than %d commas, colons, brackets and line breaks; a catalog of this size has fewer", maxSigns)
	}
	if fault := checkEncoding(src); fault != nil {
		return nil, fault
	}
	isObject := bytes.HasPrefix(bytes.TrimSpace(src), []byte("{"))
	var root *node
	var fault *Fault
	if isObject && json.Valid(src) {
		root, fault = parseJSON(src, whole)
	} else if root, fault = parseYAML(src, whole); fault != nil && isObject {
		// YAML in braces looks much like JSON. Of a file in quotes throughout
		// the JSON reader knows better what is wrong.
		if rest := bytes.TrimSpace(bytes.TrimSpace(src)[1:]); bytes.HasPrefix(rest, []byte(`"`)) {
			fault = jsonFault(src)
		}
	}
	if fault != nil {
		return nil, fault
	}
	if root.kind != mapping {
		return nil, faultAt(root.at, "a catalog file is a mapping with the keys %s; this is %s",
			strings.Join(fileShape.keys, ", "), describe(root))
	}
	return root, nil
}

// signs is how many commas, colons, opening brackets and line breaks there are.
func signs(src []byte) (n int) {
	for _, sign := range []string{",", ":", "[", "{", "\n"} {
		n += bytes.Count(src, []byte(sign))
	}
	return n
}

// normalize makes line feeds of all line breaks and removes a byte order mark.
func normalize(src []byte) []byte {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(src, []byte("\r"), []byte("\n"))
}

func faultAt(at place, format string, args ...any) *Fault {
	return &Fault{Line: at.line, Column: at.column, Message: fmt.Sprintf(format, args...)}
}

func checkEncoding(src []byte) *Fault {
	at := cursor{src: src, place: place{1, 1}}
	for off := 0; off < len(src); {
		r, size := utf8.DecodeRune(src[off:])
		switch {
		case r == utf8.RuneError && size == 1:
			return faultAt(at.to(off), "the file is not UTF-8; save it as UTF-8")
		case r < ' ' && r != '\n' && r != '\t', r == 0x7f:
			return faultAt(at.to(off), "control character %U; remove it", r)
		}
		off += size
	}
	return nil
}

// cursor turns ascending offsets into places, reading the source once.
type cursor struct {
	src []byte
	off int
	place
}

func (c *cursor) to(off int) place {
	for c.off < off {
		r, size := utf8.DecodeRune(c.src[c.off:])
		c.off += size
		if r == '\n' {
			c.line, c.column = c.line+1, 1
		} else {
			c.column++
		}
	}
	return c.place
}

// describe names a value for a message.
func describe(n *node) string {
	switch {
	case n.kind == mapping:
		return "a mapping"
	case n.kind == list:
		return "a list"
	case n.kind == nothing:
		return "nothing"
	case n.style == bare:
		return shorten(n.text)
	}
	return quote(n.text)
}

// quote is text in quotes, shortened to what a line of a message can hold.
func quote(text string) string {
	return fmt.Sprintf("%q", shorten(text))
}

func shorten(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most-1]) + "…"
}
