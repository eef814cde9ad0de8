package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// report is what is recorded: a report as allot bench makes it, and what it was
// made with.
type report struct {
	load.Report
	Peer peer `json:"peer"`
}

// peer says what Allot was compared with.
type peer struct {
	Name     string   `json:"name"`
	Version  string   `json:"version"`
	Settings []string `json:"settings,omitempty"` // its flags that bear on speed
}

// settings is how often and how long each pair is driven.
type settings struct {
	rounds       int
	length, warm time.Duration
	connections  []int
}

// compare measures Allot's one operation in turns with each of the peer's.
func compare(ctx context.Context, allot, other *server, how settings) (*report, error) {
	r := &report{
		Report: load.Report{
			Version: allot.version, Began: time.Now().UTC(), Machine: load.ThisMachine(), Database: "sqlite",
		},
		Peer: peer{Name: other.name, Version: other.version, Settings: other.settings},
	}
	for _, connections := range how.connections {
		for _, o := range other.operations {
			c, err := how.pair(ctx, connections, allot, other, o)
			if err != nil {
				return nil, err
			}
			r.Comparisons = append(r.Comparisons, c)
		}
	}
	return r, nil
}

func (how settings) pair(ctx context.Context, connections int, allot, other *server, o operation) (load.Comparison, error) {
	mine, err := how.side(ctx, connections, allot, allot.operations[0])
	if err != nil {
		return load.Comparison{}, err
	}
	theirs, err := how.side(ctx, connections, other, o)
	if err != nil {
		return load.Comparison{}, err
	}
	fmt.Fprintf(os.Stderr, "measuring %s and %s, %d connections\n", mine.Name, theirs.Name, connections)
	series, err := load.Compare(ctx, how.rounds, mine, theirs)
	if err != nil {
		return load.Comparison{}, err
	}
	c := load.Comparison{
		Scenario: theirs.Name, Connections: connections, Customers: 1, Stored: 1, Unit: "requests", Sides: series,
	}
	for _, figure := range []load.Figure{load.PerSecond, load.CPU, load.P99} {
		ratio, known := load.CompareFigures(series, mine.Name, theirs.Name, figure)
		if !known {
			continue
		}
		if figure == load.PerSecond {
			ratio.Goal = o.goal
		}
		c.Ratios = append(c.Ratios, ratio)
	}
	return c, nil
}

// side asks once, to see the answer that all others must be like, drives the
// server to warm it up, and returns how to measure it.
func (how settings) side(ctx context.Context, connections int, s *server, o operation) (load.Side, error) {
	name := s.name + " " + o.name
	answer, err := o.request.do(ctx, s.address)
	if err != nil {
		return load.Side{}, fmt.Errorf("%s: %w", name, err)
	}
	wire := o.request.wire(s.address)
	drive := load.Load{
		Address: s.address, Connections: connections, Duration: how.length, PID: s.cmd.Process.Pid,
		Workload: load.Workload{
			Render: func(buf []byte, _ uint64) []byte { return append(buf, wire...) },
			Length: len(answer),
			Verify: func(_ uint64, body []byte) error { return o.answered(body) },
		},
	}
	warm := drive
	warm.Duration = how.warm
	if _, err := warm.Run(ctx); err != nil {
		return load.Side{}, fmt.Errorf("%s: %w", name, err)
	}
	return load.Side{Name: name, Measure: func(ctx context.Context) (load.Round, error) {
		sample, err := drive.Run(ctx)
		if err != nil {
			return load.Round{}, err
		}
		return sample.Round(1), nil
	}}, nil
}

// write records the report as JSON, on standard output if the file is "-".
func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if file == "-" {
		_, err := os.Stdout.Write(text)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
