package admission

import (
	"sync"
	"time"
)

// budgetSize is how many keys a budget keeps account of. One that was not seen lately is
// forgotten and starts anew.
const budgetSize = 20_000

// budget is how much each of many keys may spend: so much at once, refilled evenly. It is
// safe for concurrent use.
type budget struct {
	burst, perSecond float64

	mu         sync.Mutex
	young, old map[string]*account // an account moves to young when it is used
}

// account is what a key has at an instant.
type account struct {
	left float64
	at   time.Time
}

// newBudget makes a budget. One of no refill is no bound.
func newBudget(burst, perSecond float64) *budget {
	return &budget{burst: burst, perSecond: perSecond, young: map[string]*account{}, old: map[string]*account{}}
}

// Spend takes n from what a key has, if it has anything left: it may owe something
// afterwards. It reports false if there is nothing.
func (b *budget) Spend(key string, n float64) bool {
	if b.perSecond == 0 {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(key)
	if a.left <= 0 {
		return false
	}
	a.left = max(a.left-n, -b.burst)
	return true
}

// Return gives back what was spent and turned out to be none of the key's.
func (b *budget) Return(key string, n float64) {
	if b.perSecond == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.account(key)
	a.left = min(a.left+n, b.burst)
}

func (b *budget) account(key string) *account {
	now := time.Now()
	a := b.young[key]
	if a == nil {
		if a = b.old[key]; a == nil {
			a = &account{b.burst, now}
		}
		b.young[key] = a
		delete(b.old, key)
		if len(b.young) >= budgetSize/2 {
			b.old, b.young = b.young, map[string]*account{}
		}
	}
	a.left = min(b.burst, a.left+now.Sub(a.at).Seconds()*b.perSecond)
	a.at = now
	return a
}
