package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/allot-dev/allot/api"
)

// What can be told to be wrong by itself is wrong usage, before anything is sent:
// these types are read from the command line. What depends on the facts is for the
// server to say.

// name is what something is called: an id, or a code.
type name string

// UnmarshalText reads a name, which an empty variable of a script is not.
func (n *name) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return errors.New("it is empty: want an id or a code")
	}
	*n = name(text)
	return nil
}

// amount is an amount of usage, or a correction if it is negative.
type amount api.Decimal

var decimal = regexp.MustCompile(`^-?0*[0-9]{1,12}(\.[0-9]{1,6})?$`)

// UnmarshalText reads an amount.
func (a *amount) UnmarshalText(text []byte) error {
	if !decimal.Match(text) {
		return fmt.Errorf("%q: want a number below 10^12 with at most six decimals, such as 1 or 0.25", text)
	}
	*a = amount(text)
	return nil
}

// units are an amount that is asked for.
type units api.Decimal

var zero = regexp.MustCompile(`^[0.]*$`)

// UnmarshalText reads an amount above 0.
func (u *units) UnmarshalText(text []byte) error {
	if !decimal.Match(text) || text[0] == '-' || zero.Match(text) {
		return fmt.Errorf("%q: want a number above 0 and below 10^12 with at most six decimals, such as 2 or 0.25", text)
	}
	*u = units(text)
	return nil
}

// maxInteger is the largest integer of the API.
const maxInteger = 1<<53 - 1

// number is a whole number from 1: of units, or of a version.
type number int64

// UnmarshalText reads a whole number from 1.
func (n *number) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < 1 || v > maxInteger {
		return fmt.Errorf("%q: want a whole number from 1 to %d", text, int64(maxInteger))
	}
	*n = number(v)
	return nil
}

// limitArg is a whole number from 0: a limit.
type limitArg int64

// UnmarshalText reads a whole number from 0.
func (n *limitArg) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < 0 || v > maxInteger {
		return fmt.Errorf("%q: want a whole number from 0 to %d", text, int64(maxInteger))
	}
	*n = limitArg(v)
	return nil
}

// priority is the place of a grant among those that burn.
type priority int64

// UnmarshalText reads a whole number from 0 to 100.
func (n *priority) UnmarshalText(text []byte) error {
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < 0 || v > 100 {
		return fmt.Errorf("%q: want a whole number from 0 to 100", text)
	}
	*n = priority(v)
	return nil
}
