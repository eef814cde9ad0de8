package admission

import (
	"container/heap"
	"context"
	"slices"
	"time"
)

const (
	// patience is how long a request may wait.
	patience = 2 * time.Second
	// longLine is how many requests of one flow may wait and be served in order. As many
	// callers as that, each of which waits for its answer before it asks again, all get one,
	// however slow the machine is: see patience.
	longLine = 1024
	// maxLine is how many requests of one flow may wait, whatever the time.
	maxLine = 4096
	// target is how long the first of a long line may have waited. Once the first has waited
	// longer for all of interval, more comes than can be done, and then only those are served
	// that have not waited for longer.
	target   = 5 * time.Millisecond
	interval = 100 * time.Millisecond
	// relapse is after how long a line that was flooded has to be long, and late for an interval,
	// again; so is a server that was full.
	relapse = time.Second
	// shortPatience is how long the others of a flooded line wait for their refusal while there
	// is something better to do, and longer the more they are: who is refused asks again, and
	// to refuse costs something too. So there are at most 4,000 refusals a second.
	shortPatience = 250 * time.Millisecond
	forEachOther  = 250 * time.Microsecond

	// fewWait is how many of a flow wait at most that asks for little, and how many flows wait
	// at most while it is some of them that ask for too much.
	fewWait = 8
	// fullPatience is how long they may wait after they have waited for longer than target for
	// all of fullInterval, and more than longLine wait in all: then the server as a whole has
	// more to do than it can.
	fullInterval = 100 * time.Millisecond
	fullPatience = 100 * time.Millisecond

	// cheapest is what a request is taken to cost that nothing is known of; dearest is the
	// most that is put on its account.
	cheapest = 50 * time.Microsecond
	dearest  = time.Second
	// maxDebt is how much more of the server's time than others one may have had that still
	// counts.
	maxDebt = 100 * time.Millisecond

	sweepEach = 10 * time.Millisecond
	// keptFlows is how many flows are remembered at least that have nothing here.
	keptFlows = 1024
)

// line is what a gate knows of a flow. It is served in order, unless it is flooded: then the
// newest goes first, which has hardly waited, and those that have waited for longer than
// target are refused: when there is nothing better to do, or when their patience ends.
type line struct {
	running int       // those that are not paused
	paused  int       // those that are
	weight  int       // of those that are, in all
	waiting []*waiter // the oldest first
	flooded bool
	late    time.Time // since when its first has waited for longer than target; zero if it has not
	dried   time.Time // when it was flooded last

	served time.Duration // of the server's time; no less than others had when it had none
	cost   time.Duration // of one of its requests, smoothed
	round  uint64        // in which it took
	owned  int           // places of its own
	at     int           // its place in the heap of turns; -1 if nobody waits
	seq    uint64        // of when it was last let in, or began to wait
}

// waiter is a request that waits.
type waiter struct {
	since time.Time
	run   chan struct{} // closed when it may, or may not
	pass  Pass
	err   error
}

// look sees whether a line is flooded.
func (l *line) look(now time.Time) {
	if now.Sub(l.waiting[0].since) <= target {
		l.flooded, l.late = false, time.Time{}
		return
	}
	if l.late.IsZero() {
		l.late = now
	}
	if len(l.waiting) > longLine && (now.Sub(l.late) >= interval || now.Sub(l.dried) < relapse) {
		l.flooded = true
	}
	if l.flooded {
		l.dried = now
	}
}

// stale reports whether all that wait have waited for too long to be served.
func (l *line) stale(now time.Time) bool {
	return l.flooded && now.Sub(l.waiting[len(l.waiting)-1].since) > target
}

// take is the request of a line whose turn it is.
func (l *line) take(now time.Time, g *Gate) *waiter {
	at := 0
	if l.flooded {
		at = len(l.waiting) - 1
	}
	w := l.waiting[at]
	switch waited := now.Sub(w.since); {
	case len(l.waiting) > fewWait || len(g.turns) <= fewWait:
	case waited <= target:
		g.late = time.Time{}
	case g.late.IsZero():
		g.late = now
	}
	l.waiting = slices.Delete(l.waiting, at, at+1)
	g.queued--
	g.seq++
	l.seq = g.seq
	return w
}

