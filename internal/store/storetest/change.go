package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
)

var changeTests = []test{
	{"a change is kept in every field", testChangeRoundTrip},
	{"revisions count by scope", testRevisions},
	{"the instant of the last change never goes back", testChangedOn},
	{"the feed orders changes by instant, scope and revision", testFeedOrder},
	{"a change is sequenced once, in batches", testSequenceBatches},
	{"places are a chain", testChain},
	{"the order of a scope stands if a clock goes back", testFeedClock},
	{"the last image at an instant is found", testImages},
	{"a lease has one holder", testLease},
	{"a follower has a place of its own", testPlace},
}

func getChanges(scope billing.Scope, after int64, limit int) func(service.Reader) ([]billing.Change, error) {
	return func(r service.Reader) ([]billing.Change, error) { return r.Changes(scope, after, limit) }
}

func getFeed(after int64, limit int) func(feed.Reader) ([]feed.Entry, error) {
	return func(r feed.Reader) ([]feed.Entry, error) { return r.Feed(after, limit) }
}

// appendChanges appends changes, each in an update of its own.
func appendChanges(t *testing.T, st service.Store, changes ...billing.Change) {
	t.Helper()
	for _, c := range changes {
		update(t, st, func(tx service.Tx) error { return lockAndAppend(tx, c) })
	}
}

func lockAndAppend(tx service.Tx, c billing.Change) error {
	if id, err := billing.ParseID[billing.CustomerID](string(c.Scope)); err == nil {
		if _, err := tx.LockCustomer(id); err != nil {
			return err
		}
	}
	if c.Scope == billing.ScopeCatalog {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
	}
	_, err := tx.AppendChange(c)
	return err
}

func sequence(t *testing.T, st Store, limit int) (n int) {
	t.Helper()
	update(t, st.ForFeed(), func(tx feed.Tx) (err error) {
		n, err = tx.Sequence(limit, on(0))
		return err
	})
	return n
}

func testChangeRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	full := billing.Change{
		Scope: customerID(1).Scope(), Rev: 99, On: on(1), By: "client:abc", Kind: billing.AgreementCreated,
		Before: map[string]string{"expires_on": "", "ä\"": "<\n>"},
		After:  map[string]string{"": "x"},
	}
	bare := billing.Change{Scope: customerID(1).Scope(), On: on(2)}
	appendChanges(t, st, full, bare)
	full.Rev, bare.Rev = 1, 2
	same(t, "changes", read(t, st, getChanges(full.Scope, 0, 9)), []billing.Change{full, bare})
	same(t, "changes after 1", read(t, st, getChanges(full.Scope, 1, 9)), []billing.Change{bare})
	same(t, "one change", read(t, st, getChanges(full.Scope, 0, 1)), []billing.Change{full})
	if got := read(t, st, getChanges(full.Scope, 2, 9)); len(got) != 0 {
		t.Errorf("changes after the last: %v", got)
	}
}

func testRevisions(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	scopes := []billing.Scope{
		billing.ScopeCatalog, record.ScopeClients, record.ScopeKeys, customerID(1).Scope(), customerID(2).Scope(),
	}
	for i, scope := range scopes {
		for rev := int64(1); rev <= int64(i)+1; rev++ {
			update(t, st, func(tx service.Tx) error {
				if err := lockAndAppend(tx, billing.Change{Scope: scope, On: on(0)}); err != nil {
					return err
				}
				got, err := tx.Revision(scope)
				if got != rev {
					t.Errorf("revision of %s is %d, want %d", scope, got, rev)
				}
				return err
			})
		}
	}
	for i, scope := range append(scopes, customerID(3).Scope(), "feed", "") {
		want := int64(i) + 1
		if i >= len(scopes) {
			want = 0 // has none
		}
		got := read(t, st, func(r service.Reader) (int64, error) { return r.Revision(scope) })
		if got != want {
			t.Errorf("revision of %q is %d, want %d", scope, got, want)
		}
	}
	for n, customer := range map[int]int64{1: 4, 2: 5, 3: 0} {
		got := read(t, st, func(r service.Reader) (billing.Revision, error) { return r.RevisionOf(customerID(n)) })
		same(t, fmt.Sprint("revision of customer ", n), got, billing.Revision{Catalog: 1, Customer: customer})
	}
	for _, scope := range []billing.Scope{"", "feed", "customer_", customerID(3).Scope()} {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			_, err := tx.AppendChange(billing.Change{Scope: scope, On: on(0)})
			return err
		})
		if err == nil {
			t.Errorf("a change is appended to %q", scope)
		}
	}
}

