package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/clock"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// How often the clock is looked after, beside the work.
const (
	clockTick    = time.Second
	measureEvery = 3 * time.Second // by the database's clock
	markEvery    = time.Minute

	// measureTimeout bounds a measurement: what took longer says little.
	measureTimeout = 10 * time.Second
)

// ClockGapError is a clock that is further ahead of all that was written than silence explains.
type ClockGapError struct {
	Now, Seen time.Time
	Gap       time.Duration
}

func (e *ClockGapError) Error() string {
	return fmt.Sprintf("the clock says %s, and the newest time in the database is %s, more than %s (--max-clock-gap) before: "+
		"if the clock is wrong, all that is written from now on has a wrong time, every window rolls over and every trial and term that ends until then is over",
		e.Now.UTC().Format(time.RFC3339), e.Seen.UTC().Format(time.RFC3339), e.Gap)
}

// source is what the clock is guarded by; nil if it is believed.
func (c Config) source() clock.Source {
	switch wall, elapsed := c.Clock, c.Elapsed; {
	case wall == nil:
		return clock.System()
	case elapsed != nil:
		return func() clock.Reading { return clock.Reading{Wall: wall(), Elapsed: elapsed()} }
	}
	return nil
}

// openClock holds the clock against what the database knows, before anything is written, and has
// nothing written from then on while it is not believed.
func (c Config) openClock(ctx context.Context, st *store.Store) error {
	if c.guard == nil {
		return nil
	}
	now := c.guard.Now()
	seen, err := seenBefore(ctx, st, now, c.MaxClockGap)
	if err != nil {
		return fmt.Errorf("read the newest time: %w", err)
	}
	if !seen.IsZero() && now.Sub(seen) > c.MaxClockGap {
		if !c.AcceptClock {
			return &ClockGapError{now, seen, c.MaxClockGap}
		}
		if err := st.Write(ctx, func(t *sqlstore.Tx) error { return t.AcceptClock(now) }); err != nil {
			return err
		}
	}
	c.guard.Saw(seen)
	if err := c.measure(ctx, st); err != nil {
		return fmt.Errorf("ask the database for its time: %w", err)
	}
	st.AddGate(c.guard.Check)
	if c.guard.Check() != nil {
		return nil // watchClock says so
	}
	return c.mark(ctx, st)
}

// seenBefore is the newest time that was stamped. Without a mark, as before this version, and
// where the mark would keep a server from starting, all is looked through.
func seenBefore(ctx context.Context, st *store.Store, now time.Time, gap time.Duration) (seen time.Time, err error) {
	err = st.Read(ctx, func(r *sqlstore.Reader) error {
		mark, err := r.ClockMark()
		if err != nil {
			return err
		}
		if seen, err = r.LastPlaced(); err != nil {
			return err
		}
		if mark.After(seen) {
			seen = mark
		}
		if !mark.IsZero() && now.Sub(seen) <= gap {
			return nil
		}
		seen, err = r.LastSeen()
		return err
	})
	return seen, err
}

// mark says in the database that this time was seen, and hears of what others saw.
func (c Config) mark(ctx context.Context, st *store.Store) error {
	now := c.guard.Now()
	if err := st.Write(ctx, func(t *sqlstore.Tx) error { return t.RaiseClockMark(now) }); err != nil {
		return err
	}
	return st.Read(ctx, func(r *sqlstore.Reader) error {
		seen, err := r.ClockMark()
		if err == nil {
			c.guard.Saw(seen)
		}
		return err
	})
}

// measure holds the clock against the database's, where that is another.
func (c Config) measure(ctx context.Context, st *store.Store) error {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	before := c.guard.Read()
	shared, ok, err := st.Clock(ctx)
	if err != nil || !ok {
		return err
	}
	// It was read at some moment between the two.
	c.guard.Measured(shared, before.Elapsed+(c.guard.Read().Elapsed-before.Elapsed)/2)
	return nil
}

// watchClock looks after the clock until ctx ends.
func (s *Server) watchClock(ctx context.Context, cfg Config) {
	if cfg.guard == nil {
		return
	}
	tick := time.NewTicker(clockTick)
	defer tick.Stop()
	st := s.place.store
	start := cfg.guard.Read().Elapsed
	marked, measured := start, start
	var said string // what was last said to be wrong
	for {
		err := cfg.guard.Check()
		switch code := codeOf(err); {
		case code != "" && code != said:
			s.log.Error("nothing is written: the clock is not believed", "error", err)
			said = code
		case code == "" && said != "":
			s.log.Info("the clock is believed again")
			said = ""
		}
		now := cfg.guard.Read().Elapsed
		if cfg.guard.Jumped() {
			s.acceptClock(ctx, cfg.guard)
		}
		// What fails of these is tried again, and said by those who need the database.
		if now-measured >= measureEvery && cfg.measure(ctx, st) == nil {
			measured = now
		}
		if now-marked >= markEvery && err == nil {
			cfg.guard.Settle()
			if cfg.mark(ctx, st) == nil {
				marked = now
				s.keepSpare()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// acceptClock takes the clock to be right if somebody has said so to the database.
func (s *Server) acceptClock(ctx context.Context, guard *clock.Guard) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	var right time.Time
	err := s.place.store.Read(ctx, func(r *sqlstore.Reader) (err error) {
		right, err = r.ClockAccepted()
		return err
	})
	if err == nil && !right.IsZero() && guard.Accept(right) {
		s.log.Warn("the clock is taken to be right, as `allot repair clock --accept` said", "time", right)
	}
}

// codeOf is the code of an error that a caller is told; "" of any other.
func codeOf(err error) string {
	if e, ok := errors.AsType[*billing.Error](err); ok {
		return e.Code
	}
	return ""
}
