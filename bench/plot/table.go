package main

import (
	"fmt"
	"strings"

	"github.com/allot-dev/allot/internal/bench/load"
)

// tables are all records as Markdown.
func tables(records []record) string {
	var b strings.Builder
	for _, r := range records {
		r.table(&b)
	}
	if len(records) == 0 {
		b.WriteString("Nothing is recorded yet.\n")
	}
	return b.String()
}

func (r *record) table(b *strings.Builder) {
	m := r.Machine
	fmt.Fprintf(b, "### %s\n\n", r.name)
	fmt.Fprintf(b, "%s, allot %s", r.Began.UTC().Format("2 January 2006 15:04 UTC"), r.Version)
	for _, about := range []string{r.Peer.Name + " " + r.Peer.Version, database(r.Database), m.Go, m.OS + "/" + m.Arch, m.Kernel, m.CPU} {
		if about = strings.TrimSpace(about); about != "" {
			b.WriteString(", " + about)
		}
	}
	fmt.Fprintf(b, ", %d cores, GOMAXPROCS %d.\n\n", m.Cores, m.GOMAXPROCS)

	if r.Note != "" {
		fmt.Fprintf(b, "**%s**\n\n", r.Note)
	}
	if len(r.Comparisons) > 0 {
		b.WriteString("| scenario | conns | side | per second | CPU µs | database CPU µs | bytes written | p50 µs | p99 µs | p99.9 µs |\n" +
			"|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n")
		for _, c := range r.Comparisons {
			for i, s := range c.Sides {
				scenario, connections := "", ""
				if i == 0 {
					scenario, connections = c.Scenario+about(&c), fmt.Sprint(c.Connections)
				}
				fmt.Fprintf(b, "| %s | %s | %s | %s %s | %s | %s | %s | %s | %s | %s |\n", scenario, connections, s.Name,
					figure(s.Median.PerSecond), c.Unit, figure(s.Median.CPU), figure(s.Median.DatabaseCPU), figure(s.Median.Written),
					figure(s.Median.P50), figure(s.Median.P99), figure(s.Median.P999))
			}
		}
		b.WriteString("\n| scenario | conns | ratio | median | low to high | to reach |\n|---|--:|---|--:|--:|---|\n")
		for _, c := range r.Comparisons {
			for i, ratio := range c.Ratios {
				scenario, connections := "", ""
				if i == 0 {
					scenario, connections = c.Scenario+about(&c), fmt.Sprint(c.Connections)
				}
				fmt.Fprintf(b, "| %s | %s | %s | %s | %s to %s | %s |\n", scenario, connections,
					ratio.Name(c.Unit), of(&ratio, ratio.Median), of(&ratio, ratio.Low), of(&ratio, ratio.High), strings.TrimPrefix(ratio.Verdict(), "-"))
			}
		}
		b.WriteString("\n")
	}
	if len(r.Starts) > 0 {
		b.WriteString("| customers in the database | ready to serve in |\n|--:|--:|\n")
		for _, s := range r.Starts {
			fmt.Fprintf(b, "| %s | %.2f s |\n", thousands(s.Customers), s.Median)
		}
		b.WriteString("\n")
	}
}

// about says of a comparison how many customers it is over, where that matters.
func about(c *load.Comparison) string {
	text := ""
	if c.Stored > 0 {
		text = ", " + thousands(c.Customers) + " of " + thousands(c.Stored) + " customers"
	}
	if c.Rate > 0 {
		text += fmt.Sprintf(", %g/s", c.Rate)
	}
	return text
}

func database(kind string) string {
	switch kind {
	case "sqlite":
		return "SQLite"
	case "postgres":
		return "PostgreSQL"
	}
	return kind
}

// figure has three digits that matter, as all that is measured; "" is unknown.
func figure(f float64) string {
	switch {
	case f == 0:
		return ""
	case f < 10:
		return fmt.Sprintf("%.2f", f)
	case f < 100:
		return fmt.Sprintf("%.1f", f)
	}
	return thousands(int(f + 0.5))
}

// thousands is a number with spaces between its groups of three digits.
func thousands(n int) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

// of is a value of a ratio, or of a figure by itself.
func of(r *load.Ratio, value float64) string {
	if r.To == "" {
		return figure(value)
	}
	return fmt.Sprintf("%.2f", value)
}

// goals is what is to be reached, and what was.
func goals(p *pool) string {
	var b strings.Builder
	b.WriteString("### What is to be reached\n\nOf each the newest measurement; the tables behind have all sides.\n\n" +
		"| scenario | conns | database | figure | median | low to high | to reach |\n|---|--:|---|---|--:|--:|---|\n")
	for _, m := range p.measured {
		for _, r := range m.Ratios {
			if r.Goal != nil {
				fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s to %s | %s |\n", m.Scenario, m.Connections, database(m.database),
					r.Name(m.Unit), of(&r, r.Median), of(&r, r.Low), of(&r, r.High), r.Verdict())
			}
		}
	}
	b.WriteString("\n")
	return b.String()
}

// pictures shows the drawings and what they mean.
func pictures(dir string, drawn []drawing) string {
	var b strings.Builder
	for _, d := range drawn {
		fmt.Fprintf(&b, "![%s](%s/%s.svg)\n\n%s\n\n", d.title, dir, d.name, d.means)
	}
	if len(drawn) == 0 {
		b.WriteString("Nothing is recorded yet.\n\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}
