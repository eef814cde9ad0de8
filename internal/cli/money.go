package cli

import (
	"encoding/json"
	"strings"

	"golang.org/x/text/currency"

	"github.com/allot-dev/allot/api"
)

// money is an amount in minor units, which may be decimal, as people read it: 2500
// of usd is USD 25.00. A currency that is not known has two decimals.
func money(code string, minor json.Number) string {
	decimals := 2
	if unit, err := currency.ParseISO(code); err == nil {
		decimals, _ = currency.Standard.Rounding(unit)
	}
	digits, negative := strings.CutPrefix(minor.String(), "-")
	whole, fraction, _ := strings.Cut(digits, ".")
	if short := decimals + 1 - len(whole); short > 0 {
		whole = strings.Repeat("0", short) + whole
	}
	major, minors := whole[:len(whole)-decimals], whole[len(whole)-decimals:]
	if minors += strings.TrimRight(fraction, "0"); minors != "" {
		major += "." + minors
	}
	if negative {
		major = "-" + major
	}
	return strings.ToUpper(code) + " " + major
}

// charge is what an item costs whether it is used or not; "" if nothing.
func charge(code string, item *api.Item) string {
	if item.FixedCharge == nil {
		return ""
	}
	interval := item.Interval
	if interval == "" {
		interval = api.IntervalMonth
	}
	return money(code, json.Number(integer(item.FixedCharge))) + " a " + interval
}

// price is all that an item costs; unit is the noun of what is counted.
func price(code, unit string, item *api.Item) string {
	if unit == "" {
		unit = "unit"
	}
	switch {
	case item.FixedCharge != nil:
		return charge(code, item)
	case item.UnitAmount != "":
		return money(code, item.UnitAmount) + " a " + unit
	}
	steps := make([]string, len(item.Tiers))
	for i, tier := range item.Tiers {
		steps[i] = money(code, tier.UnitAmount)
		if tier.UpTo != nil {
			steps[i] += " up to " + integer(tier.UpTo)
		}
	}
	if len(steps) == 0 {
		return ""
	}
	return strings.Join(steps, ", then ") + " a " + unit
}
