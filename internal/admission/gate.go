package admission

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Flow is on whose account a request runs: a client, or an address.
type Flow struct{ Issuer, Client, Address string }

// Gate lets requests run: those that find room at once, the others in turn. The turn is that
// of the flow that has had the least of the server's time lately. A gate is safe for
// concurrent use.
type Gate struct {
	least, most int // bounds of slots
	own         int // places of each flow that it need not wait for
	procs       int
	// runnable is how many goroutines wait for a processor.
	runnable func() int

	bell *bell // nil: who leaves lets in the next

	mu      sync.Mutex
	rung    time.Time     // when the bell was rung, while nobody has heard it
	delay   time.Duration // from ringing to hearing, smoothed
	crowded bool          // goroutines waited for a processor when it was last looked
	rounds  bool          // those that come wait for the bell, but for places of their own
	latest  *line         // of whom the last request was
	mixed   time.Time     // when one came that was of another flow than the one before it, last
	looked  time.Time     // when that was
	slots   int           // how many may run, besides each flow's own
	running int           // those that are not paused
	paused  int
	queued  int
	round   uint64        // counts the times that the bell was heard or somebody looked
	owned   int           // places of their own that flows took in this round
	served  time.Duration // of the server's time, what the last one let in had had
	late    time.Time     // since when those wait for long who ask for little; zero if they do not
	filled  time.Time     // when more came in all than can be done, last
	narrow  time.Time     // when slots became fewer than least, or it was tried how it is with as many
	apart   time.Duration // from one such trial to the next
	flows   map[Flow]*line
	tidyAt  int // how many flows there are when those are forgotten that have nothing here
	turns   turns
	seq     uint64
	sweeper *time.Timer // nil until somebody waits
}

// newGate makes a gate at which at least `least` and at most `most` requests run at a
// time. A flow that has fewer than own does not wait, as long as there are not most.
func newGate(least, most, own, procs int, runnable func() int) *Gate {
	return &Gate{
		least: least, most: max(least, most), own: own, procs: procs, runnable: runnable,
		slots: min(max(least, 16*procs), max(least, most)), flows: make(map[Flow]*line), tidyAt: keptFlows,
	}
}

// Pass is a request that runs. The zero Pass is of one that passed no gate.
type Pass struct {
	gate   *Gate
	line   *line
	since  time.Time     // less the time that it was paused for
	guess  time.Duration // what it was taken to cost
	paused time.Time     // when it was, last
	weight int           // what it takes of maxPaused while it is
}

