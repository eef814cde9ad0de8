package admission

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disk commits what asks for it: all that ask while one commit is under way are in the next.
type disk struct {
	takes time.Duration
	mu    sync.Mutex
	busy  bool
	next  chan struct{} // closed once the next commit has ended; nil if nobody asks for one
}

func (d *disk) commit() {
	d.mu.Lock()
	if d.next == nil {
		d.next = make(chan struct{})
	}
	mine := d.next
	if !d.busy {
		d.busy = true
		go d.run()
	}
	d.mu.Unlock()
	<-mine
}

func (d *disk) run() {
	for {
		d.mu.Lock()
		these := d.next
		d.next, d.busy = nil, these != nil
		d.mu.Unlock()
		if these == nil {
			return
		}
		time.Sleep(d.takes)
		close(these)
	}
}

// However few the clients are or many, and however slow the disk is, callers of less than
// longLine in all that wait for their answers are never refused, and what they ask for is
// committed together: also where other work makes processors short, so that what comes over
// the network is late.
func TestCallersThatWaitForTheDiskAreAnswered(t *testing.T) {
	for _, clients := range []int{1, 10, 20, 100} {
		for _, callers := range []int{1, 5, 9, 1000} {
			for _, takes := range []time.Duration{20 * time.Millisecond, 50 * time.Millisecond} {
				for _, late := range []time.Duration{0, tardy / 2, 10 * tardy} {
					if clients*callers >= longLine {
						continue
					}
					t.Run(fmt.Sprintf("%d clients of %d, %s, late %s", clients, callers, takes, late), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { waitForTheDisk(t, clients, callers, takes, late) })
					})
				}
			}
		}
	}
}

func waitForTheDisk(t *testing.T, clients, callers int, takes, late time.Duration) {
	g := newGate(16, longLine, 2, 2, calm)
	if late > 0 {
		g.runnable, g.delay = func() int { return 3 }, late
		g.slots, g.narrow = g.procs, time.Now() // there were requests that compute
	}
	const lasts = 4 * time.Second
	began := time.Now()
	d := &disk{takes: takes}
	var all outcome
	var asking sync.WaitGroup
	for client := range clients {
		for range callers {
			asking.Go(func() {
				for time.Since(began) < lasts {
					all.askFor(t, g, Flow{Client: fmt.Sprint(client)}, d.commit)
				}
			})
		}
	}
	asking.Wait()
	if len(all.refused) > 0 {
		t.Errorf("%d are refused, of which %d are told that it is not their fault", len(all.refused), all.full)
	}
	// It takes a while until as many run as there are; of a few callers two run at a time then.
	if could := clients * callers * int(lasts/takes); len(all.served) < could/5 {
		t.Errorf("%d are served of %d that could be", len(all.served), could)
	}
	settled(t, g)
}

// Requests that compute for long are as few as processors, but for a moment now and then: ever
// less often.
func TestFewComputeForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(16, longLine, 0, 2, calm)
		g.runnable = func() int { return max(g.running-1, 3) } // called with g.mu held
		g.delay = 5 * time.Millisecond
		const lasts, cost = 30 * time.Second, 2 * time.Millisecond
		began := time.Now()
		var all outcome
		var asking sync.WaitGroup
		for range 128 {
			asking.Go(func() {
				for time.Since(began) < lasts {
					all.ask(t, g, greedy, cost)
				}
			})
		}
		looks, many, trials, was := 0, 0, 0, g.least
		for time.Since(began) < lasts {
			time.Sleep(time.Millisecond)
			looks++
			_, _, slots := g.Load()
			if slots > g.procs {
				many++
			}
			if slots >= g.least && was < g.least {
				trials++
			}
			was = slots
		}
		asking.Wait()
		if many > looks/100 {
			t.Errorf("more than %d may run in %d of %d looks", g.procs, many, looks)
		}
		if trials < 4 || trials > 7 { // after 0.5, 1, 2, 4 s, and each 8 s from then on
			t.Errorf("as many as %d are tried %d times in %s", g.least, trials, lasts)
		}
		settled(t, g)
	})
}

// However short processors are, all that a client's callers write is in the next commit: who
// waits for it takes no slot. A thousand callers of one client are in it by turns.
func TestWhoWaitsForACommitTakesNoSlot(t *testing.T) {
	for _, callers := range []int{16, maxPaused, 1000} {
		t.Run(fmt.Sprint(callers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(16, longLine, 2, 2, func() int { return 100 })
				d := &disk{takes: 20 * time.Millisecond}
				const commits = 50
				until := time.Now().Add(commits * d.takes)
				var all outcome
				var asking sync.WaitGroup
				for range callers {
					asking.Go(func() {
						for time.Now().Before(until) {
							all.askPass(t, g, greedy, func(p *Pass) {
								p.Pause(1)
								d.commit()
								p.Resume()
							})
						}
					})
				}
				asking.Wait()
				// While some wait for a commit that is under way, others wait for the next.
				if could := commits * min(callers, maxPaused) / 2; len(all.served) < could*9/10 || len(all.refused) > 0 {
					t.Errorf("%d are served of %d, and %d refused", len(all.served), could, len(all.refused))
				}
				settled(t, g)
			})
		})
	}
}

// Of a client no more than maxPaused wait for a commit, fewer if they write many records,
// and those that were let in before these waited. Another client comes in beside them, also
// without a place of its own.
func TestCommitsAreNotForOneClient(t *testing.T) {
	for records, most := range map[int]int{1: maxPaused, 1000: 3} {
		t.Run(fmt.Sprint(records), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(16, longLine, 0, 2, calm)
				commit := make(chan struct{})
				var all outcome
				var asking sync.WaitGroup
				for range 200 {
					asking.Go(func() {
						all.askPass(t, g, greedy, func(p *Pass) {
							p.Pause(records)
							<-commit
							p.Resume()
						})
					})
				}
				synctest.Wait()
				if inside, _, slots := g.Load(); inside < most || inside >= most+slots {
					t.Errorf("%d of one client are inside, want %d, and fewer than %d more", inside, most, slots)
				}
				another := enter(t, g, polite)
				another.Pause(1)
				another.Resume()
				another.Leave()
				close(commit)
				asking.Wait()
				if len(all.served) != 200 {
					t.Errorf("%d are served", len(all.served))
				}
				settled(t, g)
			})
		})
	}
}

// What a client is charged for is not that it waited.
func TestAPauseIsNotTimeOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate(16, longLine, 2, 2, calm)
		p := enter(t, g, greedy)
		time.Sleep(time.Millisecond)
		p.Pause(1)
		time.Sleep(time.Second)
		p.Resume()
		time.Sleep(time.Millisecond)
		p.Leave()
		if had := g.flows[greedy].served; had != 2*time.Millisecond {
			t.Errorf("it is charged for %s", had)
		}
	})
}
