package wire

import (
	"math/big"
	"regexp"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// AValue says what the value of a config feature may be.
const AValue = `a text, a number ("unlimited" for one without bound), true or false, or a list of texts`

// numberPattern is a number as a catalog file may have it, and as short as one that is kept
// exactly.
var numberPattern = regexp.MustCompile(`^(0|[1-9][0-9]{0,39})(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?$`)

// Value is a value as it was asked for. It reports false for a number that is not kept
// exactly, or is below 0.
func Value(v *api.ConfigValue) (*billing.ValueSpec, bool) {
	switch {
	case v.List != nil:
		return &billing.ValueSpec{List: v.List}, true
	case v.Flag != nil && *v.Flag:
		return &billing.ValueSpec{Text: "true"}, true
	case v.Flag != nil:
		return &billing.ValueSpec{Text: "false"}, true
	case v.Number == "":
		return &billing.ValueSpec{Text: v.Text}, true
	}
	text := string(v.Number)
	if !numberPattern.MatchString(text) {
		return nil, false
	}
	d, err := decimal.Parse(text)
	if err != nil || !exactly(d, text) { // it rounds what it cannot hold
		return nil, false
	}
	return &billing.ValueSpec{Text: text, Number: &d}, true
}

// exactly reports whether a decimal is the number that a text says.
func exactly(d decimal.Decimal, text string) bool {
	want, ok := new(big.Rat).SetString(text)
	got, _ := new(big.Rat).SetString(d.String())
	return ok && got != nil && want.Cmp(got) == 0
}
