package snapshot

import (
	"bytes"
	"context"
	"encoding/binary"
	"runtime"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
)

// many is a store in which one customer is there under any id.
type many struct {
	*faulty
	facts packed.Facts
}

func (m *many) Packed(context.Context, billing.CustomerID, time.Time) (packed.Facts, error) {
	return packed.Facts(bytes.Clone([]byte(m.facts))), nil // each has memory of its own
}

// number is an id like those that are made: a time and then random bytes.
func number(n uint64) (id billing.CustomerID) {
	binary.BigEndian.PutUint64(id[:], n)
	binary.BigEndian.PutUint64(id[8:], n*0x9e3779b97f4a7c15)
	return id
}

// liveHeap is what is in use after the garbage is gone.
func liveHeap() int64 {
	var stats runtime.MemStats
	for range 3 { // what the first finds dead is freed by the next
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// newMany is a cache before a store with any number of customers, each on a plan
// of 20 items.
func newMany(t *testing.T, bytes int64) *world {
	var m *many
	w := newWorld(t, func(o *Options) {
		m = &many{faulty: o.Store.(*faulty)}
		o.Store, o.Bytes = m, bytes
	})
	facts, err := w.store.Packed(t.Context(), w.create("org_0123456789ab"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.facts = facts
	return w
}

func (w *world) getMany(from, to uint64) {
	w.t.Helper()
	for n := from; n < to; n++ {
		w.get(number(n))
	}
	w.kept.CleanUp()
}

func TestMemoryOfACustomer(t *testing.T) {
	const customers, most = 100_000, 300
	w := newMany(t, 1<<30)
	before := liveHeap()
	w.getMany(0, customers)
	each := float64(liveHeap()-before) / customers
	if n := w.kept.EstimatedSize(); n != customers {
		t.Fatalf("%d of %d customers are kept", n, customers)
	}
	counted := float64(w.kept.WeightedSize()) / customers
	t.Logf("a cached customer takes %.0f bytes of live heap, and counts as %.0f", each, counted)
	if each > most {
		t.Errorf("a cached customer takes %.0f bytes of live heap, want at most %d", each, most)
	}
	if each > 1.1*counted {
		t.Errorf("a cached customer takes %.0f bytes of live heap and counts as %.0f only", each, counted)
	}
	runtime.KeepAlive(w)
}

func TestMemoryIsBounded(t *testing.T) {
	const bytes = 4 << 20
	w := newMany(t, bytes)
	before := liveHeap()
	w.getMany(0, 100_000)
	if got := w.Stats().Bytes; got > bytes || got < bytes/2 {
		t.Errorf("counts %d bytes, want at most %d and not much less", got, bytes)
	}
	// The tables in which what is used often is told apart are not counted.
	if took := liveHeap() - before; took > bytes*5/4 {
		t.Errorf("took %d bytes of live heap, want about %d", took, bytes)
	}
	runtime.KeepAlive(w)
}
