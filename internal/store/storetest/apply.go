package storetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

var applyTests = []test{
	{"a change of a lane is made as a whole", testApply},
	{"a change is made if the lane is as it was known", testApplyFence},
	{"an id that is taken undoes all changes", testApplyTaken},
	{"of racing changes of a lane one is made for each version", testApplyRace},
}

// known is a lane as a decision is to change it.
func known(t *testing.T, st Store, n int) service.LaneChange {
	t.Helper()
	got, err := st.Standings(t.Context(), service.Ask{Customer: customerID(n), Feature: "calls", At: on(3)})
	if err != nil || len(got[0].Lanes) != 1 {
		t.Fatalf("standings: %v, %v", got, err)
	}
	return service.LaneChange{Lane: got[0].Lanes[0].Counter}
}

// catalogRevision is that of the catalog now.
func catalogRevision(t *testing.T, st Store) int64 {
	t.Helper()
	return read(t, st, func(r service.Reader) (int64, error) { return r.Revision(billing.ScopeCatalog) })
}

// apply makes changes on the catalog as it is.
func apply(t *testing.T, st Store, changes ...service.LaneChange) []bool {
	t.Helper()
	made, err := st.Apply(t.Context(), catalogRevision(t, st), changes)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// oneRecord is a change by a record.
func oneRecord(c service.LaneChange, id string) service.LaneChange {
	u := newUsage(c.Lane.CustomerID, id, on(3))
	u.Feature = c.Lane.Feature
	c.Records = append(c.Records, u)
	c.Lane.Used += u.Change
	return c
}

func testApply(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	putCatalog(t, st, on(0), smallCatalog())
	one := customerID(1)
	w, next := hours(2, 6), hours(6, 8)
	putCounters(t, st, newLane(1, &w))
	change := known(t, st, 1)
	was := change.Lane.Lane
	records := []usage.Record{newUsage(one, "a", on(3)), newUsage(one, "b", on(4)), newUsage(one, "ö", on(4))}
	records[1].Kind, records[1].Value, records[1].Change, records[1].By = usage.Absolute, -5, 9e18, ""
	answers := []service.StoredAnswer{newAnswer(one.Scope(), "k"), newAnswer(one.Scope(), "l")}
	answers[1].Body, answers[1].Fingerprint, answers[1].Status, answers[1].Revision = nil, nil, 409, ""
	past := newCounter(one, "calls", w, 12)
	early := newCounter(one, "calls", hours(0, 2), -3)
	past.ChangedOn = on(5)
	change.Records, change.Answers, change.Windows = records, answers, []usage.Counter{past, early}
	change.Lane.Used, change.Lane.ChangedOn = 11, on(7)
	change.Lane.Lane.Window, change.Lane.Lane.InWindow, change.Lane.Lane.Held, change.Lane.Lane.HeldOn = &next, 4, 5, on(6)
	if made := apply(t, st, change); len(made) != 1 || !made[0] {
		t.Fatalf("made %v", made)
	}
	now := known(t, st, 1).Lane
	same(t, "lane", now, change.Lane)
	if now.Lane.Version != was.Version+1 || now.Lane.Facts != was.Facts {
		t.Errorf("version %d, facts %d, was %d, %d", now.Lane.Version, now.Lane.Facts, was.Version, was.Facts)
	}
	for _, u := range records {
		same(t, "record", read(t, st, func(r service.Reader) (usage.Record, error) { return r.UsageRecord(one, u.ID) }), u)
	}
	for _, a := range answers {
		same(t, "answer", read(t, st, getAnswer(one.Scope(), a.Key)), a)
	}
	for _, c := range change.Windows {
		same(t, "window", read(t, st, getCounter(one, "calls", c.Window)), c)
	}

	// Many at once, and one that has been before.
	change = known(t, st, 1)
	change.Windows = []usage.Counter{newCounter(one, "calls", hours(0, 2), 8)}
	for i := range 300 {
		change.Records = append(change.Records, newUsage(one, fmt.Sprint("many", i), on(7)))
	}
	if made := apply(t, st, change); !made[0] {
		t.Error("not made")
	}
	same(t, "window", read(t, st, getCounter(one, "calls", hours(0, 2))), change.Windows[0])
	sum := read(t, st, func(r service.Reader) (billing.Units, error) { return r.SumUsage(one, "calls", hours(7, 8), on(99)) })
	if sum != 300 {
		t.Errorf("300 records sum to %d", sum)
	}
}

func testApplyFence(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2), newCustomer(3))
	putCatalog(t, st, on(0), smallCatalog())
	w := hours(2, 6)
	for n := range 3 {
		putCounters(t, st, newLane(n+1, &w))
	}
	taken := newAnswer(customerID(2).Scope(), "k")
	createAnswers(t, st, taken, newAnswer(customerID(1).Scope(), "k2"))
	for name, breach := range map[string]func(*service.LaneChange){
		"an older version": func(c *service.LaneChange) { c.Lane.Lane.Version-- },
		"a newer version":  func(c *service.LaneChange) { c.Lane.Lane.Version++ },
		"other facts":      func(c *service.LaneChange) { c.Lane.Lane.Facts++ },
		"no lane": func(c *service.LaneChange) {
			c.Lane.Feature, c.Records[0].Feature, c.Windows[0].Feature = "other", "other", "other"
		},
		"a key that is taken": func(c *service.LaneChange) { c.Answers = []service.StoredAnswer{newAnswer(taken.Scope, "j"), taken} },
		"a window that is":    func(c *service.LaneChange) { o := hours(6, 8); c.Lane.Lane.Window = &o },
	} {
		putCounters(t, st, newCounter(customerID(2), "calls", hours(6, 8), 1))
		changes := make([]service.LaneChange, 3)
		for i := range changes {
			changes[i] = oneRecord(known(t, st, i+1), name)
			changes[i].Answers = []service.StoredAnswer{newAnswer(customerID(i+1).Scope(), name)}
			changes[i].Windows = []usage.Counter{newCounter(customerID(i+1), "calls", hours(0, 1), 1)}
		}
		breach(&changes[1])
		if made := apply(t, st, changes...); len(made) != 3 || !made[0] || made[1] || !made[2] {
			t.Errorf("%s: made %v", name, made)
		}
		for i := range changes {
			id := customerID(i + 1)
			var want error
			if i == 1 {
				want = billing.ErrNotFound
			}
			if err := readError(st, func(r service.Reader) (usage.Record, error) { return r.UsageRecord(id, name) }); !errors.Is(err, want) {
				t.Errorf("%s: record %d: %v", name, i, err)
			}
			if err := readError(st, getAnswer(id.Scope(), name)); !errors.Is(err, want) {
				t.Errorf("%s: answer %d: %v", name, i, err)
			}
		}
	}

	change := oneRecord(known(t, st, 1), "catalog")
	made, err := st.Apply(t.Context(), catalogRevision(t, st)+1, []service.LaneChange{change})
	if err != nil || len(made) != 1 || made[0] {
		t.Errorf("on another catalog: %v, %v", made, err)
	}
	if now := known(t, st, 1).Lane; now.Lane.Version != change.Lane.Lane.Version {
		t.Errorf("on another catalog: version %d became %d", change.Lane.Lane.Version, now.Lane.Version)
	}
	if made := apply(t, st); len(made) != 0 {
		t.Errorf("nothing: %v", made)
	}
}

