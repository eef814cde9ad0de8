package admission

import "sync"

// Bytes is how much of one kind of memory all flows may have at a time, and each of them
// half of it. It is safe for concurrent use.
type Bytes struct {
	most int64

	mu   sync.Mutex
	all  int64
	each map[Flow]int64
}

func newBytes(most int64) *Bytes { return &Bytes{most: most, each: make(map[Flow]int64)} }

// Take reports whether a flow may have n more, which it then has.
func (b *Bytes) Take(flow Flow, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.each[flow]
	if b.all+n > b.most || own+n > b.most/2 {
		return false
	}
	b.all += n
	b.each[flow] = own + n
	return true
}

// Give takes back what a flow has had.
func (b *Bytes) Give(flow Flow, n int64) {
	if n == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all -= n
	if b.each[flow] -= n; b.each[flow] == 0 {
		delete(b.each, flow)
	}
}

// Taken is how much there is in all.
func (b *Bytes) Taken() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all
}
