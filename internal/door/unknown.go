package door

import (
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/allot-dev/allot/api"
)

// Close makes a field that is never asked for a fault of the request: what
// cannot be honoured is refused, not ignored. What a handler asks for before
// [Faults].Err is what it knows, so there is no list of names to keep.
func (b *Body) Close() {
	b.asked = b.room[:0]
	b.Faults.closed = b
}

// ask notes that a field is known.
func (b *Body) ask(name string) {
	if b.asked != nil && !slices.Contains(b.asked, name) {
		b.asked = append(b.asked, name)
	}
}

// maxUnknown is how many unknown fields of a body are told: who sends many has
// sent another thing.
const maxUnknown = 10

// unknown are the faults of the fields that were given and never asked for, by
// name.
func (b *Body) unknown() (errs Errors) {
	known := 0
	for name := range b.fields {
		if slices.Contains(b.asked, name) {
			known++
		}
	}
	if known == len(b.fields) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(b.fields)) {
		if !slices.Contains(b.asked, name) && len(errs) < maxUnknown {
			errs = append(errs, Fault(api.CodeFieldUnknown, "there is no field %s here%s", shownName(name), b.instead(name)))
		}
	}
	return errs
}

// instead is what was meant by an unknown name, or all that there is.
func (b *Body) instead(name string) string {
	if near := nearest(name, b.asked); near != "" {
		return "; did you mean " + near + "?"
	}
	if len(b.asked) == 0 {
		return "; the body has none"
	}
	return "; there are " + strings.Join(slices.Sorted(slices.Values(b.asked)), ", ")
}

// maxShownName is how much of a name that the caller made up is repeated, in
// characters.
const maxShownName = 64

func shownName(name string) string {
	if utf8.RuneCountInString(name) > maxShownName {
		name = string([]rune(name)[:maxShownName]) + "…"
	}
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, name)
}

// meant is what people write for a field, as other APIs call it. The first that a
// body has is what it means there.
var meant = map[string][]string{
	"amount":          {"units", "value", "meter_value"},
	"count":           {"units", "value", "quantity"},
	"meter_value":     {"value", "units"},
	"quantity":        {"units", "value"},
	"seats":           {"quantity", "units"},
	"usage":           {"units", "value"},
	"customer":        {"customer_id"},
	"org":             {"org_code"},
	"organization":    {"org_code"},
	"organization_id": {"org_code"},
	"tenant_id":       {"org_code"},
	"sub":             {"user_id"},
	"feature":         {"feature_code"},
	"features":        {"feature_codes"},
	"plan":            {"plan_code"},
	"version":         {"to_version"},
	"limit":           {"max"},
	"limit_max":       {"max"},
	"maximum":         {"max"},
	"minimum":         {"at_least"},
	"unlimited":       {"max"},
	"qty":             {"quantity", "units", "value"},
	"user":            {"user_id"},
	"agreement":       {"agreement_id", "plan_code"},
	"subscription_id": {"agreement_id"},
	"codes":           {"feature_codes"},
	"ttl":             {"expires_in"},
	"expires_at":      {"expires_on", "expires_in"},
	"ends_on":         {"expires_on"},
	"ends_at":         {"expires_on"},
	"end_date":        {"expires_on"},
	"starts_at":       {"starts_on", "effective_on"},
	"start_date":      {"starts_on", "effective_on"},
	"time":            {"timestamp"},
	"events":          {"records"},
	"idempotency_key": {"id"},
	"stripe_id":       {"external_id"},
	"reason":          {"note"},
	"description":     {"note", "name"},
	"yearly":          {"annual"},
	"billing_email":   {"email"},
	"kind":            {"type"},
	"type":            {"kind"},
	"units":           {"amount"},
	"credits":         {"amount"},
	"starts_on":       {"effective_on"},
	"payment_id":      {"external_id"},
	"cursor":          {"after"},
}

// Nearest is the known word that an unknown one stands for; "" if none is near.
func Nearest(word string, known []string) string {
	if len(word) > maxShownName {
		return ""
	}
	return closest(word, known)
}

// nearest is the known name that an unknown one stands for; "" if none is near.
func nearest(name string, known []string) string {
	if len(name) > maxShownName {
		return ""
	}
	name = snake(name)
	if slices.Contains(known, name) {
		return name
	}
	for _, other := range meant[name] {
		if slices.Contains(known, other) {
			return other
		}
	}
	return closest(name, known)
}

func closest(name string, known []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, other := range slices.Sorted(slices.Values(known)) {
		if n := distance(name, other); n < least && n < len(other) {
			best, least = other, n
		}
	}
	return best
}

// snake is a name as ours are written: customerId and Customer-ID are
// customer_id.
func snake(name string) string {
	var b strings.Builder
	lower := false
	for _, r := range name {
		switch {
		case unicode.IsUpper(r):
			if lower {
				b.WriteByte('_')
			}
			r = unicode.ToLower(r)
			lower = false
		case r == '-' || r == ' ' || r == '.':
			r, lower = '_', false
		default:
			lower = unicode.IsLower(r) || unicode.IsDigit(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// distance is how many letters must be put in, left out or changed to make one
// name the other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
