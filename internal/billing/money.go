package billing

import "github.com/govalues/decimal"

// MaxAmount is the largest limit or amount: 2^53-1, the largest integer that
// every JSON reader keeps exact.
const MaxAmount = 1<<53 - 1

// Tier prices the units of one band of usage. How bands
// go together is said by [TiersMode].
type Tier struct {
	// UpTo is the last unit of the band; nil for the last band, which is open.
	UpTo *int64
	// UnitAmount is the price of a unit, in minor units of the catalog's
	// currency; it may have decimals (0.04).
	UnitAmount decimal.Decimal
	// AnnualUnitAmount is that of a year at once; nil: not offered.
	AnnualUnitAmount *decimal.Decimal
	// FlatAmount is paid for the band as a whole, once it is reached; nil: nothing is.
	FlatAmount *decimal.Decimal
}

// wholeMinorUnits is a price as an integer of minor units, if it is one.
func wholeMinorUnits(d decimal.Decimal) (int64, bool) {
	whole, frac, ok := d.Int64(0)
	if !ok || frac != 0 || !d.IsInt() {
		return 0, false
	}
	return whole, true
}
