package admin

import (
	"slices"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// Every type of events is in one group, and is one that somebody causes by a change or one
// that nobody does.
func TestEventTypesAreAll(t *testing.T) {
	var all, nobody []string
	for _, kind := range event.Types() {
		all = append(all, string(kind))
		// What the change log has under this name is a change of somebody's, but for what use does
		// to a grant.
		_, changed := event.TypeOf(&billing.Change{Kind: billing.ChangeKind(kind), After: map[string]string{"code": "x"}})
		switch kind {
		case event.GrantUsedUp, event.GrantReopened:
			changed = false
		case event.AgreementCancelled, event.AgreementResumed, event.KeyRotated, event.VersionPublished: // the log calls them otherwise
			changed = true
		}
		if !changed {
			nobody = append(nobody, string(kind))
		}
	}
	slices.Sort(all)
	slices.Sort(nobody)
	if got := slices.Sorted(slices.Values(eventTypes())); !slices.Equal(got, all) {
		t.Errorf("the groups have\n%v, the feed\n%v", got, all)
	}
	if got := slices.Sorted(slices.Values(madeByNobody)); !slices.Equal(got, nobody) {
		t.Errorf("made by nobody are\n%v, of the feed\n%v", got, nobody)
	}
}
