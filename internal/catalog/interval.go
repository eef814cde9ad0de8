package catalog

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/calendar"
)

// interval is one of a few words, or {every: n, unit: …}; "" if the key is not
// there. One of a unit is the unit.
func interval[T ~string](o object, key string, words ...T) T {
	n := o.value(key)
	if n == nil || n.kind != mapping {
		return hinted(o, key, func(text string) string { return meantInterval(text, words) }, words...)
	}
	every, ok := o.child(key, everyShape)
	if !ok {
		return ""
	}
	number := every.integer("every", 1, calendar.MostOf, "")
	unit := choice(every, "unit", calendar.Units()...)
	if number == nil || unit == "" {
		return ""
	}
	return T(calendar.Every(int(*number), unit))
}

var (
	multiplePattern = regexp.MustCompile(`^([1-9][0-9]{0,3}) ?([a-z]+)$`)

	// intervalWords are what people write for an interval.
	intervalWords = map[string]calendar.Interval{
		"h": calendar.Hour, "d": calendar.Day, "w": calendar.Week, "m": calendar.Month, "mo": calendar.Month, "y": calendar.Year,
		"hourly": calendar.Hour, "daily": calendar.Day, "weekly": calendar.Week, "monthly": calendar.Month,
		"yearly": calendar.Year, "annual": calendar.Year, "annually": calendar.Year,
		"quarter": calendar.Every(3, calendar.Month), "quarterly": calendar.Every(3, calendar.Month),
		"biweekly": calendar.Every(2, calendar.Week), "fortnight": calendar.Every(2, calendar.Week),
	}
)

// meantInterval is the hint for a text that is none of the words of an interval.
func meantInterval[T ~string](text string, words []T) string {
	text = strings.ToLower(strings.TrimSpace(text))
	meant, known := intervalWords[text]
	if m := multiplePattern.FindStringSubmatch(text); m != nil {
		unit := calendar.Interval(strings.TrimSuffix(m[2], "s"))
		if of, short := intervalWords[m[2]]; short {
			unit = of
		}
		number, _ := strconv.Atoi(m[1])
		meant, known = calendar.Every(number, unit), slices.Contains(calendar.Units(), unit) && number <= calendar.MostOf
	}
	if !known {
		return ""
	}
	if n, unit := meant.Parts(); n != 1 {
		return fmt.Sprintf("; did you mean {every: %d, unit: %s}?", n, unit)
	}
	if !slices.Contains(words, T(meant)) {
		return ""
	}
	return fmt.Sprintf("; did you mean %s?", meant)
}
