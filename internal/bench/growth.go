package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
	"github.com/allot-dev/allot/internal/server"
)

// The scenarios that are not on one database.
const (
	growth = "growth"
	spread = "spread"
)

// starts is how often a server is started to see how long it takes.
const starts = 5

// grow measures as the database grows: how long a server takes to be ready, then
// reads from the cache and reads beside it.
func (b *bench) grow(ctx context.Context) error {
	wanted := b.Customers
	defer func() { b.Customers = wanted }()
	for _, size := range b.Sizes {
		b.Customers = size
		if err := b.seed(ctx, b.Place, size); err != nil {
			return err
		}
		if b.stored > size {
			return fmt.Errorf("the database has %d customers already, which is beyond %d: want one with fewer, or larger sizes", b.stored, size)
		}
		seconds, err := b.readyTimes(ctx)
		if err != nil {
			return err
		}
		b.report.Starts = append(b.report.Starts, load.NewStart(size, seconds))
		for _, sc := range scenarios {
			if sc.name == "read-warm" || sc.name == "read-cold" {
				if err := b.measure(ctx, &sc); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) readyTimes(ctx context.Context) ([]float64, error) {
	var seconds []float64
	for range starts {
		s, err := serve(ctx, b.Program, b.Place, b.Serve, credentials{})
		if err != nil {
			return nil, err
		}
		seconds = append(seconds, s.process.ready.Seconds())
		if err := s.stop(); err != nil {
			return nil, err
		}
	}
	return seconds, nil
}

// What spread compares: databases of which one is far beyond the cache. The cache
// holds a hundred thousand customers, at 187 bytes each by its own count.
const (
	spreadCache = "--cache-size=18MiB"
	spreadFew   = 200_000
	spreadPrime = 300_000 // requests before the first round, so that the cache is full
)

// spread compares reads of any customer of the database with reads of any of a
// smaller one: what a population costs that does not fit into the cache. Each has
// a server and a cache to itself, or the one would push out what the other needs.
func (b *bench) spread(ctx context.Context) (err error) {
	small, remove, err := temporary("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	few := min(spreadFew, b.Customers)
	if err := b.seed(ctx, small, few); err != nil {
		return err
	}
	if err := b.seed(ctx, b.Place, b.Customers); err != nil {
		return err
	}
	all, stopAll, err := b.spreadSide(ctx, b.Place)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopAll()) }()
	some, stopSome, err := b.spreadSide(ctx, small)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopSome()) }()
	for _, connections := range b.Connections {
		c, err := b.compareSpread(ctx, all, some, few, connections)
		if err != nil {
			return fmt.Errorf("%s: %w", spread, err)
		}
		b.report.Comparisons = append(b.report.Comparisons, *c)
	}
	return nil
}

func (b *bench) spreadSide(ctx context.Context, place server.Place) (*served, func() error, error) {
	c, err := guest(ctx, place, scopes...)
	if err != nil {
		return nil, nil, err
	}
	leave := func() error { return c.leave(context.WithoutCancel(ctx), place) }
	s, err := serve(ctx, b.Program, place, append([]string{spreadCache}, b.Serve...), c)
	if err != nil {
		return nil, nil, errors.Join(err, leave())
	}
	return s, func() error { return errors.Join(s.stop(), leave()) }, nil
}

func (b *bench) compareSpread(ctx context.Context, all, some *served, few, connections int) (*load.Comparison, error) {
	b.Progress("%s, %d connections: any of %d customers, any of %d", spread, connections, b.Customers, few)
	var sides []load.Side
	for _, side := range []struct {
		name      string
		server    *served
		customers int
	}{{"all customers", all, b.Customers}, {"fewer customers", some, few}} {
		token, err := side.server.token(ctx)
		if err != nil {
			return nil, err
		}
		t := &target{host: side.server.address, token: token}
		d := &driver{units: 1, Load: load.Load{
			Address: side.server.address, PID: side.server.pid(), Connections: connections,
			Workload: t.read(atRandom(side.customers)), Duration: b.Duration, Rate: b.Rate,
		}}
		prime := d.Load
		prime.Requests, prime.Duration, prime.Rate = spreadPrime, time.Hour, 0
		if _, err := d.run(ctx, prime); err != nil {
			return nil, fmt.Errorf("%s: %w", side.name, err)
		}
		sides = append(sides, load.Side{Name: side.name, Measure: d.measure})
	}
	series, err := load.Compare(ctx, b.Rounds, sides...)
	if err != nil {
		return nil, err
	}
	c := &load.Comparison{
		Scenario: spread, Connections: connections, Customers: b.Customers, Stored: b.stored,
		Unit: "requests", Rate: b.Rate, Sides: series,
	}
	for _, figure := range []load.Figure{load.PerSecond, load.CPU, load.P99} {
		if ratio, known := load.CompareFigures(series, sides[0].Name, sides[1].Name, figure); known {
			if figure == load.PerSecond {
				ratio.Goal = &load.Goal{AtLeast: 0.90}
			}
			c.Ratios = append(c.Ratios, ratio)
		}
	}
	return c, nil
}
