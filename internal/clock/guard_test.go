package clock

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const skew = 5 * time.Minute

// hands are a clock that a test sets.
type hands struct {
	mu   sync.Mutex
	wall time.Time
	gone time.Duration
}

func (h *hands) read() Reading {
	h.mu.Lock()
	defer h.mu.Unlock()
	return Reading{h.wall, h.gone}
}

// pass lets time go by, during which the wall shows as much, and is set by what differs.
func (h *hands) pass(gone, set time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone += gone
	h.wall = h.wall.Add(gone + set)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*billing.Error](err)
	if !ok || e.Kind != billing.Unavailable {
		return "of another kind"
	}
	return e.Code
}

// Every way in which a clock moves, while the server runs.
func TestJumps(t *testing.T) {
	const day, year = 24 * time.Hour, 365 * 24 * time.Hour
	for name, c := range map[string]struct {
		gone, set time.Duration
		want      string
	}{
		"goes":                           {time.Hour, 0, ""},
		"goes on after a laptop slept":   {3 * day, 0, ""},
		"goes on after a year of sleep":  {year, 0, ""},
		"is set by a second":             {time.Minute, time.Second, ""},
		"is set as far as is let":        {time.Minute, skew, ""},
		"is set further":                 {time.Minute, skew + time.Microsecond, CodeJumped},
		"leaps a year":                   {0, year, CodeJumped},
		"leaps a year after a sleep":     {day, year, CodeJumped},
		"is set back as far as is let":   {time.Minute, -skew, ""},
		"is set back further":            {time.Minute, -skew - time.Microsecond, CodeBehind},
		"is set back a year":             {time.Minute, -year, CodeBehind},
		"shows the beginning of time":    {time.Minute, -noon.Sub(time.Unix(0, 0)), CodeBehind},
		"stood still while others slept": {day, -day, CodeBehind},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hands{wall: noon}
			g := NewGuard(h.read, skew)
			h.pass(c.gone, c.set)
			if got := code(g.Check()); got != c.want {
				t.Errorf("%s, want %q", got, c.want)
			}
			if got := g.Jumped(); got != (c.want != "") {
				t.Errorf("jumped: %v", got)
			}
			want := noon.Add(c.gone)
			if c.want == "" {
				want = want.Add(c.set)
			}
			if got := g.Now(); !got.Equal(want) {
				t.Errorf("the time is %v, want %v", got, want)
			}
			h.pass(0, -c.set)
			if got := code(g.Check()); got != "" || g.Jumped() {
				t.Errorf("%s once the clock is right again", got)
			}
		})
	}
}

// The machine's own clock, with what Go keeps beside the wall, is judged by the wall.
func TestJumpOfTheMachine(t *testing.T) {
	by, read := time.Duration(0), System()
	g := NewGuard(func() Reading {
		r := read()
		// As time.Now says it after the clock was set: the monotonic half does not move.
		set := r.Wall.Round(0).Add(by)
		return Reading{set.Add(0), r.Elapsed}
	}, skew)
	if err := g.Check(); err != nil {
		t.Fatal(err)
	}
	by = time.Hour
	if got := code(g.Check()); got != CodeJumped {
		t.Errorf("%q after a leap of an hour", got)
	}
	if off := time.Since(g.Now()); off < -time.Minute || off > time.Minute {
		t.Errorf("the time is off by %v meanwhile", off)
	}
}

func TestAccept(t *testing.T) {
	h := &hands{wall: noon}
	g := NewGuard(h.read, skew)
	h.pass(0, time.Hour)
	if g.Accept(noon) || code(g.Check()) != CodeJumped {
		t.Error("another time than the clock shows was accepted")
	}
	if !g.Accept(noon.Add(time.Hour-skew)) || g.Check() != nil {
		t.Errorf("what the clock shows is not accepted: %v", g.Check())
	}
	h.pass(time.Minute, -time.Hour)
	if code(g.Check()) != CodeBehind {
		t.Error("the clock that was accepted is set back, without a word")
	}
}

// What was written is never in the future, and silence is no fault.
func TestSeen(t *testing.T) {
	h := &hands{wall: noon}
	g := NewGuard(h.read, skew)
	g.Saw(noon.Add(-30 * 24 * time.Hour))
	g.Saw(noon.Add(skew))
	if err := g.Check(); err != nil {
		t.Error(err)
	}
	g.Saw(noon.Add(time.Hour))
	g.Saw(noon)
	if got := code(g.Check()); got != CodeBehind || g.Jumped() {
		t.Errorf("%q behind what was written", got)
	}
	if err := g.Check(); err == nil || !strings.Contains(err.Error(), "it says "+noon.UTC().Format(time.RFC3339)+", and that is of "+noon.Add(time.Hour).UTC().Format(time.RFC3339)) {
		t.Errorf("%v, want both times", err)
	}
	if !g.Now().Equal(noon) {
		t.Errorf("reads are at %v", g.Now())
	}
	if g.Accept(noon); code(g.Check()) != CodeBehind {
		t.Error("what is stamped later was forgotten by an acceptance")
	}
	h.pass(55*time.Minute, 0)
	if err := g.Check(); err != nil {
		t.Errorf("once the clock has come so far: %v", err)
	}
}

func TestSharedClock(t *testing.T) {
	h := &hands{wall: noon}
	g := NewGuard(h.read, skew)
	for name, c := range map[string]struct {
		shared time.Duration // of the database, ahead of this one
		want   string
	}{
		"alike":          {0, ""},
		"a little apart": {-4 * time.Minute, ""},
		"lagging":        {10 * time.Minute, CodeBehind},
		"leaping":        {-10 * time.Minute, CodeJumped},
	} {
		g.Measured(h.read().Wall.Add(c.shared), h.read().Elapsed)
		h.pass(time.Second, 0)
		if got := code(g.Check()); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	g.Measured(h.read().Wall, h.read().Elapsed)
	h.pass(time.Hour, 0) // of silence of the database
	if err := g.Check(); err != nil {
		t.Error(err)
	}
}

// A clock that creeps is followed; one that jumps by less than the skew, again and again, is not.
func TestSettle(t *testing.T) {
	h := &hands{wall: noon}
	g := NewGuard(h.read, skew)
	for range 30 * 24 * 60 {
		h.pass(time.Minute, 10*time.Millisecond)
		g.Settle()
	}
	if err := g.Check(); err != nil {
		t.Errorf("after a month of 0.02 percent: %v", err)
	}
	for range 10 {
		h.pass(time.Minute, 4*time.Minute)
		g.Settle()
	}
	if got := code(g.Check()); got != CodeJumped {
		t.Errorf("%q after ten jumps of four minutes", got)
	}
}

// A writer that is let write has a time that was believed, whatever the clock does meanwhile.
func TestNoWrongStamp(t *testing.T) {
	h := &hands{wall: noon}
	g := NewGuard(h.read, skew)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20_000 {
			h.pass(0, time.Hour)
			h.pass(0, -time.Hour)
			g.Settle()
			g.Saw(noon)
		}
	}()
	for {
		if now := g.Now(); !now.Equal(noon) {
			t.Fatalf("a stamp of %v", now)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	g := NewGuard(System(), skew)
	g.Saw(time.Now())
	b.ReportAllocs()
	for b.Loop() {
		if err := g.Check(); err != nil {
			b.Fatal(err)
		}
	}
}