func testChangedOn(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for _, test := range []struct{ on, want time.Time }{
		{on(5), on(5)}, {on(3), on(5)}, {on(5), on(5)}, {on(6), on(6)},
	} {
		appendChanges(t, st,
			billing.Change{Scope: customerID(1).Scope(), On: test.on},
			billing.Change{Scope: billing.ScopeCatalog, On: test.on})
		if c := read(t, st, getCustomer(customerID(1))); !c.ChangedOn.Equal(test.want) {
			t.Errorf("customer changed on %v, want %v", c.ChangedOn, test.want)
		}
		if c := read(t, st, service.Reader.Catalog); !c.ChangedOn.Equal(test.want) {
			t.Errorf("catalog changed on %v, want %v", c.ChangedOn, test.want)
		}
	}
}

func testFeedOrder(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one, two := customerID(1).Scope(), customerID(2).Scope()
	appendChanges(t, st,
		billing.Change{Scope: two, On: on(1)},
		billing.Change{Scope: two, On: on(3)},
		billing.Change{Scope: one, On: on(1)},
		billing.Change{Scope: one, On: on(1)},
		billing.Change{Scope: one, On: on(2)},
		billing.Change{Scope: record.ScopeClients, On: on(1)})
	if entries := read(t, st.ForFeed(), getFeed(0, 9)); len(entries) != 0 {
		t.Errorf("feed before it is made: %v", entries)
	}
	if n := read(t, st.ForFeed(), feed.Reader.FeedLength); n != 0 {
		t.Errorf("it has %d entries then", n)
	}
	waiting := func(limit int) func(feed.Reader) ([]feed.Entry, error) {
		return func(r feed.Reader) ([]feed.Entry, error) { return r.Unsequenced(limit) }
	}
	same(t, "changes without a place", read(t, st.ForFeed(), waiting(2)), []feed.Entry{
		{Scope: record.ScopeClients, Rev: 1}, {Scope: one, Rev: 1},
	})
	if n := sequence(t, st, 100); n != 6 {
		t.Errorf("sequenced %d", n)
	}
	same(t, "changes without a place", read(t, st.ForFeed(), waiting(9)), nil)
	if n := read(t, st.ForFeed(), feed.Reader.FeedLength); n != 6 {
		t.Errorf("the feed has %d entries, want 6", n)
	}
	want := []feed.Entry{
		{Seq: 1, Scope: record.ScopeClients, Rev: 1},
		{Seq: 2, Scope: one, Rev: 1},
		{Seq: 3, Scope: one, Rev: 2},
		{Seq: 4, Scope: two, Rev: 1},
		{Seq: 5, Scope: one, Rev: 3},
		{Seq: 6, Scope: two, Rev: 2},
	}
	same(t, "feed", read(t, st.ForFeed(), getFeed(0, 9)), want)
	same(t, "feed after 2, 3 entries", read(t, st.ForFeed(), getFeed(2, 3)), want[2:5])

	// What is committed later comes later, whatever its instant.
	appendChanges(t, st, billing.Change{Scope: record.ScopeKeys, On: on(0)})
	sequence(t, st, 100)
	same(t, "feed goes on", read(t, st.ForFeed(), getFeed(6, 9)),
		[]feed.Entry{{Seq: 7, Scope: record.ScopeKeys, Rev: 1}})
}

