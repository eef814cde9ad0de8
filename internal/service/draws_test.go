package service_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// draw records seats that draw on sources by name, with the sums that are given.
func (w *world) draw(id billing.CustomerID, records []usage.Record, sums map[usage.SourceID]billing.Units, pooled bool) {
	w.t.Helper()
	err := w.Store.Update(w.t.Context(), func(tx service.Tx) error {
		counters, err := tx.LockCounters(id, "seats", w.now, w.now)
		if err != nil {
			return err
		}
		for i := range records {
			r := &records[i]
			r.CustomerID, r.Feature, r.Stamp, r.CountedOn, r.RecordedOn = id, "seats", w.now, w.now, w.now
			counters[0].Used += r.Change
			counters[0].Lane.InWindow += r.Change
		}
		counters[0].Lane.Pooled = pooled
		var all []usage.SourceSum
		for source, drawn := range sums {
			all = append(all, usage.SourceSum{CustomerID: id, Feature: "seats", Source: source, Drawn: drawn})
		}
		if err := tx.CreateUsage(records...); err != nil {
			return err
		}
		if err := tx.PutSources(all...); err != nil {
			return err
		}
		return tx.PutCounters(counters[0])
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Sums of what was drawn that do not agree with the draws are found and named, of each
// kind; those that are missing, which are made anew, are not.
func TestVerifyFindsDriftOfDraws(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	d := w.consume(id, "1")
	rolled := usage.SourceID("window/1/2")
	elsewhere, uses := usage.ElsewhereSum(d.Window), usage.UsesSum(d.Window, "1.5")
	records := []usage.Record{
		{ID: "a", Kind: usage.Delta, Value: 5, Change: 5, Draws: []usage.Draw{{Source: "grant_a", Units: 3}, {Source: uses, Units: 5}}},
		{ID: "b", Kind: usage.Debt, Pays: "grant_a", Draws: []usage.Draw{{Source: "grant_b", Units: 2}, {Source: rolled, Units: 1}}},
	}
	sums := map[usage.SourceID]billing.Units{
		"grant_a": 3, "grant_b": 2, "grant_c": 0, rolled: 1, usage.PaysSum("grant_a"): 3, uses: 5, elsewhere: 3,
	}
	w.draw(id, records, sums, true)
	drifts := func() (found []string) {
		t.Helper()
		if _, _, err := w.Verify(t.Context(), func(d service.Drift) { found = append(found, d.Message) }); err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := drifts(); len(found) > 0 {
		t.Errorf("drift: %q", found)
	}
	for source, right := range sums {
		w.draw(id, nil, map[usage.SourceID]billing.Units{source: right + 1}, true)
		want := fmt.Sprintf("the sum %s of seats says %s, its draws sum to %s", source, right+1, right)
		if found := drifts(); !slices.Equal(found, []string{want}) {
			t.Errorf("found %q, want %s", found, want)
		}
		w.draw(id, nil, map[usage.SourceID]billing.Units{source: right}, true)
	}
	w.draw(id, nil, nil, false)
	if found, want := drifts(), "the lane of seats does not say that usage was drawn from sources"; !slices.Equal(found, []string{want}) {
		t.Errorf("found %q, want %s", found, want)
	}
	other := w.customer("pro")
	w.consume(other, "1")
	w.draw(other, []usage.Record{{ID: "a", Kind: usage.Delta, Value: 5, Change: 5, Draws: []usage.Draw{{Source: "grant_a", Units: 3}}}}, nil, true)
	if found := drifts(); len(found) != 1 {
		t.Errorf("found %q of one whose sums are missing", found)
	}
}

// What was drawn by name is never decided on in memory, nor answered by the lane alone.
func TestPooledUsageIsDecidedUnderLocks(t *testing.T) {
	w := newWorld(t)
	k := newKeeper(w)
	k.want("the first use makes the lane", 1, "1 0 1")
	k.want("the second reads it", 2, "1 1 0")
	k.want("the third knows it", 3, "0 1 0")
	// check has the store asked for more than how usage stands, or not.
	check := func(more bool) {
		t.Helper()
		before := k.views
		if _, err := k.Check(t.Context(), k.id, []billing.Code{"seats"}, billing.OneUnit); err != nil {
			t.Error(err)
		}
		if got := k.views > before; got != more {
			t.Errorf("a check asks for more: %t, want %t", got, more)
		}
		before = k.views
		if _, err := k.EntitlementsAt(t.Context(), k.id, time.Time{}, false); err != nil {
			t.Error(err)
		}
		if got := k.views > before; got != more {
			t.Errorf("a look at entitlements asks for more: %t, want %t", got, more)
		}
	}
	inMemory, read, _ := k.Decided()
	check(false)
	w.draw(k.id, nil, nil, true) // by another node
	k.want("once it is pooled, what is kept is outdated", 4, "1 1 1")
	k.want("and from then on nothing is kept", 5, "1 0 1")
	check(true)
	k.want("also after a check", 6, "1 0 1")
	if m, r, _ := k.Decided(); m != inMemory || r != read {
		t.Errorf("%d and %d units were decided without locks", m-inMemory, r-read)
	}
	w.draw(k.id, nil, nil, false) // of which there were none
	verifyClean(t, w)
}
