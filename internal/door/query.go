package door

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
)

// Query reads the parameters of a request's URL. An empty parameter is absent,
// one that is never read is ignored, and one that is given twice is a fault.
// What is not properly escaped stands for itself, and is refused, or not, by
// whoever reads that parameter.
type Query struct {
	*Faults
	given []parameter
}

// parameter is one as it was given.
type parameter struct{ name, value string }

// ReadQuery reads the query of a request.
func ReadQuery(r *http.Request, f *Faults) *Query {
	return &Query{Faults: f, given: parseQuery(r.URL.RawQuery)}
}

// parseQuery never fails. There are few parameters, so that looking through a
// list of them is less work than making a map.
func parseQuery(raw string) []parameter {
	given := make([]parameter, 0, 1+strings.Count(raw, "&"))
	escaped := strings.IndexByte(raw, '%') >= 0 || strings.IndexByte(raw, '+') >= 0
	for more := true; more; {
		var pair string
		pair, raw, more = strings.Cut(raw, "&")
		name, value, _ := strings.Cut(pair, "=")
		if escaped {
			name, value = unescape(name), unescape(value)
		}
		value = composed(value)
		given = append(given, parameter{name, value})
	}
	return given
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// find is the first value of a parameter and how often it is given.
func (q *Query) find(name string) (value string, times int) {
	for i := range q.given {
		if q.given[i].name != name {
			continue
		}
		if times++; times == 1 {
			value = q.given[i].value
		}
	}
	return value, times
}

// Text is a parameter as it stands; "" if it is absent or given twice. It may be
// any bytes: do not ask a store for it.
func (q *Query) Text(name string) string {
	value, times := q.find(name)
	if times > 1 {
		q.Refuse(name, "given once")
		return ""
	}
	return value
}

// Words is a parameter that a store can be asked for.
func (q *Query) Words(name string) string {
	s := q.Text(name)
	if !Storable(s) {
		q.Refuse(name, "UTF-8 text without NUL")
		return ""
	}
	return s
}

// Required is a parameter that must be there.
func (q *Query) Required(name, what string) string {
	if value, times := q.find(name); value == "" && times < 2 {
		q.Require(name, what)
		return ""
	}
	return q.Text(name)
}

// Flag is true or false, which is the default.
func (q *Query) Flag(name string) bool {
	s := q.Text(name)
	if s != "" && s != "true" && s != "false" {
		q.Refuse(name, TrueOrFalse)
	}
	return s == "true"
}

// OneOf is a parameter that has few values; "" if it is absent.
func (q *Query) OneOf(name, what string, values ...string) string {
	s := q.Text(name)
	for _, v := range values {
		if s == v {
			return s
		}
	}
	if s != "" {
		q.Refuse(name, what)
	}
	return ""
}

// Has reports whether a parameter, a list with commas, has a value. It may have
// no other but those that say nothing here.
func (q *Query) Has(name, value string, others ...string) bool {
	found := false
	text := q.Text(name)
	if text == "" {
		return false
	}
	for s := range strings.SplitSeq(text, ",") {
		switch s = strings.TrimSpace(s); {
		case s == value:
			found = true
		case s == "" || slices.Contains(others, s):
		default:
			q.Refuse(name, strings.Join(append([]string{value}, others...), ", "))
			return false
		}
	}
	return found
}

// Time is an instant whose windows lie in the years that can be written; the
// zero time if it is absent.
func (q *Query) Time(name string) time.Time {
	s := q.Text(name)
	if s == "" {
		return time.Time{}
	}
	t, ok := ParseInstant(s)
	if !ok {
		q.Refuse(name, ATime+" (the plus of an offset is %2B)")
	}
	return t
}

// Storable reports whether a store can be asked for a text.
func Storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// ParseInstant reads a time around which every window can be written. The zero
// time, which means that there is none, is not one.
func ParseInstant(s string) (time.Time, bool) {
	t, err := api.ParseTime(s)
	if err != nil || t.Year() < 2 || t.Year() > 9998 {
		return time.Time{}, false
	}
	return t, true
}

// Amount is a whole number from 0 to [api.MaxInteger]; nil if it is absent.
func (q *Query) Amount(name string) *int64 {
	s := q.Text(name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if !allDigits(s) || err != nil || n > api.MaxInteger {
		q.Refuse(name, "a whole number from 0 to 9007199254740991")
		return nil
	}
	return &n
}

// Page is which part of a list is wanted: Size records after or before a cursor.
// At most one of After and Before is set.
type Page[K any] struct {
	Size   int
	After  *K
	Before *K
}

// ReadPage reads which part of a list is wanted. The cursors are keys as parse
// reads them; what says what they are.
func ReadPage[K any](q *Query, what string, parse func(string) (K, error)) Page[K] {
	page := Page[K]{Size: q.Size("page_size", q.Text("page_size"), api.MaxPageSize)}
	after, before := q.Text("starting_after"), q.Text("ending_before")
	if after != "" && before != "" {
		q.Add(api.CodeTooManyParameters, "only one of starting_after and ending_before may be given")
		return page
	}
	page.After = ReadCursor(q, "starting_after", after, what, parse)
	page.Before = ReadCursor(q, "ending_before", before, what, parse)
	return page
}

// ReadCursor reads the value of a parameter that is a cursor; nil if it is "".
func ReadCursor[K any](q *Query, name, s, what string, parse func(string) (K, error)) *K {
	if s == "" {
		return nil
	}
	key, err := parse(s)
	if err != nil {
		q.Refuse(name, what)
		return nil
	}
	return &key
}

// Size reads the value of a parameter that is how many records a page has: a
// whole number from 1 to a limit; the default if it is "".
func (q *Query) Size(name, s string, limit int) int {
	if s == "" {
		return api.DefaultPageSize
	}
	n, err := strconv.Atoi(s)
	switch {
	case !allDigits(s) || n == 0:
		q.Refuse(name, "a whole number from 1 to "+strconv.Itoa(limit))
		return api.DefaultPageSize
	case err != nil || n > limit: // err: however large
		q.Add(api.CodePageSizeLimitExceeded, name+" must be at most "+strconv.Itoa(limit))
		return api.DefaultPageSize
	}
	return n
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
