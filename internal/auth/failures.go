package auth

import (
	"crypto/sha256"
	"net/netip"
	"sync"
	"time"
)

// failuresSize is how many pairs, and how many addresses, are kept count of, and again
// as many that are blocked. Those go first that failed the longest ago.
const failuresSize = 10_000

// Failures counts failed log-ins: of a client id from an address, and of all ids
// from an address. So guessing is slow, also at many ids, and yet nobody can
// lock out a client that calls from elsewhere. Of IPv6 the first 64 bits are the
// address: who has one has them all. It is safe for concurrent use.
//
// A failure of one that is blocked is not counted, and what is blocked is kept apart
// from what is counted, so that neither is forgotten for a flood of others.
type Failures struct {
	now func() time.Time

	mu        sync.Mutex
	pairs     failureCounts
	addresses failureCounts
}

// FailureLimits are how many failures are too many, in a window.
type FailureLimits struct {
	Pair    int // of a client id from an address
	Address int // of all ids from an address
	Window  time.Duration
}

// Block is for how long one may not try, and after how many failures. A Wait of 0
// is none.
type Block struct {
	Wait  time.Duration
	Limit int
}

// NewFailures makes a counter that blocks what has failed too often until its window
// ends.
func NewFailures(l FailureLimits, now func() time.Time) *Failures {
	return &Failures{
		now:       now,
		pairs:     newFailureCounts(l.Pair, l.Window),
		addresses: newFailureCounts(l.Address, l.Window),
	}
}

// Blocked says whether an id may be tried from an address.
func (f *Failures) Blocked(address, clientID string) Block {
	now, network := f.now(), networkOf(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blocked(now, network, clientID)
}

func (f *Failures) blocked(now time.Time, network, clientID string) Block {
	pair := Block{f.pairs.wait(now, failureKey(network, clientID)), f.pairs.limit}
	all := Block{f.addresses.wait(now, failureKey(network, "")), f.addresses.limit}
	if all.Wait > pair.Wait {
		return all
	}
	return pair
}

// Add counts a failure.
func (f *Failures) Add(address, clientID string) {
	now, network := f.now(), networkOf(address)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blocked(now, network, clientID).Wait > 0 {
		return
	}
	f.pairs.add(now, failureKey(network, clientID))
	f.addresses.add(now, failureKey(network, ""))
}

// failureCounts are the failures of each of many.
type failureCounts struct {
	limit   int
	window  time.Duration
	counted recent[failureID, failureCount]
	blocked recent[failureID, time.Time] // until when
}

type failureCount struct {
	n     int
	since time.Time
}

func newFailureCounts(limit int, window time.Duration) failureCounts {
	return failureCounts{
		limit: limit, window: window,
		counted: newRecent[failureID, failureCount](failuresSize),
		blocked: newRecent[failureID, time.Time](failuresSize),
	}
}

func (c *failureCounts) wait(now time.Time, id failureID) time.Duration {
	until, ok := c.blocked.get(id)
	if !ok {
		return 0
	}
	if !now.Before(until) {
		c.blocked.take(id)
		return 0
	}
	return until.Sub(now)
}

func (c *failureCounts) add(now time.Time, id failureID) {
	count, ok := c.counted.take(id)
	if !ok || !now.Before(count.since.Add(c.window)) {
		count = failureCount{since: now}
	}
	if count.n++; count.n >= c.limit {
		c.blocked.put(id, count.since.Add(c.window))
		return
	}
	c.counted.put(id, count)
}

// failureID is a hash: ids are of any length.
type failureID [sha256.Size]byte

// failureKey needs no care for where one ends: an address has no zero byte.
func failureKey(network, clientID string) failureID {
	return sha256.Sum256([]byte(network + "\x00" + clientID))
}

// networkOf is the part of an address that one caller cannot choose.
func networkOf(address string) string {
	addr, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}
