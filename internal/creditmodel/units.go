package creditmodel

import (
	"fmt"
	"math/big"
	"strings"
)

// Units are whole millionths of a unit.
type Units int64

// One is one whole unit.
const One Units = 1_000_000

// mostUnits is what an unlimited bound is counted as inside.
const mostUnits Units = 1 << 62

// String is the decimal text without needless zeros.
func (u Units) String() string {
	sign := ""
	if u < 0 {
		sign, u = "-", -u
	}
	whole, part := u/One, u%One
	if part == 0 {
		return fmt.Sprintf("%s%d", sign, whole)
	}
	return sign + strings.TrimRight(fmt.Sprintf("%d.%06d", whole, part), "0")
}

// ParseUnits reads a decimal text with at most six digits after the point.
func ParseUnits(text string) (Units, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	r.Mul(r, big.NewRat(int64(One), 1))
	if !r.IsInt() || !r.Num().IsInt64() {
		return 0, fmt.Errorf("%q is not whole millionths", text)
	}
	return Units(r.Num().Int64()), nil
}

// rat is u in units, not millionths.
func (u Units) rat() *big.Rat { return big.NewRat(int64(u), int64(One)) }

// cut is n as Units, at most mostUnits either way.
func cut(n *big.Int) Units {
	most := big.NewInt(int64(mostUnits))
	if n.Cmp(most) > 0 {
		return mostUnits
	}
	if n.Cmp(new(big.Int).Neg(most)) < 0 {
		return -mostUnits
	}
	return Units(n.Int64())
}

// sum adds without wrapping.
func sum(of ...Units) Units {
	total := new(big.Int)
	for _, u := range of {
		total.Add(total, big.NewInt(int64(u)))
	}
	return cut(total)
}

func atLeastZero(u Units) Units { return max(u, 0) }

// floorRat, ceilRat and halfUpRat turn units into whole millionths.
func floorRat(r *big.Rat) Units {
	m := new(big.Rat).Mul(r, big.NewRat(int64(One), 1))
	return cut(new(big.Int).Div(m.Num(), m.Denom())) // Euclidean; the denominator is positive
}

func ceilRat(r *big.Rat) Units { return -floorRat(new(big.Rat).Neg(r)) }

func halfUpRat(r *big.Rat) Units {
	return floorRat(new(big.Rat).Add(r, big.NewRat(1, 2*int64(One))))
}

// parseRate reads a rate by rule 9: above 0, at most 10^6, at most 12 digits after the point.
func parseRate(text string) (*big.Rat, error) {
	r, ok := new(big.Rat).SetString(text)
	if !ok || r.Sign() <= 0 || r.Cmp(big.NewRat(1_000_000, 1)) > 0 {
		return nil, fmt.Errorf("rate %q is not above 0 and at most 1000000", text)
	}
	if !new(big.Rat).Mul(r, big.NewRat(1_000_000_000_000, 1)).IsInt() {
		return nil, fmt.Errorf("rate %q has more than 12 digits after the point", text)
	}
	return r, nil
}

// mustRate is parseRate of a rate that SetTerms has let in.
func mustRate(text string) *big.Rat {
	r, err := parseRate(text)
	if err != nil {
		panic(err)
	}
	return r
}

// Priced is rule 9: what a use of units costs in the pool, after a running total.
// round(T1·R) − round(T0·R), half up to millionths.
func Priced(total, units Units, rate string) Units {
	return priced(total, units, mustRate(rate))
}

func priced(total, units Units, r *big.Rat) Units {
	before := halfUpRat(new(big.Rat).Mul(total.rat(), r))
	after := halfUpRat(new(big.Rat).Mul(sum(total, units).rat(), r))
	return after - before
}

// pinned is rule 6: what a hold of a burning feature pins of the pool, u·R rounded up.
func pinned(units Units, rate string) Units {
	return ceilRat(new(big.Rat).Mul(units.rat(), mustRate(rate)))
}

// payable is rule 15: as many uses as so much of the pool still pays for, rounded down.
//
// READING: by the running total as it is, so that a use of that much is paid for, and one of
// a millionth more is not.
func payable(total, left Units, rate string) Units {
	low := floorRat(new(big.Rat).Quo(left.rat(), mustRate(rate)))              // is paid for
	high := sum(floorRat(new(big.Rat).Quo((left+1).rat(), mustRate(rate))), 1) // is not
	for low+1 < high {
		if middle := low + (high-low)/2; Priced(total, middle, rate) <= left {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// givenBack is rule 7: of a record of u units that drew p, what c corrected units have
// given back in all: p − round(p·(u − c)/u).
func givenBack(p, u, c Units) Units {
	keep := new(big.Rat).Mul(p.rat(), new(big.Rat).Quo((u-c).rat(), u.rat()))
	return p - halfUpRat(keep)
}
