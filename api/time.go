package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// Time is an instant on the wire. It is written as RFC 3339 in UTC with `Z` and
// at most six digits of a second, and read from everything that [ParseTime]
// accepts.
type Time struct{ time.Time }

// NewTime returns a pointer to t as a wire time, for fields that may be null or
// absent; nil for the zero time.
func NewTime(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	return &Time{t}
}

const timeLayout = "2006-01-02T15:04:05.999999Z"

// The two forms of ISO 8601, each split into year, month, day, hour, minute,
// second, fraction, offset hours and offset minutes. Python writes a space for
// the T, RFC 3339 allows t and z.
var (
	extended = regexp.MustCompile(`^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2})(?::(\d{2})(?::(\d{2})([.,]\d+)?)?)?` + offset + `)?$`)
	basic    = regexp.MustCompile(`^(\d{4})(\d{2})(\d{2})(?:[Tt ](\d{2})(?:(\d{2})(?:(\d{2})([.,]\d+)?)?)?` + offset + `)?$`)
)

const offset = `(?:[Zz]|([+-](?:[01]\d|2[0-3]))(?::?([0-5]\d))?)?`

// ParseTime reads an ISO 8601 time: `2026-11-22T10:00:00Z`, with the offset
// written `+11:00`, `+1100` or `+11`, without an offset (then it is UTC), with a
// space for the `T`, without seconds, without minutes, with a fraction of a
// second, a date alone (then it is midnight), or all that in the basic form,
// `20261122T100000Z`. The end of a day, `24:00:00`, is the begin of the next, and so is
// all of a leap second, `23:59:60` in UTC, as for clocks that have none. Week
// dates and days of the year are not read. The result is in UTC, cut to
// microseconds.
//
// In a query string the plus of an offset must be written %2B.
func ParseTime(s string) (time.Time, error) {
	part := extended.FindStringSubmatch(s)
	if part == nil {
		part = basic.FindStringSubmatch(s)
	}
	if part == nil {
		return time.Time{}, fmt.Errorf("time %q is not ISO 8601, such as 2026-11-22T10:00:00Z", s)
	}
	hour, minute, second, fraction := cmp.Or(part[4], "00"), cmp.Or(part[5], "00"), cmp.Or(part[6], "00"), part[7]
	days, leap := 0, time.Duration(0)
	switch {
	case hour == "24" && minute == "00" && second == "00" && strings.Trim(fraction, ".,0") == "":
		hour, days = "00", 1
	case second == "60":
		second, fraction, leap = "59", "", time.Second
	}
	zone := "Z"
	if part[8] != "" {
		zone = part[8] + ":" + cmp.Or(part[9], "00")
	}
	t, err := time.Parse(time.RFC3339, part[1]+"-"+part[2]+"-"+part[3]+"T"+hour+":"+minute+":"+second+fraction+zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q does not exist in the calendar or on the clock", s)
	}
	t = t.UTC().AddDate(0, 0, days).Truncate(time.Microsecond).Add(leap)
	if leap != 0 && (t.Hour() != 0 || t.Minute() != 0) {
		return time.Time{}, fmt.Errorf("time %q is no leap second: there are some only at the end of a day of UTC", s)
	}
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("time %q is outside the years 1 to 9999", s)
	}
	return t, nil
}

// String returns t as it is written on the wire.
func (t Time) String() string { return t.UTC().Format(timeLayout) }

// MarshalText writes t in the wire form. A year outside 1 to 9999 is an error.
func (t Time) MarshalText() ([]byte, error) { return t.appendTo(nil) }

func (t Time) appendTo(text []byte) ([]byte, error) {
	u := t.UTC()
	if y := u.Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("year %d is outside 1 to 9999", y)
	}
	return u.AppendFormat(text, timeLayout), nil
}

// UnmarshalText reads everything that [ParseTime] accepts.
func (t *Time) UnmarshalText(text []byte) error {
	parsed, err := ParseTime(string(text))
	if err != nil {
		return err
	}
	t.Time = parsed
	return nil
}

// MarshalJSON writes t in the wire form, quoted.
func (t Time) MarshalJSON() ([]byte, error) {
	text, err := t.appendTo(append(make([]byte, 0, len(timeLayout)+len(`""`)), '"'))
	return append(text, '"'), err
}

// UnmarshalJSON reads a JSON string as [ParseTime] does; null leaves t alone.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	if text == nil {
		return nil
	}
	return t.UnmarshalText([]byte(*text))
}
