package admission

import (
	"container/heap"
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var (
	greedy = Flow{Client: "greedy"}
	polite = Flow{Client: "polite"}
)

// calm is a machine on which nothing waits for a processor.
func calm() int { return 0 }

// enter gets a pass at once, or the test fails.
func enter(t *testing.T, g *Gate, f Flow) Pass {
	t.Helper()
	p, err := g.Enter(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t *testing.T, g *Gate, running, waiting int) {
	t.Helper()
	if r, w, _ := g.Load(); r != running || w != waiting {
		t.Errorf("%d run and %d wait, want %d and %d", r, w, running, waiting)
	}
}

// settled fails the test if anything is left of those who came.
func settled(t *testing.T, g *Gate) {
	t.Helper()
	load(t, g, 0, 0)
	for flow, l := range g.flows {
		if l.running > 0 || len(l.waiting) > 0 || l.at >= 0 {
			t.Errorf("%v: %d run, %d wait", flow, l.running, len(l.waiting))
		}
	}
	if len(g.turns) > 0 {
		t.Errorf("%d have turns", len(g.turns))
	}
}

// However many of one client wait, another that has little to ask does not.
func TestOwnPlacesNeedNoWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4, 4, 1, 1, func() int { return 100 })
		g.most = 8
		for range 4 {
			enter(t, g, greedy)
		}
		for range 10 {
			go func() { _, _ = g.Enter(t.Context(), greedy) }()
		}
		synctest.Wait()
		load(t, g, 4, 10)
		p := enter(t, g, polite)
		load(t, g, 5, 10)
		p.Leave()
		p.Leave() // once more does nothing
		load(t, g, 4, 10)
		time.Sleep(patience)
		synctest.Wait()
		load(t, g, 4, 0)
	})
}

// Flows that wait take turns, however long their lines are.
func TestTurnsGoRoundTheFlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		first := enter(t, g, greedy)
		var mu sync.Mutex
		var order []string
		var working sync.WaitGroup
		queue := func(f Flow) {
			working.Go(func() {
				p, err := g.Enter(t.Context(), f)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, f.Client)
				mu.Unlock()
				p.Leave()
			})
			synctest.Wait()
		}
		for range 3 {
			queue(greedy)
		}
		queue(polite)
		first.Leave()
		working.Wait()
		if len(order) != 4 || order[1] != "polite" {
			t.Errorf("order %v, want the polite one second", order)
		}
		settled(t, g)
	})
}

// As many callers as a line is long, each of which waits for its answer before it asks
// again, all get one, however slow the machine is.
func TestCallersThatWaitAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		var calling sync.WaitGroup
		for range longLine {
			calling.Go(func() {
				for range 3 {
					p, err := g.Enter(t.Context(), greedy)
					if err != nil {
						t.Error(err)
						return
					}
					time.Sleep(1800 * time.Microsecond) // 1.8 s for all of them
					p.Leave()
				}
			})
		}
		calling.Wait()
	})
}

func TestWhoGivesUpLeavesTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		p := enter(t, g, greedy)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := g.Enter(ctx, polite)
			done <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want that of the context", err)
		}
		load(t, g, 1, 0)
		p.Leave()
		q := enter(t, g, greedy)
		q.Leave()
	})
}

// How much runs follows how many goroutines wait for a processor.
func TestSlotsFollowTheProcessors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowded := 0
		g := newGate(2, 100, 0, 1, func() int { return crowded })
		var passes []Pass
		for range 10 {
			passes = append(passes, enter(t, g, greedy))
		}
		crowded = 100
		for range 40 { // those that run end and come again, while the processors are late
			time.Sleep(glance)
			go func() { _, _ = g.Enter(t.Context(), polite) }()
			synctest.Wait()
			if r, _, slots := g.Load(); slots < 2 || r < 1 {
				t.Fatalf("%d run in %d slots", r, slots)
			}
		}
		if _, _, slots := g.Load(); slots > 8 {
			t.Errorf("%d slots on a crowded machine", slots)
		}
		crowded = 0
		for range 60 {
			time.Sleep(glance)
			go func() { _, _ = g.Enter(t.Context(), polite) }()
			synctest.Wait()
		}
		if _, _, slots := g.Load(); slots < 20 {
			t.Errorf("%d slots on a machine that is idle", slots)
		}
		for i := range passes {
			passes[i].Leave()
		}
		time.Sleep(patience)
		synctest.Wait()
	})
}

// However many wait, they look no more often than one would: who waits must cost little.
func TestThoseThatWaitCostLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		g := newGate(1, 1, 0, 1, func() int { looks++; return 100 })
		p := enter(t, g, polite)
		for range longLine {
			go func() { _, _ = g.Enter(t.Context(), greedy) }()
		}
		time.Sleep(patience)
		synctest.Wait()
		load(t, g, 1, 0)
		p.Leave()
		if most := int(patience/unlooked) + 5; looks > most || looks < most/2 {
			t.Errorf("many that wait looked %d times in %s, want about %d", looks, patience, most)
		}
	})
}

