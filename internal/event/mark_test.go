package event

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// The thresholds that a use reaches are those whose percent of the limit, in exact
// numbers, lies above what was used before and not above what is used after.
func TestCrossed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.OneOf(rapid.Int64Range(0, 30), rapid.Int64Range(0, billing.MaxAmount)).Draw(t, "limit")
		percents := rapid.SliceOfNDistinct(rapid.IntRange(1, 1000), 0, 4, rapid.ID[int]).Draw(t, "thresholds")
		slices.Sort(percents)
		used := func(name string) billing.Units {
			if len(percents) > 0 && limit < 1e8 && rapid.Bool().Draw(t, name+" near") {
				at := limit * int64(percents[0]) * 10_000
				return billing.Units(at + rapid.Int64Range(-1, 1).Draw(t, name+" by"))
			}
			return billing.Units(rapid.Int64Range(-5, int64(billing.MaxTotal)).Draw(t, name))
		}
		before, after := used("before"), used("after")
		w := Watch{Limit: &limit, Thresholds: percents}
		var want []int
		for _, p := range percents {
			// used × 100 / limit, in the millionths that usage is in, against the percent
			mark := new(big.Int).Mul(big.NewInt(limit), big.NewInt(int64(p)*1e6))
			hundred := func(u billing.Units) *big.Int { return new(big.Int).Mul(big.NewInt(int64(u)), big.NewInt(100)) }
			if limit > 0 && hundred(before).Cmp(mark) < 0 && hundred(after).Cmp(mark) >= 0 {
				want = append(want, p)
			}
		}
		if got := w.Crossed(Standing{Used: before}, Standing{Used: after}); !slices.Equal(got, want) {
			t.Fatalf("from %s to %s of %d: %v, want %v", before, after, limit, got, want)
		}
	})
}

func TestUnlimitedCrossesNothing(t *testing.T) {
	w := Watch{Thresholds: []int{80}}
	if got := w.Crossed(Standing{}, Standing{Used: billing.MaxTotal}); got != nil {
		t.Errorf("%v", got)
	}
	for _, limit := range []int64{billing.MaxAmount, 1 << 62} { // to which usage cannot come
		if at, ok := position(limit, 1000); ok {
			t.Errorf("ten times %d is at %s", limit, at)
		}
	}
}

// What is held is told again below nine tenths of the mark, and not on them.
func TestRearms(t *testing.T) {
	m := Mark{always, 80, 10}
	for used, want := range map[billing.Units]bool{7_200_000: false, 7_199_999: true, 0: true, 8_000_000: false} {
		if got := m.Rearms(used); got != want {
			t.Errorf("%s: %v", used, got)
		}
	}
	if (Mark{Window: always}).Rearms(0) {
		t.Error("a refusal is told again")
	}
}

func TestFallsLow(t *testing.T) {
	units := func(n int64) *billing.Units { return new(billing.Units(n) * billing.OneUnit) }
	w := Watch{Low: new(int64(20))}
	for _, c := range []struct {
		before, after *billing.Units
		want          bool
	}{
		{units(21), units(20), true}, {units(20), units(19), false}, {units(30), units(-5), true},
		{units(20), units(21), false}, {nil, units(1), false}, {units(30), nil, false}, {units(30), units(21), false},
	} {
		if got := w.FallsLow(Standing{Available: c.before}, Standing{Available: c.after}); got != c.want {
			t.Errorf("%v to %v: %v", c.before, c.after, got)
		}
	}
}

func TestMarkText(t *testing.T) {
	start := time.Date(2027, 1, 1, 0, 0, 0, 1000, time.UTC)
	for _, w := range []billing.Window{{}, {Span: calendar.Span{Start: start, End: start.AddDate(0, 1, 0)}}} {
		watch := Watch{Window: w, Limit: new(int64(billing.MaxAmount))}
		for _, m := range []Mark{watch.Threshold(80), {Window: windowName(w)}} {
			back, err := ParseMark(m.String())
			if err != nil || back != m {
				t.Errorf("%q: %+v, %v", m, back, err)
			}
			if m.IsOver(w.End) == w.AllTime() || m.IsOver(w.End.Add(-1)) {
				t.Errorf("%q: is it over?", m)
			}
		}
	}
	for _, text := range []string{"", "always", "always told", "always x 1", "always 80 x", "a 1 2 3"} {
		if _, err := ParseMark(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}
