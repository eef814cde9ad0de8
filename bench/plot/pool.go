package main

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// pool is what the drawings and the table of goals are made of: of all that was
// recorded the newest of its kind. A record with a note is left out: it has to be
// read with that.
type pool struct {
	measured []measured // of a scenario on a database at a number of connections
	grown    []measured // one scenario at several numbers of customers, in one run
	peers    []measured
}

// measured is a comparison with what is told of its record.
type measured struct {
	load.Comparison
	database string
	began    time.Time
}

// isLine reports whether it is a line of growth, whose sides are sizes.
func (m *measured) isLine() bool { return strings.HasPrefix(m.Scenario, "growth-") }

func pooled(records []record) *pool {
	p := &pool{}
	for _, r := range records {
		if r.Note != "" {
			continue
		}
		sizes := map[string][]int{} // of each scenario
		for _, c := range r.Comparisons {
			if c.Stored > 0 && !slices.Contains(sizes[c.Scenario], c.Stored) {
				sizes[c.Scenario] = append(sizes[c.Scenario], c.Stored)
			}
		}
		for _, c := range r.Comparisons {
			m := measured{c, r.Database, r.Began}
			switch {
			case r.Peer.Name != "":
				p.peers = append(p.peers, m)
			case len(sizes[c.Scenario]) > 1:
				p.grown = append(p.grown, m)
			default:
				p.add(m)
			}
		}
	}
	met := map[string]int{} // when, of each scenario
	for _, m := range p.measured {
		if _, ok := met[m.Scenario]; !ok {
			met[m.Scenario] = len(met)
		}
	}
	slices.SortFunc(p.measured, func(a, b measured) int {
		return cmp.Or(byKind(a.database, b.database), cmp.Compare(met[a.Scenario], met[b.Scenario]), cmp.Compare(a.Connections, b.Connections))
	})
	return p
}

// add keeps the newest.
func (p *pool) add(m measured) {
	i := slices.IndexFunc(p.measured, func(o measured) bool {
		return o.Scenario == m.Scenario && o.database == m.database && o.Connections == m.Connections && (o.Rate > 0) == (m.Rate > 0)
	})
	switch {
	case i < 0:
		p.measured = append(p.measured, m)
	case m.began.After(p.measured[i].began):
		p.measured[i] = m
	}
}

// databases are the kinds that there is something of, SQLite first.
func (p *pool) databases() []string {
	var kinds []string
	for _, m := range p.measured {
		if !slices.Contains(kinds, m.database) {
			kinds = append(kinds, m.database)
		}
	}
	return kinds
}

// byKind puts SQLite first.
func byKind(a, b string) int { return cmp.Compare(b, a) }
