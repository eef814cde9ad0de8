package admission

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// outcome is what became of those that asked.
type outcome struct {
	mu              sync.Mutex
	served, refused []time.Duration // how long they waited
	full            int             // refused since there is more to do than can be done
}

// ask asks for a turn, and takes cost once it has it.
func (o *outcome) ask(t *testing.T, g *Gate, f Flow, cost time.Duration) {
	o.askFor(t, g, f, func() { time.Sleep(cost) })
}

// askFor asks for a turn, and works once it has it.
func (o *outcome) askFor(t *testing.T, g *Gate, f Flow, work func()) {
	o.askPass(t, g, f, func(*Pass) { work() })
}

// askPass is as askFor, of work that pauses.
func (o *outcome) askPass(t *testing.T, g *Gate, f Flow, work func(*Pass)) {
	began := time.Now()
	p, err := g.Enter(t.Context(), f)
	waited := time.Since(began)
	o.mu.Lock()
	switch {
	case err == nil:
		o.served = append(o.served, waited)
	case errors.Is(err, ErrFull):
		o.full++
		fallthrough
	default:
		o.refused = append(o.refused, waited)
	}
	o.mu.Unlock()
	if err == nil {
		work(&p)
		p.Leave()
	}
}

// sorted are times with the shortest first, without those of the first requests.
func sorted(took []time.Duration, without int) []time.Duration {
	took = slices.Clone(took[min(without, len(took)):])
	slices.Sort(took)
	return took
}

// Of four times of what can be done, what is served has hardly waited, and as much is served
// as can be. The others are refused early and not too often; a client beside it is not.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 1, 1, calm) // one at a time, and one of its own for each
		var flood, beside outcome
		var asking sync.WaitGroup
		const lasts, cost = 4 * time.Second, time.Millisecond
		for began := time.Now(); time.Since(began) < lasts; time.Sleep(cost) {
			for range 4 {
				asking.Go(func() { flood.ask(t, g, greedy, cost) })
			}
			if time.Since(began)%(20*cost) == 0 {
				asking.Go(func() { beside.ask(t, g, polite, cost) })
			}
		}
		asking.Wait()
		if len(beside.refused) > 0 {
			t.Errorf("%d of the polite one are refused", len(beside.refused))
		}
		if worst := slices.Max(beside.served); worst > 2*cost {
			t.Errorf("the polite one waits %s", worst)
		}
		if n, could := len(flood.served), int(lasts/cost); n < could*9/10 {
			t.Errorf("%d served, want nearly the %d that can be", n, could)
		}
		served := sorted(flood.served, longLine/2) // until it is seen to be one
		if p99 := served[len(served)*99/100]; p99 > target {
			t.Errorf("99 of 100 of the served wait up to %s, want at most %s", p99, target)
		}
		refused := sorted(flood.refused, 0)
		if last := refused[len(refused)-1]; last > shortPatience+maxLine*forEachOther+sweepEach || last > 3*patience/4 {
			t.Errorf("somebody is refused after %s", last)
		}
		if flood.full > 0 {
			t.Errorf("%d are told that it is not their fault", flood.full)
		}
		settled(t, g)
	})
}

// A thousand at once are no flood: all are served that can be soon.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 1, 1, calm)
		var burst outcome
		var asking sync.WaitGroup
		for range 1000 {
			asking.Go(func() { burst.ask(t, g, greedy, 50*time.Microsecond) })
		}
		asking.Wait()
		if len(burst.refused) > 0 {
			t.Errorf("%d of a burst are refused", len(burst.refused))
		}
	})
}

// Of many clients that ask for little and together for more than can be done, some are told
// so early.
func TestManyClientsFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		var all outcome
		var asking sync.WaitGroup
		n := 0
		for began := time.Now(); time.Since(began) < 3*time.Second; time.Sleep(time.Millisecond) {
			for range 2 {
				n++
				client := Flow{Client: fmt.Sprint(n % 300)}
				asking.Go(func() { all.ask(t, g, client, time.Millisecond) })
			}
		}
		asking.Wait()
		if len(all.served) < 2700 {
			t.Errorf("%d served, want nearly 3,000", len(all.served))
		}
		if all.full == 0 || all.full < len(all.refused)*9/10 {
			t.Errorf("%d of %d refused are told that it is not their fault", all.full, len(all.refused))
		}
		// without those that waited before it was seen
		if refused := sorted(all.refused, longLine*3/2); slices.Max(refused) > fullPatience+2*sweepEach {
			t.Errorf("somebody is refused after %s", slices.Max(refused))
		}
		settled(t, g)
	})
}

// Turns are by what requests cost, not by how many there are.
func TestTurnsGoByCost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		var dear, cheap outcome
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() { dear.ask(t, g, greedy, 20*time.Millisecond) })
		}
		for range 100 {
			asking.Go(func() { cheap.ask(t, g, polite, time.Millisecond) })
		}
		asking.Wait()
		// While both wait, each has half of the time: 100 cheap ones and 5 dear ones.
		if last := slices.Max(cheap.served); last < 150*time.Millisecond || last > 300*time.Millisecond {
			t.Errorf("the cheap ones have their turns within %s, want about 200ms", last)
		}
	})
}

// A request that computes has left before the next one comes: places of its own are not for
// all that a flow asks for.
func TestOwnPlacesAreForARound(t *testing.T) {
	g := newGate(4, 4, 2, 1, func() int { return 100 })
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	defer in.Close()
	g.bell = &bell{in: in} // that nobody hears
	g.look(time.Now())
	g.looked = time.Now().Add(time.Hour)
	for range 2 {
		p := enter(t, g, greedy)
		p.Leave()
	}
	third := make(chan Pass)
	go func() { third <- enter(t, g, greedy) }()
	for _, waiting, _ := g.Load(); waiting == 0; _, waiting, _ = g.Load() {
		select {
		case <-third:
			t.Fatal("a flow has more places in a round than are its own")
		default:
		}
	}
	p := enter(t, g, polite)
	p.Leave()
	g.heard()
	p = <-third
	p.Leave()
	settled(t, g)
}

// Of many flows those are forgotten that have nothing here.
func TestFlowsAreForgotten(t *testing.T) {
	g := newGate(4, 4, 1, 1, calm)
	for i := range 3 * keptFlows {
		p := enter(t, g, Flow{Address: fmt.Sprint(i)})
		p.Leave()
	}
	if n := len(g.flows); n > 2*keptFlows {
		t.Errorf("%d flows are remembered", n)
	}
}
