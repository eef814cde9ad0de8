package billing

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Units is an amount of usage in whole millionths of a unit: exact, and summed
// without loss on every database.
type Units int64

const (
	// OneUnit is one unit of usage.
	OneUnit Units = 1e6
	// maxRecord bounds the value of one record: below 10^12 units.
	maxRecord = 1e12 * OneUnit
	// MaxTotal bounds the usage of one window: 9×10^12 units.
	MaxTotal = 9e12 * OneUnit
)

// ParseUnits reads a decimal number as text: an optional minus sign, digits,
// and at most six digits after a point. Its size is below 10^12.
func ParseUnits(text string) (Units, error) {
	wrong := func() (Units, error) {
		return 0, fmt.Errorf("want a decimal number below 10^12 with at most 6 digits after the point and no exponent")
	}
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(digits, ".")
	if whole == "" || pointed && fraction == "" || len(fraction) > 6 {
		return wrong()
	}
	for _, r := range whole + fraction {
		if r < '0' || r > '9' {
			return wrong()
		}
	}
	whole = strings.TrimLeft(whole, "0")
	if len(whole) > 12 {
		return wrong()
	}
	n, err := strconv.ParseInt("0"+whole+fraction+"000000"[len(fraction):], 10, 64)
	if err != nil {
		return wrong()
	}
	if negative {
		n = -n
	}
	return Units(n), nil
}

// String writes the number with no more digits than it needs.
func (u Units) String() string {
	sign := ""
	n := uint64(u)
	if u < 0 {
		sign, n = "-", -n
	}
	whole, fraction := n/uint64(OneUnit), n%uint64(OneUnit)
	if fraction == 0 {
		return sign + strconv.FormatUint(whole, 10)
	}
	return fmt.Sprintf("%s%d.%s", sign, whole, strings.TrimRight(fmt.Sprintf("%06d", fraction), "0"))
}

// Plus is the sum, cut at what 64 bits hold.
func (u Units) Plus(other Units) Units {
	sum := u + other
	switch {
	case other > 0 && sum < u:
		return math.MaxInt64
	case other < 0 && sum > u:
		return math.MinInt64
	}
	return sum
}

// binds reports whether usage can come to a limit at all.
func binds(limit int64) bool { return limit <= int64(MaxTotal/OneUnit) }

// left is what a limit leaves of what can be counted, never below 0. None of the
// amounts is below 0, so that no difference wraps.
func left(limit int64, used, held Units) Units {
	room := LimitUnits(limit) - used
	if room < held {
		return 0
	}
	return room - held
}

// LimitUnits is a limit as an amount of usage. One above what usage can count is
// as good as that.
func LimitUnits(limit int64) Units { return Units(min(limit, int64(MaxTotal/OneUnit))) * OneUnit }
