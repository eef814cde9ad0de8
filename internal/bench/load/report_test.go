package load

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is recorded is read back as it was, and what people see has it too.
func TestReport(t *testing.T) {
	report := &Report{
		Version: "v1.2.3", Began: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Machine: ThisMachine(), Database: "sqlite",
		Comparisons: []Comparison{{
			Scenario: "read-warm", Connections: 64, Customers: 100, Stored: 1000, Unit: "requests", Rate: 500,
			Sides: []Series{
				{Name: "allot", Rounds: []Round{{Requests: 10, Seconds: 2, PerSecond: 5, P99: 123.4}}, Median: Round{PerSecond: 5, P99: 123.4}},
			},
			Ratios: []Ratio{
				{Of: "allot", To: "constant handler", Figure: CPU, Median: 1.1, Low: 1, High: 1.2, Goal: &Goal{AtMost: 1.15}},
				{Of: "allot", To: "constant handler", Figure: PerSecond, Median: 0.8, Low: 0.7, High: 0.9, Goal: &Goal{AtLeast: 0.88}},
			},
		}},
		Starts: []Start{NewStart(1000, []float64{0.3, 0.1, 0.2})},
	}
	name := filepath.Join(t.TempDir(), "report.json")
	if err := report.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var read Report
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, &read); diff != "" {
		t.Errorf("the record differs (-written +read):\n%s", diff)
	}

	var out strings.Builder
	if err := report.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"allot v1.2.3, go", "sqlite", "read-warm, 64 connections, 100 of 1000 customers, 500 requests a second",
		"CPU, allot ÷ constant handler", "≤ 1.15 reached", "≥ 0.88 missed", "1000       0.20 s",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}