// Enter returns when a request may run, until its pass is left. The error is that it may
// not: [ErrBusy], [ErrFull], or that of ctx.
func (g *Gate) Enter(ctx context.Context, flow Flow) (Pass, error) {
	g.mu.Lock()
	now := time.Now()
	l := g.line(flow)
	if p, ok := g.pass(l, now); ok {
		g.mu.Unlock()
		return p, nil
	}
	if len(l.waiting) >= maxLine {
		patience := l.patience(g, now)
		g.mu.Unlock()
		return Pass{}, refuseAfter(ctx, patience)
	}
	w := &waiter{since: now, run: make(chan struct{})}
	g.queue(l, w)
	g.letIn(now) // it may be the first for which there is room since others gave up
	g.mu.Unlock()

	select {
	case <-w.run:
		// It has waited for a processor meanwhile, which is no time that the server gave to it: else who
		// asks for little beside somebody who asks for much would have had as much.
		w.pass.since = time.Now()
		return w.pass, w.err
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.giveUp(l, w) {
		return Pass{}, ctx.Err()
	}
	return w.pass, w.err // it was let in or refused meanwhile
}

// pass lets in one of a flow that has just come, if it need not wait.
func (g *Gate) pass(l *line, now time.Time) (p Pass, ok bool) {
	if l != g.latest {
		g.latest, g.mixed = l, now
	}
	g.look(now)
	if len(l.waiting) > 0 || g.all() >= g.most || !g.room(l) && !g.ownPlace(l) {
		return Pass{}, false
	}
	return g.begin(l, now), true
}

// all is how many are inside.
func (g *Gate) all() int { return g.running + g.paused }

// room reports whether one that has just come may run without its turn.
func (g *Gate) room(l *line) bool {
	return g.queued == 0 && g.running < g.slots && l.weight < maxPaused && !(g.rounds && g.bell != nil)
}

// ownPlace reports whether a flow has a place of its own, and takes it. A request that
// computes leaves before another one comes, so places alone would not bound what a flow
// takes: while processors are short, a flow has its places once in a round, and all of them
// have no more in a round than there are slots.
func (g *Gate) ownPlace(l *line) bool {
	if l.running+l.paused >= g.own {
		return false
	}
	if !g.rounds {
		return true
	}
	if l.round != g.round {
		l.round, l.owned = g.round, 0
	}
	if l.owned >= g.own || g.owned >= g.slots {
		return false
	}
	l.owned++
	g.owned++
	return true
}

// begin has a request of a flow run.
func (g *Gate) begin(l *line, now time.Time) Pass {
	l.running++
	g.running++
	l.charge(l.cost, g)
	return Pass{gate: g, line: l, since: now, guess: l.cost}
}

const (
	// maxPaused is how many of a flow may be paused: so many that a commit for all of them is
	// hardly dearer than for more, and so few that others are soon in the next one.
	maxPaused = 64
	// pausedRecords is how many records, or fewer, count for one of them.
	pausedRecords = 32
)

// Pause says that a request waits for a commit that another makes for it, of so many
// records: it takes no processor, and so no slot, until it resumes. It is to resume before
// it leaves. To pause the zero Pass does nothing.
func (p *Pass) Pause(records int) {
	g, l := p.gate, p.line
	if g == nil {
		return
	}
	p.paused, p.weight = time.Now(), max(1, records/pausedRecords)
	g.mu.Lock()
	defer g.mu.Unlock()
	l.running--
	l.paused++
	l.weight += p.weight
	g.running--
	g.paused++
	if g.queued > 0 {
		g.letIn(p.paused)
	}
}

// Resume says that a paused request runs again. It does not wait for a slot.
func (p *Pass) Resume() {
	g, l := p.gate, p.line
	if g == nil {
		return
	}
	now := time.Now()
	p.since = p.since.Add(now.Sub(p.paused))
	g.mu.Lock()
	defer g.mu.Unlock()
	l.running++
	l.paused--
	l.weight -= p.weight
	g.running++
	g.paused--
	if g.queued > 0 {
		g.letIn(now)
	}
}

// Leave ends a pass. It may be called again, and of the zero Pass.
func (p *Pass) Leave() {
	g, l := p.gate, p.line
	if g == nil {
		return
	}
	since, guess := p.since, p.guess
	*p = Pass{}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	took := min(now.Sub(since), dearest)
	l.charge(took-guess, g)
	l.cost += (took - l.cost) / 8
	if l.at >= 0 {
		heap.Fix(&g.turns, l.at)
	}
	l.running--
	g.running--
	if g.queued > 0 {
		g.letIn(now)
	}
}

// letIn lets run what there is room for: when the bell is heard, if there is one.
func (g *Gate) letIn(now time.Time) {
	if g.bell == nil {
		g.look(now)
		g.next(now)
		return
	}
	if g.rung.IsZero() {
		g.rung = now
		g.bell.ring()
	}
}

// heard is called when the bell is.
func (g *Gate) heard() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.delay += (now.Sub(g.rung) - g.delay) / 8
	g.rung = time.Time{}
	g.nextRound()
	g.look(now)
	g.next(now)
}

func (g *Gate) nextRound() {
	g.round++
	g.owned = 0
}

// Load is how many requests are inside, how many wait, and how many may run.
func (g *Gate) Load() (running, waiting, slots int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.all(), g.queued, g.slots
}

