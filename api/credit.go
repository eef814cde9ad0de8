package api

import (
	"encoding/json"
	"errors"
	"strconv"
)

// Cap is a limit in windows of its own.
type Cap struct {
	Max   int64    `json:"max"`
	Reset Interval `json:"reset"` // an Interval, ResetCycle or ResetNever
}

// Rollover keeps what is left of a window's allowance for some further windows.
type Rollover struct {
	Max     *int64 `json:"max,omitempty"`     // of one window; nil: all that is left
	Windows int64  `json:"windows,omitempty"` // 1 to 12; default 1
}

// Units of time that rates are by.
const (
	RatePerSecond = "second"
	RatePerMinute = "minute"
)

// Rate is how fast something may be used. It is told, and enforced by others.
type Rate struct {
	Max   int64  `json:"max"`
	Per   string `json:"per"` // RatePerSecond or RatePerMinute
	Burst *int64 `json:"burst,omitempty"`
}

// wordNone is, in a file, of an item that has nothing of what its feature says.
const wordNone = "none"

// Burns says that each unit used of a feature also uses Rate units of another. In a file
// an item may have "none", which is the zero value here: it burns nothing, whatever the
// feature says.
type Burns struct {
	Feature string      `json:"feature"`
	Rate    json.Number `json:"rate"` // decimal
}

// MarshalJSON writes the file's form.
func (b Burns) MarshalJSON() ([]byte, error) {
	if b == (Burns{}) {
		return json.Marshal(wordNone)
	}
	type form Burns
	return json.Marshal(form(b))
}

var errBurns = errors.New(`burns is not "none" or {"feature":"credits","rate":1.5}`)

// UnmarshalJSON reads the file's form.
func (b *Burns) UnmarshalJSON(data []byte) error {
	type bare Burns
	var form bare
	if string(data) != `"`+wordNone+`"` && strict(data, &form) != nil {
		return errBurns
	}
	*b = Burns(form)
	return nil
}

// Low is what is available of a feature when its owner is to be told that it is little.
// In a file an item may have "none", which is [LowNone]: never, whatever the feature says.
type Low int64

// LowNone is the low of an item of which nothing is told.
const LowNone Low = -1

// MarshalJSON writes the file's form.
func (l Low) MarshalJSON() ([]byte, error) {
	if l < 0 {
		return json.Marshal(wordNone)
	}
	return strconv.AppendInt(nil, int64(l), 10), nil
}

var errLow = errors.New(`low is not a whole number or "none"`)

// UnmarshalJSON reads the file's form.
func (l *Low) UnmarshalJSON(data []byte) error {
	if string(data) == `"`+wordNone+`"` {
		*l = LowNone
		return nil
	}
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return errLow
	}
	*l = Low(n)
	return nil
}

// When a plan gives a grant.
const (
	GrantAtStart = "start" // once per customer, feature and plan, ever
	GrantAtTerm  = "term"  // with each term
)

// How long a grant of a plan lasts.
const (
	GrantLastsTerm      = "term"
	GrantLastsAgreement = "agreement"
	GrantLastsNever     = "never" // without end
	GrantLastsDays      = "days"  // of 24 hours
)

// Kinds of grants.
const (
	GrantPaid        = "paid" // the default
	GrantPromotional = "promotional"
)

// ItemGrant is what a plan, an add-on or a pack gives beside an allowance.
type ItemGrant struct {
	Amount   json.Number `json:"amount"`             // units, decimal
	At       string      `json:"at,omitempty"`       // GrantAtStart or GrantAtTerm; not of a pack
	Lasts    GrantLasts  `json:"lasts"`              // of a pack GrantLastsNever or days
	Priority *int64      `json:"priority,omitempty"` // 0 to 100, lower burns first; default 50
	Kind     string      `json:"kind,omitempty"`     // GrantPaid or GrantPromotional
}

// GrantLasts is how long a grant lasts. In a file it is a word or {"days": 30}.
type GrantLasts struct {
	Life string // GrantLastsTerm, GrantLastsAgreement, GrantLastsNever or GrantLastsDays
	Days int64  // with GrantLastsDays
}

type daysForm struct {
	Days int64 `json:"days"`
}

// MarshalJSON writes the file's form.
func (l GrantLasts) MarshalJSON() ([]byte, error) {
	if l.Life == GrantLastsDays {
		return json.Marshal(daysForm{l.Days})
	}
	return json.Marshal(l.Life)
}

var errLasts = errors.New(`lasts is not a word such as "term", or {"days":n}`)

// UnmarshalJSON reads the file's form.
func (l *GrantLasts) UnmarshalJSON(data []byte) error {
	var life string
	if json.Unmarshal(data, &life) == nil {
		*l = GrantLasts{Life: life}
		return nil
	}
	var form daysForm
	if strict(data, &form) != nil || form.Days < 1 {
		return errLasts
	}
	*l = GrantLasts{Life: GrantLastsDays, Days: form.Days}
	return nil
}

// ConfigUnlimited is the value of a number without bound.
const ConfigUnlimited = "unlimited"

// ConfigValue is what a config feature is set to: one of its fields is set. In JSON it is
// a text, a number, true or false, or a list of texts. A number without bound is
// [ConfigUnlimited], as text.
type ConfigValue struct {
	Text   string
	Number json.Number
	Flag   *bool
	List   []string
}

// MarshalJSON writes the value by itself.
func (v ConfigValue) MarshalJSON() ([]byte, error) {
	switch {
	case v.List != nil:
		return json.Marshal(v.List)
	case v.Number != "":
		return json.Marshal(v.Number)
	case v.Flag != nil:
		return json.Marshal(v.Flag)
	}
	return json.Marshal(v.Text)
}

var errConfigValue = errors.New(`a value is a text, a number, true or false, or a list of texts`)

// UnmarshalJSON reads what MarshalJSON writes.
func (v *ConfigValue) UnmarshalJSON(data []byte) error {
	var read ConfigValue
	var flag bool
	switch {
	case json.Unmarshal(data, &read.List) == nil && read.List != nil:
	case json.Unmarshal(data, &read.Text) == nil && len(data) > 0 && data[0] == '"':
	case json.Unmarshal(data, &flag) == nil && string(data) != "null":
		read.Flag = &flag
	case json.Unmarshal(data, &read.Number) == nil && read.Number != "":
	default:
		return errConfigValue
	}
	*v = read
	return nil
}
