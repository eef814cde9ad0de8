// Command plot makes of the recorded measurements what people look at: the drawings
// that docs/benchmarks.md begins with and what each means, and the tables behind
// them, each between two marks in the page. Nothing there is written by hand, so what
// the page shows is what was measured.
//
// It is a module of its own: what draws is not part of the server.
//
//	go -C bench/plot run .
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/allot-dev/allot/internal/bench/load"
)

func main() {
	results := flag.String("results", "../results", "directory of the recorded reports, *.json")
	page := flag.String("page", "../../docs/benchmarks.md", "page whose tables are replaced")
	drawings := flag.String("drawings", "../../docs/benchmarks", "directory for the drawings")
	flag.Parse()
	if err := run(*results, *page, *drawings); err != nil {
		fmt.Fprintln(os.Stderr, "plot:", err)
		os.Exit(1)
	}
}

func run(results, page, drawings string) error {
	records, err := read(results)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	p := pooled(records)
	drawn, err := drawAll(drawings, p)
	if err != nil {
		return err
	}
	// Links in the page are relative to it.
	beside, err := filepath.Rel(filepath.Dir(page), drawings)
	if err != nil {
		return err
	}
	replaced, err := replace(string(text), "drawings", pictures(filepath.ToSlash(beside), drawn))
	if err == nil {
		replaced, err = replace(replaced, "tables", goals(p)+tables(records))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(replaced), 0o644)
}

// record is one recorded report.
type record struct {
	name string // of its file, without .json
	load.Report
	// Peer is what Allot was compared with, in reports of bench/peers.
	Peer struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"peer"`
}

// read reads the reports of a directory, in the order of their names.
func read(dir string) ([]record, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	var records []record
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		r := record{name: strings.TrimSuffix(filepath.Base(name), ".json")}
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		records = append(records, r)
	}
	return records, nil
}

// marks are those that something that is made stands between.
func marks(what string) (begin, end string) {
	return "<!-- " + what + " made by bench/plot: begin -->", "<!-- " + what + " made by bench/plot: end -->"
}

// replace puts text between the marks of a page.
func replace(page, what, text string) (string, error) {
	begin, end := marks(what)
	before, rest, found := strings.Cut(page, begin)
	_, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		return "", fmt.Errorf("want the marks %s and %s", begin, end)
	}
	return before + begin + "\n\n" + text + "\n" + end + after, nil
}
