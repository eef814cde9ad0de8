package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// query reads the parameters of a request's URL. An empty parameter is absent,
// one that is never read is ignored, and one that is given twice is a fault.
// What is not properly escaped stands for itself, and is refused, or not, by
// whoever reads that parameter.
type query struct {
	*faults
	given []parameter
}

// parameter is one as it was given.
type parameter struct{ name, value string }

func readQuery(r *http.Request, f *faults) *query {
	return &query{faults: f, given: parseQuery(r.URL.RawQuery)}
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
func (q *query) find(name string) (value string, times int) {
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

// text is a parameter as it stands; "" if it is absent or given twice. It may be
// any bytes: do not ask a store for it.
func (q *query) text(name string) string {
	value, times := q.find(name)
	if times > 1 {
		q.refuse(name, "given once")
		return ""
	}
	return value
}

// words is a parameter that a store can be asked for.
func (q *query) words(name string) string {
	s := q.text(name)
	if !storable(s) {
		q.refuse(name, "UTF-8 text without NUL")
		return ""
	}
	return s
}

// required is a parameter that must be there.
func (q *query) required(name, what string) string {
	if value, times := q.find(name); value == "" && times < 2 {
		q.require(name, what)
		return ""
	}
	return q.text(name)
}

// flag is true or false, which is the default.
func (q *query) flag(name string) bool {
	s := q.text(name)
	if s != "" && s != "true" && s != "false" {
		q.refuse(name, trueOrFalse)
	}
	return s == "true"
}

// oneOf is a parameter that has few values; "" if it is absent.
func (q *query) oneOf(name, what string, values ...string) string {
	s := q.text(name)
	for _, v := range values {
		if s == v {
			return s
		}
	}
	if s != "" {
		q.refuse(name, what)
	}
	return ""
}

// has reports whether a parameter, a list with commas, has a value, which is the
// only one that it may have.
func (q *query) has(name, value string) bool {
	found := false
	text := q.text(name)
	if text == "" {
		return false
	}
	for s := range strings.SplitSeq(text, ",") {
		switch strings.TrimSpace(s) {
		case value:
			found = true
		case "":
		default:
			q.refuse(name, value)
			return false
		}
	}
	return found
}

// time is an instant whose windows lie in the years that can be written; the
// zero time if it is absent.
func (q *query) time(name string) time.Time {
	s := q.text(name)
	if s == "" {
		return time.Time{}
	}
	t, ok := parseInstant(s)
	if !ok {
		q.refuse(name, aTime+" (the plus of an offset is %2B)")
	}
	return t
}

// parseInstant reads a time around which every window can be written. The zero
// time, which means that there is none, is not one.
func parseInstant(s string) (time.Time, bool) {
	t, err := api.ParseTime(s)
	if err != nil || t.Year() < 2 || t.Year() > 9998 {
		return time.Time{}, false
	}
	return t, true
}

// amount is a whole number from 0 to [api.MaxInteger]; nil if it is absent.
func (q *query) amount(name string) *int64 {
	s := q.text(name)
	if s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if !allDigits(s) || err != nil || n > api.MaxInteger {
		q.refuse(name, "a whole number from 0 to 9007199254740991")
		return nil
	}
	return &n
}

// readPage reads which part of a list is wanted. The cursors are keys as parse
// reads them; what says what they are.
func readPage[K any](q *query, what string, parse func(string) (K, error)) billing.Page[K] {
	page := billing.Page[K]{Size: q.size("page_size", q.text("page_size"), api.MaxPageSize)}
	after, before := q.text("starting_after"), q.text("ending_before")
	if after != "" && before != "" {
		q.add(api.CodeTooManyParameters, "only one of starting_after and ending_before may be given")
		return page
	}
	page.After = readCursor(q, "starting_after", after, what, parse)
	page.Before = readCursor(q, "ending_before", before, what, parse)
	return page
}

// readCursor reads the value of a parameter that is a cursor; nil if it is "".
func readCursor[K any](q *query, name, s, what string, parse func(string) (K, error)) *K {
	if s == "" {
		return nil
	}
	key, err := parse(s)
	if err != nil {
		q.refuse(name, what)
		return nil
	}
	return &key
}

// size reads the value of a parameter that is how many records a page has: a
// whole number from 1 to a limit; the default if it is "".
func (q *query) size(name, s string, limit int) int {
	if s == "" {
		return api.DefaultPageSize
	}
	n, err := strconv.Atoi(s)
	switch {
	case !allDigits(s) || n == 0:
		q.refuse(name, "a whole number from 1 to "+strconv.Itoa(limit))
		return api.DefaultPageSize
	case err != nil || n > limit: // err: however large
		q.add(api.CodePageSizeLimitExceeded, name+" must be at most "+strconv.Itoa(limit))
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

// parseCode reads a code used as a cursor.
func parseCode(s string) (billing.Code, error) {
	if code := billing.Code(s); code.Valid() {
		return code, nil
	}
	return "", invalid("", "not a code")
}

const aCode = "a code: letters a to z, digits and, but for the first, _ . -"
