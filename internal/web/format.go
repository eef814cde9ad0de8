package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode"
)

// funcs are what every template may call.
var funcs = template.FuncMap{
	"static":  Static,
	"number":  Number,
	"integer": func(n int64) string { return Number(fmt.Sprint(n)) },
	"instant": Instant,
	"day":     func(t time.Time, zone *time.Location) string { return t.In(in(zone)).Format("2 Jan 2006") },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
	"json":    indented,
	"dict":    dict,
	"join":    strings.Join,
	"plural":  Count,
}

// minorDigits are the digits behind the point of currencies that do not have two.
var minorDigits = map[string]int{
	"bhd": 3, "iqd": 3, "jod": 3, "kwd": 3, "lyd": 3, "omr": 3, "tnd": 3,
	"bif": 0, "clp": 0, "djf": 0, "gnf": 0, "isk": 0, "jpy": 0, "kmf": 0, "krw": 0, "pyg": 0,
	"rwf": 0, "ugx": 0, "uyi": 0, "vnd": 0, "vuv": 0, "xaf": 0, "xof": 0, "xpf": 0,
}

// Money is an amount in minor units of a currency, which may be decimal, such as "2500" or
// "0.04", as people read it: 25.00 USD.
func Money(amount, currency string) string {
	digits, ok := minorDigits[strings.ToLower(currency)]
	if !ok {
		digits = 2
	}
	sign := ""
	if strings.HasPrefix(amount, "-") {
		sign, amount = "−", amount[1:]
	}
	whole, fraction, _ := strings.Cut(amount, ".")
	if n := digits + 1 - len(whole); n > 0 {
		whole = strings.Repeat("0", n) + whole
	}
	major, minor := whole[:len(whole)-digits], whole[len(whole)-digits:]+fraction
	if len(minor) > digits {
		minor = minor[:digits] + strings.TrimRight(minor[digits:], "0")
	}
	text := sign + group(major)
	if minor != "" {
		text += "." + minor
	}
	return strings.TrimSpace(text + " " + strings.ToUpper(currency))
}

// Number is a decimal, such as "1234567.5", with its thousands apart: 1,234,567.5.
func Number(decimal string) string {
	sign := ""
	if strings.HasPrefix(decimal, "-") {
		sign, decimal = "−", decimal[1:]
	}
	whole, fraction, ok := strings.Cut(decimal, ".")
	text := sign + group(whole)
	if ok {
		text += "." + fraction
	}
	return text
}

// group sets the thousands of a whole number apart.
func group(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// in is a zone; nil is UTC.
func in(zone *time.Location) *time.Location {
	if zone == nil {
		return time.UTC
	}
	return zone
}

// Instant is a time as people read it in a zone, nil being UTC: 1 Dec 2026, 10:00 UTC.
func Instant(t time.Time, zone *time.Location) string {
	format := "2 Jan 2006, 15:04 MST"
	if t.Second() != 0 || t.Nanosecond() != 0 {
		format = "2 Jan 2006, 15:04:05 MST"
	}
	return t.In(in(zone)).Format(format)
}

// indented is what the API would say, for people.
func indented(v any) (string, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return string(text), err
}

// dict gives a template of several things: names, each with its value behind it.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: a name without a value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: %v is no name", pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// Count is a number with its noun: 1 customer, 2 customers.
func Count(n int, noun string) string { return Amount(fmt.Sprint(n), noun) }

// Amount is a decimal with its noun, which may be "": 1 seat, 1,500 calls, 3 GB.
func Amount(decimal, noun string) string {
	switch {
	case noun == "":
		return Number(decimal)
	case decimal != "1":
		noun = Plural(noun)
	}
	return Number(decimal) + " " + noun
}

// Plural is a noun in the plural. An abbreviation, such as GB, has none of its own, and what
// ends in an s may be one already.
func Plural(noun string) string {
	last := rune(noun[len(noun)-1])
	switch {
	case !unicode.IsLower(last), last == 's':
		return noun
	case last == 'y' && len(noun) > 1 && !strings.ContainsRune("aeiou", rune(noun[len(noun)-2])):
		return noun[:len(noun)-1] + "ies"
	case last == 'x' || strings.HasSuffix(noun, "ch") || strings.HasSuffix(noun, "sh"):
		return noun + "es"
	}
	return noun + "s"
}
