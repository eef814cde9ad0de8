package site

import (
	"cmp"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/allot-dev/allot/api"
)

// spec is openapi.yaml as the pages show it.
type spec struct {
	Title       string
	Description template.HTML
	Tags        []*tag
	byID        map[string]*operation
}

// tag is a family of operations.
type tag struct {
	Name, Description string
	Operations        []*operation
}

// operation is a request that the server answers.
type operation struct {
	ID, Method, Path, Tag string
	Summary               string
	Description           template.HTML
	Scopes                []string
	// Auth is whose token is asked for: client or user; or basic, for id and secret; else "".
	Auth     string
	Params   []param
	Body     *body
	Answers  []answer  // that give something
	Refusals []refused // that do not
	search   string
}

// param is something that a request says beside its body.
type param struct {
	Name, In, Type, Example string
	Required                bool
	Description             template.HTML
}

// body is what a request or an answer has.
type body struct {
	ContentType string
	Required    bool
	Fields      []field
	Type        string // of a body that is no object
	Examples    []example
}

type example struct{ Name, Text string }

// field is a field of an object.
type field struct {
	Name, Type  string
	Required    bool
	Description template.HTML
	Fields      []field // of the object that it is, or is a list of
}

// answer is an answer that gives something.
type answer struct {
	Status      string
	Description template.HTML
	Headers     []string
	Bodies      []body
}

// refused is one way in which a request is refused.
type refused struct{ Status, Code, Message, Why string }

// described is the description of the API, read once.
var described = sync.OnceValues(func() (*spec, error) { return readSpec(api.OpenAPI) })

// methods are those of operations, in the order in which a path shows them.
var methods = []string{"get", "post", "put", "patch", "delete"}

func readSpec(text []byte) (*spec, error) {
	root, err := readNode(text)
	if err != nil {
		return nil, err
	}
	s := &spec{Title: root.at("info").at("title").text(), Description: prose(root.at("info").at("description").text()), byID: map[string]*operation{}}
	tags := map[string]*tag{}
	for _, t := range root.at("tags").list() {
		name := t.at("name").text()
		tags[name] = &tag{Name: name, Description: t.at("description").text()}
		s.Tags = append(s.Tags, tags[name])
	}
	for path, item := range root.at("paths").pairs {
		shared := item.at("parameters").list()
		for _, method := range methods {
			if !item.has(method) {
				continue
			}
			op, err := readOperation(root, strings.ToUpper(method), path, item.at(method), shared)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			t := tags[op.Tag]
			if t == nil || s.byID[op.ID] != nil {
				return nil, fmt.Errorf("%s %s: the tag %q is none, or the id %q is another's", method, path, op.Tag, op.ID)
			}
			t.Operations = append(t.Operations, op)
			s.byID[op.ID] = op
		}
	}
	return s, nil
}

func readOperation(root node, method, path string, n node, shared []node) (*operation, error) {
	op := &operation{
		ID: n.at("operationId").text(), Method: method, Path: path, Summary: n.at("summary").text(),
		Description: prose(n.at("description").text()), Scopes: strings.Fields(n.at("x-scope").text()), Auth: authOf(n),
	}
	if tags := n.at("tags").list(); len(tags) > 0 {
		op.Tag = tags[0].text()
	}
	for _, p := range slices.Concat(shared, n.at("parameters").list()) {
		p, _ = p.resolve(root)
		schema, _ := p.at("schema").resolve(root)
		op.Params = append(op.Params, param{
			Name: p.at("name").text(), In: p.at("in").text(), Type: typeOf(root, p.at("schema")),
			Example:  cmp.Or(p.at("example").text(), schema.at("example").text()),
			Required: p.at("required").text() == "true", Description: prose(p.at("description").text()),
		})
	}
	if n.has("requestBody") {
		of, _ := n.at("requestBody").resolve(root)
		bodies, err := readBodies(root, of.at("content"))
		if err != nil {
			return nil, err
		}
		if len(bodies) > 0 {
			op.Body = &bodies[0]
			op.Body.Required = of.at("required").text() == "true"
		}
	}
	for status, r := range n.at("responses").pairs {
		r, _ = r.resolve(root)
		if status >= "300" {
			op.Refusals = append(op.Refusals, refusalsOf(root, status, r)...)
			continue
		}
		a := answer{Status: status, Description: inline(r.at("description").text())}
		for name := range r.at("headers").pairs {
			a.Headers = append(a.Headers, name)
		}
		var err error
		if a.Bodies, err = readBodies(root, r.at("content")); err != nil {
			return nil, err
		}
		op.Answers = append(op.Answers, a)
	}
	op.search = strings.ToLower(strings.Join(slices.Concat([]string{op.ID, method, path, op.Summary, op.Tag}, op.Scopes), " "))
	return op, nil
}

// authOf is what an operation asks for.
func authOf(n node) string {
	if !n.has("security") {
		return "client"
	}
	for _, way := range n.at("security").list() {
		switch {
		case way.has("user"):
			return "user"
		case way.has("basic"):
			return "basic"
		}
	}
	return ""
}

