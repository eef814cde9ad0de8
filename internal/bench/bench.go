package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
	"github.com/allot-dev/allot/internal/server"
)

// Options say what is measured, on what, and for how long.
type Options struct {
	// Scenarios are names of [Scenarios], in any order; none means all but spread and
	// those of growth, which take long.
	Scenarios []string
	// Table is the rows of the table of goals in place of Scenarios, each at the
	// numbers of connections that its goals are for.
	Table bool
	// Place is the installation to measure on. Without data and database it is a
	// temporary one. It is seeded up to Customers, under the rules of [Seed].
	Place     server.Place
	Others    bool // see [SeedOptions]
	Customers int
	// Sizes are the numbers of customers that growth goes through, ascending.
	Sizes []int
	// Shrink divides the sizes that the other lines of growth go through, to see that
	// they work; 0 and 1 leave them as they are.
	Shrink int
	// URL is a server to measure in place of one that is started here: it must
	// have been seeded with Customers. It is not asked what it costs.
	URL                    string
	ClientID, ClientSecret string
	// Serve are further flags of allot serve.
	Serve []string

	Connections []int // of each comparison
	Rounds      int
	Duration    time.Duration // of one side in one round
	Sustained   time.Duration // of Allot in a scenario that is sustained
	Rate        float64       // requests a second of an open loop; 0 is a closed one

	Program  string // this program, to be started again
	Version  string
	Progress func(format string, args ...any)
}

// Unknown is the name of a scenario that does not exist.
type Unknown string

func (e Unknown) Error() string {
	var names []string
	for _, s := range Scenarios() {
		names = append(names, s.Name)
	}
	return fmt.Sprintf("there is no scenario %q: want some of %s", string(e), strings.Join(names, ", "))
}

// Run measures. What it has found when something fails, or ctx ends, is in the
// report all the same.
func Run(ctx context.Context, o Options) (*load.Report, error) {
	b := &bench{Options: o, report: &load.Report{
		Version: o.Version, Began: time.Now().UTC().Truncate(time.Second), Machine: load.ThisMachine(),
		Comparisons: []load.Comparison{},
	}}
	chosen, err := b.choose()
	if err != nil {
		return b.report, err
	}
	b.report.Database = kindOf(b.Place)
	if o.URL != "" {
		b.report.Database = ""
		return b.report, b.measureElsewhere(ctx, chosen)
	}
	return b.report, b.measureHere(ctx, chosen)
}

// kindOf is the kind of a place's database.
func kindOf(p server.Place) string {
	if isSQLite(resolve(p).Database) {
		return "sqlite"
	}
	return "postgres"
}

// bench is a run under way.
type bench struct {
	Options
	report *load.Report
	stored int // customers in the database
}

// choose returns the scenarios of a run; those that are not in the table are
// there by their name alone.
func (b *bench) choose() ([]scenario, error) {
	switch {
	case b.Table:
		return tableOf(kindOf(b.Place)), nil
	case len(b.Scenarios) == 0:
		return scenarios, nil
	}
	var chosen []scenario
	for _, name := range b.Scenarios {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		k := slices.IndexFunc(lines, func(l line) bool { return l.name == name })
		own := name == growth || name == spread || k >= 0
		switch {
		case i >= 0:
			chosen = append(chosen, scenarios[i])
		case own && b.URL != "":
			return nil, fmt.Errorf("%s needs a server that is started here: leave out the URL", name)
		case k >= 0:
			chosen = append(chosen, scenario{name: name, line: &lines[k]})
		case own:
			chosen = append(chosen, scenario{name: name})
		default:
			return nil, Unknown(name)
		}
	}
	return chosen, nil
}

func (b *bench) measureElsewhere(ctx context.Context, chosen []scenario) error {
	s, err := elsewhere(b.URL, credentials{b.ClientID, b.ClientSecret})
	if err != nil {
		return err
	}
	b.stored = b.Customers
	for _, sc := range chosen {
		if err := b.compareAll(ctx, &sc, s, ""); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) measureHere(ctx context.Context, chosen []scenario) (err error) {
	if b.Place.Data == "" && b.Place.Database == "" {
		place, remove, err := temporary("")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, remove()) }()
		b.Place = place
	}
	b.Place = resolve(b.Place)
	if slices.ContainsFunc(chosen, func(s scenario) bool { return s.name == growth }) {
		if err := b.grow(ctx); err != nil {
			return err
		}
	}
	for i := 0; i < len(chosen); i++ {
		sc := &chosen[i]
		switch {
		case sc.line != nil:
			// Those that follow on the same ground stand on it too.
			on := []*line{sc.line}
			for ; i+1 < len(chosen) && chosen[i+1].line != nil && chosen[i+1].line.ground == sc.line.ground; i++ {
				on = append(on, chosen[i+1].line)
			}
			err = b.grown(ctx, on)
		case sc.name == growth: // done, while there were few customers
		case sc.name == spread:
			err = b.spread(ctx)
		default:
			err = b.measure(ctx, sc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// measure runs a scenario on a server of its own.
func (b *bench) measure(ctx context.Context, sc *scenario) (err error) {
	if err := b.seed(ctx, b.Place, b.Customers); err != nil {
		return err
	}
	c, err := guest(ctx, b.Place, scopes...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.leave(context.WithoutCancel(ctx), b.Place)) }()
	s, err := serve(ctx, b.Program, b.Place, append(slices.Clone(sc.serve), b.Serve...), c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	return b.compareAll(ctx, sc, s, b.Place.Database)
}

// seed makes sure of customers. There may be more already.
func (b *bench) seed(ctx context.Context, place server.Place, customers int) error {
	const often = 100_000
	p, err := Seed(ctx, SeedOptions{Place: place, Customers: customers, Others: b.Others, Progress: func(n int) {
		if n%often == 0 && n < customers {
			b.Progress("%d of %d customers", n, customers)
		}
	}})
	if err == nil && p.Added > 0 {
		b.Progress("%d customers, %d of them new", p.Customers, p.Added)
	}
	b.stored = p.Customers
	return err
}
