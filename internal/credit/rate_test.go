package credit_test

import (
	"testing"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
)

// What a use would burn is told exactly, however much it is.
func TestExactly(t *testing.T) {
	for _, test := range []struct {
		total, units billing.Units
		rate         string
		hold         bool
		want         string
	}{
		{0, 999_999_999_999_999_999, "1000000", false, "999999999999999999"},
		{0, 999_999_999_999_999_999, "1000000", true, "999999999999999999"},
		{0, 999_999_999_999_999_999, "999999.5", false, "999999499999999999.000001"},
		{0, 333_333, "1.5", false, "0.5"},
		{333_333, 333_333, "1.5", false, "0.499999"},
		{0, 333_333, "1.5", true, "0.5"},
		{0, 100_000, "0.000001", false, "0"},
		{0, 100_000, "0.000001", true, "0.000001"},
	} {
		rate := decimal.MustParse(test.rate)
		got := credit.Exactly(test.total, test.units, rate, test.hold)
		if got != test.want {
			t.Errorf("%d behind %d at %s, hold %t: %s, want %s", test.units, test.total, test.rate, test.hold, got, test.want)
		}
		cut := credit.Burned(test.total, test.units, rate)
		if test.hold {
			cut = credit.AtMost(test.units, rate)
		}
		if exact, err := billing.ParseUnits(test.want); err == nil && exact != cut {
			t.Errorf("%s is %s in 64 bits", test.want, cut)
		}
	}
}
