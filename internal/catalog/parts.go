package catalog

import (
	"bytes"
	"regexp"
)

// The YAML parser takes a KiB for each sign of its text, so a large file is read in parts: of a
// list under a key of the file, some members at a time.
const (
	partBytes = 64 << 10
	// maxPartSigns bounds what is read at once: a member of such a list, or a file that is not
	// written as such lists.
	maxPartSigns = 1 << 18
)

// part are some members of a list, one behind the other.
type part struct {
	src   []byte
	line  int // how many lines are before it
	first int // the index of its first member
	n     int // how many members it has

	json bool
	off  int // where it begins
	at   place
}

// each calls f with the elements of a list, until it returns false. The fault is one of the syntax
// of a part.
func (n *node) each(f func(i int, elem *node) bool) *Fault {
	for i, elem := range n.elems {
		if !f(i, elem) {
			return nil
		}
	}
	for _, p := range n.parts {
		elems, fault := p.read()
		if fault != nil {
			return fault
		}
		for i, elem := range elems {
			if !f(p.first+i, elem) {
				return nil
			}
		}
	}
	return nil
}

// elem is an element of a list, or nil. The part that it is in is kept for the next one.
func (n *node) elem(i int) *node {
	if n.parts == nil {
		if i >= len(n.elems) {
			return nil
		}
		return n.elems[i]
	}
	if p := n.kept; p == nil || i < p.first || i >= p.first+len(n.keptElems) {
		n.kept, n.keptElems = nil, nil
		for _, p := range n.parts {
			if i >= p.first && i < p.first+p.n {
				elems, fault := p.read()
				if fault != nil {
					return nil
				}
				n.kept, n.keptElems = &p, elems
			}
		}
		if n.kept == nil {
			return nil
		}
	}
	return n.keptElems[i-n.kept.first]
}

// read takes a part apart.
func (p *part) read() ([]*node, *Fault) {
	if p.json {
		n, fault := readJSON(p.src, p.at)
		if fault != nil {
			return nil, fault
		}
		return n.elems, nil
	}
	n, fault := readYAML(p.src, p.line, 1)
	switch {
	case fault != nil:
		return nil, fault
	case n.kind != list || len(n.elems) != p.n:
		return nil, faultAt(place{p.line + 1, 1}, "the list cannot be read as YAML; indent the lines of each member further than its dash")
	}
	return n.elems, nil
}

// keyLine is one that begins an entry of a file, perhaps in quotes, and bareLine one whose value
// is on the lines below.
var (
	keyLine  = regexp.MustCompile(`^(?:([A-Za-z_]{1,40})|"([A-Za-z_]{1,40})"|'([A-Za-z_]{1,40})'):( |$)`)
	bareLine = regexp.MustCompile(`^["'A-Za-z_]{1,42}: *(#.*)?$`)
)

// piece is an entry of a file as text.
type piece struct {
	from, to int // offsets
	line     int // how many lines are before it
	key      string
	bare     bool
	column   int      // of the dashes below, from 0; -1 if there are none
	members  []member // of the list below
}

// member is where one begins.
type member struct{ off, line int }

// pieces are the entries of a file, if it is plain to see where they begin and end: each at the
// begin of a line, and what is in it further to the right.
func pieces(src []byte) ([]*piece, bool) {
	var all []*piece
	var p *piece
	line := 0
	for off := 0; off < len(src); line++ {
		text, _, _ := bytes.Cut(src[off:], []byte("\n"))
		at := off
		off += len(text) + 1
		body := bytes.TrimLeft(text, " ")
		indent := len(text) - len(body)
		dash := bytes.HasPrefix(body, []byte("- ")) || string(body) == "-"
		switch {
		case len(body) == 0 || body[0] == '#':
		case body[0] == '\t':
			return nil, false
		case indent == 0 && !dash:
			if p == nil && string(body) == "---" {
				continue
			}
			if !keyLine.Match(body) || len(all) == maxKeys {
				return nil, false
			}
			if p != nil {
				p.to = at
			}
			key, _, _ := bytes.Cut(body, []byte(":"))
			p = &piece{from: at, line: line, key: string(bytes.Trim(key, `"'`)), bare: bareLine.Match(body), column: -1}
			all = append(all, p)
		case p == nil:
			return nil, false
		case !p.bare:
		case p.column < 0 && !dash:
			p.bare = false
		case p.column < 0:
			p.column, p.members = indent, []member{{at, line}}
		case indent == p.column && dash:
			p.members = append(p.members, member{at, line})
		case indent <= p.column:
			return nil, false
		}
	}
	if p == nil {
		return nil, false
	}
	p.to = len(src)
	return all, true
}

// inParts reads a file whose lists are taken apart when they are read; nil if it cannot be.
func inParts(src []byte) (*node, *Fault) {
	all, ok := pieces(src)
	if !ok {
		return nil, nil
	}
	root := &node{kind: mapping}
	for _, p := range all {
		if len(p.members) < 2 || p.to-p.from <= partBytes {
			n, fault := readYAML(src[p.from:p.to], p.line, 0)
			if fault != nil || n.kind != mapping {
				return nil, fault
			}
			root.entries = append(root.entries, n.entries...)
			continue
		}
		value := &node{kind: list, at: place{p.members[0].line + 1, p.column + 1}}
		for i := 0; i < len(p.members); {
			first := p.members[i]
			q := part{line: first.line, first: i}
			for i++; i < len(p.members) && p.members[i].off-first.off <= partBytes; {
				i++
			}
			end := p.to
			if i < len(p.members) {
				end = p.members[i].off
			}
			q.src, q.n = src[first.off:end], i-q.first
			value.parts = append(value.parts, q)
		}
		root.entries = append(root.entries, entry{p.key, place{p.line + 1, 1}, value})
	}
	root.at = root.entries[0].at
	return root, nil
}
