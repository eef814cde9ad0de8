package door

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
)

// Body reads the fields of a request's JSON object. A field that is an empty text
// is absent, as is one that is null, unless asked for with IsNull; one that is
// never read is ignored, or refused if the body is closed (see [Body.Close]).
type Body struct {
	*Faults
	fields map[string]json.RawMessage
	twice  map[string]bool // nil if none is
	asked  []string        // of a closed body, the names that were asked for; else nil
	room   [12]string      // for nearly all that is asked for
}

// errBody is a body that is not one JSON object.
func errBody(why string) error {
	return Fault(api.CodeBodyInvalid, "the body must be one JSON object: %s", why)
}

// ReadBody reads the whole body, whatever its Content-Type.
func ReadBody(r *http.Request, f *Faults) (*Body, error) {
	text, err := ReadText(r)
	if err != nil {
		return nil, err
	}
	return ParseBody(text, f)
}

// ReadText is the body as it is. The error is a [http.MaxBytesError], or
// BODY_INVALID if it does not come.
func ReadText(r *http.Request) ([]byte, error) {
	text, err := readAll(r.Body)
	_, large := errors.AsType[*http.MaxBytesError](err)
	_, fault := errors.AsType[*Error](err)
	if err != nil && !large && !fault {
		return nil, &Error{Kind: Invalid, Code: api.CodeBodyInvalid, Message: "the body did not come in full", Err: err}
	}
	return text, err
}

// readAll reads a body, or has it from before.
func readAll(body io.Reader) ([]byte, error) {
	if h, ok := body.(*held); ok && h.at == 0 {
		h.at = len(h.text)
		return h.text, h.err
	}
	return io.ReadAll(body)
}

// ReadBodyIfAny is ReadBody of a request that may do without one.
func ReadBodyIfAny(r *http.Request, f *Faults) (*Body, error) {
	text, err := ReadText(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &Body{Faults: f}, nil
	}
	return ParseBody(text, f)
}

// ParseBody reads a text that is to be one JSON object.
func ParseBody(text []byte, f *Faults) (*Body, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errBody("it is empty")
	}
	if !utf8.Valid(text) {
		return nil, errBody("it is not UTF-8")
	}
	if !json.Valid(text) {
		return nil, errSyntax(text)
	}
	b := &Body{Faults: f, fields: make(map[string]json.RawMessage, 8)}
	text = bytes.TrimLeft(text, whiteSpace)
	if text[0] != '{' {
		return nil, errBody("it does not begin with a brace")
	}
	for text = bytes.TrimLeft(text[1:], whiteSpace); text[0] != '}'; text = bytes.TrimLeft(text, whiteSpace+",") {
		end := valueEnd(text)
		key, _ := unquote(text[:end])
		text = bytes.TrimLeft(text[end:], whiteSpace+":")
		end = valueEnd(text)
		if _, again := b.fields[key]; again {
			if b.twice == nil {
				b.twice = make(map[string]bool)
			}
			b.twice[key] = true
		}
		b.fields[key] = text[:end:end]
		text = text[end:]
	}
	return b, nil
}

const whiteSpace = " \t\r\n"

// valueEnd is where the value ends that valid JSON begins with.
func valueEnd(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth < 0 {
				return i // of the object that a number or word ends
			}
			if depth == 0 {
				return i + 1
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// unquote reads a value of text. It reports false if the value is another.
func unquote(value []byte) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1]), true
	}
	var s string
	return s, json.Unmarshal(value, &s) == nil
}

