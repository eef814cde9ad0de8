package admission

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Flow is on whose account a request runs: a client, or an address.
type Flow struct{ Issuer, Client, Address string }

const (
	// patience is how long a request may wait.
	patience = 2 * time.Second
	// longLine is how many requests of one flow may wait and be served in order. As many
	// callers as that, each of which waits for its answer before it asks again, all get one,
	// however slow the machine is. Of a longer line more comes than can be done.
	longLine = 1024
	// maxLine is how many requests of one flow may wait, whatever the time.
	maxLine = 4096
)

// Gate lets requests run: those that find room at once, the others in turn, a flow after
// the other. Of a line longer than longLine the newest goes first, which has hardly
// waited, and the oldest wait in vain until their patience ends. That also bounds how often
// somebody on one connection is refused, which costs something too. A gate is safe for
// concurrent use.
type Gate struct {
	least, most int // bounds of slots
	own         int // places of each flow that it need not wait for
	procs       int
	// runnable is how many goroutines wait for a processor.
	runnable func() int

	bell *bell // nil: who leaves lets in the next

	mu      sync.Mutex
	rung    bool // the bell was rung, and nobody was let in since
	crowded bool // goroutines waited for a processor when it was last looked
	slots   int  // how many may run, besides each flow's own
	running int
	queued  int
	looked  time.Time // when runnable was last asked
	flows   map[Flow]*line
	turns   []*line // those with somebody waiting, the next one first
	free    []*line // to be used again
}

// line is what a gate knows of a flow.
type line struct {
	flow    Flow
	running int
	waiting []*waiter
}

// waiter is a request that waits.
type waiter struct {
	run chan struct{} // closed when it may
}

// newGate makes a gate at which at least `least` and at most `most` requests run at a
// time. A flow that has fewer than own does not wait, as long as there are not most.
func newGate(least, most, own, procs int, runnable func() int) *Gate {
	return &Gate{
		least: least, most: max(least, most), own: own, procs: procs, runnable: runnable,
		slots: min(max(least, 16*procs), max(least, most)), flows: make(map[Flow]*line),
	}
}

// Pass is a request that runs. The zero Pass is of one that passed no gate.
type Pass struct {
	gate *Gate
	line *line
}

// Enter returns when a request may run, until its pass is left. The error is that it may
// not: [ErrBusy], or that of ctx.
func (g *Gate) Enter(ctx context.Context, flow Flow) (Pass, error) {
	g.mu.Lock()
	now := time.Now()
	g.look(now)
	l := g.line(flow)
	if len(l.waiting) == 0 && g.running < g.most && (l.running < g.own || g.queued == 0 && g.running < g.slots && !(g.crowded && g.bell != nil)) {
		l.running++
		g.running++
		g.mu.Unlock()
		return Pass{g, l}, nil
	}
	if len(l.waiting) >= maxLine {
		g.mu.Unlock()
		return Pass{}, ErrBusy
	}
	w := &waiter{make(chan struct{})}
	if len(l.waiting) == 0 {
		g.turns = append(g.turns, l)
	}
	l.waiting = append(l.waiting, w)
	g.queued++
	g.letIn(now) // it may be the first for which there is room since others gave up
	g.mu.Unlock()

	err := g.wait(ctx, w)
	if err == nil {
		return Pass{g, l}, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.giveUp(l, w) {
		return Pass{}, err
	}
	return Pass{g, l}, nil // it was let in meanwhile
}

// wait waits until a request may run, or its patience ends. Meanwhile it looks whether more
// may: where those that run wait for something themselves, nobody leaves or comes.
func (g *Gate) wait(ctx context.Context, w *waiter) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	again := time.NewTicker(unlooked)
	defer again.Stop()
	for {
		select {
		case <-w.run:
			return nil
		case <-timer.C:
			return ErrBusy
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
			g.mu.Lock()
			now := time.Now()
			if g.queued > 0 && now.Sub(g.looked) >= unlooked {
				g.looked = now
				if g.runnable() <= crowd*g.procs/2 {
					g.slots = min(g.most, 2*g.slots)
				}
			}
			g.letIn(now)
			g.mu.Unlock()
		}
	}
}

