package native

import (
	"fmt"
	"sync"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
)

// How many requests may wait for events at once on one node.
const (
	maxWaiting      = 10_000
	maxClientsShare = 100
)

// waiters are the requests that wait for events.
type waiters struct {
	mu  sync.Mutex
	all int
	of  map[string]int // by who calls
}

// enter lets one more wait, until leave is called.
func (w *waiters) enter(c *door.Call) (leave func(), err error) {
	who := c.By.Issuer + " " + c.By.ClientID
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all >= maxWaiting || w.of[who] >= maxClientsShare {
		return nil, &door.Error{Kind: door.TooMany, Code: api.CodeTooManyRequests, Message: fmt.Sprintf(
			"%d requests of one client may wait for events at a time, and %d of all: let one that waits be enough", maxClientsShare, maxWaiting)}
	}
	if w.of == nil {
		w.of = map[string]int{}
	}
	w.all++
	w.of[who]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all--
		if w.of[who]--; w.of[who] == 0 {
			delete(w.of, who)
		}
	}, nil
}

// enter lets a request wait for events, until leave is called, and has it counted.
func (h *handlers) enter(c *door.Call) (leave func(), err error) {
	done, err := h.waiters.enter(c)
	if err != nil {
		return nil, err
	}
	h.Feed.Waiting.Add(1)
	return func() {
		h.Feed.Waiting.Add(-1)
		done()
	}, nil
}