func testApplyTaken(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	putCatalog(t, st, on(0), smallCatalog())
	w := hours(2, 6)
	putCounters(t, st, newLane(1, &w))
	putCounters(t, st, newLane(2, &w))
	ids := []string{"taken", "taken too", "and this"} // while records are moved, they are in either place
	var first service.LaneChange
	for _, id := range ids {
		createUsage(t, st, newUsage(customerID(2), id, on(3)))
	}
	for _, id := range ids {
		first = oneRecord(known(t, st, 1), id)
		second := oneRecord(known(t, st, 2), id)
		if _, err := st.Apply(t.Context(), catalogRevision(t, st), []service.LaneChange{first, second}); !errors.Is(err, service.ErrNotApplied) {
			t.Errorf("a record that is there, %s: %v", id, err)
		}
	}
	if now := known(t, st, 1).Lane; now.Lane.Version != first.Lane.Lane.Version {
		t.Errorf("the other was changed: %v", now)
	}
	made := newUsage(customerID(2), fmt.Sprintf("usage_%012x%020x", on(3).UnixMilli(), 7), on(3))
	made.Made = true
	createUsage(t, st, made)
	again := oneRecord(known(t, st, 2), made.ID)
	again.Records[0].CountedOn = on(4)
	if _, err := st.Apply(t.Context(), catalogRevision(t, st), []service.LaneChange{again}); !errors.Is(err, service.ErrNotApplied) {
		t.Errorf("an id that was made here, given again: %v", err)
	}
	if made := apply(t, st, first); !made[0] {
		t.Error("an id that another customer has is refused")
	}
}

// testApplyRace has several decide on the same lanes at once, each as long as it takes.
func testApplyRace(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	putCatalog(t, st, on(0), smallCatalog())
	w := hours(2, 6)
	for n := range 2 {
		c := newLane(n+1, &w)
		c.Used, c.Lane.InWindow = 0, 0
		putCounters(t, st, c)
	}
	catalog := catalogRevision(t, st)
	const workers, rounds = 4, 8
	race(t, workers, func(i int) error {
		for left := [2]int{rounds, rounds}; left != [2]int{}; {
			var changes []service.LaneChange
			for n := range left {
				if left[n] == 0 {
					continue
				}
				got, err := st.Standings(t.Context(), service.Ask{Customer: customerID(n + 1), Feature: "calls", At: on(3)})
				if err != nil {
					return err
				}
				changes = append(changes, oneRecord(service.LaneChange{Lane: got[0].Lanes[0].Counter}, fmt.Sprint(i, " ", left[n])))
			}
			made, err := st.Apply(t.Context(), catalog, changes)
			if err != nil {
				return err
			}
			for j, c := range changes {
				if made[j] {
					left[c.Lane.CustomerID[15]-1]--
				}
			}
		}
		return nil
	})
	for n := range 2 {
		id := customerID(n + 1)
		sum := read(t, st, func(r service.Reader) (billing.Units, error) { return r.SumUsage(id, "calls", allTime, on(99)) })
		if c := known(t, st, n+1).Lane; sum != workers*rounds || c.Used != sum {
			t.Errorf("customer %d: records sum to %d, the counter says %d, want %d", n, sum, c.Used, workers*rounds)
		}
	}
}
