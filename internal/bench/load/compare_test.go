package load

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
	var order string
	side := func(name string, perSecond ...float64) Side {
		taken := 0
		return Side{Name: name, Measure: func(context.Context) (Round, error) {
			order += name
			taken++
			return Round{PerSecond: perSecond[taken-1], P99: 10 * perSecond[taken-1]}, nil
		}}
	}
	// Both drift: the ratio within each round is what is steady.
	series, err := Compare(t.Context(), 4, side("a", 10, 20, 40, 30), side("b", 20, 40, 80, 90))
	if err != nil {
		t.Fatal(err)
	}
	if order != "abbaabba" {
		t.Errorf("measured in the order %s", order)
	}
	if series[0].Median.PerSecond != 25 || series[1].Median.P99 != 600 {
		t.Errorf("medians are %+v and %+v", series[0].Median, series[1].Median)
	}
	ratio, known := CompareFigures(series, "a", "b", PerSecond)
	want := Ratio{Of: "a", To: "b", Figure: PerSecond, Median: 0.5, Low: 1.0 / 3, High: 0.5}
	if diff := cmp.Diff(want, ratio); !known || diff != "" {
		t.Errorf("the ratio differs (-want +got):\n%s", diff)
	}
	// Nobody knows what it cost, and nobody is called c.
	if _, known := CompareFigures(series, "a", "b", CPU); known {
		t.Error("a figure that was not taken is compared")
	}
	if _, known := CompareFigures(series, "a", "c", PerSecond); known {
		t.Error("a side that is not there is compared")
	}
}

func TestCompareEndsWithFault(t *testing.T) {
	fault := errors.New("no answer")
	_, err := Compare(t.Context(), 3, Side{Name: "a", Measure: func(context.Context) (Round, error) { return Round{}, fault }})
	if !errors.Is(err, fault) || err.Error() != "a: no answer" {
		t.Errorf("the error is %v", err)
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 100}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("the median of %v is %g, want %g", test.values, got, test.want)
		}
	}
}

func TestGoal(t *testing.T) {
	atLeast, atMost := Goal{AtLeast: 0.5}, Goal{AtMost: 2}
	if !atLeast.Met(0.5) || atLeast.Met(0.49) || !atMost.Met(2) || atMost.Met(2.01) {
		t.Error("a goal is met or missed on the wrong side")
	}
}

// The clock runs while the process works, and not while another does.
func TestCPUTime(t *testing.T) {
	before, known := CPUTime(os.Getpid())
	if known != (runtime.GOOS == "linux") {
		t.Fatalf("known on %s: %t", runtime.GOOS, known)
	}
	if _, known := CPUTime(0); known {
		t.Error("no process has a time")
	}
	if !known {
		return
	}
	for after := before; after-before < 5*time.Millisecond; {
		if after, known = CPUTime(os.Getpid()); !known {
			t.Fatal("this process is gone")
		}
	}
}

// A figure by itself has a goal as a ratio has; one that is missing in a round is
// not known.
func TestAlone(t *testing.T) {
	series := []Series{{Name: "allot", Rounds: []Round{{Written: 900, P999: 1}, {Written: 700}, {Written: 800, P999: 2}}}}
	got, known := Alone(series, "allot", Written)
	if want := (Ratio{Of: "allot", Figure: Written, Median: 800, Low: 700, High: 900}); !known || got != want {
		t.Errorf("%+v, known: %t; want %+v", got, known, want)
	}
	if name := got.Name("requests"); name != "bytes written, allot" {
		t.Errorf("it is called %q", name)
	}
	if _, known := Alone(series, "allot", P999); known {
		t.Error("a figure that was not found in every round is known")
	}
	if _, known := Alone(series, "other", Written); known {
		t.Error("a figure of a side that there is not is known")
	}
}
