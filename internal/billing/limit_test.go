package billing

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// merging is a customer of one plan and one add-on with api, at epoch.
func merging(item Item, quantity int64, addOn *int64, o *Override) *Snapshot {
	item.Feature, item.Limit = "api", Hard
	s := &Snapshot{Catalog: &Catalog{
		Features: map[Code]*Feature{"api": {Code: "api", Type: Metered, Reset: ResetNever}},
		Plans: map[Code]*Plan{
			"pro": {Code: "pro", Versions: []*PlanVersion{{Plan: "pro", Number: 1, Terms: Terms{Cycle: calendar.Month, Items: []Item{item}}}}},
			"extra": {Code: "extra", Kind: KindAddOn, Versions: []*PlanVersion{{Plan: "extra", Number: 1, Terms: Terms{
				Items: []Item{{Feature: "api", Max: addOn, Limit: Hard, Reset: ResetNever}},
			}}}},
		},
	}}
	s.Agreements = []Agreement{
		{Plan: "pro", Kind: KindPlan, Version: 1, Quantity: quantity, StartsOn: epoch},
		{Plan: "extra", Kind: KindAddOn, Version: 1, Quantity: 2, StartsOn: epoch},
	}
	if o != nil {
		o.Feature, o.StartsOn = "api", epoch
		s.Overrides = []Override{*o}
	}
	return s
}

func (s *Snapshot) api(now time.Time) Allowance { return s.Allowance(s.Catalog.Features["api"], now) }

func TestPartsOfALimit(t *testing.T) {
	n := func(n int64) *int64 { return &n }
	for name, c := range map[string]struct {
		item     Item
		override *Override
		want     *int64
		counts   []bool // plan, add-on, override
	}{
		"a plan's limit does not go by quantity":  {Item{Max: n(10)}, nil, n(14), []bool{true, true}},
		"but where the item says so":              {Item{Max: n(10), PerQuantity: true}, nil, n(34), []bool{true, true}},
		"at_least lifts a smaller plan":           {Item{Max: n(10)}, &Override{AtLeast: n(12)}, n(16), []bool{false, true, true}},
		"and comes with add":                      {Item{Max: n(10)}, &Override{AtLeast: n(12), Add: 1}, n(17), []bool{false, true, true}},
		"a larger plan stays":                     {Item{Max: n(10)}, &Override{AtLeast: n(10)}, n(14), []bool{true, true, false}},
		"with add on top":                         {Item{Max: n(10)}, &Override{AtLeast: n(9), Add: 1}, n(15), []bool{true, true, true}},
		"the plan is compared times its quantity": {Item{Max: n(10), PerQuantity: true}, &Override{AtLeast: n(29)}, n(34), []bool{true, true, false}},
		"unlimited stays":                         {Item{}, &Override{AtLeast: n(29)}, nil, []bool{true, true, false}},
		"max decides alone":                       {Item{Max: n(10)}, &Override{HasMax: true, Max: n(1)}, n(5), []bool{false, true, true}},
		"no product wraps":                        {Item{Max: n(MaxAmount), PerQuantity: true}, nil, n(MaxAmount), []bool{true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			al := merging(c.item, 3, n(2), c.override).api(epoch)
			if !equalLimit(al.Limit.Max, c.want) {
				t.Errorf("limit %v, want %v", al.Limit.Max, c.want)
			}
			sum := new(int64)
			for i, source := range al.Sources {
				if source.Counts != c.counts[i] {
					t.Errorf("source %d counts: %v", i, source.Counts)
				}
				if source.Counts {
					sum = plus(sum, source.Max)
				}
			}
			if !equalLimit(sum, al.Limit.Max) {
				t.Errorf("the sources that count sum to %v", sum)
			}
		})
	}
}

