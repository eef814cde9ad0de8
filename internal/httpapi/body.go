package httpapi

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
	"github.com/allot-dev/allot/internal/billing"
)

// body reads the fields of a request's JSON object. A field that is an empty text
// is absent, as is one that is null, unless asked for with isNull; one that is
// never read is ignored.
type body struct {
	*faults
	fields map[string]json.RawMessage
	twice  map[string]bool // nil if none is
}

// errBody is a body that is not one JSON object.
func errBody(why string) error {
	return invalid(api.CodeBodyInvalid, "the body must be one JSON object: %s", why)
}

// readBody reads the whole body, whatever its Content-Type.
func readBody(r *http.Request, f *faults) (*body, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	return parseBody(text, f)
}

// readText is the body as it is. The error is a [http.MaxBytesError], or
// BODY_INVALID if it does not come.
func readText(r *http.Request) ([]byte, error) {
	text, err := io.ReadAll(r.Body)
	if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large {
		return nil, &billing.Error{Kind: billing.Invalid, Code: api.CodeBodyInvalid, Message: "the body did not come in full", Err: err}
	}
	return text, err
}

// readBodyIfAny is readBody of a request that may do without one.
func readBodyIfAny(r *http.Request, f *faults) (*body, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return &body{faults: f}, nil
	}
	return parseBody(text, f)
}

func parseBody(text []byte, f *faults) (*body, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errBody("it is empty")
	}
	if !utf8.Valid(text) {
		return nil, errBody("it is not UTF-8")
	}
	if !json.Valid(text) {
		return nil, errSyntax(text)
	}
	b := &body{faults: f, fields: make(map[string]json.RawMessage, 8)}
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

// has reports whether a field is there: null is, an empty text is not.
func (b *body) has(name string) bool { return b.fields[name] != nil && string(b.fields[name]) != `""` }

func (b *body) isNull(name string) bool {
	return string(b.fields[name]) == "null"
}

// read decodes a field, and notes a fault if it has another type: what says
// which one is right. It reports whether there is a value.
func read[T any](b *body, name, what string, into *T) bool {
	if b.twice[name] {
		b.refuse(name, "given once")
		return false
	}
	return b.has(name) && !b.isNull(name) && decode(b, name, what, into)
}

// decode is read of a field that is there, an empty text included.
func decode[T any](b *body, name, what string, into *T) bool {
	var err error
	switch into := any(into).(type) { // the usual ones, without the way through reflection
	case *string:
		var ok bool
		if *into, ok = unquote(b.fields[name]); ok {
			return true
		}
		err = json.Unmarshal(b.fields[name], into)
	case json.Unmarshaler:
		err = into.UnmarshalJSON(b.fields[name])
	default:
		err = json.Unmarshal(b.fields[name], into)
	}
	if err != nil {
		b.refuse(name, what)
		return false
	}
	return true
}

// text is a field of text; "" if it is absent.
func (b *body) text(name, what string) string {
	var s string
	read(b, name, what, &s)
	return s
}

// required is a field of text that must be there and not be empty.
func (b *body) required(name, what string) string {
	before := len(b.wrong)
	s := b.text(name, what)
	if s == "" && len(b.wrong) == before {
		b.require(name, what)
	}
	return s
}

// boolean is true or false; nil if it is absent.
func (b *body) boolean(name string) *bool {
	var v bool
	if !read(b, name, trueOrFalse, &v) {
		return nil
	}
	return &v
}

// count is a whole number from 1 to a limit; 0 if it is absent.
func (b *body) count(name string, limit int64) int64 {
	if n := b.integer(name, 1, limit); n != nil {
		return *n
	}
	return 0
}

// integer is a whole number; nil if it is absent.
func (b *body) integer(name string, least, limit int64) *int64 {
	what := "a whole number from " + strconv.FormatInt(least, 10) + " to " + strconv.FormatInt(limit, 10)
	var n json.Number
	if !read(b, name, what, &n) {
		return nil
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || v < least || v > limit || b.fields[name][0] == '"' {
		b.refuse(name, what)
		return nil
	}
	return &v
}

// amount is an amount of usage, as text or as a number, which is taken as it is
// written; nil if it is absent.
func (b *body) amount(name string) *billing.Units {
	var text api.Decimal
	if !read(b, name, anAmount, &text) || text == "" {
		return nil
	}
	units, err := billing.ParseUnits(string(text))
	if err != nil {
		b.refuse(name, anAmount)
		return nil
	}
	return &units
}

// units are the field units, an amount above 0; nil if it is absent.
func (b *body) units() *billing.Units {
	units := b.amount("units")
	if units != nil && *units <= 0 {
		b.refuse("units", "above 0")
		return nil
	}
	return units
}

// needed notes that a field is missing, if it was not there and nothing else is
// wrong with it.
func needed[T any](b *body, name, what string, read func() *T) T {
	before := len(b.wrong)
	v := read()
	if v == nil {
		if len(b.wrong) == before {
			b.require(name, what)
		}
		return *new(T)
	}
	return *v
}

// oneOf is a field of text that has few values; "" if it is absent.
func (b *body) oneOf(name, what string, values ...string) string {
	s := b.text(name, what)
	if s != "" && !slices.Contains(values, s) {
		b.refuse(name, what)
		return ""
	}
	return s
}

// time is an instant whose windows lie in the years that can be written; the
// zero time if it is absent.
func (b *body) time(name string) time.Time {
	var s string
	if !read(b, name, aTime, &s) {
		return time.Time{}
	}
	t, ok := parseInstant(s)
	if !ok {
		b.refuse(name, aTime)
	}
	return t
}

// metadata is an object of text; nil if it is absent.
func (b *body) metadata(name string) map[string]string {
	var values map[string]*string
	if !read(b, name, someMetadata, &values) {
		return nil
	}
	out := make(map[string]string, len(values))
	for key, v := range values {
		if v == nil { // decoded, null would pass for ""
			b.refuse(name, someMetadata)
			return nil
		}
		out[key] = *v
	}
	return out
}
