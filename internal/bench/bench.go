package bench

import (
	"bytes"
	"context"
	"crypto/rand"
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
	// Scenarios are names of [Scenarios], in any order; none means all but growth
	// and spread, which take long.
	Scenarios []string
	// Place is the installation to measure on. Without data and database it is a
	// temporary one. It is seeded up to Customers, under the rules of [Seed].
	Place     server.Place
	Others    bool // see [SeedOptions]
	Customers int
	// Sizes are the numbers of customers that growth goes through, ascending.
	Sizes []int
	// URL is a server to measure in place of one that is started here: it must
	// have been seeded with Customers. It is not asked what it costs.
	URL                    string
	ClientID, ClientSecret string
	// Serve are further flags of allot serve.
	Serve []string

	Connections []int // of each comparison
	Rounds      int
	Duration    time.Duration // of one side in one round
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
	if o.URL != "" {
		return b.report, b.measureElsewhere(ctx, chosen)
	}
	return b.report, b.measureHere(ctx, chosen)
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
	if len(b.Scenarios) == 0 {
		return scenarios, nil
	}
	var chosen []scenario
	for _, name := range b.Scenarios {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
		switch {
		case i >= 0:
			chosen = append(chosen, scenarios[i])
		case (name == growth || name == spread) && b.URL == "":
			chosen = append(chosen, scenario{name: name})
		case name == growth || name == spread:
			return nil, fmt.Errorf("%s needs a server that is started here: leave out the URL", name)
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
		place, remove, err := temporary()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, remove()) }()
		b.Place = place
	}
	b.Place = resolve(b.Place)
	b.report.Database, _, _ = strings.Cut(b.Place.Database, ":")
	if b.report.Database == "postgresql" {
		b.report.Database = "postgres"
	}
	if slices.ContainsFunc(chosen, func(s scenario) bool { return s.name == growth }) {
		if err := b.grow(ctx); err != nil {
			return err
		}
	}
	for _, sc := range chosen {
		switch sc.name {
		case growth: // done, while there were few customers
		case spread:
			err = b.spread(ctx)
		default:
			err = b.measure(ctx, &sc)
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
	c, err := guest(ctx, b.Place)
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

// compareAll compares at each number of connections. The database is "" if its
// disk is not here.
func (b *bench) compareAll(ctx context.Context, sc *scenario, s *served, database string) error {
	numbers := b.Connections
	if sc.most > 0 {
		numbers = slices.DeleteFunc(slices.Clone(numbers), func(n int) bool { return n > sc.most })
		if len(numbers) == 0 {
			numbers = []int{sc.most}
		}
	}
	for _, connections := range numbers {
		c, err := b.compare(ctx, sc, s, database, connections)
		if err != nil {
			return fmt.Errorf("%s: %w", sc.name, err)
		}
		b.report.Comparisons = append(b.report.Comparisons, *c)
	}
	return nil
}

func (b *bench) compare(ctx context.Context, sc *scenario, s *served, database string, connections int) (_ *load.Comparison, err error) {
	customers := b.Customers
	if sc.few > 0 {
		customers = min(sc.few, customers)
	}
	b.Progress("%s, %d connections: %s", sc.name, connections, sc.about)
	token, err := s.token(ctx)
	if err != nil {
		return nil, err
	}
	t := &target{host: s.address, token: token, run: strings.ToLower(rand.Text()[:8])}
	var workload load.Workload
	requests := int(float64(sc.tokens) * b.Duration.Seconds())
	allot := &driver{}
	if sc.own {
		requests = max(1, min(requests, knownAtLeast-connections))
		workload = allot.own(s, t, customers)
		if err := allot.before(ctx); err != nil {
			return nil, err
		}
	} else if sc.tokens > 0 {
		// One for the first request of each connection in each round, too, and the
		// one that the answer is had with.
		tokens, err := s.foreign(ctx, 1+b.Rounds*(requests+connections))
		if err != nil {
			return nil, err
		}
		workload = t.readAs(inTurn(customers), func(n uint64) string { return tokens[n] })
	} else {
		workload = sc.load(t, customers)
	}
	body, err := answer(ctx, s.address, workload)
	if err != nil {
		return nil, err
	}

	handlers := [2]*process{}
	for i := range handlers {
		h, err := start(ctx, b.Program, environment(), body, "bench", "ceiling", fmt.Sprintf("--length=%d", len(body)))
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, h.stop()) }()
		handlers[i] = h
	}
	allot.Load = load.Load{Address: s.address, PID: s.pid(), Workload: workload, Connections: connections, First: 1}
	drivers := map[string]*driver{
		sideAllot:    allot,
		sideConstant: allot.beside(handlers[0], body),
		sideAgain:    allot.beside(handlers[1], body),
	}
	names := []string{sideAllot, sideConstant, sideAgain}
	if sc.durable && connections > 1 {
		one := *allot
		one.Connections, one.numbers = 1, &allot.Load.First
		drivers[sideOne] = &one
		names = append(names, sideOne)
	}
	var sides []load.Side
	for _, name := range names {
		d := drivers[name]
		d.units, d.Rate, d.Duration, d.Requests = sc.units, b.Rate, b.Duration, uint64(requests)
		if sc.tokens == 0 {
			if err := d.warm(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		sides = append(sides, load.Side{Name: name, Measure: d.measure})
	}
	if sc.durable && database != "" {
		byHand, err := openCommits(ctx, database)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, byHand.close(ctx)) }()
		sides = append(sides, load.Side{Name: sideCommits, Measure: func(ctx context.Context) (load.Round, error) {
			return byHand.measure(ctx, b.Duration)
		}})
	}
	series, err := load.Compare(ctx, b.Rounds, sides...)
	if err != nil {
		return nil, err
	}
	return &load.Comparison{
		Scenario: sc.name, Connections: connections, Customers: customers, Stored: b.stored,
		Unit: sc.counted, Rate: b.Rate, Sides: series, Ratios: b.ratios(sc, series, connections),
	}, nil
}