func testSequenceBatches(t *testing.T, st Store) {
	for range 5 {
		appendChanges(t, st, billing.Change{Scope: record.ScopeKeys, On: on(0)})
	}
	for _, want := range []int{2, 2, 1, 0, 0} {
		if n := sequence(t, st, 2); n != want {
			t.Errorf("sequenced %d, want %d", n, want)
		}
	}
	entries := read(t, st.ForFeed(), getFeed(0, 9))
	for i, e := range entries {
		if e.Seq != int64(i)+1 || e.Rev != int64(i)+1 {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	if len(entries) != 5 {
		t.Errorf("feed has %d entries", len(entries))
	}
}

func testChain(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	one := customerID(1).Scope()
	appendChanges(t, st,
		billing.Change{Scope: one, On: on(1), By: "cli", Kind: "a", Before: map[string]string{"x": "<1>"}},
		billing.Change{Scope: record.ScopeKeys, On: on(2)})
	update(t, st, func(tx service.Tx) error {
		_, err := tx.AppendEvent(event.Event{Scope: one, Cause: "c", Type: event.TrialEnded, On: on(3), Facts: map[string]string{"y": "2"}})
		return err
	})
	sequence(t, st, 2)
	sequence(t, st, 2)
	places := read(t, st.ForFeed(), func(r feed.Reader) ([]feed.Place, error) { return r.Places(0, 9) })
	if len(places) != 3 {
		t.Fatalf("%d places, want 3", len(places))
	}
	before := ""
	for i := range places {
		p := &places[i]
		if !p.Found || p.Own != p.Seq || !p.PlacedOn.Equal(on(0)) || !p.On.Equal(on(i+1)) {
			t.Errorf("place %d: %+v", i, p)
		}
		if want := p.Sum(before); p.Hash != want {
			t.Errorf("place %d has the hash %q, want %q", i, p.Hash, want)
		}
		before = p.Hash
	}
	if p := places[0]; p.By != "cli" || p.Kind != "a" || p.After != "{}" || p.Features != "" {
		t.Errorf("the change: %+v", p)
	}
	if p := places[2]; p.Event != "c" || p.Rev != 0 || p.Before != "" || p.After != `{"y":"2"}` || p.Features != "[]" {
		t.Errorf("the event: %+v", p)
	}
	same(t, "last with a hash", read(t, st.ForFeed(), feed.Reader.Chained), int64(3))
	same(t, "places after 1", read(t, st.ForFeed(), func(r feed.Reader) ([]feed.Place, error) { return r.Places(1, 1) }), places[1:2])
	update(t, st.ForFeed(), func(tx feed.Tx) error {
		n, err := tx.Chain(9)
		same(t, "hashed where all are", n, 0)
		return err
	})
}

func testFeedClock(t *testing.T, st Store) {
	appendChanges(t, st,
		billing.Change{Scope: record.ScopeKeys, On: on(5)},
		billing.Change{Scope: record.ScopeKeys, On: on(3)})
	sequence(t, st, 1)
	sequence(t, st, 1)
	same(t, "feed", read(t, st.ForFeed(), getFeed(0, 9)), []feed.Entry{
		{Seq: 1, Scope: record.ScopeKeys, Rev: 1}, {Seq: 2, Scope: record.ScopeKeys, Rev: 2},
	})
	if c := read(t, st, getChanges(record.ScopeKeys, 1, 1)); !c[0].On.Equal(on(5)) {
		t.Errorf("the second change is said to be on %v, before the first", c[0].On)
	}
}

func testLease(t *testing.T, st Store) {
	for i, step := range []struct {
		name, holder string
		now, until   int
		want         bool
	}{
		{"a", "one", 0, 10, true},
		{"a", "two", 5, 15, false},
		{"b", "two", 5, 15, true}, // another lease
		{"a", "one", 6, 12, true}, // renews
		{"a", "two", 11, 20, false},
		{"a", "two", 12, 20, true}, // has ended
		{"a", "one", 13, 30, false},
		{"a", "two", 14, 14, true}, // gives it up
		{"a", "one", 14, 30, true},
	} {
		update(t, st.ForFeed(), func(tx feed.Tx) error {
			held, err := tx.Lease(step.name, step.holder, on(step.now), on(step.until))
			if held != step.want {
				t.Errorf("step %d: held is %v", i, held)
			}
			if err != nil {
				return err
			}
			holder, err := tx.LeasedTo(step.name, on(step.now))
			if held && step.until > step.now && holder != step.holder || step.until == step.now && holder != "" {
				t.Errorf("step %d: leased to %q", i, holder)
			}
			return err
		})
	}
}

func testPlace(t *testing.T, st Store) {
	get := func(follower string) func(feed.Reader) (int64, error) {
		return func(r feed.Reader) (int64, error) { return r.Place(follower) }
	}
	put := func(follower string, place int64) {
		update(t, st.ForFeed(), func(tx feed.Tx) error { return tx.PutPlace(follower, place) })
	}
	same(t, "place before there is one", read(t, st.ForFeed(), get("a")), int64(0))
	put("a", 7)
	put("A", 1<<62)
	put("a", 9)
	same(t, "place", read(t, st.ForFeed(), get("a")), int64(9))
	same(t, "place of another", read(t, st.ForFeed(), get("A")), int64(1<<62))
}
