package wire

import (
	"encoding/json"
	"errors"
	"math/big"
	"regexp"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
)

// value shows what a config feature is set to; nil if there is nothing.
func value(of *billing.Feature, v *billing.Value) json.RawMessage {
	switch v := of.State(v).(type) {
	case nil:
		return nil
	case decimal.Decimal: // as a number, whatever its digits
		return json.RawMessage(v.String())
	default:
		text, err := json.Marshal(v)
		if err != nil {
			panic(err) // texts and bools do not fail
		}
		return text
	}
}

// AValue says what the value of a config feature may be.
const AValue = `a text, a number ("unlimited" for one without an end), true or false, or a list of texts`

// errValue is JSON that no value is.
var errValue = errors.New("not " + AValue)

// Value is a value as [billing.NewOverride] has it, read from JSON.
type Value struct{ Stated any }

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Value) UnmarshalJSON(data []byte) error {
	switch data[0] {
	case '"':
		return stated[string](v, data)
	case 't', 'f':
		return stated[bool](v, data)
	case '[':
		return stated[[]string](v, data)
	case '{', 'n':
		return errValue
	}
	if !numberPattern.Match(data) {
		return errValue
	}
	d, err := decimal.Parse(string(data))
	if err != nil || !exactly(d, string(data)) { // it rounds what it cannot hold
		return errValue
	}
	v.Stated = d
	return nil
}

func stated[T any](v *Value, data []byte) error {
	var is T
	if err := json.Unmarshal(data, &is); err != nil {
		return errValue
	}
	v.Stated = is
	return nil
}

// numberPattern is a number that can be of 19 digits.
var numberPattern = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,2})?$`)

// exactly reports whether a decimal is the number that a text says.
func exactly(d decimal.Decimal, text string) bool {
	want, ok := new(big.Rat).SetString(text)
	got, _ := new(big.Rat).SetString(d.String())
	return ok && got != nil && want.Cmp(got) == 0
}
