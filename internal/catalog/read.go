package catalog

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	maxText   = 255 // characters of a name
	maxFaults = 100 // of one file
)

// reader turns the tree into a spec and notes what is wrong on the way.
type reader struct {
	doc    *Document
	syntax *Fault // of a part
}

// fault reports that what is at the path cannot be read, which leaves it absent
// from the spec.
func (r *reader) fault(at place, path, format string, args ...any) {
	r.doc.faulty[path] = true
	r.note(Fault{at.line, at.column, path, fmt.Sprintf(format, args...)})
}

func (r *reader) note(f Fault) {
	switch n := len(r.doc.Faults); {
	case n < maxFaults:
		r.doc.Faults = append(r.doc.Faults, f)
	case n == maxFaults:
		f.Path, f.Message = "", fmt.Sprintf("more than %d faults; the others are not shown", maxFaults)
		r.doc.Faults = append(r.doc.Faults, f)
	}
}

// object is a mapping of the file whose keys have been checked.
type object struct {
	*reader
	path    string
	entries []entry // few: each is of another key of the shape
}

// entry is that of a key, or nil.
func (o object) entry(key string) *entry {
	for i := range o.entries {
		if o.entries[i].key == key {
			return &o.entries[i]
		}
	}
	return nil
}

// value is that of a key, or nil.
func (o object) value(key string) *node {
	if e := o.entry(key); e != nil {
		return e.value
	}
	return nil
}

// place is where to point for a key; zero if it is not there.
func (o object) place(key string) place {
	if e := o.entry(key); e != nil {
		return e.place()
	}
	return place{}
}

// meantDays is what was meant where the days alone are given: 14 for {days: 14}.
func meantDays(n *node, s shape) string {
	if n.kind != scalar || !wholePattern.MatchString(n.text) || !slices.Contains(s.keys, "days") {
		return ""
	}
	return "; did you mean {days: " + shorten(n.text) + "}?"
}

// object checks the keys of a mapping. It returns an empty object and false if
// the node is no mapping.
func (r *reader) object(n *node, at place, path string, s shape) (object, bool) {
	o := object{r, path, nil}
	if n.kind != mapping {
		r.fault(at, path, "%s is not %s; give a mapping with the keys %s%s", describe(n), s.what, strings.Join(s.keys, ", "), meantDays(n, s))
		return o, false
	}
	var meant []string
	o.entries = make([]entry, 0, min(len(n.entries), len(s.keys)))
	for _, e := range n.entries {
		if !slices.Contains(s.keys, e.key) {
			meant = append(meant, r.unknownKey(e, path, s))
		} else if first := o.entry(e.key); first != nil {
			r.fault(e.at, join(path, e.key), "given twice, first on line %d; remove one", first.place().line)
		} else {
			o.entries = append(o.entries, e)
		}
	}
	for _, key := range s.keys {
		if o.entry(key) != nil {
			continue
		}
		if slices.Contains(meant, key) {
			r.doc.faulty[join(path, key)] = true
		} else if slices.Contains(s.required, key) {
			r.fault(at, join(path, key), "missing; %s needs %s", s.what, strings.Join(s.required, ", "))
		}
	}
	return o, true
}

// unknownKey reports a key and returns the one that was probably meant.
func (r *reader) unknownKey(e entry, path string, s shape) string {
	if keyPattern.MatchString(e.key) {
		path = join(path, e.key)
	}
	f := Fault{Line: e.at.line, Column: e.at.column, Path: path}
	meant, found := nearest(e.key, s.keys)
	if hint, key := hintFor(e, s); hint != "" {
		f.Message = fmt.Sprintf("unknown key %s; %s", quote(e.key), hint)
		meant = key
	} else if found {
		f.Message = fmt.Sprintf("unknown key %s; did you mean %s?", quote(e.key), meant)
	} else {
		f.Message = fmt.Sprintf("unknown key %s; %s has %s", quote(e.key), s.what, strings.Join(s.keys, ", "))
	}
	r.note(f)
	return meant
}

// wrong reports the value of a key: what it is, and what would be right.
func (o object) wrong(key, format string, args ...any) {
	o.fault(o.place(key), join(o.path, key), format, args...)
}

// elements calls read for each element of a list. It reports whether there is a
// list.
func (o object) elements(key, what string, read func(n *node, path string)) bool {
	n := o.value(key)
	if n == nil {
		return false
	}
	if n.kind != list {
		o.wrong(key, "%s is not a list; give a list of %s, [] if there are none, or leave %s out", describe(n), what, key)
		return false
	}
	if fault := n.each(func(i int, elem *node) bool {
		if o.doc.cut() {
			return n.parts != nil // whose syntax is still to be looked at
		}
		read(elem, element(join(o.path, key), i))
		return true
	}); fault != nil && o.syntax == nil {
		o.syntax = fault
	}
	return true
}