// An earlier limit holds on for who was over, while over.
func TestGraceIsForWhoIsOver(t *testing.T) {
	until := epoch.AddDate(0, 0, 7)
	n := func(n int64) *int64 { return &n }
	u := func(n int64) Units { return Units(n) * OneUnit }
	for name, c := range map[string]struct {
		then, used, held Units
		override         *Override
		at               time.Time
		limit            int64
		why              ChangeReason
	}{
		"over then and now":           {then: u(8), used: u(8), limit: 14, why: whyGraceEnds},
		"by what is held":             {then: u(8), used: u(3), held: u(5), limit: 14, why: whyGraceEnds},
		"at the limit then":           {then: u(7), used: u(8), limit: 7},
		"at the limit now":            {then: u(8), used: u(7), limit: 7},
		"the grace is over":           {then: u(8), used: u(8), at: until, limit: 7},
		"an override comes on top":    {then: u(10), used: u(10), override: &Override{Add: 2}, limit: 16, why: whyGraceEnds},
		"its at_least may be more":    {then: u(30), used: u(30), override: &Override{AtLeast: n(20)}, limit: 24},
		"or lift the new limit alone": {then: u(10), used: u(10), override: &Override{AtLeast: n(5)}, limit: 14, why: whyGraceEnds},
		"its max decides alone":       {then: u(8), used: u(8), override: &Override{HasMax: true, Max: n(4)}, limit: 8},
	} {
		t.Run(name, func(t *testing.T) {
			s := merging(Item{Max: n(3), Reset: ResetNever}, 1, n(2), c.override)
			s.Agreements[0].Carried = []Carry{{Feature: "api", Max: n(10), OverOn: []time.Time{epoch}, Until: until}}
			now := c.at
			if now.IsZero() {
				now = epoch.AddDate(0, 0, 1)
			}
			al := s.api(now)
			then := s.api(epoch)
			if al.Grace != nil {
				al.Grace.Answer(&then, c.then, 0)
			}
			d := al.Decide(OneUnit, c.used, c.held)
			if *d.Limit.Max != c.limit || *d.Remaining != max(u(c.limit)-c.used-c.held, 0) {
				t.Errorf("limit %d, remaining %v; want %d", *d.Limit.Max, d.Remaining, c.limit)
			}
			switch {
			case c.why == "" && d.NextChange != nil:
				t.Errorf("next change %+v, there is none", d.NextChange)
			case c.why != "" && (d.NextChange == nil || d.NextChange.Why != c.why || !d.NextChange.On.Equal(until)):
				t.Errorf("next change %+v, want %s", d.NextChange, c.why)
			}
		})
	}
	s := merging(Item{Max: n(3)}, 1, n(2), nil)
	s.Agreements[0].Carried = []Carry{{Feature: "api", Max: n(10), OverOn: []time.Time{epoch}, Until: until}}
	if got := s.Graced(epoch); len(got) != 1 || len(s.Graced(until)) != 0 {
		t.Errorf("graced: %v, later %v", got, s.Graced(until))
	}
	if al := s.api(epoch); *al.Decide(0, u(8), 0).Limit.Max != 7 {
		t.Error("nobody was asked who was over, and the earlier limit holds on")
	}
}

// No amount wraps: every decision is as in wide arithmetic, cut where it cannot be said.
func TestDecisionsAreWide(t *testing.T) {
	edges := []int64{0, 1, int64(OneUnit), int64(MaxTotal) - 1, int64(MaxTotal), int64(MaxTotal) + 1, MaxAmount, math.MaxInt64 - 1, math.MaxInt64}
	limits := []int64{0, 1, 5, 8_999_999_999_999, 9_000_000_000_000, 9_000_000_000_001, 9_223_372_036_854, 9_223_372_036_855, MaxAmount}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func() Units {
		if r.IntN(2) == 0 {
			return Units(edges[r.IntN(len(edges))])
		}
		return Units(r.Int64())
	}
	for range 20000 {
		used, held, units := pick(), pick(), max(pick(), 1)
		if r.IntN(4) == 0 {
			used = -used
		}
		limit := limits[r.IntN(len(limits))]
		al := Allowance{Feature: &Feature{Type: Metered}, Granted: true, Limit: Limit{Max: &limit}}
		d := al.Decide(units, used, held)
		most := new(big.Int).Mul(big.NewInt(min(limit, int64(MaxTotal/OneUnit))), big.NewInt(int64(OneUnit)))
		room := most.Sub(most, big.NewInt(int64(max(used, 0))))
		room.Sub(room, big.NewInt(int64(held)))
		if room.Sign() < 0 {
			room.SetInt64(0)
		}
		if big.NewInt(int64(*d.Remaining)).Cmp(room) != 0 {
			t.Fatalf("limit %d, used %d, held %d: remaining %d, want %v", limit, used, held, *d.Remaining, room)
		}
		if fits := big.NewInt(int64(units)).Cmp(room) <= 0 || limit > int64(MaxTotal/OneUnit); d.Allowed != fits {
			t.Fatalf("limit %d, used %d, held %d: %d more allowed %v", limit, used, held, units, d.Allowed)
		}
		after := d.After(units, units)
		if after.Used < d.Used || after.Held < d.Held || *after.Remaining > *d.Remaining {
			t.Fatalf("after %d more: %+v", units, after)
		}
	}
}