// readBodies are the forms that a body may have.
func readBodies(root, content node) (out []body, err error) {
	for contentType, form := range content.pairs {
		b := body{ContentType: contentType}
		schema, name := form.at("schema").resolve(root)
		if b.Fields = fieldsOf(root, schema, []string{name}); b.Fields == nil {
			b.Type = typeOf(root, form.at("schema"))
		}
		if form.has("example") {
			b.Examples, err = appendExample(b.Examples, contentType, "", form.at("example"))
		}
		for name, e := range form.at("examples").pairs {
			if err == nil {
				e, _ = e.resolve(root)
				b.Examples, err = appendExample(b.Examples, contentType, cmp.Or(e.at("summary").text(), name), e.at("value"))
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

func appendExample(to []example, contentType, name string, value node) ([]example, error) {
	text := value.text()
	switch {
	case contentType == "application/x-www-form-urlencoded":
		form := url.Values{}
		for key, v := range value.pairs {
			form.Set(key, v.text())
		}
		text = form.Encode()
	case contentType == "application/json":
		var err error
		if text, err = value.json(); err != nil {
			return nil, err
		}
	}
	return append(to, example{name, strings.TrimRight(text, "\n")}), nil
}

// refusalsOf are the refusals that an answer has examples of.
func refusalsOf(root node, status string, r node) (out []refused) {
	why := strings.ReplaceAll(strings.TrimSpace(r.at("description").text()), "`", "")
	for _, form := range r.at("content").pairs {
		for _, e := range form.at("examples").pairs {
			e, _ = e.resolve(root)
			errors := e.at("value").at("errors")
			all := errors.list()
			if len(all) == 0 { // Kinde's one object, or OAuth's own form
				all = []node{errors}
				if !errors.has("code") {
					all = []node{{e.at("value").v}}
				}
			}
			for _, one := range all {
				out = append(out, refused{
					status, cmp.Or(one.at("code").text(), one.at("error").text()), cmp.Or(one.at("message").text(), one.at("error_description").text()), why,
				})
			}
		}
	}
	if out == nil {
		out = append(out, refused{Status: status, Why: why})
	}
	return out
}

// deepest is how far down fields are shown; their types tell the rest.
const deepest = 5

// fieldsOf are the fields of an object; nil of anything else. In are the names of the
// schemas around it: one that has itself is not shown again.
func fieldsOf(root, schema node, in []string) (out []field) {
	if len(in) > deepest {
		return nil
	}
	required := map[string]bool{}
	for _, name := range schema.at("required").list() {
		required[name.text()] = true
	}
	for _, part := range schema.at("allOf").list() {
		part, name := part.resolve(root)
		out = append(out, fieldsOf(root, part, append(slices.Clone(in), name))...)
	}
	for name, p := range schema.at("properties").pairs {
		f := field{Name: name, Type: typeOf(root, p), Required: required[name], Description: prose(descriptionOf(root, p))}
		inner, known := inside(root, p)
		if known == "" || !slices.Contains(in, known) {
			f.Fields = fieldsOf(root, inner, append(slices.Clone(in), known))
		}
		out = append(out, f)
	}
	return out
}

// inside is the object that a schema is, or is a list of, with its name.
func inside(root, schema node) (node, string) {
	schema, name := schema.resolve(root)
	if all := schema.at("allOf").list(); len(all) == 1 && !schema.has("properties") {
		return inside(root, all[0])
	}
	if schema.has("items") {
		return inside(root, schema.at("items"))
	}
	return schema, name
}

func descriptionOf(root, schema node) string {
	if text := schema.at("description").text(); text != "" {
		return text
	}
	schema, _ = schema.resolve(root)
	return schema.at("description").text()
}

// typeOf is what a value may be, in words.
func typeOf(root, schema node) string {
	schema, _ = schema.resolve(root)
	var text string
	switch kind := schema.at("type").text(); {
	case schema.has("x-one-of"):
		var ways []string
		for _, way := range schema.at("x-one-of").list() {
			ways = append(ways, typeOf(root, way))
		}
		text = strings.Join(ways, ", or ")
	case len(schema.at("allOf").list()) > 0:
		return typeOf(root, schema.at("allOf").list()[0])
	case schema.has("enum"):
		var words []string
		for _, word := range schema.at("enum").list() {
			words = append(words, word.text())
		}
		text = strings.Join(words, " | ")
	case kind == "array":
		text = "list of " + typeOf(root, schema.at("items"))
	case kind == "object" && schema.has("additionalProperties") && !schema.has("properties"):
		text = "object of names"
	case kind == "string":
		text = "text"
		if format := schema.at("format").text(); format == "date-time" {
			text = "time"
		}
	case kind == "integer":
		text = "whole number"
	case kind == "boolean":
		text = "true or false"
	default:
		text = cmp.Or(kind, "anything")
	}
	switch least, most := schema.at("minimum").text(), schema.at("maximum").text(); {
	case least != "" && most != "":
		text += ", " + least + " to " + most
	case least != "":
		text += ", from " + least
	case most != "":
		text += ", up to " + most
	}
	if n := schema.at("maxLength").text(); n != "" {
		text += ", at most " + n + " characters"
	}
	if n := schema.at("default").text(); n != "" {
		text += "; " + n + " if left out"
	}
	if schema.at("nullable").text() == "true" {
		text += ", or null"
	}
	return text
}

// prose is a description as HTML: paragraphs, and what stands between backticks as code.
// All else is text.
func prose(text string) template.HTML {
	var b strings.Builder
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" || strings.HasPrefix(paragraph, "Scope") && strings.Contains(paragraph, ": `") { // which is told beside it
			continue
		}
		b.WriteString("<p>" + string(inline(paragraph)) + "</p>")
	}
	return template.HTML(b.String()) //nolint:gosec // each part of it is escaped
}

// inline is a paragraph of [prose] by itself.
func inline(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(strings.Join(strings.Fields(text), " "), "`") {
		if i%2 == 1 {
			b.WriteString("<code>" + template.HTMLEscapeString(part) + "</code>")
		} else {
			b.WriteString(template.HTMLEscapeString(part))
		}
	}
	return template.HTML(b.String()) //nolint:gosec // each part of it is escaped
}