// Leave ends a pass. It may be called again, and of the zero Pass.
func (p *Pass) Leave() {
	g, l := p.gate, p.line
	if g == nil {
		return
	}
	*p = Pass{}
	g.mu.Lock()
	defer g.mu.Unlock()
	l.running--
	g.running--
	if g.queued > 0 {
		g.letIn(time.Now())
	}
	g.settle(l)
}

// letIn lets run what there is room for: when the bell is heard, if there is one.
func (g *Gate) letIn(now time.Time) {
	if g.bell == nil {
		g.look(now)
		g.next()
		return
	}
	if !g.rung {
		g.rung = true
		g.bell.ring()
	}
}

// heard is called when the bell is.
func (g *Gate) heard() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rung = false
	now := time.Now()
	g.look(now)
	g.next()
}

// Load is how many requests run, how many wait, and how many may run.
func (g *Gate) Load() (running, waiting, slots int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.running, g.queued, g.slots
}

// line is that of a flow.
func (g *Gate) line(flow Flow) *line {
	if l := g.flows[flow]; l != nil {
		return l
	}
	l := new(line)
	if n := len(g.free); n > 0 {
		l, g.free = g.free[n-1], g.free[:n-1]
	}
	l.flow = flow
	g.flows[flow] = l
	return l
}

// settle forgets a flow that has nothing here.
func (g *Gate) settle(l *line) {
	if l.running > 0 || len(l.waiting) > 0 || g.flows[l.flow] != l {
		return
	}
	delete(g.flows, l.flow)
	if len(g.free) < 64 {
		*l = line{waiting: l.waiting[:0]}
		g.free = append(g.free, l)
	}
}

// next lets run what there is room for, a flow after the other.
func (g *Gate) next() {
	for passed := 0; len(g.turns) > passed && g.running < g.most; {
		l := g.turns[0]
		g.turns = slices.Delete(g.turns, 0, 1)
		if g.running >= g.slots && l.running >= g.own {
			g.turns = append(g.turns, l)
			passed++ // the next one may have a place of its own
			continue
		}
		passed = 0
		at := 0
		if len(l.waiting) > longLine {
			at = len(l.waiting) - 1
		}
		w := l.waiting[at]
		l.waiting = slices.Delete(l.waiting, at, at+1)
		g.queued--
		l.running++
		g.running++
		close(w.run)
		if len(l.waiting) > 0 {
			g.turns = append(g.turns, l)
		}
	}
}

// giveUp takes a request out of its line. It reports false if it is not there any more.
func (g *Gate) giveUp(l *line, w *waiter) bool {
	i := slices.Index(l.waiting, w)
	if i < 0 {
		return false
	}
	l.waiting = slices.Delete(l.waiting, i, i+1)
	g.queued--
	if len(l.waiting) == 0 {
		i := slices.Index(g.turns, l)
		g.turns = slices.Delete(g.turns, i, i+1)
		g.settle(l)
	}
	return true
}

const (
	// glance is how often it is looked how many goroutines wait for a processor, while requests
	// come and go; unlooked is after how long those that wait look themselves.
	glance   = time.Millisecond
	unlooked = patience / 20
	// crowd is how many of them for each processor are too many. Each of them runs for
	// some tens of microseconds, and that is what everybody else waits.
	crowd = 6
)

// look sets how many may run: fewer while goroutines wait for a processor, more while
// requests wait at the gate and processors do not.
func (g *Gate) look(now time.Time) {
	if g.running < g.procs && g.queued == 0 {
		g.crowded = false
		return
	}
	if now.Sub(g.looked) < glance {
		return
	}
	g.looked = now
	n := g.runnable()
	g.crowded = n > g.procs
	switch {
	case n >= crowd*g.procs:
		g.slots = max(g.least, min(g.slots, g.running)*7/8)
	case n <= crowd*g.procs/2 && g.queued > 0:
		g.slots = min(g.most, g.slots+max(1, g.slots/8))
	}
}