// scalar is the text of a key's value, "" with false if there is none.
func (o object) scalar(key, want string) (*node, bool) {
	n := o.value(key)
	if n == nil {
		return nil, false
	}
	if n.kind != scalar {
		o.wrong(key, "%s is not %s", describe(n), want)
		return nil, false
	}
	return n, true
}

// written is a scalar as text: whatever YAML has there without quotes, but in
// JSON only a string.
func (o object) written(key, want string) (string, bool) {
	n, ok := o.scalar(key, want)
	if !ok {
		return "", false
	}
	if n.style == bare {
		o.wrong(key, "%s is not text; give %s, in quotes", shorten(n.text), want)
		return "", false
	}
	return n.text, true
}

func (o object) text(key string) string {
	text, ok := o.written(key, "text")
	if !ok {
		return ""
	}
	switch length := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		o.wrong(key, "empty; give text of 1 to %d characters", maxText)
	case length > maxText:
		o.wrong(key, "has %d characters; give at most %d", length, maxText)
	case strings.ContainsFunc(text, unprintable):
		o.wrong(key, "%s has a line break or control character; give one line of text", quote(text))
	default:
		return text
	}
	return ""
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == utf8.RuneError
}

func (o object) code(key string) billing.Code {
	text, ok := o.written(key, "a code")
	if !ok {
		return ""
	}
	code := billing.Code(text)
	if code.Valid() {
		return code
	}
	hint := ""
	if near := billing.Code(strings.ReplaceAll(strings.ToLower(strings.TrimSpace(text)), " ", "_")); near.Valid() {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	o.wrong(key, `%s is not a code; give 1 to 64 of a-z, 0-9, "_", "." and "-", beginning with a letter or digit%s`, quote(text), hint)
	return ""
}

var currencyPattern = regexp.MustCompile(`^[a-z]{3}$`)

func (o object) currency(key string) string {
	text, ok := o.written(key, "a currency")
	if !ok {
		return ""
	}
	if !currencyPattern.MatchString(text) {
		hint := "usd or eur"
		if lower := strings.ToLower(text); currencyPattern.MatchString(lower) {
			hint = lower
		}
		o.wrong(key, "%s is not a currency; give its three letters in lower case, such as %s", quote(text), hint)
		return ""
	}
	return text
}

// choice is a value out of a few; "" if the key is not there.
func choice[T ~string](o object, key string, valid ...T) T {
	return hinted(o, key, func(string) string { return "" }, valid...)
}

// hinted is a choice with a hint of its own for some of what is not valid; where
// that is "" the nearest word is the hint.
func hinted[T ~string](o object, key string, meant func(text string) string, valid ...T) T {
	if n := o.value(key); n == nil {
		return ""
	} else if n.kind == scalar && n.style != bare && slices.Contains(valid, T(n.text)) {
		return T(n.text)
	}
	var names []string
	for _, v := range valid {
		names = append(names, string(v))
	}
	n, ok := o.scalar(key, "one of "+strings.Join(names, ", "))
	if !ok {
		return ""
	}
	text := n.text
	hint := meant(text)
	if n.style == bare && hint == "" {
		o.wrong(key, "%s is not text; give one of %s, in quotes", shorten(text), strings.Join(names, ", "))
		return ""
	}
	if slices.Contains(names, text) {
		return T(text)
	}
	if near, found := nearest(text, names); hint == "" && found {
		hint = fmt.Sprintf("; did you mean %s?", near)
	}
	o.wrong(key, "%s is not one of %s%s", describe(n), strings.Join(names, ", "), hint)
	return ""
}

func (o object) boolean(key string) *bool {
	n, ok := o.scalar(key, "true or false")
	if !ok {
		return nil
	}
	if n.style == quoted || n.text != "true" && n.text != "false" {
		o.wrong(key, "%s is not a truth value; give true or false, without quotes", quote(n.text))
		return nil
	}
	return new(n.text == "true")
}

var (
	wholePattern   = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	decimalPattern = regexp.MustCompile(`^(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?$`)
)

// integer is a whole number. If the key may be left out, without says to what
// effect.
func (o object) integer(key string, least, most int64, without string) *int64 {
	if o.value(key) == nil {
		return nil
	}
	right := fmt.Sprintf("give a whole number from %d to %d", least, most)
	if without != "" {
		right += fmt.Sprintf(", or leave %s out %s", key, without)
	}
	n, ok := o.scalar(key, "an integer; "+right)
	if !ok {
		return nil
	}
	if hint, ok := misspelt(n, wholePattern); ok {
		o.wrong(key, "%s is not an integer; %s", quote(n.text), hint)
		return nil
	}
	if !wholePattern.MatchString(strings.TrimPrefix(n.text, "-")) {
		o.wrong(key, "%s is not an integer; %s%s", quote(n.text), right, fractionHint(key, n.text))
		return nil
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	if err != nil || i < least || i > most {
		o.wrong(key, "%s is out of range; %s", shorten(n.text), right)
		return nil
	}
	return &i
}

// amount is a price of a unit, which may have decimals.
func (o object) amount(key string) *decimal.Decimal {
	return o.decimal(key, "an amount", "give an amount in minor units (cents), such as 900 or 0.04")
}

// decimal is a number with decimals, from 0; what it is and what would be right are for
// messages.
func (o object) decimal(key, what, right string) *decimal.Decimal {
	n, ok := o.scalar(key, what+"; "+right)
	if !ok {
		return nil
	}
	if hint, ok := misspelt(n, decimalPattern); ok {
		o.wrong(key, "%s is not %s; %s", quote(n.text), what, hint)
		return nil
	}
	if strings.HasPrefix(n.text, "-") && decimalPattern.MatchString(n.text[1:]) {
		o.wrong(key, "%s is below 0; %s", shorten(n.text), right)
		return nil
	}
	if !decimalPattern.MatchString(n.text) {
		o.wrong(key, "%s is not %s; %s", quote(n.text), what, right)
		return nil
	}
	// Parse rounds what it cannot hold, and fails only on too many whole digits.
	d, err := decimal.Parse(n.text)
	whole, _, fits := d.Int64(0)
	switch {
	case err != nil || !fits || whole > billing.MaxAmount || whole == billing.MaxAmount && !d.IsInt():
		o.wrong(key, "%s is out of range; give %s from 0 to %d", shorten(n.text), what, int64(billing.MaxAmount))
	case !exactly(d, n.text):
		o.wrong(key, "%s has too many digits; at most %d are kept exactly", shorten(n.text), decimal.MaxPrec)
	default:
		return new(d.Trim(0))
	}
	return nil
}

// exactly reports whether a decimal is the number that a text says.
func exactly(d decimal.Decimal, text string) bool {
	want, ok := new(big.Rat).SetString(text)
	got, _ := new(big.Rat).SetString(d.String())
	return ok && got != nil && want.Cmp(got) == 0
}

// misspelt tells how to write a number that is one but for its spelling.
func misspelt(n *node, number *regexp.Regexp) (hint string, ok bool) {
	if n.style == quoted && number.MatchString(n.text) {
		return "it is text; write it without the quotes: " + shorten(n.text), true
	}
	if number.MatchString(n.text) {
		return "", false
	}
	for _, filler := range []string{"_", ",", " ", "+"} {
		if s := strings.ReplaceAll(n.text, filler, ""); s != n.text && number.MatchString(s) {
			return "write the digits alone: " + shorten(s), true
		}
	}
	if s := strings.TrimLeft(n.text, "0"); s != n.text && number.MatchString(s) {
		return "write it without leading zeros: " + shorten(s), true
	}
	return "", false
}

// nearest is the candidate that a misspelt word is likeliest to mean.
func nearest(word string, candidates []string) (string, bool) {
	if len(word) > 40 {
		return "", false
	}
	word = strings.ReplaceAll(strings.ToLower(word), "-", "_")
	best, least := "", 3
	for _, c := range candidates {
		if d := distance(word, c); d < least && d <= max(1, len(c)/3) {
			best, least = c, d
		}
	}
	if best == "" && len(word) >= 3 {
		for _, c := range candidates {
			if strings.HasPrefix(c, word) || strings.HasPrefix(word, c) {
				return c, true
			}
		}
	}
	return best, best != ""
}

// distance is the number of letters to insert, remove, replace or swap with the
// next between two words.
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		for j := range d[i] {
			switch {
			case i == 0 || j == 0:
				d[i][j] = i + j
			case a[i-1] == b[j-1]:
				d[i][j] = d[i-1][j-1]
			default:
				d[i][j] = 1 + min(d[i-1][j-1], d[i-1][j], d[i][j-1])
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					d[i][j] = min(d[i][j], 1+d[i-2][j-2])
				}
			}
		}
	}
	return d[len(a)][len(b)]
}