// patience is for how long those of a line may wait.
func (l *line) patience(g *Gate, now time.Time) time.Duration {
	switch {
	case l.flooded:
		return min(patience, shortPatience+time.Duration(len(l.waiting))*forEachOther)
	case len(l.waiting) <= fewWait && g.full(now):
		return fullPatience
	}
	return patience
}

// full reports whether those wait for long who ask for little, and so many that more comes
// than can be done: fewer may be callers that wait for their answers, on a slow machine.
func (g *Gate) full(now time.Time) bool {
	if g.late.IsZero() || now.Sub(g.late) <= fullInterval || g.queued <= longLine && now.Sub(g.filled) >= relapse {
		return false
	}
	g.filled = now
	return true
}

// charge puts time of the server on the account of a flow. Whatever it has had before, others
// go first for no longer than it takes them to have maxDebt.
func (l *line) charge(took time.Duration, g *Gate) {
	l.served = min(max(l.served, g.served)+took, g.served+maxDebt)
}

// queue puts a request at the end of its line.
func (g *Gate) queue(l *line, w *waiter) {
	l.waiting = append(l.waiting, w)
	g.queued++
	if l.at < 0 {
		l.served = max(l.served, g.served)
		g.seq++
		l.seq = g.seq
		heap.Push(&g.turns, l)
	}
	if g.sweeper == nil {
		g.sweeper = time.AfterFunc(sweepEach, g.sweep)
	} else if g.queued == 1 {
		g.sweeper.Reset(sweepEach)
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
		heap.Remove(&g.turns, l.at)
	}
	return true
}

// sweep refuses those that have waited for too long, while anybody waits. And it looks
// whether more may run: where those that run wait for something themselves, nobody leaves or
// comes.
func (g *Gate) sweep() {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	idle := g.running < g.slots && !g.crowded
	for _, l := range slices.Clone(g.turns) {
		l.look(now)
		may, err := l.patience(g, now), ErrBusy
		if len(l.waiting) <= fewWait && !l.flooded {
			err = ErrFull
		}
		n := 0
		if l.stale(now) && idle { // there is nothing better to do
			n = min(len(l.waiting), int(sweepEach/forEachOther))
		}
		for n < len(l.waiting) && now.Sub(l.waiting[n].since) >= may {
			n++
		}
		for _, w := range l.waiting[:n] {
			w.err = err
			close(w.run)
		}
		l.waiting = slices.Delete(l.waiting, 0, n)
		g.queued -= n
		if len(l.waiting) == 0 {
			heap.Remove(&g.turns, l.at)
		}
	}
	if len(g.turns) <= fewWait {
		g.late = time.Time{}
	}
	if g.queued == 0 {
		return
	}
	if now.Sub(g.looked) >= unlooked {
		g.looked = now
		if g.runnable() <= crowd*g.procs/2 {
			g.slots = min(g.most, 2*g.slots)
		}
		g.letIn(now)
	}
	g.sweeper.Reset(sweepEach)
}

// refuseAfter refuses a request for which there is no place in its line, not too soon.
func refuseAfter(ctx context.Context, after time.Duration) error {
	timer := time.NewTimer(after)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

// line is that of a flow.
func (g *Gate) line(flow Flow) *line {
	if l := g.flows[flow]; l != nil {
		return l
	}
	if len(g.flows) >= g.tidyAt {
		for f, l := range g.flows {
			if l.running+l.paused == 0 && len(l.waiting) == 0 {
				delete(g.flows, f)
			}
		}
		g.tidyAt = 2*len(g.flows) + keptFlows
	}
	l := &line{cost: cheapest, at: -1, served: g.served}
	g.flows[flow] = l
	return l
}

// turns are the lines with somebody waiting, as a heap: first the one that has had the least
// of the server's time, and of several the one that has not been let in for longest.
type turns []*line

func (t turns) Len() int { return len(t) }

func (t turns) Less(i, j int) bool {
	if t[i].served != t[j].served {
		return t[i].served < t[j].served
	}
	return t[i].seq < t[j].seq
}

func (t turns) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].at, t[j].at = i, j
}

// Push is for [heap.Interface].
func (t *turns) Push(l any) {
	l.(*line).at = len(*t)
	*t = append(*t, l.(*line))
}

// Pop is for [heap.Interface].
func (t *turns) Pop() any {
	last := len(*t) - 1
	l := (*t)[last]
	*t = slices.Delete(*t, last, last+1)
	l.at = -1
	return l
}
