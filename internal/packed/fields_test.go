package packed_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// Every field of the facts is packed but those that [packed.Facts] names.
func TestEveryFieldIsPacked(t *testing.T) {
	var facts billing.Facts
	storetest.Fill(1, &facts)
	c := &facts.Customer
	c.Type, c.Status, c.DeletedOn = billing.User, billing.Suspended, time.Time{} // who is deleted is not packed
	facts.Agreements[0].Kind, facts.Agreements[0].TrialThen = billing.KindAddOn, billing.End
	facts.Agreements[0].CustomerID, facts.Overrides[0].CustomerID = c.ID, c.ID
	g := &facts.Grants[0]
	g.Kind, g.CustomerID = billing.Promotional, c.ID
	copy(g.ID[:], c.ID[:])
	text, err := packed.Pack(&facts, c.ChangedOn)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(packed.Without(facts), text.Snapshot(c.ID, nil).Facts); diff != "" {
		t.Errorf("(-packed +unpacked)\n%s", diff)
	}
}
