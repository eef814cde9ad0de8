package catalog

import (
	"bytes"
	"errors"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The parser takes quadratic time in some things that no catalog has much of.
const (
	maxKeys  = 500  // of one block mapping
	maxEmpty = 1000 // keys and dashes with no value behind them
)

func parseYAML(src []byte, whole bool) (*node, *Fault) {
	if fault := crowded(src); fault != nil {
		return nil, fault
	}
	if !whole && len(src) > partBytes {
		if root, fault := inParts(src); root != nil || fault != nil && signs(src) > maxPartSigns {
			return root, fault
		}
	}
	return readYAML(src, 0, 0)
}

// deepAt is a place up to which a text is to be looked at first, if it opens many brackets that it
// does not close by then; 0 else. They may be in quotes.
func deepAt(src []byte) int {
	open := 0
	for i, c := range src {
		switch c {
		case '[', '{':
			if open++; open > 2*maxDepth {
				return i + 1
			}
		case ']', '}':
			open = max(open-1, 0)
		}
	}
	return 0
}

// readYAML reads a text that has so many lines before it, and is nested so deep.
func readYAML(src []byte, before, outer int) (root *node, fault *Fault) {
	defer func() {
		if fault != nil {
			fault.Line += before
		}
	}()
	// Whoever may send a catalog must not be able to bring a server down by
	// meeting a flaw of the parser.
	defer func() {
		if recover() != nil {
			root, fault = nil, faultAt(place{1, 1}, "the file cannot be read as YAML; try to write it as JSON")
		}
	}()
	if n := deepAt(src); n > 0 {
		if fault := screen(lexer.Tokenize(string(src[:n])), outer); fault != nil && fault.Message == tooDeep(place{}).Message {
			return nil, fault
		}
	}
	if signs(src) > maxPartSigns {
		return nil, faultAt(place{1, 1}, "more than %d commas, colons, brackets and line breaks that are read at once; "+
			"begin each member of features and plans on a line of its own, with a dash, or write the file as JSON", maxPartSigns)
	}
	tokens := lexer.Tokenize(string(src))
	if fault := screen(tokens, outer); fault != nil {
		return nil, fault
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, yamlFault(src, err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, faultAt(place{1, 1}, "the file is empty; an example is docs/catalog.md")
	}
	t := &yamlTree{lines: bytes.SplitAfter(src, []byte("\n")), before: before}
	return t.node(file.Docs[0].Body)
}

// crowded refuses a list that has too many members, by the lines that begin with a dash: tokens
// of a file take a hundred times its size. A list ends where something stands to the left
// of its dashes, or where they stand and is none. Text in a block cannot be told from a list, and no
// text of a catalog has so many lines.
func crowded(src []byte) *Fault {
	type level struct{ column, members int }
	var lists []level
	for line := 1; len(src) > 0; line++ {
		var text []byte
		text, src, _ = bytes.Cut(src, []byte("\n"))
		body := bytes.TrimLeft(text, " ")
		column := len(text) - len(body) + 1
		behind, dash := bytes.CutPrefix(body, []byte("-"))
		dash = dash && (len(behind) == 0 || behind[0] == ' ' || behind[0] == '\t')
		if len(bytes.TrimSpace(body)) == 0 || body[0] == '#' {
			continue
		}
		for n := len(lists); n > 0 && (lists[n-1].column > column || lists[n-1].column == column && !dash); n-- {
			lists = lists[:n-1]
		}
		if !dash {
			continue
		}
		if n := len(lists); n == 0 || lists[n-1].column < column {
			lists = append(lists, level{column: column})
		}
		last := &lists[len(lists)-1]
		if last.members++; last.members > maxMembers {
			return tooMany(place{line, column})
		}
	}
	return nil
}

// screen refuses, before anything is built, what the parser would take too long
// or too deep a stack for, and the parts of YAML that catalogs do without.
func screen(tokens token.Tokens, outer int) *Fault {
	type level struct{ column, keys int }
	var block []level     // the collections that are told by their indentation
	var flow []token.Type // the brackets that are open
	var members []int     // the commas in each
	began := false
	empty := 0
	for i, tk := range tokens {
		at := place{tk.Position.Line, tk.Position.Column}
		switch tk.Type {
		case token.AnchorType, token.AliasType:
			return faultAt(at, "anchors (&) and aliases (*) are not read; write the value out, in quotes if it is text")
		case token.MergeKeyType:
			return faultAt(at, "merge keys (<<) are not read; write the keys out")
		case token.TagType:
			return faultAt(at, "tags (!) are not read; leave the tag out, or put the text in quotes")
		case token.MappingKeyType:
			return faultAt(at, `keys with a question mark are not read; write "key: value"`)
		case token.DirectiveType:
			return faultAt(at, "directives (%%) are not read; leave the line out")
		case token.DocumentHeaderType:
			if began {
				return faultAt(at, "a second document starts here; a catalog is one document in one file")
			}
		case token.CommentType:
			continue
		case token.MappingStartType, token.SequenceStartType:
			flow, members = append(flow, tk.Type), append(members, 0)
		case token.MappingEndType, token.SequenceEndType:
			flow, members = flow[:max(len(flow)-1, 0)], members[:max(len(members)-1, 0)]
		case token.CollectEntryType:
			if n := len(members); n > 0 {
				members[n-1]++
			}
		}
		if n := len(members); n > 0 && members[n-1] >= maxMembers && tk.Type != token.CollectEntryType {
			return tooMany(at) // behind the last comma that may be
		}
		began = true
		isKey := i+1 < len(tokens) && tokens[i+1].Type == token.MappingValueType
		if isKey && len(flow) > 0 && flow[len(flow)-1] == token.SequenceStartType {
			return faultAt(at, "a key in a list; put the mapping in braces: [{key: value}]")
		}
		if len(flow) == 0 && (isKey || tk.Type == token.SequenceEntryType) {
			for len(block) > 0 && block[len(block)-1].column > at.column {
				block = block[:len(block)-1]
			}
			if len(block) == 0 || block[len(block)-1].column < at.column {
				block = append(block, level{column: at.column})
			}
			if isKey {
				last := &block[len(block)-1]
				if last.keys++; last.keys > maxKeys {
					return faultAt(at, "more than %d keys in one mapping; a catalog never has", maxKeys)
				}
			}
		}
		if isEmpty(tokens, i, flow) {
			if empty++; empty > maxEmpty {
				return faultAt(at, "more than %d keys or dashes without a value; give each a value, or leave it out", maxEmpty)
			}
		}
		if outer+len(block)+len(flow) > maxDepth {
			return tooDeep(at)
		}
	}
	return nil
}

// isEmpty reports whether the i-th token, in brackets as given, is a colon or
// dash that has no value, or is alone in braces.
func isEmpty(tokens token.Tokens, i int, flow []token.Type) bool {
	tk := tokens[i]
	var next *token.Token
	for _, t := range tokens[i+1:] {
		if t.Type != token.CommentType {
			next = t
			break
		}
	}
	ends := next == nil || next.Type == token.CollectEntryType ||
		next.Type == token.MappingEndType || next.Type == token.SequenceEndType
	switch {
	case tk.Type == token.MappingValueType && len(flow) > 0:
		return ends
	case tk.Type == token.MappingValueType:
		key := tokens[max(i-1, 0)]
		return ends || next.Position.Line > tk.Position.Line && (next.Position.Column < key.Position.Column ||
			next.Position.Column == key.Position.Column && next.Type != token.SequenceEntryType)
	case tk.Type == token.SequenceEntryType:
		return ends || next.Position.Line > tk.Position.Line && next.Position.Column <= tk.Position.Column
	}
	return ends && len(flow) > 0 && flow[len(flow)-1] == token.MappingStartType &&
		i > 0 && (tokens[i-1].Type == token.CollectEntryType || tokens[i-1].Type == token.MappingStartType)
}

func yamlFault(src []byte, err error) *Fault {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil {
		return faultAt(place{1, 1}, "the file is not valid YAML: %v", err)
	}
	at := place{syntax.Token.Position.Line, syntax.Token.Position.Column}
	lines := bytes.Split(src, []byte("\n"))
	if at.line <= len(lines) {
		line := lines[at.line-1]
		if indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]; bytes.ContainsRune(indent, '\t') {
			return faultAt(at, "the line is indented with a tab; indent with spaces")
		}
	}
	return faultAt(at, "the file is not valid YAML: %s", syntax.Message)
}

// yamlTree turns the parser's tree into ours.
type yamlTree struct {
	lines  [][]byte
	before int // how many lines are before them
	// Where the last token of a line was found, so that a long line is read
	// once and not for each of its tokens.
	last   place
	offset int
}

// at is the place of a token. The parser places a token that follows a tab or
// an indentation on the white space before it.
func (t *yamlTree) at(tk *token.Token) place {
	at := t.within(tk)
	at.line += t.before
	return at
}

func (t *yamlTree) within(tk *token.Token) place {
	at := place{max(tk.Position.Line, 1), max(tk.Position.Column, 1)}
	if at.line > len(t.lines) {
		return at
	}
	if at.line != t.last.line || at.column < t.last.column {
		t.last, t.offset = place{at.line, 1}, 0
	}
	line := t.lines[at.line-1]
	for t.offset < len(line) {
		r, size := utf8.DecodeRune(line[t.offset:])
		if t.last.column >= at.column && r != ' ' && r != '\t' {
			return t.last
		}
		if r == '\n' {
			break
		}
		t.offset += size
		t.last.column++
	}
	return at
}

func (t *yamlTree) node(n ast.Node) (*node, *Fault) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return t.mapping(n)
	case *ast.SequenceNode:
		out := &node{kind: list, at: t.at(n.Start), flow: n.IsFlowStyle}
		for _, v := range n.Values {
			elem, fault := t.node(v)
			if fault != nil {
				return nil, fault
			}
			out.elems = append(out.elems, elem)
		}
		return out, nil
	case *ast.LiteralNode:
		return &node{kind: scalar, at: t.at(n.Start), text: n.Value.Value, style: quoted}, nil
	case *ast.StringNode:
		out := &node{kind: scalar, at: t.at(n.Token), text: n.Value, style: plain}
		if n.Token.Type == token.SingleQuoteType || n.Token.Type == token.DoubleQuoteType {
			out.style = quoted
		}
		return out, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode, *ast.InfinityNode, *ast.NanNode:
		tk := n.GetToken()
		if tk.Type == token.ImplicitNullType {
			return &node{kind: nothing, at: t.at(tk)}, nil
		}
		return &node{kind: scalar, at: t.at(tk), text: tk.Value, style: plain}, nil
	}
	return nil, faultAt(t.within(n.GetToken()), "a %s is not read here; write a value, a list or a mapping", n.Type())
}

func (t *yamlTree) mapping(n *ast.MappingNode) (*node, *Fault) {
	out := &node{kind: mapping, at: t.at(n.Start), flow: n.IsFlowStyle}
	for _, v := range n.Values {
		key, fault := t.node(v.Key)
		if fault != nil {
			return nil, fault
		}
		if key.kind != scalar {
			return nil, faultAt(place{key.at.line - t.before, key.at.column}, "a key is missing before the colon")
		}
		value, fault := t.node(v.Value)
		if fault != nil {
			return nil, fault
		}
		out.entries = append(out.entries, entry{key.text, key.at, value})
	}
	if !out.flow && len(out.entries) > 0 {
		out.at = out.entries[0].at
	}
	return out, nil
}
