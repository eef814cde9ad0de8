package feed

import "sync"

// bell wakes all who listen to it. The zero bell has none.
type bell struct {
	mu        sync.Mutex
	listeners []chan struct{}
}

// listen returns a channel that receives at least once after each ring.
func (b *bell) listen() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{}, 1)
	b.listeners = append(b.listeners, c)
	return c
}

// ring waits for nobody.
func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.listeners {
		select {
		case c <- struct{}{}:
		default: // there is one to be received already
		}
	}
}
