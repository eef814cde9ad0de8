package snapshot

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// Every field of the facts is packed but those that [packed] names: see without.
func TestEveryFieldIsPacked(t *testing.T) {
	var facts billing.Facts
	storetest.Fill(1, &facts)
	c := &facts.Customer
	c.Type, c.Status, c.DeletedOn = billing.User, billing.Suspended, time.Time{} // who is deleted is not packed
	facts.Agreements[0].Kind, facts.Agreements[0].TrialThen = billing.KindAddOn, billing.End
	facts.Agreements[0].CustomerID, facts.Overrides[0].CustomerID = c.ID, c.ID
	text, err := pack(&facts, c.ChangedOn)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(without(facts), text.unpack(c.ID, sold()).Facts); diff != "" {
		t.Errorf("(-packed +unpacked)\n%s", diff)
	}
}
