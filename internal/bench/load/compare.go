package load

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Side is one of those that are compared.
type Side struct {
	Name string
	// Measure takes one round of it.
	Measure func(context.Context) (Round, error)
}

// Round is one measurement of one side. Figures that do not apply are 0.
type Round struct {
	Requests  uint64  `json:"requests,omitempty"`
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`                // of what the comparison counts
	CPU       float64 `json:"cpu_us_per_unit,omitempty"` // microseconds of the server's processor time for one of them
	// Microseconds of processor time of the database's processes for one of them,
	// where they are beside the server and can be seen.
	DatabaseCPU float64 `json:"database_cpu_us_per_unit,omitempty"`
	// Bytes written to storage for one of them; on PostgreSQL those of its log.
	Written float64 `json:"written_bytes_per_unit,omitempty"`
	P50     float64 `json:"p50_us,omitempty"` // latency of a request, microseconds
	P99     float64 `json:"p99_us,omitempty"`
	P999    float64 `json:"p999_us,omitempty"`
	Max     float64 `json:"max_us,omitempty"`
}

// Round is a sample as it is recorded. Each request stands for some units of what
// is counted, such as records.
func (s *Sample) Round(units int) Round {
	n := float64(s.Requests) * float64(units)
	return Round{
		Requests: s.Requests, Seconds: s.Elapsed.Seconds(),
		PerSecond:   n / s.Elapsed.Seconds(),
		CPU:         micros(s.CPU) / n,
		DatabaseCPU: micros(s.Spent.Database) / n,
		Written:     float64(s.Spent.Written) / n,
		P50:         micros(s.Latency.Quantile(0.5)), P99: micros(s.Latency.Quantile(0.99)),
		P999: micros(s.Latency.Quantile(0.999)), Max: micros(s.Latency.Max()),
	}
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// Series is a side with all its rounds. Each figure of Median is the median of
// that figure.
type Series struct {
	Name   string  `json:"name"`
	Rounds []Round `json:"rounds"`
	Median Round   `json:"median"`
}

// Compare measures the sides in turns: in each round every side once, in the
// other order every other round, so that neither what drifts nor who comes first
// favours one.
func Compare(ctx context.Context, rounds int, sides ...Side) ([]Series, error) {
	series := make([]Series, len(sides))
	for i, side := range sides {
		series[i].Name = side.Name
	}
	for round := range rounds {
		for k := range sides {
			i := k
			if round%2 == 1 {
				i = len(sides) - 1 - k
			}
			found, err := sides[i].Measure(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", sides[i].Name, err)
			}
			series[i].Rounds = append(series[i].Rounds, found)
		}
	}
	for i := range series {
		series[i].Median = medianRound(series[i].Rounds)
	}
	return series, nil
}

func medianRound(rounds []Round) Round {
	of := func(figure func(Round) float64) float64 {
		var values []float64
		for _, r := range rounds {
			values = append(values, figure(r))
		}
		return median(values)
	}
	return Round{
		Requests:    uint64(of(func(r Round) float64 { return float64(r.Requests) })),
		Seconds:     of(func(r Round) float64 { return r.Seconds }),
		PerSecond:   of(func(r Round) float64 { return r.PerSecond }),
		CPU:         of(func(r Round) float64 { return r.CPU }),
		DatabaseCPU: of(func(r Round) float64 { return r.DatabaseCPU }),
		Written:     of(func(r Round) float64 { return r.Written }),
		P50:         of(func(r Round) float64 { return r.P50 }),
		P99:         of(func(r Round) float64 { return r.P99 }),
		P999:        of(func(r Round) float64 { return r.P999 }),
		Max:         of(func(r Round) float64 { return r.Max }),
	}
}

// median is of at least one value.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}

// Figure names a figure of a [Round].
type Figure string

// The figures that are compared.
const (
	PerSecond   Figure = "per_second"
	CPU         Figure = "cpu"
	DatabaseCPU Figure = "database_cpu"
	Written     Figure = "written"
	P99         Figure = "p99"
	P999        Figure = "p999"
)

func (f Figure) of(r Round) float64 {
	switch f {
	case CPU:
		return r.CPU
	case DatabaseCPU:
		return r.DatabaseCPU
	case Written:
		return r.Written
	case P99:
		return r.P99
	case P999:
		return r.P999
	}
	return r.PerSecond
}

// Ratio is how one side compares with another: the median of the ratios within
// each round, and the lowest and highest of them. A figure that has a goal by itself
// is one to nothing; see [Alone].
type Ratio struct {
	Of     string  `json:"of"` // the sides' names
	To     string  `json:"to,omitempty"`
	Figure Figure  `json:"figure"`
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Goal   *Goal   `json:"goal,omitempty"`
}

// Goal is what a ratio is to reach; one of the bounds is 0 and does not bind.
type Goal struct {
	AtLeast float64 `json:"at_least,omitempty"`
	AtMost  float64 `json:"at_most,omitempty"`
}

// Met reports whether a value reaches the goal.
func (g *Goal) Met(value float64) bool {
	return (g.AtLeast == 0 || value >= g.AtLeast) && (g.AtMost == 0 || value <= g.AtMost)
}

// CompareFigures makes the ratio of two of the series. It reports false if the
// figure is not known of both in every round.
func CompareFigures(series []Series, of, to string, figure Figure) (Ratio, bool) {
	a, b := figures(series, of, figure), figures(series, to, figure)
	if len(a) == 0 || len(a) != len(b) {
		return Ratio{}, false
	}
	for i := range a {
		a[i] /= b[i]
	}
	return newRatio(of, to, figure, a), true
}

// Alone is a figure of one of the series by itself, in its own unit. It reports
// false if it is not known in every round.
func Alone(series []Series, of string, figure Figure) (Ratio, bool) {
	values := figures(series, of, figure)
	if len(values) == 0 {
		return Ratio{}, false
	}
	return newRatio(of, "", figure, values), true
}

// figures are those of a series in each round; nil if one is not known.
func figures(series []Series, name string, figure Figure) []float64 {
	i := slices.IndexFunc(series, func(s Series) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	var values []float64
	for _, r := range series[i].Rounds {
		v := figure.of(r)
		if v <= 0 {
			return nil
		}
		values = append(values, v)
	}
	return values
}

func newRatio(of, to string, figure Figure, values []float64) Ratio {
	return Ratio{
		Of: of, To: to, Figure: figure, Median: median(values),
		Low: slices.Min(values), High: slices.Max(values),
	}
}
