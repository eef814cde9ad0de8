package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// compareAll compares at each number of connections. The database is "" if its
// disk is not here.
func (b *bench) compareAll(ctx context.Context, sc *scenario, s *served, database string) error {
	numbers := b.Connections
	if len(sc.connections) > 0 {
		numbers = sc.connections
	}
	if sc.sustained {
		numbers = []int{slices.Max(numbers)}
	}
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

// comparison is one under way: a scenario at a number of connections.
type comparison struct {
	*bench
	sc          *scenario
	server      *served
	database    string
	connections int
	customers   int
	gauge       *gauge // of Allot and its database
	requests    uint64 // of a round, if it is not as many as come in its time
	// before is done before each round of Allot, and not measured. May be nil.
	before func(context.Context) error
	sides  []load.Side
	ends   []func() error // what was made for it is ended by these
}

func (b *bench) compare(ctx context.Context, sc *scenario, s *served, database string, connections int) (_ *load.Comparison, err error) {
	b.Progress("%s, %d connections: %s", sc.name, connections, sc.about)
	c := &comparison{bench: b, sc: sc, server: s, database: database, connections: connections, customers: b.Customers}
	if sc.few > 0 {
		c.customers = min(sc.few, b.Customers)
	}
	defer func() { err = errors.Join(err, c.end()) }()
	workload, err := c.workload(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.addServers(ctx, workload); err != nil {
		return nil, err
	}
	if sc.durable && database != "" {
		if err := c.addByHand(ctx); err != nil {
			return nil, err
		}
	}
	rounds := b.Rounds
	if sc.sustained {
		rounds = 1
	}
	// What was made of customers before, the server may still put in order.
	if still, err := c.gauge.rest(ctx); err != nil {
		return nil, err
	} else if !still {
		c.Progress("%s: the server does not come to rest; it is measured as it is", sc.name)
	}
	series, err := load.Compare(ctx, rounds, c.sides...)
	if err != nil {
		return nil, err
	}
	return &load.Comparison{
		Scenario: sc.name, Connections: connections, Customers: c.customers, Stored: b.stored,
		Unit: sc.counted, Rate: b.Rate, Sides: series, Ratios: b.ratios(sc, series, connections),
	}, nil
}

// end takes away what was made, the last first.
func (c *comparison) end() (err error) {
	for _, end := range slices.Backward(c.ends) {
		err = errors.Join(err, end())
	}
	return err
}

// workload is what is sent to Allot.
func (c *comparison) workload(ctx context.Context) (load.Workload, error) {
	token, err := c.server.token(ctx)
	if err != nil {
		return load.Workload{}, err
	}
	t := c.server.target(token)
	if c.sc.tokens == 0 {
		return c.sc.load(t, c.customers), nil
	}
	c.requests = uint64(float64(c.sc.tokens) * c.Duration.Seconds())
	if c.sc.own {
		c.requests = min(max(c.requests, 1), knownAtLeast-uint64(c.connections))
		var workload load.Workload
		workload, c.before = t.own(c.server, c.customers)
		return workload, c.before(ctx)
	}
	// One for the first request of each connection in each round, too, and the one
	// that the answer is had with.
	tokens, err := c.server.foreign(ctx, 1+c.Rounds*(int(c.requests)+c.connections))
	if err != nil {
		return load.Workload{}, err
	}
	return t.readAs(inTurn(c.customers), func(n uint64) string { return tokens[n] }), nil
}

// addServers adds the sides that answer over HTTP: Allot, and twice the handler
// beside it.
func (c *comparison) addServers(ctx context.Context, workload load.Workload) error {
	var err error
	if c.gauge, err = openGauge(ctx, c.server.pid(), c.database); err != nil {
		return err
	}
	c.ends = append(c.ends, c.gauge.close)
	body, err := answer(ctx, c.server.address, workload)
	if err != nil {
		return err
	}
	allot := &driver{Load: load.Load{
		Address: c.server.address, PID: c.server.pid(), Meter: c.gauge.read, Workload: workload, Connections: c.connections, First: 1,
	}}
	if c.sc.used {
		if err := c.use(ctx, allot); err != nil {
			return err
		}
	}
	lasts := c.Duration
	if c.sc.sustained {
		lasts = c.Sustained
	}
	if err := c.add(ctx, sideAllot, allot, lasts); err != nil {
		return err
	}
	for _, name := range []string{sideConstant, sideAgain} {
		h, err := handler(ctx, c.Program, body)
		if err != nil {
			return err
		}
		c.ends = append(c.ends, h.stop)
		if err := c.add(ctx, name, allot.beside(h, body), c.Duration); err != nil {
			return err
		}
	}
	if c.sc.durable && c.connections > 1 && !c.sc.sustained {
		one := *allot
		one.Connections, one.numbers = 1, &allot.First
		return c.add(ctx, sideOne, &one, c.Duration)
	}
	return nil
}

// use has each customer use the feature twice: the first time makes what the second one
// finds.
func (c *comparison) use(ctx context.Context, allot *driver) error {
	token, err := c.server.token(ctx)
	if err != nil {
		return err
	}
	all := *allot
	all.Connections, all.First, all.Requests, all.Duration = max(allot.Connections, 16), 0, 2*uint64(c.customers), time.Minute
	all.Workload = c.server.target(token).decide("/v1/consume", inTurn(c.customers))
	_, err = all.Load.Run(ctx)
	return err
}

// add adds a side, warm.
func (c *comparison) add(ctx context.Context, name string, d *driver, lasts time.Duration) error {
	d.units, d.Rate, d.Duration, d.Requests = c.sc.units, c.Rate, lasts, c.requests
	if c.sc.tokens == 0 {
		if err := d.warm(ctx, c.Duration); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	measure := d.measure
	if c.before != nil && name == sideAllot {
		measure = func(ctx context.Context) (load.Round, error) {
			if err := c.before(ctx); err != nil {
				return load.Round{}, err
			}
			return d.measure(ctx)
		}
	}
	c.sides = append(c.sides, load.Side{Name: name, Measure: measure})
	return nil
}

// addByHand adds what the place can do without Allot. Its turns are quiet: they
// wait until the servers beside have nothing to do.
func (c *comparison) addByHand(ctx context.Context) error {
	quiet := func(measure func(context.Context, time.Duration) (load.Sample, error)) func(context.Context) (load.Round, error) {
		return func(ctx context.Context) (load.Round, error) {
			if still, err := c.gauge.rest(ctx); err != nil {
				return load.Round{}, err
			} else if !still {
				c.Progress("%s: the server does not come to rest; what is by hand is measured beside it", c.sc.name)
			}
			s, err := measure(ctx, c.Duration)
			if err != nil {
				return load.Round{}, err
			}
			return s.Round(1), nil
		}
	}
	byHand, err := openCommits(ctx, c.database)
	if err != nil {
		return err
	}
	c.ends = append(c.ends, func() error { return byHand.close(ctx) })
	c.sides = append(c.sides, load.Side{Name: sideCommits, Measure: quiet(byHand.measure)})
	dir, err := diskOf(ctx, c.Place)
	if dir == "" || err != nil {
		return err
	}
	disk, err := openSyncs(dir)
	if err != nil {
		return err
	}
	c.ends = append(c.ends, disk.close)
	c.sides = append(c.sides, load.Side{Name: sideSyncs, Measure: quiet(disk.measure)})
	return nil
}

// ratios are those that say something: of Allot to each other side, of the handler
// to itself, and the figures that have a goal by themselves.
func (b *bench) ratios(sc *scenario, series []load.Series, connections int) []load.Ratio {
	var ratios []load.Ratio
	goalOf := func(to string, figure load.Figure) *load.Goal {
		i := slices.IndexFunc(sc.goals, func(g goal) bool {
			return g.to == to && g.figure == figure && b.Rate == 0 &&
				(g.connections == 0 || g.connections == connections) &&
				(g.database == "" || g.database == b.report.Database)
		})
		if i < 0 {
			return nil
		}
		return &sc.goals[i].Goal
	}
	add := func(of, to string, figures ...load.Figure) {
		for _, figure := range figures {
			if ratio, known := load.CompareFigures(series, of, to, figure); known {
				if of == sideAllot {
					ratio.Goal = goalOf(to, figure)
				}
				ratios = append(ratios, ratio)
			}
		}
	}
	add(sideAllot, sideConstant, load.PerSecond, load.CPU, load.P99)
	add(sideAllot, sideCommits, load.PerSecond, load.Written)
	add(sideAllot, sideSyncs, load.PerSecond)
	add(sideAllot, sideOne, load.PerSecond)
	for _, figure := range []load.Figure{load.Written, load.P999} {
		if goal := goalOf("", figure); goal != nil {
			if alone, known := load.Alone(series, sideAllot, figure); known {
				alone.Goal = goal
				ratios = append(ratios, alone)
			}
		}
	}
	add(sideCommits, sideSyncs, load.PerSecond)
	add(sideAgain, sideConstant, load.PerSecond, load.CPU, load.P99)
	return ratios
}

// handler starts a constant handler that answers with body.
func handler(ctx context.Context, program string, body []byte) (*process, error) {
	return start(ctx, program, environment(), body, "bench", "ceiling", fmt.Sprintf("--length=%d", len(body)))
}

// driver measures one side, round after round.
type driver struct {
	load.Load
	units   int
	numbers *uint64 // where requests are numbered on from; nil: in First
}

// beside drives a constant handler as Allot is driven.
func (d *driver) beside(h *process, body []byte) *driver {
	beside := *d
	beside.Address, beside.PID, beside.Meter, beside.Workload = h.address, h.pid(), nil, same(d.Workload, body)
	return &beside
}

func (d *driver) measure(ctx context.Context) (load.Round, error) {
	s, err := d.run(ctx, d.Load)
	if err != nil {
		return load.Round{}, err
	}
	return s.Round(d.units), nil
}

// warm runs for a moment, at most as long as a turn is, so that the first round is
// like the others.
func (d *driver) warm(ctx context.Context, turn time.Duration) error {
	short := d.Load
	short.Duration = min(turn, time.Second/2)
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
		if verify == nil {
			return nil
		}
		return verify(n, got)
	}
	err := load.Load{Address: address, Connections: 1, Workload: w}.Once(ctx)
	return body, err
}