// errSyntax says where text stops being one JSON object.
func errSyntax(text []byte) error {
	d := json.NewDecoder(bytes.NewReader(text))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return errBody("it does not begin with a brace")
	}
	for depth := 1; depth > 0; {
		token, err := d.Token()
		if err != nil {
			return errBody("it is not valid JSON near byte " + strconv.FormatInt(d.InputOffset(), 10))
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return errBody("something follows it")
}

// Has reports whether a field is there: null is, an empty text is not.
func (b *Body) Has(name string) bool {
	b.ask(name)
	return b.fields[name] != nil && string(b.fields[name]) != `""`
}

// IsNull reports whether a field is null.
func (b *Body) IsNull(name string) bool {
	b.ask(name)
	return string(b.fields[name]) == "null"
}

// Given reports whether a field has a value: what is null or an empty text has none.
func (b *Body) Given(name string) bool { return b.Has(name) && !b.IsNull(name) }

// Read decodes a field, and notes a fault if it has another type: what says
// which one is right. It reports whether there is a value.
func Read[T any](b *Body, name, what string, into *T) bool {
	b.ask(name)
	if b.twice[name] {
		b.Refuse(name, "given once")
		return false
	}
	return b.Given(name) && decode(b, name, what, into)
}

// decode is Read of a field that is there, an empty text included.
func decode[T any](b *Body, name, what string, into *T) bool {
	var err error
	switch into := any(into).(type) { // the usual ones, without the way through reflection
	case *string:
		var ok bool
		if *into, ok = unquote(b.fields[name]); ok {
			*into = composed(*into)
			return true
		}
		err = json.Unmarshal(b.fields[name], into)
	case json.Unmarshaler:
		err = into.UnmarshalJSON(b.fields[name])
	default:
		err = json.Unmarshal(b.fields[name], into)
	}
	if err != nil {
		b.Refuse(name, what)
		return false
	}
	return true
}

// Text is a field of text, without a space around it; "" if it is absent.
func (b *Body) Text(name, what string) string {
	var s string
	if Read(b, name, what, &s) {
		b.Trim(name, s)
	}
	return s
}

// Required is a field of text that must be there and not be empty.
func (b *Body) Required(name, what string) string {
	before := len(b.wrong)
	s := b.Text(name, what)
	if s == "" && len(b.wrong) == before {
		b.Require(name, what)
	}
	return s
}

// Boolean is true or false; nil if it is absent.
func (b *Body) Boolean(name string) *bool {
	var v bool
	if !Read(b, name, TrueOrFalse, &v) {
		return nil
	}
	return &v
}

// Count is a whole number from 1 to a limit; 0 if it is absent.
func (b *Body) Count(name string, limit int64) int64 {
	if n := b.Integer(name, 1, limit); n != nil {
		return *n
	}
	return 0
}

// Integer is a whole number; nil if it is absent.
func (b *Body) Integer(name string, least, limit int64) *int64 {
	what := "a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(limit, 10)
	var n json.Number
	if !Read(b, name, what, &n) {
		return nil
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || v < least || v > limit || b.fields[name][0] == '"' {
		b.Refuse(name, what)
		return nil
	}
	return &v
}

// Decimal is a decimal number, as text or as a number, which is taken as it is
// written and read by parse; nil if it is absent.
func Decimal[T any](b *Body, name string, parse func(string) (T, error)) *T {
	var text api.Decimal
	if !Read(b, name, AnAmount, &text) || text == "" {
		return nil
	}
	v, err := parse(string(text))
	if err != nil {
		b.Refuse(name, AnAmount)
		return nil
	}
	return &v
}

// Needed notes that a field is missing, if it was not there and nothing else is
// wrong with it.
func Needed[T any](b *Body, name, what string, read func() *T) T {
	before := len(b.wrong)
	v := read()
	if v == nil {
		if len(b.wrong) == before {
			b.Require(name, what)
		}
		return *new(T)
	}
	return *v
}

// OneOf is a field of text that has few values; "" if it is absent.
func (b *Body) OneOf(name, what string, values ...string) string {
	s := b.Text(name, what)
	if s != "" && !slices.Contains(values, s) {
		b.Refuse(name, what)
		return ""
	}
	return s
}

// Time is an instant whose windows lie in the years that can be written; the
// zero time if it is absent.
func (b *Body) Time(name string) time.Time {
	var s string
	if !Read(b, name, ATime, &s) {
		return time.Time{}
	}
	t, ok := ParseInstant(s)
	if !ok {
		b.Refuse(name, ATime)
	}
	return t
}

// Metadata is an object of text; nil if it is absent.
func (b *Body) Metadata(name string) map[string]string {
	var values map[string]*string
	if !Read(b, name, someMetadata, &values) {
		return nil
	}
	out := make(map[string]string, len(values))
	for key, v := range values {
		if v == nil { // decoded, null would pass for ""
			b.Refuse(name, someMetadata)
			return nil
		}
		out[composed(key)] = composed(*v)
	}
	return out
}

// Change is the new value of a text, which may be empty; nil if it stays.
func (b *Body) Change(name string) *string {
	if b.IsNull(name) {
		b.Refuse(name, SomeText)
		return nil
	}
	var s string
	if b.fields[name] == nil || b.twice[name] {
		b.Text(name, SomeText) // for the fault, if there is one
		return nil
	}
	if !decode(b, name, SomeText, &s) {
		return nil
	}
	b.Trim(name, s)
	return &s
}

// ChangeOrClear is a change that may be null, which clears the text.
func (b *Body) ChangeOrClear(name string) *string {
	if b.IsNull(name) && !b.twice[name] {
		return new(string)
	}
	return b.Change(name)
}
