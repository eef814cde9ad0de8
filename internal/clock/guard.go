package clock

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// The codes of a clock that is not believed.
const (
	CodeJumped = "CLOCK_JUMPED" // it shows a later time than it can be
	CodeBehind = "CLOCK_BEHIND" // it shows an earlier one
)

// creep is how much the wall may part from the time that has gone by without ever having
// jumped: a part in so many. Clocks that nobody disciplines part by a fifth of that at most.
const creep = 1000

// Guard believes a clock, or does not. It is safe for concurrent use, and what a writer asks of
// it takes two readings of the machine and no lock.
type Guard struct {
	source Source
	skew   time.Duration

	mu    sync.Mutex // of who replaces trust
	trust atomic.Pointer[trust]
}

// trust is what readings are held against. It never changes: another takes its place.
type trust struct {
	base Reading // when the wall was last taken to be right
	// seen is the newest time that is known to have been stamped; zero if none is.
	seen time.Time
	// shared is the clock of the database that servers share, as it was at an elapsed time;
	// zero if there is none.
	shared Reading
}

// NewGuard is one that takes the clock to be right now. Skew is how far two clocks may be
// apart that both are right.
func NewGuard(source Source, skew time.Duration) *Guard {
	g := &Guard{source: source, skew: skew}
	g.trust.Store(&trust{base: source()})
	return g
}

// Now is the time: what the wall shows or, while it has jumped, what it would show if it had
// not.
func (g *Guard) Now() time.Time {
	r, t := g.source(), g.trust.Load()
	if due := t.due(r); g.beyond(r.Wall, due) != 0 {
		return due
	}
	return r.Wall
}

// due is what the wall should show by the time that has gone by.
func (t *trust) due(r Reading) time.Time { return t.base.Wall.Add(r.Elapsed - t.base.Elapsed) }

// Check says why nothing may be stamped now, as an error of kind [billing.Unavailable] with the
// code [CodeJumped] or [CodeBehind], or nil.
func (g *Guard) Check() error {
	if err := g.judge(g.source(), g.trust.Load()); err != nil {
		return err
	}
	return nil
}

// Jumped reports whether the wall is not where it should be by the time that has gone by: what
// [Guard.Accept] puts right.
func (g *Guard) Jumped() bool {
	r := g.source()
	return g.beyond(r.Wall, g.trust.Load().due(r)) != 0
}

// apartBy is how far a wall is ahead of a time; less than 0: behind. Go's own monotonic clock,
// by which times are told apart that have it, does not move with the wall.
func apartBy(wall, of time.Time) time.Duration { return wall.Round(0).Sub(of.Round(0)) }

// beyond is how far a wall is ahead of a time, or behind it, if that is more than the skew; else 0.
func (g *Guard) beyond(wall, of time.Time) time.Duration {
	if off := apartBy(wall, of); off > g.skew || off < -g.skew {
		return off
	}
	return 0
}

// judge says what is wrong with a reading, if anything is.
func (g *Guard) judge(r Reading, t *trust) *billing.Error {
	const nothing = "nothing is written until then"
	switch off := g.beyond(r.Wall, t.due(r)); {
	case off > 0:
		return fault(CodeJumped, "the clock of this server jumped ahead by %s, to %s: set it right, or, if it is right now, say so with `allot repair clock --accept`; "+nothing, off, r.Wall)
	case off < 0:
		return fault(CodeBehind, "the clock of this server was set back by %s, to %s: set it right, or, if it is right now, say so with `allot repair clock --accept`; "+nothing, -off, r.Wall)
	}
	if !t.shared.Wall.IsZero() {
		shared := t.shared.Wall.Add(r.Elapsed - t.shared.Elapsed)
		switch off := g.beyond(r.Wall, shared); {
		case off > 0:
			return fault(CodeJumped, "the clock of this server is %s ahead of the database's: it says %s, and the database's %s; set the one right that is wrong; "+nothing, off, r.Wall, shared)
		case off < 0:
			return fault(CodeBehind, "the clock of this server is %s behind the database's: it says %s, and the database's %s; set the one right that is wrong; "+nothing, -off, r.Wall, shared)
		}
	}
	if off := g.beyond(t.seen, r.Wall); !t.seen.IsZero() && off > 0 {
		return fault(CodeBehind, "the clock of this server is %s behind what was written last: it says %s, and that is of %s; set it right, or, if it was wrong when that was written, end the server and run `allot repair clock`; "+nothing, off, r.Wall, t.seen)
	}
	return nil
}

func fault(code, format string, off time.Duration, times ...time.Time) *billing.Error {
	args := []any{off.Round(time.Second)}
	for _, t := range times {
		args = append(args, t.UTC().Format(time.RFC3339))
	}
	return billing.Unavailable.Errorf(code, format, args...)
}

// replace puts another trust in the place of the one there is, if make changes anything.
func (g *Guard) replace(change func(*trust)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	next := *g.trust.Load()
	change(&next)
	g.trust.Store(&next)
}

// Saw tells of a time that was stamped, by this server or another.
func (g *Guard) Saw(stamped time.Time) {
	if stamped.After(g.trust.Load().seen) {
		g.replace(func(t *trust) {
			if stamped.After(t.seen) {
				t.seen = stamped
			}
		})
	}
}

// Seen is the newest time that was told of; zero if none was.
func (g *Guard) Seen() time.Time { return g.trust.Load().seen }

// Measured tells what the clock of the database showed at an elapsed time of the source.
func (g *Guard) Measured(shared time.Time, at time.Duration) {
	g.replace(func(t *trust) { t.shared = Reading{shared, at} })
}

// Read is what the source shows now, believed or not.
func (g *Guard) Read() Reading { return g.source() }

// Settle has what is held against the wall follow it, where it has not jumped, by as much as a
// clock creeps. It is to be called every minute or so.
func (g *Guard) Settle() {
	g.replace(func(t *trust) {
		r := g.source()
		due := t.due(r)
		if g.beyond(r.Wall, due) != 0 {
			return
		}
		off := apartBy(r.Wall, due)
		most := (r.Elapsed - t.base.Elapsed) / creep
		t.base = Reading{due.Add(min(max(off, -most), most)), r.Elapsed}
	})
}

// Accept takes the wall to be right as it is, if it shows a time near one of which somebody says
// that it is right. It reports whether it does.
func (g *Guard) Accept(right time.Time) (accepted bool) {
	g.replace(func(t *trust) {
		r := g.source()
		if accepted = g.beyond(r.Wall, right) == 0; accepted {
			t.base = r
		}
	})
	return accepted
}
