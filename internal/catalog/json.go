package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
)

// JSON has a reader of its own although it is almost YAML, because the YAML
// parser misplaces what stands behind a tab and refuses half a surrogate pair.

// parseJSON reads src, which must be valid JSON.
func parseJSON(src []byte, whole bool) (*node, *Fault) {
	p := newJSONParser(src, place{1, 1})
	p.parts = !whole && len(src) > partBytes
	return p.value(0)
}

func newJSONParser(src []byte, at place) *jsonParser {
	p := &jsonParser{dec: json.NewDecoder(bytes.NewReader(src)), at: cursor{src: src, place: at}}
	p.dec.UseNumber()
	return p
}

type jsonParser struct {
	dec   *json.Decoder
	at    cursor
	parts bool // whether lists under the keys of the file are to be read in parts
}

// offset is where the next token is.
func (p *jsonParser) offset() int {
	off := int(p.dec.InputOffset())
	for off < len(p.at.src) && bytes.IndexByte([]byte(" \t\r\n,:"), p.at.src[off]) >= 0 {
		off++
	}
	return off
}

// divide finds the parts of a list, whose bracket was read.
func (p *jsonParser) divide(n *node) *Fault {
	var raw json.RawMessage
	members := 0
	for p.dec.More() {
		off := p.offset()
		at := p.at.to(off)
		if members == maxMembers {
			return tooMany(at)
		}
		if err := p.dec.Decode(&raw); err != nil {
			panic("catalog: valid JSON has no next value: " + err.Error())
		}
		end := int(p.dec.InputOffset())
		if last := len(n.parts) - 1; last >= 0 && len(n.parts[last].src)+end-off < partBytes {
			q := &n.parts[last]
			q.src, q.n = p.at.src[q.off:end], q.n+1
		} else {
			n.parts = append(n.parts, part{src: p.at.src[off:end], json: true, off: off, at: at, first: members, n: 1})
		}
		members++
	}
	return nil
}

// readJSON reads members of a list.
func readJSON(members []byte, at place) (*node, *Fault) {
	text := append(append([]byte{'['}, members...), ']')
	return newJSONParser(text, place{at.line, at.column - 1}).value(1)
}

// next is the next token and its place.
func (p *jsonParser) next() (json.Token, place) {
	at := p.at.to(p.offset())
	token, err := p.dec.Token()
	if err != nil {
		panic("catalog: valid JSON has no next token: " + err.Error())
	}
	return token, at
}

func (p *jsonParser) value(depth int) (*node, *Fault) {
	token, at := p.next()
	n := &node{kind: scalar, at: at, style: bare}
	switch token := token.(type) {
	case nil:
		n.text = "null"
	case bool:
		n.text = "false"
		if token {
			n.text = "true"
		}
	case json.Number:
		n.text = token.String()
	case string:
		n.text, n.style = token, quoted
	case json.Delim:
		if depth == maxDepth {
			return nil, tooDeep(at)
		}
		n.flow = true
		n.kind = mapping
		if token == '[' {
			n.kind = list
		}
		if p.parts && depth == 1 && n.kind == list {
			if fault := p.divide(n); fault != nil {
				return nil, fault
			}
		}
		for p.dec.More() {
			if fault := p.member(n, depth+1); fault != nil {
				return nil, fault
			}
		}
		p.next() // the closing bracket
	}
	return n, nil
}

// member reads the next member of a collection into it.
func (p *jsonParser) member(n *node, depth int) *Fault {
	var e entry
	if n.kind == mapping {
		key, at := p.next()
		e.key, e.at = key.(string), at
	}
	value, fault := p.value(depth)
	if fault == nil && len(n.elems) == maxMembers {
		fault = tooMany(value.at)
	}
	if fault != nil {
		return fault
	}
	if n.kind == mapping {
		e.value = value
		n.entries = append(n.entries, e)
	} else {
		n.elems = append(n.elems, value)
	}
	return nil
}

func tooDeep(at place) *Fault {
	return faultAt(at, "nested more than %d deep; a catalog never is", maxDepth)
}

func tooMany(at place) *Fault {
	return faultAt(at, "a list of more than %d members; a catalog has fewer", maxMembers)
}

// jsonFault is what makes src invalid as JSON.
func jsonFault(src []byte) *Fault {
	var syntax *json.SyntaxError
	var v json.RawMessage
	at := cursor{src: src, place: place{1, 1}}
	err := json.Unmarshal(src, &v)
	if !errors.As(err, &syntax) {
		return faultAt(at.place, "the file is not valid JSON: %v", err)
	}
	// The offset counts the bytes read, the wrong one included.
	return faultAt(at.to(max(int(syntax.Offset)-1, 0)), "the file is not valid JSON: %v", syntax)
}
