package catalog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
)

// hintFor says what was probably meant by a key that the object does not have,
// where that is not a key of nearly the same spelling, and the key that it stands
// for, if there is one; "" if nobody knows.
func hintFor(e entry, s shape) (hint, meant string) {
	key := strings.ToLower(strings.ReplaceAll(e.key, "-", "_"))
	switch s.what {
	case itemShape.what:
		switch key {
		case "amount", "lasts", "grant", "priority", "at":
			if key != "amount" {
				return grantsHint, "grants"
			}
			return "did you mean fixed_charge (of a charge), or unit_amount (of a metered feature), in minor units? Units that are given are " + someGrants, ""
		case "price", "cost":
			return "did you mean fixed_charge (of a charge) or unit_amount (of a metered feature)? Amounts are in minor units: 2000 is 20.00", ""
		case "quota", "allowance":
			return "did you mean max? It is where use stops; how much of it is free of charge is included", ""
		case "cap":
			return "did you mean caps: [{max: 100, reset: day}]?", ""
		case "code", "name":
			return "did you mean feature, with the code of one?", "feature"
		}
		if value := e.value; value.kind == scalar && billing.Code(e.key).Valid() && !near(key, s.keys) {
			if text := strings.ToLower(value.text); slices.Contains([]string{"unlimited", "infinite", "true", "yes", "-1"}, text) {
				return "did you mean {feature: " + e.key + "}? Without max it is unlimited", "feature"
			} else if wholePattern.MatchString(text) {
				return "did you mean {feature: " + e.key + ", max: " + shorten(text) + "}?", "feature"
			}
		}
	case lastsShape.what:
		return wholeDays, "days"
	case planShape.what:
		switch key {
		case "grants", "grant":
			return "grants are of an item: {feature: CODE, " + someGrants + "}", ""
		case "amount", "cost":
			return priceHint, ""
		case "interval", "period", "billing_cycle":
			return "did you mean cycle?", ""
		case "seats":
			return "did you mean quantity: true, or an item {feature: seats, max: 10}?", ""
		}
	}
	return "", ""
}

// grantsHint tells who writes of a grant in the item itself.
const (
	grantsHint = "did you mean " + someGrants + "?"
	someGrants = "grants: [{amount: 1000, lasts: never}]"
)

// priceHint tells who writes a price of a plan where it stands.
const priceHint = "a price is an item of its own: {feature: CODE, fixed_charge: 2000}, of a feature of type charge, in minor units"

func near(word string, keys []string) bool {
	_, found := nearest(word, keys)
	return found
}

var fractionPattern = regexp.MustCompile(`^[0-9]*[.][0-9]+$`)

// fractionHint is for a fraction where a whole number belongs.
func fractionHint(key, text string) string {
	switch {
	case !fractionPattern.MatchString(text):
		return ""
	case key == "fixed_charge" || key == "annual":
		return ". Amounts are in minor units (cents): 9.50 is 950"
	case key == "max" || key == "min" || key == "included" || key == "overage_max":
		return ". For parts of a unit, count in a smaller one"
	}
	return ""
}
