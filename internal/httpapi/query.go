package httpapi

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// query reads the parameters of a request's URL. An empty parameter is absent,
// one that is never read is ignored, and one that is given twice is a fault.
type query struct {
	*faults
	values map[string][]string
}

func readQuery(r *http.Request, f *faults) *query {
	return &query{faults: f, values: parseQuery(r.URL.RawQuery)}
}

// parseQuery never fails: what is not properly escaped stands for itself, and
// is refused, or not, by whoever reads that parameter.
func parseQuery(raw string) map[string][]string {
	values := make(map[string][]string)
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name = unescape(name)
		values[name] = append(values[name], unescape(value))
	}
	return values
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// text is a parameter as it stands; "" if it is absent or given twice. It may be
// any bytes: do not ask a store for it.
func (q *query) text(name string) string {
	values := q.values[name]
	if len(values) > 1 {
		q.refuse(name, "given once")
		return ""
	}
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// words is a parameter that a store can be asked for.
func (q *query) words(name string) string {
	s := q.text(name)
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		q.refuse(name, "UTF-8 text without NUL")
		return ""
	}
	return s
}

// required is a parameter that must be there.
func (q *query) required(name, what string) string {
	if len(q.values[name]) < 2 && strings.Join(q.values[name], "") == "" {
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
	page := billing.Page[K]{Size: q.pageSize()}
	after, before := q.text("starting_after"), q.text("ending_before")
	if after != "" && before != "" {
		q.add(api.CodeTooManyParameters, "only one of starting_after and ending_before may be given")
		return page
	}
	cursor := func(name, s string) *K {
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
	page.After = cursor("starting_after", after)
	page.Before = cursor("ending_before", before)
	return page
}

func (q *query) pageSize() int {
	s := q.text("page_size")
	if s == "" {
		return api.DefaultPageSize
	}
	digits := strings.TrimLeft(s, "0")
	switch {
	case !allDigits(s) || digits == "":
		q.refuse("page_size", "a whole number from 1 to 500")
		return api.DefaultPageSize
	case len(digits) > len("500"):
		digits = "501" // however large
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n > api.MaxPageSize {
		q.add(api.CodePageSizeLimitExceeded, "page_size must be at most 500")
		return api.DefaultPageSize
	}
	return n
}

func allDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// parseCode reads a code used as a cursor.
func parseCode(s string) (billing.Code, error) {
	if code := billing.Code(s); code.Valid() {
		return code, nil
	}
	return "", invalid("", "not a code")
}

const aCode = "a code: letters a to z, digits and, but for the first, _ . -"
