package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
)

// node is a part of openapi.yaml, in the order of the file.
type node struct{ v any }

// readNode reads a document.
func readNode(text []byte) (node, error) {
	var v any
	err := yaml.UnmarshalWithOptions(text, &v, yaml.UseOrderedMap())
	return node{v}, err
}

// at is the part under a key; an empty one if there is none.
func (n node) at(key string) node {
	for k, v := range n.pairs {
		if k == key {
			return v
		}
	}
	return node{}
}

// has reports whether there is a part under a key.
func (n node) has(key string) bool {
	for k := range n.pairs {
		if k == key {
			return true
		}
	}
	return false
}

// pairs goes over the parts of an object, in order.
func (n node) pairs(yield func(string, node) bool) {
	of, _ := n.v.(yaml.MapSlice)
	for _, item := range of {
		if !yield(fmt.Sprint(item.Key), node{item.Value}) {
			return
		}
	}
}

// list are the parts of an array.
func (n node) list() (out []node) {
	of, _ := n.v.([]any)
	for _, v := range of {
		out = append(out, node{v})
	}
	return out
}

// text is a scalar as it is read; "" of nothing and of what is no scalar.
func (n node) text() string {
	switch v := n.v.(type) {
	case nil, yaml.MapSlice, []any:
		return ""
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// resolve is what a node refers to, or the node itself, with the name that it is known by,
// "" if it has none.
func (n node) resolve(root node) (_ node, name string) {
	for n.has("$ref") {
		path := strings.Split(strings.TrimPrefix(n.at("$ref").text(), "#/"), "/")
		n, name = root, path[len(path)-1]
		for _, key := range path {
			n = n.at(key)
		}
	}
	return n, name
}

// json is a value as JSON, for people.
func (n node) json() (string, error) {
	var compact, out bytes.Buffer
	if err := n.appendJSON(&compact); err != nil {
		return "", err
	}
	err := json.Indent(&out, compact.Bytes(), "", "  ")
	return out.String(), err
}

func (n node) appendJSON(b *bytes.Buffer) error {
	switch v := n.v.(type) {
	case yaml.MapSlice:
		b.WriteByte('{')
		for i, item := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := (node{fmt.Sprint(item.Key)}).appendJSON(b); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := (node{item.Value}).appendJSON(b); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		for i, v := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := (node{v}).appendJSON(b); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	default:
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		if err := e.Encode(v); err != nil {
			return err
		}
	}
	return nil
}