// Any number of callers that come and go leave nothing behind.
func TestGateUnderMany(t *testing.T) {
	g := newGate(2, 8, 1, 1, runnable)
	g.bell = newBell(g.heard)
	defer g.bell.close()
	var working sync.WaitGroup
	for i := range 64 {
		working.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			for range 200 {
				p, err := g.Enter(ctx, Flow{Client: string(rune('a' + i%7))})
				if err == nil {
					p.Leave()
				}
			}
		})
	}
	working.Wait()
	settled(t, g)
}

// Where all that run wait for something that is not a processor, others are let in beside
// them, though nobody comes or leaves.
func TestOthersBesideThoseThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(2, 100, 0, 1, calm)
		g.slots = 2
		for range 40 { // none of them ends
			go func() { _, _ = g.Enter(t.Context(), greedy) }()
		}
		time.Sleep(patience - time.Millisecond)
		synctest.Wait()
		load(t, g, 40, 0)
	})
}

// How many may run grows only while what comes over the network is soon heard, or while those that
// run wait for something that is not a processor; a crowd never has more run.
func TestSlotsGrowWhileTheNetworkIsHeard(t *testing.T) {
	const few, least = 2, 16
	for name, c := range map[string]struct {
		delay             time.Duration
		running, runnable int
		since             time.Duration // the last trial
		want              int
	}{
		"heard at once":                {running: few, runnable: 1, want: few + 1},
		"heard late for long":          {delay: tardy / 2, running: few, runnable: 1, since: again, want: least},
		"heard too late for long":      {delay: 2 * tardy, running: few, runnable: 3, since: again, want: least},
		"heard late":                   {delay: tardy / 2, running: few, runnable: 1, want: few},
		"heard late, they do not wait": {delay: tardy / 2, running: 8, runnable: 2, want: few + 1},
		"a crowd":                      {running: few, runnable: 100, want: few},
		"a crowd, heard late":          {delay: 2 * tardy, running: few, runnable: 100, want: few},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(least, 64, 2, 2, func() int { return c.runnable })
			now := time.Now()
			g.slots, g.queued, g.running, g.delay, g.narrow, g.apart = few, 1, c.running, c.delay, now.Add(-c.since), again
			g.look(now.Add(glance))
			if g.slots != c.want {
				t.Errorf("%d may run, want %d", g.slots, c.want)
			}
		})
	}
}

// Processors are short, as they are whenever there is something to do: who is alone passes, and
// once another asks each has its places and then its turn.
func TestAloneNobodyWaits(t *testing.T) {
	for name, c := range map[string]struct {
		runnable int
		since    time.Duration // how long ago another asked between two of its own
		passes   bool
	}{
		"alone":               {runnable: swarm, since: 2 * aloneAfter, passes: true},
		"in a crowd":          {runnable: swarm + 1, since: 2 * aloneAfter},
		"beside another":      {runnable: swarm, since: aloneAfter / 2},
		"nobody waits at all": {runnable: 0, since: aloneAfter / 2, passes: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(8, 64, 2, 1, func() int { return c.runnable })
				g.bell = &bell{} // that nobody hears
				for _, f := range []Flow{greedy, polite, greedy} {
					p, err := g.Enter(t.Context(), f)
					if err != nil {
						t.Fatal(err)
					}
					p.Leave()
				}
				time.Sleep(c.since)
				g.nextRound()
				passed := 0
				for range 4 {
					time.Sleep(2 * glance) // which is no round: that the network is looked at is
					if !g.passes(greedy) {
						break
					}
					passed++
				}
				want := 2 // of its own
				if c.passes {
					want = 4
				}
				if passed != want {
					t.Errorf("%d pass, want %d", passed, want)
				}
			})
		})
	}
}

// What a request waits for a processor, once it may run, is not on its client's account: beside one who
// computes, one who hardly does would seem to do as much.
func TestAWaitForAProcessorIsNotTimeOfTheServer(t *testing.T) {
	g := newGate(1, 1, 0, 1, calm)
	first := enter(t, g, greedy)
	in := make(chan Pass)
	go func() {
		p, err := g.Enter(t.Context(), polite)
		if err != nil {
			t.Error(err)
		}
		in <- p
	}()
	for _, waiting, _ := g.Load(); waiting == 0; _, waiting, _ = g.Load() {
		time.Sleep(time.Millisecond)
	}
	before := time.Now()
	g.mu.Lock()
	w := g.flows[polite].take(before, g)
	heap.Pop(&g.turns)
	w.pass = g.begin(g.flows[polite], before.Add(-time.Second)) // as if it had been let in a second ago
	close(w.run)
	g.mu.Unlock()
	p := <-in
	if p.since.Before(before) {
		t.Errorf("it is taken to run since %v before it did", before.Sub(p.since))
	}
	first.Leave()
	p.Leave()
}

// passes reports whether one of a flow need not wait, and has it leave again if so.
func (g *Gate) passes(f Flow) bool {
	g.mu.Lock()
	p, ok := g.pass(g.line(f), time.Now())
	g.mu.Unlock()
	p.Leave()
	return ok
}