// next lets run what there is room for, each time of the flow that has had the least.
func (g *Gate) next(now time.Time) {
	var passed [16]*line // those that have nobody to let in now
	n := 0
	for len(g.turns) > 0 && n < len(passed) && g.all() < g.most && (g.running < g.slots || g.own > 0) {
		l := g.turns[0]
		l.look(now)
		if l.stale(now) || (g.running >= g.slots || l.weight >= maxPaused) && !g.ownPlace(l) {
			passed[n] = heap.Pop(&g.turns).(*line)
			n++
			continue
		}
		g.served = max(g.served, l.served)
		w := l.take(now, g)
		w.pass = g.begin(l, now)
		if len(l.waiting) == 0 {
			heap.Pop(&g.turns)
		} else {
			heap.Fix(&g.turns, 0)
		}
		close(w.run)
	}
	for _, l := range passed[:n] {
		heap.Push(&g.turns, l)
	}
}

const (
	// glance is how often it is looked how many goroutines wait for a processor, while requests
	// come and go; unlooked is after how long it is looked though nobody comes or goes.
	glance   = time.Millisecond
	unlooked = patience / 20
	// crowd is how many of them for each processor are too many. Each of them runs for
	// some tens of microseconds, and that is what everybody else waits.
	crowd = 6
	// swarm is how many they may be while all requests are of one flow, and have been for
	// aloneAfter: then nobody is to be let in before them. It bounds what somebody else waits
	// who comes then.
	swarm      = 64
	aloneAfter = 100 * time.Millisecond
	// tardy is how late the bell may be heard. What comes over the network is as late.
	tardy = time.Second / 2000
	// again is after how long as many as least are tried, and seldom how long it may become:
	// it doubles with each that goes wrong, since what comes over the network waits while one
	// lasts.
	again, seldom = time.Second / 2, 8 * time.Second
)

// look sets how many may run: fewer while goroutines wait for a processor, more while
// requests wait at the gate and processors do not. Requests that take long make what comes
// late, though few of them run: then there are as few as processors.
func (g *Gate) look(now time.Time) {
	if now.Sub(g.looked) < glance {
		return
	}
	g.looked = now
	if g.bell == nil {
		g.nextRound() // with one it begins when the network is looked at, or those that only compute would begin it
	}
	n := g.runnable()
	g.crowded = n > g.procs
	g.rounds = g.crowded && (n > swarm*g.procs || now.Sub(g.mixed) <= aloneAfter)
	compute := n+g.procs > g.running // most of those that run; who looks has a processor, too
	switch {
	case g.delay > tardy && g.crowded && compute:
		g.few(now)
	case n >= crowd*g.procs:
		g.slots = min(g.slots, max(g.least, min(g.slots, g.running)*7/8))
	case n > crowd*g.procs/2 || g.queued == 0:
	case g.delay < tardy/4 || !compute:
		g.slots = min(g.most, g.slots+max(1, g.slots/8))
	default:
		g.trial(now)
	}
}

// few lets as few run as there are processors, since those that run seem to compute. Of so
// few that cannot be seen any more: others may wait for processors, and those that run for the
// disk, for which many can wait together. So now and then as many as least are tried.
func (g *Gate) few(now time.Time) {
	if g.slots >= g.least {
		if now.Sub(g.narrow) < again { // that trial went wrong
			g.apart = min(2*g.apart, seldom)
		} else {
			g.apart = again
		}
		g.narrow = now
	} else if g.trial(now) {
		return
	}
	g.slots = max(min(g.least, g.procs), min(g.slots, max(g.running, g.least))/2)
}

// trial has as many as least run, if fewer do and it is time to try that.
func (g *Gate) trial(now time.Time) bool {
	if g.slots >= g.least || now.Sub(g.narrow) < g.apart {
		return false
	}
	g.slots, g.narrow = g.least, now
	return true
}
