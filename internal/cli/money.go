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
	amount := money(code, json.Number(integer(item.FixedCharge)))
	if interval == api.ChargeOnce {
		return amount + " once"
	}
	return amount + " a " + interval
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
		if tier.FlatAmount != "" {
			steps[i] += " and " + money(code, tier.FlatAmount) + " flat"
		}
		if tier.UpTo != nil {
			steps[i] += " up to " + integer(tier.UpTo)
		}
	}
	if len(steps) == 0 {
		return ""
	}
	per := " a " + unit
	switch {
	case item.TiersMode == api.TiersVolume:
		per += ", all by their number"
	case item.TiersMode == api.TiersPackage && item.Package != nil:
		per = " each " + integer(item.Package) + " begun, by the " + unit
	}
	return strings.Join(steps, ", then ") + per
}

// year is what an item costs a year at once; "" if that is not offered.
func year(code, unit string, item *api.Item) string {
	switch {
	case item.Annual == "":
		return ""
	case item.FixedCharge != nil:
		return money(code, item.Annual)
	case unit == "":
		unit = "unit"
	}
	return money(code, item.Annual) + " a " + unit
}