// ratios are those that say something: of Allot to each other side, and of the
// handler to itself.
func (b *bench) ratios(sc *scenario, series []load.Series, connections int) []load.Ratio {
	var ratios []load.Ratio
	add := func(of, to string, figures ...load.Figure) {
		for _, figure := range figures {
			ratio, known := load.CompareFigures(series, of, to, figure)
			if !known {
				continue
			}
			for _, g := range sc.goals {
				if of == sideAllot && g.to == to && g.figure == figure && b.Rate == 0 &&
					(g.connections == 0 || g.connections == connections) &&
					(g.database == "" || g.database == b.report.Database) {
					ratio.Goal = &g.Goal
				}
			}
			ratios = append(ratios, ratio)
		}
	}
	add(sideAllot, sideConstant, load.PerSecond, load.CPU, load.P99)
	add(sideAllot, sideCommits, load.PerSecond)
	add(sideAllot, sideOne, load.PerSecond)
	add(sideAgain, sideConstant, load.PerSecond, load.CPU, load.P99)
	return ratios
}

// driver measures one side, round after round.
type driver struct {
	load.Load
	units   int
	numbers *uint64 // where requests are numbered on from; nil: in First
	// before is done before each round, and not measured. May be nil.
	before func(context.Context) error
}

// beside drives a constant handler as Allot is driven.
func (d *driver) beside(h *process, body []byte) *driver {
	beside := *d
	beside.Address, beside.PID, beside.Workload = h.address, h.pid(), same(d.Workload, body)
	beside.before = nil
	return &beside
}

func (d *driver) measure(ctx context.Context) (load.Round, error) {
	if d.before != nil {
		if err := d.before(ctx); err != nil {
			return load.Round{}, err
		}
	}
	s, err := d.run(ctx, d.Load)
	if err != nil {
		return load.Round{}, err
	}
	return s.Round(d.units), nil
}

// warm runs for a moment, so that the first round is like the others.
func (d *driver) warm(ctx context.Context) error {
	short := d.Load
	short.Duration = min(d.Duration, time.Second/2)
	_, err := d.run(ctx, short)
	return err
}

// run numbers requests on from the last run: usage must not be reported twice.
func (d *driver) run(ctx context.Context, l load.Load) (load.Sample, error) {
	next := d.numbers
	if next == nil {
		next = &d.First
	}
	l.First = *next
	s, err := l.Run(ctx)
	*next = s.Next
	return s, err
}

// answer is what a server says to request 0.
func answer(ctx context.Context, address string, w load.Workload) ([]byte, error) {
	var body []byte
	verify := w.Verify
	w.Verify = func(n uint64, got []byte) error {
		body = bytes.Clone(got)
		return verify(n, got)
	}
	err := load.Load{Address: address, Connections: 1, Workload: w}.Once(ctx)
	return body, err
}
