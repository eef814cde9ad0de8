package snapshot

import (
	"encoding/binary"
	"math/bits"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
)

const (
	// recentSlots bounds how many snapshots are kept as they were unpacked: of
	// customers with one agreement each they take 1.5 MiB, beside what is kept packed.
	recentSlots = 1 << recentBits
	recentBits  = 10
	// maxRecent is the longest packed string whose snapshot is kept, in bytes. Those
	// of nearly all customers are shorter.
	maxRecent = 512
)

// recent is a snapshot and what it was made of.
type recent struct {
	text     packed.Facts
	snapshot *billing.Snapshot
}

// unpack makes a snapshot of facts that are kept, or finds the one that was made of
// them last. It decides nothing: the facts and the catalog are those that were found
// now, and a snapshot of others is not taken for one of them.
func (c *Cache) unpack(id billing.CustomerID, text packed.Facts, catalog *billing.Catalog) *billing.Snapshot {
	if len(text) > maxRecent {
		return text.Snapshot(id, catalog)
	}
	// Ids may have any of their bytes in common: see those that one process makes.
	sum := binary.LittleEndian.Uint64(id[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(id[8:]), 29)
	slot := &c.recent[sum*0x9e3779b97f4a7c15>>(64-recentBits)]
	if u := slot.Load(); u != nil && u.snapshot.Customer.ID == id && u.text == text && u.snapshot.Catalog == catalog {
		return u.snapshot
	}
	u := &recent{text, text.Snapshot(id, catalog)}
	slot.Store(u)
	return u.snapshot
}
