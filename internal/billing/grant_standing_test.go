package billing

import (
	"testing"

	"github.com/govalues/decimal"
)

func TestGrantWorth(t *testing.T) {
	for _, test := range []struct {
		cost  string
		units Units
		want  int64
	}{
		{"2", 400 * OneUnit, 800},
		{"0", 400 * OneUnit, 0},
		{"0.04", 12 * OneUnit, 0},
		{"0.04", 12*OneUnit + OneUnit/2, 1}, // 0.5 is rounded up
		{"0.04", 12*OneUnit + OneUnit/2 - 1, 0},
		{"0.000000000001", 1e12*OneUnit - 1, 1},
		{"3.333333", 3, 0},
		{"1.5", 999_999_999_999_999_999, 1_500_000_000_000},
		{"999999999999.999999", 1e12*OneUnit - 1, MaxAmount},
	} {
		g := Grant{CostBasis: new(decimal.MustParse(test.cost))}
		if got, said := g.Worth(test.units); got != test.want || !said {
			t.Errorf("%s units at %s are worth %d, %v, want %d", test.units, test.cost, got, said, test.want)
		}
	}
	if _, said := new(Grant).Worth(OneUnit); said {
		t.Error("without a cost basis there is a worth")
	}
}

func TestUnusedGrant(t *testing.T) {
	now := date("2027-01-10T00:00:00Z")
	g := Grant{Amount: 5, EffectiveOn: now, ExpiresOn: now.AddDate(0, 0, 5)}
	voided := g
	voided.EndedOn = now.AddDate(0, 0, 1)
	for _, test := range []struct {
		g    Grant
		days int
		want CreditState
	}{
		{g, -1, CreditState{Remaining: 5, Refundable: 5}},
		{g, 0, CreditState{Remaining: 5, Refundable: 5}},
		{g, 5, CreditState{}},
		{voided, 0, CreditState{Remaining: 5, Refundable: 5}},
		{voided, 1, CreditState{Refundable: 5}},
		{voided, 9, CreditState{Refundable: 5}},
	} {
		if got := test.g.Unused(now.AddDate(0, 0, test.days)); got != test.want {
			t.Errorf("after %d days, voided %v: %+v, want %+v", test.days, !test.g.EndedOn.IsZero(), got, test.want)
		}
	}
}
