package load

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A quantile is one of the values, at most 1/64 too high, whichever part of the
// values was recorded where.
func TestHistogram(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(0, 1<<rapid.IntRange(0, 62).Draw(t, "bits")), 1, 300).Draw(t, "values")
		var a, b Histogram
		for i, v := range values {
			if i%3 == 0 {
				a.Record(time.Duration(v))
			} else {
				b.Record(time.Duration(v))
			}
		}
		a.Merge(&b)
		slices.Sort(values)
		if a.Count() != uint64(len(values)) || int64(a.Max()) != values[len(values)-1] {
			t.Fatalf("%d values up to %d are counted as %d up to %d", len(values), values[len(values)-1], a.Count(), a.Max())
		}
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		rank := max(1, int(q*float64(len(values))+0.5))
		got, want := int64(a.Quantile(q)), values[rank-1]
		if got < want || got-want > want/64 {
			t.Fatalf("quantile %g is %d, want %d", q, got, want)
		}
	})
}

func TestEmptyHistogram(t *testing.T) {
	var h Histogram
	if h.Quantile(0.5) != 0 || h.Max() != 0 {
		t.Error("what is empty has a quantile")
	}
	h.Record(-1)
	if h.Quantile(1) != 0 || h.Count() != 1 {
		t.Error("below zero is not zero")
	}
}
