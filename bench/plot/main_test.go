package main

import (
	"os"
	"path/filepath"
	"slices"
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

// table is a report like allot bench table records.
func table() *load.Report {
	r := report(1000)
	r.Starts = nil
	goal := &load.Goal{AtMost: 800}
	r.Comparisons = []load.Comparison{{
		Scenario: "consume-many", Connections: 64, Customers: 100, Stored: 1000, Unit: "requests",
		Sides: []load.Series{{Name: allot, Median: load.Round{PerSecond: 100, CPU: 20, Written: 900}}},
		Ratios: []load.Ratio{
			{Of: allot, To: constant, Figure: load.CPU, Median: 3.3, Low: 3, High: 4},
			{Of: allot, Figure: load.Written, Median: 900, Low: 900, High: 901, Goal: goal},
		},
	}, {
		Scenario: "growth-holds", Connections: 2, Customers: 1, Unit: "requests",
		Sides: []load.Series{{Name: "1 open holds"}, {Name: "100 open holds"}},
		Ratios: []load.Ratio{
			{Of: "100 open holds", To: "1 open holds", Figure: load.CPU, Median: 2.5, Low: 2, High: 3, Goal: &load.Goal{AtMost: 1.3}},
		},
	}}
	return r
}

func place(t *testing.T) (results, page, drawings string) {
	t.Helper()
	dir := t.TempDir()
	results, page, drawings = filepath.Join(dir, "results"), filepath.Join(dir, "page.md"), filepath.Join(dir, "page")
	if err := os.Mkdir(results, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "before\n"
	for _, what := range []string{"drawings", "tables"} {
		begin, end := marks(what)
		text += begin + "\nold\n" + end + "\nbehind the " + what + "\n"
	}
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return results, page, drawings
}

func TestRun(t *testing.T) {
	results, page, drawings := place(t)
	if err := report(1000, 100_000).WriteFile(filepath.Join(results, "growth.json")); err != nil {
		t.Fatal(err)
	}
	if err := table().WriteFile(filepath.Join(results, "sqlite.json")); err != nil {
		t.Fatal(err)
	}
	artefact := table()
	artefact.Note, artefact.Began = "Not what it seems.", artefact.Began.AddDate(1, 0, 0)
	artefact.Comparisons[0].Ratios[0].Median = 777
	if err := artefact.WriteFile(filepath.Join(results, "artefact.json")); err != nil {
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
		"before\n<!-- drawings", "end -->\nbehind the drawings\n<!-- tables", "end -->\nbehind the tables\n",
		"### sqlite\n\n22 November 2026 10:00 UTC, allot v1.2.3, SQLite, go1.26, linux/amd64, 2 cores",
		"| read-warm, 100 of 1\u202f000 customers | 16 | allot | 12\u202f345 requests | 20.0 |",
		"| requests/s, allot ÷ constant handler | 0.91 | 0.90 to 0.92 | ≥ 0.88 reached |",
		"| bytes written, allot | 900 | 900 to 901 | ≤ 800 missed |",
		"| consume-many | 64 | SQLite | bytes written, allot | 900 | 900 to 901 | ≤ 800 missed |",
		"| growth-holds | 2 | SQLite | CPU, 100 open holds ÷ 1 open holds | 2.50 | 2.00 to 3.00 | ≤ 1.3 missed |",
		"| 1\u202f000 | 0.25 s |", "allot v1, other v9", "| 7.50 | 7.00 to 8.00 |  |",
		"**Not what it seems.**",
		"](page/cost.svg)\n\nWhat an answer costs", "](page/growth.svg)", "](page/customers.svg)", "](page/peers.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the page:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "old\n") || strings.Contains(string(text), "durable") {
		t.Errorf("the page has what it should not:\n%s", text)
	}
	for _, name := range []string{"cost", "growth", "customers", "peers"} {
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
	if err := report(1000).WriteFile(filepath.Join(results, "growth.json")); err != nil {
		t.Fatal(err)
	}
	if err := run(results, page, drawings); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(drawings, "customers.svg")); err == nil {
		t.Error("a drawing of what is not there is left")
	}
}

// Of what was recorded twice the newest counts, and nothing counts that has a note.
func TestPool(t *testing.T) {
	at := func(days int, note string, median float64) record {
		r := record{Report: *table()}
		r.Began, r.Note = r.Began.AddDate(0, 0, days), note
		r.Comparisons[0].Ratios[0].Median = median
		return r
	}
	p := pooled([]record{at(1, "", 11), at(3, "an artefact", 33), at(2, "", 22), at(0, "", 1)})
	if len(p.measured) != 2 || p.measured[0].Ratios[0].Median != 22 {
		t.Errorf("%+v", p.measured)
	}
	if len(p.grown) != 0 || len(p.peers) != 0 || !slices.Equal(p.databases(), []string{"sqlite"}) {
		t.Errorf("%d grow, %d are of peers, databases %v", len(p.grown), len(p.peers), p.databases())
	}
}

func TestPageWithoutMarks(t *testing.T) {
	results, page, drawings := place(t)
	if err := os.WriteFile(page, []byte("nothing to replace"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(results, page, drawings); err == nil || !strings.Contains(err.Error(), "<!-- drawings") {
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
