package admission

import (
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

// However many of one client wait, another that has little to ask does not.
func TestOwnPlacesNeedNoWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(4, 4, 1, 1, calm)
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
		load(t, g, 0, 0)
		if len(g.flows) != 0 || len(g.turns) != 0 {
			t.Errorf("kept: %v %v", g.flows, g.turns)
		}
	})
}

// In a line that has not been empty for a while the newest goes first, and the others are
// told when their patience ends.
func TestStandingLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, 1, 0, 1, calm)
		holding := enter(t, g, greedy)
		began := time.Now()
		type outcome struct {
			n    int
			took time.Duration
			err  error
		}
		outcomes := make(chan outcome, 3)
		for n := range 3 {
			go func() {
				since := time.Now()
				_, err := g.Enter(t.Context(), greedy)
				outcomes <- outcome{n, time.Since(since), err}
			}()
			time.Sleep(patience * 2 / 5)
		}
		// The first has been refused, the line never was empty.
		if first := <-outcomes; first.n != 0 || !errors.Is(first.err, ErrBusy) || first.took != patience {
			t.Errorf("%+v, want the first to be refused after %s", first, patience)
		}
		if time.Since(began) < patience {
			t.Error("the line is not old enough")
		}
		holding.Leave()
		if next := <-outcomes; next.n != 2 || next.err != nil {
			t.Errorf("%+v, want the newest to run", next)
		}
		if last := <-outcomes; last.n != 1 || !errors.Is(last.err, ErrBusy) {
			t.Errorf("%+v, want the older one to be refused", last)
		}
		load(t, g, 1, 0)
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
	load(t, g, 0, 0)
	if len(g.flows) != 0 || len(g.turns) != 0 {
		t.Errorf("kept %d flows and %d turns", len(g.flows), len(g.turns))
	}
}
