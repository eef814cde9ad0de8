package api

import (
	"encoding/json"
	"errors"
)

// Decimal is an amount of usage: a decimal number as text, such as "0.1", so
// that no float ever holds it. It is written as a JSON string, and read from a
// string or a number, whose digits are taken as they stand. An amount has at most
// 6 digits after the point and is below 10^12; that is judged by the server, not
// here.
type Decimal string

var errDecimal = errors.New(`an amount is not a number or a text such as "0.1"`)

// UnmarshalJSON reads a JSON string or number; null leaves d alone.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if text != nil {
			*d = Decimal(*text)
		}
		return nil
	}
	var number json.Number
	if json.Unmarshal(data, &number) != nil {
		return errDecimal
	}
	*d = Decimal(number)
	return nil
}
