package api

import (
	"encoding/json"
	"fmt"
	"regexp"
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

// iso8601 splits a time into date, clock to the minute, second with fraction,
// offset hours and offset minutes.
var iso8601 = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:[.,]\d+)?)?(?:Z|([+-]\d{2})(?::?(\d{2}))?)?)?$`)

// ParseTime reads an ISO 8601 time: `2026-11-22T10:00:00Z`, with the offset
// written `+11:00`, `+1100` or `+11`, without an offset (then it is UTC), with a
// space for the `T`, without seconds, with a fraction of a second, or a date
// alone (then it is midnight). The result is in UTC, cut to microseconds.
//
// In a query string the plus of an offset must be written %2B.
func ParseTime(s string) (time.Time, error) {
	part := iso8601.FindStringSubmatch(s)
	if part == nil {
		return time.Time{}, fmt.Errorf("time %q is not ISO 8601, such as 2026-11-22T10:00:00Z", s)
	}
	date, clock, second, hours, minutes := part[1], part[2], part[3], part[4], part[5]
	if clock == "" {
		clock = "00:00"
	}
	if second == "" {
		second = ":00"
	}
	offset := "Z"
	if hours != "" {
		if minutes == "" {
			minutes = "00"
		}
		offset = hours + ":" + minutes
	}
	t, err := time.Parse(time.RFC3339, date+"T"+clock+second+offset)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q does not exist in the calendar or on the clock", s)
	}
	t = t.UTC().Truncate(time.Microsecond)
	if t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, fmt.Errorf("time %q is outside the years 1 to 9999", s)
	}
	return t, nil
}

// String returns t as it is written on the wire.
func (t Time) String() string { return t.UTC().Format(timeLayout) }

// MarshalText writes t in the wire form. A year outside 1 to 9999 is an error.
func (t Time) MarshalText() ([]byte, error) {
	if y := t.UTC().Year(); y < 1 || y > 9999 {
		return nil, fmt.Errorf("year %d is outside 1 to 9999", y)
	}
	return t.UTC().AppendFormat(nil, timeLayout), nil
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
	text, err := t.MarshalText()
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%q", text), nil
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
