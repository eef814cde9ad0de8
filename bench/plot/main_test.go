package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// report is one like allot bench records, over some sizes.
func report(sizes ...int) *load.Report {
	r := &load.Report{
		Version: "v1.2.3", Began: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Database: "sqlite",
		Machine: load.Machine{OS: "linux", Arch: "amd64", Cores: 2, GOMAXPROCS: 2, Go: "go1.26"},
		Starts:  []load.Start{load.NewStart(1000, []float64{0.25})},
	}
	for _, size := range sizes {
		for _, connections := range []int{16, 64} {
			r.Comparisons = append(r.Comparisons, load.Comparison{
				Scenario: "read-warm", Connections: connections, Customers: 100, Stored: size, Unit: "requests",
				Sides: []load.Series{
					{Name: allot, Median: load.Round{PerSecond: 12345, CPU: 20}},
					{Name: constant, Median: load.Round{PerSecond: 14000, CPU: 18}},
				},
				Ratios: []load.Ratio{
					{Of: allot, To: constant, Figure: load.PerSecond, Median: 0.91, Low: 0.9, High: 0.92, Goal: &load.Goal{AtLeast: 0.88}},
					{Of: allot, To: constant, Figure: load.CPU, Median: 1.11, Low: 1.1, High: 1.2},
				},
			})
		}
	}
	return r
}

func place(t *testing.T) (results, page, drawings string) {
	t.Helper()
	dir := t.TempDir()
	results, page, drawings = filepath.Join(dir, "results"), filepath.Join(dir, "page.md"), filepath.Join(dir, "page")
	if err := os.Mkdir(results, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "before\n" + begin + "\nold\n" + end + "\nafter\n"
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return results, page, drawings
}

func TestRun(t *testing.T) {
	results, page, drawings := place(t)
	if err := report(1000, 100_000).WriteFile(filepath.Join(results, "sqlite.json")); err != nil {
		t.Fatal(err)
	}
	peer := `{"version":"v1","began":"2026-11-22T10:00:00Z","peer":{"name":"other","version":"v9"},"comparisons":[
		{"scenario":"other list","connections":16,"unit":"requests","ratios":[{"of":"allot list","to":"other list","figure":"per_second","median":7.5,"low":7,"high":8}]}]}`
	if err := os.WriteFile(filepath.Join(results, "peers-other.json"), []byte(peer), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(results, page, drawings); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n" + begin, end + "\nafter\n", "### sqlite\n\n22 November 2026 10:00 UTC, allot v1.2.3, SQLite, go1.26, linux/amd64, 2 cores",
		"| read-warm, 100 of 1\u202f000 customers | 16 | allot | 12\u202f345 requests | 20.0 |",
		"| requests/s, allot ÷ constant handler | 0.91 | 0.90 to 0.92 | ≥ 0.88 reached |",
		"| 1\u202f000 | 0.25 s |", "allot v1, other v9", "| 7.50 | 7.00 to 8.00 |  |",
		"(page/sqlite-rate.svg)", "(page/sqlite-cpu.svg)", "(page/sqlite-growth.svg)", "(page/peers-other-peer.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the page:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old") || strings.Contains(string(text), "durable") {
		t.Errorf("the page has what it should not:\n%s", text)
	}
	for _, name := range []string{"sqlite-rate", "sqlite-cpu", "sqlite-growth", "peers-other-peer"} {
		drawn, err := os.ReadFile(filepath.Join(drawings, name+".svg"))
		if err != nil || !strings.Contains(string(drawn), "</svg>") {
			t.Errorf("%s: %d bytes, %v", name, len(drawn), err)
		}
	}

	// Again, it makes the same: the page changes only when the figures do.
	if err := run(results, page, drawings); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(page); err != nil || string(again) != string(text) {
		t.Errorf("the second time the page is another, %v", err)
	}

	// At one size there is nothing that grows.
	if err := report(1000).WriteFile(filepath.Join(results, "sqlite.json")); err != nil {
		t.Fatal(err)
	}
	if err := run(results, page, drawings); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(drawings, "sqlite-growth.svg")); err == nil {
		t.Error("a drawing of what is not there is left")
	}
}

func TestPageWithoutMarks(t *testing.T) {
	results, page, drawings := place(t)
	if err := os.WriteFile(page, []byte("nothing to replace"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(results, page, drawings); err == nil || !strings.Contains(err.Error(), begin) {
		t.Errorf("the error is %v, want one that names the marks", err)
	}
}

func TestFigures(t *testing.T) {
	for f, want := range map[float64]string{0: "", 1.234: "1.23", 12.34: "12.3", 999.6: "1\u202f000", 1234567: "1\u202f234\u202f567"} {
		if got := figure(f); got != want {
			t.Errorf("%g is shown as %q, want %q", f, got, want)
		}
	}
}
