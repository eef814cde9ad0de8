package feed

import "sync"

// bell wakes all who listen to it. The zero bell has none.
type bell struct {
	mu        sync.Mutex
	listeners []chan struct{}
	next      chan struct{} // closed by the next ring; nil if nobody waits for it
}

// once returns a channel that the next ring closes.
func (b *bell) once() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
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
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
	for _, c := range b.listeners {
		select {
		case c <- struct{}{}:
		default: // there is one to be received already
		}
	}
}
