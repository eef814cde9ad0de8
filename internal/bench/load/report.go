package load

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// Report is all that a run found, as it is recorded.
type Report struct {
	Version     string       `json:"version"` // of Allot
	Began       time.Time    `json:"began"`
	Note        string       `json:"note,omitempty"` // what a reader has to know of it, added by hand
	Machine     Machine      `json:"machine"`
	Database    string       `json:"database,omitempty"` // the kind: sqlite, postgres; "" of a server that runs elsewhere
	Comparisons []Comparison `json:"comparisons"`
	Starts      []Start      `json:"starts,omitempty"`
}

// Comparison is one scenario at one number of connections.
type Comparison struct {
	Scenario    string   `json:"scenario"`
	Connections int      `json:"connections"`
	Customers   int      `json:"customers"`      // that requests are for, out of as many in the database or more
	Stored      int      `json:"stored"`         // customers in the database
	Unit        string   `json:"unit"`           // what is counted: requests, records
	Rate        float64  `json:"rate,omitempty"` // requests a second of an open loop
	Sides       []Series `json:"sides"`
	Ratios      []Ratio  `json:"ratios"`
}

// Start is how long a server takes from its start to its first answer.
type Start struct {
	Customers int       `json:"customers"`
	Seconds   []float64 `json:"seconds"` // of each try
	Median    float64   `json:"median"`
}

// NewStart is one of some tries, each of them seconds.
func NewStart(customers int, seconds []float64) Start {
	return Start{customers, seconds, median(seconds)}
}

// WriteFile writes the report as JSON.
func (r *Report) WriteFile(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}

// WriteText writes the report as tables for people.
func (r *Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	m := r.Machine
	fmt.Fprintf(w, "allot %s, %s %s/%s, kernel %s, %s, %d cores, GOMAXPROCS %d, %s\n",
		r.Version, m.Go, m.OS, m.Arch, or(m.Kernel, "unknown"), or(m.CPU, "unknown processor"), m.Cores, m.GOMAXPROCS,
		or(r.Database, "a server that runs elsewhere"))
	for i := range r.Comparisons {
		r.Comparisons[i].writeText(w)
	}
	if len(r.Starts) > 0 {
		fmt.Fprintf(w, "\nCUSTOMERS\tREADY IN\n")
		for _, s := range r.Starts {
			fmt.Fprintf(w, "%d\t%.2f s\n", s.Customers, s.Median)
		}
	}
	return w.Flush()
}

func (c *Comparison) writeText(w io.Writer) {
	fmt.Fprintf(w, "\n%s, %d connections", c.Scenario, c.Connections)
	if c.Stored > 0 {
		fmt.Fprintf(w, ", %d of %d customers", c.Customers, c.Stored)
	}
	if c.Rate > 0 {
		fmt.Fprintf(w, ", %.0f requests a second", c.Rate)
	}
	fmt.Fprintf(w, "\n  SIDE\t%s/s\tCPU µs\tDB CPU µs\tBYTES\tp50 µs\tp99 µs\tp99.9 µs\n", c.Unit)
	for _, s := range c.Sides {
		fmt.Fprintf(w, "  %s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Name, s.Median.PerSecond,
			number(s.Median.CPU), number(s.Median.DatabaseCPU), number(s.Median.Written), number(s.Median.P50), number(s.Median.P99), number(s.Median.P999))
	}
	fmt.Fprintf(w, "  RATIO\tMEDIAN\tLOW\tHIGH\tGOAL\n")
	for _, ratio := range c.Ratios {
		digits := 3
		if ratio.To == "" {
			digits = 0 // microseconds or bytes
		}
		fmt.Fprintf(w, "  %s\t%.*f\t%.*f\t%.*f\t%s\n", ratio.Name(c.Unit),
			digits, ratio.Median, digits, ratio.Low, digits, ratio.High, ratio.Verdict())
	}
}

// Name says what is compared, of units such as requests.
func (r *Ratio) Name(unit string) string {
	figure := map[Figure]string{
		PerSecond: unit + "/s", CPU: "CPU", DatabaseCPU: "CPU of the database", Written: "bytes written", P99: "p99", P999: "p99.9",
	}[r.Figure]
	if r.To == "" {
		if r.Figure != Written && r.Figure != PerSecond {
			figure += " µs"
		}
		return fmt.Sprintf("%s, %s", figure, r.Of)
	}
	return fmt.Sprintf("%s, %s ÷ %s", figure, r.Of, r.To)
}

// Verdict says what the goal is and whether the median reaches it; "-" without.
func (r *Ratio) Verdict() string {
	if r.Goal == nil {
		return "-"
	}
	bound := fmt.Sprintf("≥ %g", r.Goal.AtLeast)
	if r.Goal.AtMost > 0 {
		bound = fmt.Sprintf("≤ %g", r.Goal.AtMost)
	}
	if r.Goal.Met(r.Median) {
		return bound + " reached"
	}
	return bound + " missed"
}

// number is a figure with three digits that matter; "-" if it is not known.
func number(f float64) string {
	switch {
	case f == 0:
		return "-"
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
