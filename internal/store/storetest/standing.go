package storetest

import (
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var standingTests = []test{
	{"a standing has the lane and both revisions", testStanding},
	{"holds that ended are told apart from those that have not", testStandingHolds},
	{"a standing says that there are other counters", testStandingOthers},
	{"all lanes of a customer stand in order", testStandings},
	{"a customer that is not there has no revision", testStandingNobody},
}

// stand is the one answer to one ask.
func stand(t *testing.T, st Store, n int, feature billing.Code, at time.Time) service.UsageStanding {
	t.Helper()
	got, err := st.Standings(t.Context(), service.Ask{Customer: customerID(n), Feature: feature, At: at})
	if err != nil || len(got) != 1 {
		t.Fatalf("standings: %v, %v", got, err)
	}
	return got[0]
}

// newLane is a lane of calls of a customer, with every field set.
func newLane(n int, w *billing.Window) usage.Counter {
	c := newCounter(customerID(n), "calls", allTime, 9)
	c.ChangedOn = on(3)
	c.Lane = usage.Lane{Window: w, InWindow: 6, Held: 50, HeldOn: on(3), Facts: 4}
	return c
}

func testStanding(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	putCatalog(t, st, on(0), smallCatalog())
	w := hours(2, 6)
	putCounters(t, st, newLane(1, &w))
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCustomer(customerID(1)); err != nil {
			return err
		}
		_, err := tx.AppendChange(billing.Change{Scope: customerID(1).Scope(), On: on(1), By: "test", Kind: billing.AgreementCreated})
		return err
	})
	rev := read(t, st, func(r service.Reader) (billing.Revision, error) { return r.RevisionOf(customerID(1)) })
	want := read(t, st, getCounter(customerID(1), "calls", allTime))
	got := stand(t, st, 1, "calls", on(4))
	if got.Revision != rev || rev.Catalog == 0 || rev.Customer == 0 || got.Deleted {
		t.Errorf("revision %v, deleted %t, want %v", got.Revision, got.Deleted, rev)
	}
	if len(got.Lanes) != 1 {
		t.Fatalf("lanes: %v", got.Lanes)
	}
	same(t, "lane", got.Lanes[0], service.LaneStanding{Counter: want})
	if l := got.Lanes[0].Lane; l.Version != want.Lane.Version || l.Facts != want.Lane.Facts || l.Facts != rev.Customer {
		t.Errorf("version %d, facts %d, want %d, %d", l.Version, l.Facts, want.Lane.Version, want.Lane.Facts)
	}
	if got := stand(t, st, 1, "other", on(4)); len(got.Lanes) != 0 || got.Revision != rev {
		t.Errorf("of no usage: %v", got)
	}
	if got := stand(t, st, 2, "calls", on(4)); len(got.Lanes) != 0 || got.Revision.Customer == rev.Customer {
		t.Errorf("of another customer: %v", got)
	}

	update(t, st, func(tx service.Tx) error {
		c, err := tx.LockCustomer(customerID(1))
		if err != nil {
			return err
		}
		c.DeletedOn = on(5)
		return tx.UpdateCustomer(c)
	})
	if got := stand(t, st, 1, "calls", on(4)); !got.Deleted || len(got.Lanes) != 1 {
		t.Errorf("of a deleted customer: %v", got)
	}
}

