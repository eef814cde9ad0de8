package admission

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func limits() Limits { return Limits{Procs: 2, Requests: 64, Bodies: 1000, StrangerRate: 10} }

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(limits())
		spent := func(kind Kind, address string) (n int) {
			for c.Ask(kind, address, 1) {
				n++
			}
			return n
		}
		if n := spent(Bearer, "192.0.2.1"); n != 50 {
			t.Errorf("%d at once, want 50", n)
		}
		if n := spent(Token, "192.0.2.1"); n != 50 {
			t.Errorf("%d tokens from there, want 50", n)
		}
		if n := spent(Bearer, "192.0.2.2"); n != 50 {
			t.Errorf("%d from another address, want 50", n)
		}
		time.Sleep(time.Second)
		if n := spent(Bearer, "192.0.2.1"); n != 10 {
			t.Errorf("%d after a second, want 10", n)
		}
		c.Proved(Bearer, "192.0.2.1")
		if n := spent(Bearer, "192.0.2.1"); n != 1 {
			t.Errorf("%d after one turned out to be good, want 1", n)
		}
		c.Charge(Open, "192.0.2.3", 60)
		if n := spent(Open, "192.0.2.3"); n != 0 {
			t.Errorf("%d after a large answer, want none", n)
		}
	})
}

// From an address whose budget a forger has spent, a client gets in now and then, unless it
// is the one that the forger names.
func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(limits())
		n := 0
		for c.Claim("192.0.2.1", "forged") {
			n++
		}
		if n == 0 || n > 20 {
			t.Errorf("%d claims to be one client, want some", n)
		}
		if !c.Claim("192.0.2.1", "another") {
			t.Error("another client is kept out")
		}
		n = 0
		for i := 0; c.Claim("192.0.2.1", strings.Repeat("x", i)); i++ {
			n++
		}
		if n > 100 {
			t.Errorf("%d claims to be others, want at most 100", n)
		}
	})
}

func TestBudgetForgetsTheOldest(t *testing.T) {
	b := newBudget(1, 1)
	for i := range 3 * budgetSize {
		b.Spend(strings.Repeat("x", i%7)+time.Duration(i).String(), 1)
	}
	if n := len(b.young) + len(b.old); n > budgetSize {
		t.Errorf("%d accounts, want at most %d", n, budgetSize)
	}
}

func TestNoRateIsNoBound(t *testing.T) {
	l := limits()
	l.StrangerRate = 0
	c := newControl(l)
	for range 1000 {
		if !c.Ask(Open, "192.0.2.1", 1) {
			t.Fatal("refused")
		}
	}
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newControl(limits())
		began := time.Now()
		if !c.Pause(t.Context(), nil) || time.Since(began) < pause {
			t.Errorf("it took %s, want %s", time.Since(began), pause)
		}
		ending := make(chan struct{})
		close(ending)
		if c.Pause(t.Context(), ending) {
			t.Error("it waits though the server ends")
		}
		c.pauseCap = 0
		if c.Pause(t.Context(), nil) {
			t.Error("more wait than may")
		}
	})
}

func TestBytes(t *testing.T) {
	b := newBytes(100)
	if !b.Take(greedy, 50) || b.Take(greedy, 1) {
		t.Error("one flow has more than half, or not that")
	}
	if !b.Take(polite, 50) || b.Take(Flow{Client: "third"}, 1) {
		t.Error("all have more than there is, or not that")
	}
	b.Give(greedy, 50)
	b.Give(polite, 50)
	if b.Taken() != 0 || len(b.each) != 0 {
		t.Errorf("left: %d, %v", b.Taken(), b.each)
	}
}

func TestAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1",
		"[2001:db8:1:2:3:4:5:6]:80": "2001:db8:1:2::/64", "[fe80::1%eth0]:80": "fe80::/64", "@": "@",
	} {
		if got := Address(remote); got != want {
			t.Errorf("%s is of %s, want %s", remote, got, want)
		}
	}
}

func TestRunnable(t *testing.T) {
	if n := runnable(); n < 0 || n > 1000 {
		t.Errorf("%d goroutines wait", n)
	}
}

// Strangers cause few lines, and one that says how many are missing.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var text strings.Builder
		log := Lines(slog.New(slog.NewTextHandler(&text, nil)))
		for range 1000 {
			log.With("a", 1).Info("refused")
		}
		log.Error("worse")
		time.Sleep(leftOutAfter)
		synctest.Wait()
		if n := strings.Count(text.String(), "msg=refused"); n != lineBurst {
			t.Errorf("%d lines, want %d", n, lineBurst)
		}
		if !strings.Contains(text.String(), "msg=worse") {
			t.Error("what is worse is left out")
		}
		if !strings.Contains(text.String(), "left out\" lines=950") {
			t.Errorf("it is not told that lines are missing:\n%s", text.String()[max(0, text.Len()-300):])
		}
		log.Info("again")
		if !strings.Contains(text.String(), "msg=again") {
			t.Error("nothing is written any more")
		}
	})
}
