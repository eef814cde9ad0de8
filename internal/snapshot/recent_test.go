package snapshot

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
)

// A snapshot is made once of facts and a catalog, and is never that of others.
func TestUnpackedSnapshotIsOfWhatIsKept(t *testing.T) {
	w := newWorld(t)
	id := w.create("org_1")
	first := w.get(id).Snapshot
	if again := w.get(id).Snapshot; again != first {
		t.Error("the same facts are unpacked twice")
	}
	rev := w.rename(id, "Another")
	changed := w.get(id).Snapshot
	if changed == first || changed.Customer.Rev != rev {
		t.Errorf("after a change the revision is %d, want %d", changed.Customer.Rev, rev)
	}
	w.apply(7)
	newer := w.get(id).Snapshot
	if newer.Catalog == changed.Catalog || newer.Catalog.Rev <= changed.Catalog.Rev {
		t.Errorf("after a change of the catalog its revision is %d, want more than %d", newer.Catalog.Rev, changed.Catalog.Rev)
	}
}

// Two customers whose facts are the same text, in one slot, are two.
func TestUnpackedSnapshotIsOfItsCustomer(t *testing.T) {
	w := newWorld(t)
	w.get(w.create("org_1"))
	catalog := w.get(w.create("org_2")).Snapshot.Catalog
	text, err := packed.Pack(&billing.Facts{Customer: billing.Customer{Type: billing.Organization, Status: billing.Active}}, w.options.Clock())
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(4 * recentSlots) {
		if got := w.Cache.unpack(number(n), text, catalog); got.Customer.ID != number(n) {
			t.Fatalf("customer %v is answered with the facts of %v", number(n), got.Customer.ID)
		}
	}
}