func testStandingHolds(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	const huge = 9e18
	w := hours(2, 6)
	all := newLane(1, &w) // told of holds at 3, changed at 3
	putCounters(t, st, all)
	putCounters(t, st, newLane(2, &w))
	hold := func(n, customer int, feature billing.Code, units billing.Units, made, ends time.Time) {
		t.Helper()
		metering(t, st, customerID(customer), feature, func(tx service.Tx) error {
			h := newHold(customerID(customer), n)
			h.Feature, h.Units, h.MadeOn, h.ExpiresOn = feature, units, made, ends
			return tx.CreateHold(h)
		})
	}
	micro := time.Microsecond
	hold(1, 1, "calls", 1, on(2), on(3))              // over when the lane was told
	hold(2, 1, "calls", 2, on(2), on(3).Add(micro))   // just not
	hold(3, 1, "calls", 4, on(2), on(5))              // made as the window began
	hold(4, 1, "calls", 8, on(2).Add(-micro), on(5))  // made before it did
	hold(5, 1, "calls", 16, on(6).Add(-micro), on(7)) // made just in it
	hold(6, 1, "calls", 32, on(6), on(8))             // made as it was over
	hold(7, 2, "calls", 64, on(2), on(4))             // another customer's
	hold(8, 1, "other", 128, on(2), on(4))            // of another feature
	for _, test := range []struct {
		at     time.Time
		lapsed billing.Units
		next   time.Time
	}{
		{on(1), 0, on(3).Add(micro)}, // not before the lane was changed
		{on(3), 0, on(3).Add(micro)},
		{on(3).Add(micro), 2, on(5)},
		{on(5).Add(-micro), 2, on(5)},
		{on(5), 6, on(7)},
		{on(7), 22, on(8)},
		{on(8), 22, time.Time{}},
	} {
		for _, feature := range []billing.Code{"calls", ""} {
			l := stand(t, st, 1, feature, test.at).Lanes[0]
			if l.Lapsed != test.lapsed || !l.NextEnd.Equal(test.next) {
				t.Errorf("at %v of %q lapsed %d, next %v, want %d, %v", test.at, feature, l.Lapsed, l.NextEnd, test.lapsed, test.next)
			}
		}
	}

	all.ChangedOn = on(5)
	putCounters(t, st, all)
	if l := stand(t, st, 1, "calls", on(4)).Lanes[0]; l.Lapsed != 6 || !l.NextEnd.Equal(on(7)) {
		t.Errorf("before the lane was changed: lapsed %d, next %v, want 6, %v", l.Lapsed, l.NextEnd, on(7))
	}
	hold(9, 1, "calls", huge, on(3), on(4))
	hold(10, 1, "calls", huge, on(3), on(4))
	if l := stand(t, st, 1, "calls", on(3)).Lanes[0]; l.Lapsed != 1<<63-1 {
		t.Errorf("more than 64 bits: lapsed %d", l.Lapsed)
	}
	all.Lane = usage.Lane{}
	putCounters(t, st, all)
	if l := stand(t, st, 1, "calls", on(9)).Lanes[0]; l.Lapsed != 0 || l.Lane.Window != nil {
		t.Errorf("without a window: lapsed %d, window %v", l.Lapsed, l.Lane.Window)
	}
	whole := newLane(1, &allTime)
	putCounters(t, st, whole)
	if l := stand(t, st, 1, "calls", on(3).Add(micro)).Lanes[0]; l.Lapsed != 2 || l.Others || l.Lane.Window == nil || !l.Lane.Window.AllTime() {
		t.Errorf("of all time: %+v", l)
	}
}

func testStandingOthers(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	one := customerID(1)
	w := hours(2, 6)
	others := func(what string, want bool) {
		t.Helper()
		for _, feature := range []billing.Code{"calls", ""} {
			for _, l := range stand(t, st, 1, feature, on(3)).Lanes {
				if l.Feature == "calls" && l.Others != want {
					t.Errorf("%s: others of %q %t", what, feature, l.Others)
				}
			}
		}
	}
	putCounters(t, st, newLane(1, &w))
	putCounters(t, st, newCounter(one, "other", hours(3, 7), 1), newCounter(customerID(2), "calls", hours(3, 7), 1))
	others("alone", false)
	putCounters(t, st, newCounter(one, "calls", hours(0, 2), 1))
	others("with one that was over", false)
	putCounters(t, st, newLane(1, nil))
	others("without a window", true)
	putCounters(t, st, newLane(1, &allTime))
	others("of all time", true)
	putCounters(t, st, newLane(1, &w))
	putCounters(t, st, newCounter(one, "calls", hours(0, 3), 1))
	others("with one that was not", true)
}

func testStandings(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	w := hours(2, 6)
	var want []billing.Code
	for _, code := range []billing.Code{"c", "a", "b", "calls"} {
		c := newLane(1, &w)
		c.Feature = code
		putCounters(t, st, c)
		putCounters(t, st, newCounter(customerID(1), code, hours(0, 1), 1))
	}
	putCounters(t, st, newLane(2, &w))
	want = []billing.Code{"a", "b", "c", "calls"}
	all, err := st.Standings(t.Context(),
		service.Ask{Customer: customerID(1), At: on(3)}, service.Ask{Customer: customerID(2), At: on(3)},
		service.Ask{Customer: customerID(1), Feature: "b", At: on(3)}, service.Ask{Customer: customerID(3), At: on(3)})
	if err != nil {
		t.Fatal(err)
	}
	var got []billing.Code
	for _, l := range all[0].Lanes {
		got = append(got, l.Feature)
		if l.CustomerID != customerID(1) {
			t.Errorf("%s is a lane of %v", l.Feature, l.CustomerID)
		}
	}
	same(t, "features", got, want)
	if len(all) != 4 || len(all[1].Lanes) != 1 || len(all[2].Lanes) != 1 || all[2].Lanes[0].Feature != "b" || len(all[3].Lanes) != 0 {
		t.Errorf("standings: %+v", all)
	}
	if none, err := st.Standings(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("of nothing: %v, %v", none, err)
	}
}

func testStandingNobody(t *testing.T, st Store) {
	for _, feature := range []billing.Code{"calls", ""} {
		if got := stand(t, st, 7, feature, on(3)); got.Revision != (billing.Revision{}) || got.Deleted || len(got.Lanes) != 0 {
			t.Errorf("of nobody: %+v", got)
		}
	}
}
