package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
)

// JSON has a reader of its own although it is almost YAML, because the YAML
// parser misplaces what stands behind a tab and refuses half a surrogate pair.

// parseJSON reads src, which must be valid JSON.
func parseJSON(src []byte) (*node, *Fault) {
	p := jsonParser{dec: json.NewDecoder(bytes.NewReader(src)), at: cursor{src: src, place: place{1, 1}}}
	p.dec.UseNumber()
	return p.value(0)
}

type jsonParser struct {
	dec *json.Decoder
	at  cursor
}

// next is the next token and its place.
func (p *jsonParser) next() (json.Token, place) {
	off := int(p.dec.InputOffset())
	for off < len(p.at.src) && bytes.IndexByte([]byte(" \t\r\n,:"), p.at.src[off]) >= 0 {
		off++
	}
	at := p.at.to(off)
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
