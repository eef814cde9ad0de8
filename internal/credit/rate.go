package credit

import (
	"fmt"
	"math"
	"math/big"
	"strings"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
)

// A pool's units of a use are the difference of two running totals, each times the rate
// and rounded half up to millionths: so a use that is split changes nothing. None of the
// products fits 64 bits.

// Burned is how many units of a pool a use burns: round((total+units)·rate) −
// round(total·rate), total being the uses before it. It is cut at what can be counted.
func Burned(total, units billing.Units, rate decimal.Decimal) billing.Units {
	after := new(big.Int).Add(big.NewInt(int64(total)), big.NewInt(int64(units)))
	return cut(new(big.Int).Sub(rounded(after, rate), rounded(big.NewInt(int64(total)), rate)))
}

// Exactly is what that is, or for a hold [AtMost], as text without needless zeros, however
// much it is.
func Exactly(total, units billing.Units, rate decimal.Decimal, hold bool) string {
	before := rounded(big.NewInt(int64(total)), rate)
	n := rounded(new(big.Int).Add(big.NewInt(int64(total)), big.NewInt(int64(units))), rate)
	if n.Sub(n, before); hold {
		n = atMost(units, rate)
	}
	whole, part := n.QuoRem(n, big.NewInt(int64(billing.OneUnit)), new(big.Int))
	if part.Sign() == 0 {
		return whole.String()
	}
	return whole.String() + "." + strings.TrimRight(fmt.Sprintf("%06d", part), "0")
}

// AtMost is what a use can burn at most, wherever it begins: units times the rate, rounded
// up. So much is set aside for a hold.
func AtMost(units billing.Units, rate decimal.Decimal) billing.Units { return cut(atMost(units, rate)) }

func atMost(units billing.Units, rate decimal.Decimal) *big.Int {
	num, den := fraction(rate)
	n := num.Mul(num, big.NewInt(int64(units)))
	n.Add(n, den).Sub(n, big.NewInt(1))
	return n.Quo(n, den)
}

// UsesFor is how many units can be used, behind a total of uses, so that they burn no more
// than a pool has.
func UsesFor(available, total billing.Units, rate decimal.Decimal) billing.Units {
	num, den := fraction(rate)
	// round((total+u)·rate) ≤ n  where  2·(total+u)·num < (2n+1)·den
	n := rounded(big.NewInt(int64(total)), rate)
	n.Add(n, big.NewInt(int64(available)))
	n.Add(n.Lsh(n, 1), big.NewInt(1))
	n.Mul(n, den).Sub(n, big.NewInt(1))
	n.Quo(n, num.Lsh(num, 1)) // above 0, so rounded down
	n.Sub(n, big.NewInt(int64(total)))
	return max(cut(n), 0)
}

// Returned is what a correction gives back to a pool of a record of some units that burned
// so much, if so much of it was corrected before: together round(burned·(units−corrected)/
// units) is left.
func Returned(burned, units, before, more billing.Units) billing.Units {
	left := func(corrected billing.Units) *big.Int {
		n := new(big.Int).Mul(big.NewInt(int64(burned)), big.NewInt(int64(units-corrected)))
		return halfUp(n, big.NewInt(int64(units)))
	}
	return cut(new(big.Int).Sub(left(before), left(before+more)))
}

// rounded is an amount times a rate, rounded half up.
func rounded(units *big.Int, rate decimal.Decimal) *big.Int {
	num, den := fraction(rate)
	return halfUp(num.Mul(num, units), den)
}

// halfUp is n ÷ d, rounded half up; neither is below 0.
func halfUp(n, d *big.Int) *big.Int {
	n = new(big.Int).Lsh(n, 1)
	n.Add(n, d)
	return n.Quo(n, new(big.Int).Lsh(d, 1))
}

// fraction is a rate as two whole numbers.
func fraction(rate decimal.Decimal) (num, den *big.Int) {
	num = new(big.Int).SetUint64(rate.Coef())
	den = new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(rate.Scale())), nil)
	return num, den
}

func cut(n *big.Int) billing.Units {
	switch {
	case n.IsInt64():
		return billing.Units(n.Int64())
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}
