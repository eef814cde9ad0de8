package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var drawTests = []test{
	{"what a record draws is kept with it", testDrawRoundTrip},
	{"draws are stored and removed with their record alone", testDrawsOfRecord},
	{"a record that makes no sense is not stored", testDrawsRefused},
	{"what a record names is kept", testLinks},
	{"what a feature burned is summed by window", testSumBurned},
	{"sums of sources are kept", testSources},
	{"draws are summed by source, window and time", testSumDraws},
	{"draws are summed exactly, and cut at what can be kept", testSumDrawsExact},
	{"draws are paged in both directions", testDrawPages},
	{"folding keeps what was drawn", testFoldDraws},
	{"folding forgets what records name", testFoldLinks},
	{"holds with pins are found by instant", testPinnedHolds},
	{"a lane that is pooled says so", testPooled},
	{"draws of nothing are named", testDrawDamage},
	{"nothing is drawn before the upgrade is finished", testDrawsUnfinished},
}

// draws are some units from each of some sources, in order: 1 of the first, 2 of the next.
func draws(sources ...usage.SourceID) (all []usage.Draw) {
	for i, s := range sources {
		all = append(all, usage.Draw{Source: s, Units: billing.Units(i + 1)})
	}
	return all
}

// drawing is a record of calls of customer 1 that draws.
func drawing(id string, counted int, all ...usage.Draw) usage.Record {
	u := newUsage(customerID(1), id, on(counted))
	u.Draws = all
	return u
}

// paying is one that pays the debt of a grant.
func paying(id string, counted int, grant usage.SourceID, all ...usage.Draw) usage.Record {
	u := drawing(id, counted, all...)
	u.Kind, u.Value, u.Change, u.Pays = usage.Debt, 0, 0, grant
	return u
}

// stored is a record as it is read: without what it draws.
func stored(u usage.Record) usage.Record {
	u.Draws, u.Pays, u.Made = nil, "", false
	return u
}

func drawnBy(u usage.Record) (all []usage.Drawn) {
	for _, d := range u.Draws {
		all = append(all, usage.Drawn{Draw: d, Record: u.ID, CountedOn: u.CountedOn, RecordedOn: u.RecordedOn, Pays: u.Pays})
	}
	return all
}

func readDraws(t *testing.T, st service.Store, records ...usage.Record) []usage.Drawn {
	t.Helper()
	return read(t, st, func(r service.Reader) ([]usage.Drawn, error) { return r.Draws(customerID(1), records) })
}

func sumDraws(t *testing.T, st service.Store, w billing.Window, by time.Time) []usage.DrawnSum {
	t.Helper()
	return read(t, st, func(r service.Reader) ([]usage.DrawnSum, error) { return r.SumDraws(customerID(1), "calls", w, by) })
}

func testDrawRoundTrip(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	// In the order in which they were drawn, which is none of their names.
	one := drawing("one", 3, usage.Draw{Source: "grant_b", Units: 9e18}, usage.Draw{Source: "grant_a", Units: -7}, usage.Draw{Source: "window/1/2é", Units: 1})
	two := paying("two", 3, "grant_c", draws("grant_b", "grant_a")...)
	made := drawing(madeID(on(4), 1), 4, draws("x")...)
	made.Made = true
	plain, other, stranger := drawing("plain", 3), drawing("other", 3, draws("grant_a")...), drawing("one", 3, draws("z")...)
	other.Feature, stranger.CustomerID = "other", customerID(2)
	metering(t, st, customerID(1), "calls", func(tx service.Tx) error { return tx.CreateUsage(one, plain, two, made) })
	createUsage(t, st, other, stranger)
	for _, u := range []usage.Record{one, two, made, plain, other} {
		same(t, "record", read(t, st, getUsage(customerID(1), u.ID)), stored(u))
		same(t, "draws of "+u.ID, readDraws(t, st, u), drawnBy(u))
	}
	same(t, "draws of some", readDraws(t, st, made, two, plain, one), slices.Concat(drawnBy(one), drawnBy(two), drawnBy(made)))
	same(t, "draws of none", readDraws(t, st), []usage.Drawn(nil))
	many := make([]usage.Record, 40)
	for i := range many {
		many[i] = drawing(fmt.Sprintf("m%02d", i), 9, draws("a", "b", "c")...)
	}
	createUsage(t, st, many...)
	if got := readDraws(t, st, many...); len(got) != 3*len(many) {
		t.Errorf("%d draws of %d records", len(got), len(many))
	}
}

// testDrawsOfRecord has a record whose id is taken draw nothing.
func testDrawsOfRecord(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	first := drawing("a", 3, draws("x")...)
	createUsage(t, st, first)
	exists(t, st, "drawing", drawing("a", 3, draws("x", "y")...))
	same(t, "draws", readDraws(t, st, first), drawnBy(first))
}

func testDrawsRefused(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for name, spoil := range map[string]func(*usage.Record){
		"nothing":               func(u *usage.Record) { u.Draws = []usage.Draw{{Source: "x"}} },
		"of nothing":            func(u *usage.Record) { u.Draws = []usage.Draw{{Units: 1}} },
		"twice":                 func(u *usage.Record) { u.Draws = draws("x", "y", "x") },
		"no debt":               func(u *usage.Record) { u.Pays, u.Draws = "grant_a", draws("x") },
		"a debt of nobody":      func(u *usage.Record) { u.Kind, u.Draws = usage.Debt, draws("x") },
		"a debt with nothing":   func(u *usage.Record) { u.Kind, u.Pays = usage.Debt, "grant_a" },
		"a twin of a kind":      func(u *usage.Record) { u.Of = "b" },
		"a correction upwards":  func(u *usage.Record) { u.Kind, u.Corrects = usage.Delta, "b" },
		"a consumed correction": func(u *usage.Record) { u.Value, u.Corrects = -1, "b" },
		"no text":               func(u *usage.Record) { u.Draws = draws("\x00") },
	} {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCounters(customerID(1), "calls", on(0), on(0)); err != nil {
				return err
			}
			u := drawing("a", 3)
			spoil(&u)
			return tx.CreateUsage(u)
		})
		if err == nil || errors.Is(err, billing.ErrExists) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if rest := calls(t, st); len(rest) > 0 {
		t.Errorf("there is %v", rest)
	}
	catalog := catalogRevision(t, st)
	putCounters(t, st, newCounter(customerID(1), "calls", allTime, 0))
	change := known(t, st, 1)
	change.Records = []usage.Record{drawing("a", 3, draws("x")...)}
	if _, err := st.Apply(t.Context(), catalog, []service.LaneChange{change}); !errors.Is(err, service.ErrNotApplied) {
		t.Errorf("a decision without locks that draws: %v", err)
	}
}

func testLinks(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	correction := func(id, of string, counted int) usage.Record {
		u := newUsage(customerID(1), id, on(counted))
		u.Kind, u.Value, u.Change, u.Corrects = usage.Delta, -1, -1, of
		return u
	}
	twin := newUsage(customerID(1), "twin", on(3))
	twin.Feature, twin.Kind, twin.Of = "pool", usage.Burned, "first"
	back := twin
	back.ID, back.Of, back.Corrects, back.Value = "back", "c2", "twin", -5
	first, c1, c2, unnamed := newUsage(customerID(1), "first", on(3)), correction("c1", "first", 3), correction("c2", "first", 2), correction("c3", "", 3)
	other := correction("c1", "first", 3)
	other.CustomerID = customerID(2)
	createUsage(t, st, first, c1, c2, unnamed, twin, back, other)
	for _, u := range []usage.Record{first, c1, c2, unnamed, twin, back} {
		same(t, u.ID, read(t, st, getUsage(customerID(1), u.ID)), u)
	}
	same(t, "page", calls(t, st), []usage.Record{c2, c1, unnamed, first})
	corrections := func(id string) []usage.Record {
		return read(t, st, func(r service.Reader) ([]usage.Record, error) { return r.Corrections(customerID(1), id) })
	}
	same(t, "corrections of the first", corrections("first"), []usage.Record{c2, c1})
	same(t, "corrections of the twin", corrections("twin"), []usage.Record{back})
	same(t, "corrections of none", corrections(""), []usage.Record(nil))
	twins := func(ids ...string) []usage.Record {
		got := read(t, st, func(r service.Reader) ([]usage.Record, error) { return r.Twins(customerID(1), ids) })
		slices.SortFunc(got, byPlace)
		return got
	}
	same(t, "twins", twins("c1", "c2", "first", "twin", ""), []usage.Record{back, twin})
	same(t, "twins of none", twins(), []usage.Record(nil))
	again := c1
	again.Corrects = "twin"
	if kept := read(t, st, getUsage(customerID(1), "c1")); again.SameReport(&kept) || !c1.SameReport(&kept) {
		t.Error("a report that corrects another record is the same")
	}
}

// testSumBurned has features a and b burn of a pool, which is used by itself, too.
func testSumBurned(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	use := func(customer int, id string, feature billing.Code, counted int, burned billing.Units) {
		t.Helper()
		u := newUsage(customerID(customer), id, on(counted))
		u.Feature = feature
		twin := newUsage(customerID(customer), "of "+id, on(counted))
		twin.Feature, twin.Kind, twin.Of, twin.Change = "pool", usage.Burned, id, burned
		createUsage(t, st, u, twin)
	}
	use(1, "a1", "a", 2, 1)
	use(1, "a2", "a", 3, 10)
	use(1, "a3", "a", 3, -4)
	use(1, "b1", "b", 3, 100)
	use(1, "a4", "a", 5, math.MaxInt64)
	use(1, "a5", "a", 5, math.MaxInt64)
	use(2, "a1", "a", 3, 1000)
	own := newUsage(customerID(1), "own", on(3))
	own.Feature, own.Change = "pool", 7
	createUsage(t, st, own)
	for _, test := range []struct {
		by   billing.Code
		w    billing.Window
		want billing.Units
	}{
		{"a", hours(2, 5), 7}, {"a", hours(2, 3), 1}, {"a", hours(3, 4), 6}, {"b", hours(2, 5), 100}, {"b", hours(4, 9), 0}, {"pool", allTime, 0},
		{"none", allTime, 0}, {"a", allTime, math.MaxInt64}, {"b", allTime, 100},
	} {
		got := read(t, st, func(r service.Reader) (billing.Units, error) {
			return r.SumBurned(customerID(1), "pool", test.by, test.w)
		})
		if got != test.want {
			t.Errorf("%s burned %d in %v, want %d", test.by, got, test.w, test.want)
		}
	}
	kind := func(k usage.Kind, w billing.Window) billing.Units {
		return read(t, st, func(r service.Reader) (billing.Units, error) { return r.SumKind(customerID(1), "pool", k, w) })
	}
	same(t, "burned", kind(usage.Burned, hours(3, 5)), billing.Units(106))
	same(t, "burned in all", kind(usage.Burned, allTime), billing.Units(math.MaxInt64))
	same(t, "consumed", kind(usage.Consumed, hours(3, 4)), billing.Units(7))
	same(t, "folded", kind(usage.Folded, allTime), billing.Units(0))
}

func testSources(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	sum := func(customer int, feature billing.Code, source usage.SourceID, drawn billing.Units) usage.SourceSum {
		return usage.SourceSum{CustomerID: customerID(customer), Feature: feature, Source: source, Drawn: drawn}
	}
	put := func(sums ...usage.SourceSum) {
		t.Helper()
		metering(t, st, sums[0].CustomerID, sums[0].Feature, func(tx service.Tx) error { return tx.PutSources(sums...) })
	}
	put(sum(1, "calls", "b", 5), sum(1, "calls", "a", math.MinInt64), sum(1, "calls", "é", 0))
	put(sum(1, "calls", "b", math.MaxInt64)) // in its place
	put(sum(1, "other", "a", 3))
	put(sum(2, "calls", "a", 9))
	all := func(feature billing.Code) []usage.SourceSum {
		return read(t, st, func(r service.Reader) ([]usage.SourceSum, error) { return r.Sources(customerID(1), feature) })
	}
	of := []usage.SourceSum{sum(1, "calls", "a", math.MinInt64), sum(1, "calls", "b", math.MaxInt64), sum(1, "calls", "é", 0)}
	same(t, "of a feature", all("calls"), of)
	same(t, "of all", all(""), append(of, sum(1, "other", "a", 3)))
	same(t, "of another", all("none"), []usage.SourceSum(nil))
	err := st.Update(t.Context(), func(tx service.Tx) error { return tx.PutSources(sum(1, "calls", "a", 1)) })
	if err == nil {
		t.Error("a sum is put without the lock")
	}
}

func testSumDraws(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	late := drawing("late", 4, usage.Draw{Source: "a", Units: 100})
	late.RecordedOn = on(40)
	other := drawing("other", 4, draws("a")...)
	other.Feature = "other"
	stranger := drawing("stranger", 4, draws("a")...)
	stranger.CustomerID = customerID(2)
	createUsage(t, st, drawing("x", 2, draws("a", "b")...), drawing("y", 4, draws("b", "c")...), late,
		paying("z", 4, "g", draws("b", "a")...), paying("zz", 5, "h", draws("a")...), other, stranger)
	sum := func(source, pays usage.SourceID, units billing.Units) usage.DrawnSum {
		return usage.DrawnSum{Source: source, Pays: pays, Units: units}
	}
	whole := []usage.DrawnSum{sum("a", "", 101), sum("a", "g", 2), sum("a", "h", 1), sum("b", "", 3), sum("b", "g", 1), sum("c", "", 2)}
	for _, test := range []struct {
		window billing.Window
		by     time.Time
		want   []usage.DrawnSum
	}{
		{allTime, time.Time{}, whole},
		{allTime, on(30), append([]usage.DrawnSum{sum("a", "", 1)}, whole[1:]...)}, // by when it was recorded
		{allTime, on(29), nil},
		{hours(2, 4), time.Time{}, []usage.DrawnSum{sum("a", "", 1), sum("b", "", 2)}},
		{hours(4, 5), time.Time{}, []usage.DrawnSum{sum("a", "", 100), sum("a", "g", 2), sum("b", "", 1), sum("b", "g", 1), sum("c", "", 2)}},
		{hours(6, 9), time.Time{}, nil},
	} {
		same(t, fmt.Sprintf("%v by %v", test.window, test.by), sumDraws(t, st, test.window, test.by), test.want)
		of := read(t, st, func(r service.Reader) ([]usage.DrawnSum, error) {
			return r.SumDrawsOf(customerID(1), "calls", []usage.SourceID{"c", "none", "a"}, test.window, test.by)
		})
		want := slices.DeleteFunc(slices.Clone(test.want), func(d usage.DrawnSum) bool { return d.Source == "b" })
		if len(want) == 0 {
			want = nil
		}
		same(t, fmt.Sprintf("of some in %v by %v", test.window, test.by), of, want)
		for _, grant := range []usage.SourceID{"g", "h", "i", ""} {
			paid := read(t, st, func(r service.Reader) (billing.Units, error) {
				return r.SumPaid(customerID(1), "calls", grant, test.window, test.by)
			})
			if want := usage.SumsOf(test.want)[usage.PaysSum(grant)]; paid != want {
				t.Errorf("%q in %v by %v is paid %d, want %d", grant, test.window, test.by, paid, want)
			}
		}
	}
	if got := usage.Elsewhere(whole); got != 106 {
		t.Errorf("elsewhere: %d, want 106", got)
	}
}

func testSumDrawsExact(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	for i, test := range []struct {
		units []billing.Units
		want  billing.Units
	}{
		{[]billing.Units{9e18, -1}, 9e18 - 1},
		{[]billing.Units{9e18, 9e18, -9e18}, 9e18},
		{[]billing.Units{9e18, 9e18}, math.MaxInt64},
		{[]billing.Units{-9e18, -9e18, -1}, math.MinInt64},
		{[]billing.Units{-999_999_999, 1_000_000_001, -3}, -1},
	} {
		source := usage.SourceID(fmt.Sprint("s", i))
		for j, units := range test.units {
			createUsage(t, st, drawing(fmt.Sprint(i, "-", j), i, usage.Draw{Source: source, Units: units}))
		}
		same(t, fmt.Sprint(test.units), sumDraws(t, st, hours(i, i+1), time.Time{}), []usage.DrawnSum{{Source: source, Units: test.want}})
	}
}

func testDrawPages(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	createUsage(t, st, drawing("b", 2, draws("x", "y")...), drawing("a", 2, draws("x")...), drawing("c", 1, draws("y", "x")...),
		paying("d", 3, "g", draws("x")...), paying("e", 3, "g", draws("z")...))
	other := drawing("f", 2, draws("x")...)
	other.Feature = "other"
	createUsage(t, st, other)
	walk := func(source usage.SourceID, size int, back bool) (got []string) {
		page := service.Page[service.DrawCursor]{Size: size}
		if back {
			page.Before = &service.DrawCursor{CountedOn: on(100)}
		}
		for more := true; more; {
			var found []usage.Drawn
			view(t, st, func(r service.Reader) (err error) {
				found, more, err = r.DrawsOf(customerID(1), "calls", source, page)
				return err
			})
			var names []string
			for _, d := range found {
				names = append(names, fmt.Sprint(d.Record, d.Source))
			}
			at := func(d usage.Drawn) *service.DrawCursor {
				return &service.DrawCursor{CountedOn: d.CountedOn, Record: d.Record, Source: d.Source, Pays: d.Pays}
			}
			switch {
			case len(found) == 0:
			case back:
				got, page.Before = append(names, got...), at(found[0])
			default:
				got, page.After = append(got, names...), at(found[len(found)-1])
			}
		}
		return got
	}
	for _, size := range []int{1, 2, 3, 100} {
		for _, back := range []bool{false, true} {
			same(t, fmt.Sprint("all by ", size, back), walk("", size, back), []string{"cx", "cy", "ax", "bx", "by", "dx", "ez"})
			same(t, fmt.Sprint("x by ", size, back), walk("x", size, back), []string{"cx", "ax", "bx", "dx"})
			same(t, fmt.Sprint("none by ", size, back), walk("w", size, back), []string(nil))
		}
	}
}

func testFoldDraws(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	early := drawing("early", 1, draws("a")...)
	end := drawing("end", 10, draws("a", "b")...)
	createUsage(t, st, early, drawing("x", 3, draws("a", "b")...), drawing("y", 4, draws("b", "a")...),
		paying("z", 4, "g", draws("a", "b")...), drawing("plain", 5), drawing("null", 5, usage.Draw{Source: "c", Units: 5}),
		drawing("void", 5, usage.Draw{Source: "c", Units: -5}), end)
	windows := []billing.Window{allTime, hours(2, 6), hours(-2, 6), hours(6, 14)}
	sums := func() (all [][]usage.DrawnSum) {
		for _, w := range windows {
			sum := sumDraws(t, st, w, time.Time{})
			all = append(all, slices.DeleteFunc(sum, func(d usage.DrawnSum) bool { return d.Units == 0 }))
		}
		return all
	}
	before := sums()
	for n := fold(t, st, on(6), 3); n > 0; n = fold(t, st, on(6), 3) {
		same(t, "sums", sums(), before)
	}
	whole := calls(t, st)
	if len(whole) != 3 || whole[1].Kind != usage.Folded || whole[2].ID != "end" {
		t.Fatalf("records: %v", whole)
	}
	folded := func(u usage.Record, all ...usage.Drawn) (want []usage.Drawn) {
		for _, d := range all {
			d.Record, d.CountedOn, d.RecordedOn = u.ID, u.CountedOn, u.RecordedOn
			want = append(want, d)
		}
		return want
	}
	draw := func(source, pays usage.SourceID, units billing.Units) usage.Drawn {
		return usage.Drawn{Draw: usage.Draw{Source: source, Units: units}, Pays: pays}
	}
	same(t, "draws of the day", readDraws(t, st, whole[1]),
		folded(whole[1], draw("a", "", 3), draw("a", "g", 1), draw("b", "", 3), draw("b", "g", 2)))
	same(t, "draws of the day before", readDraws(t, st, whole[0]), folded(whole[0], draw("a", "", 1)))
	same(t, "draws of what is left", readDraws(t, st, end), drawnBy(end))
	// Who asks for what was known at an instant after the day sees all of it.
	if got := sumDraws(t, st, hours(2, 6), on(6)); len(got) != 4 {
		t.Errorf("recorded by the end of the day: %v", got)
	}

	// Late ones join those of their day, also one that draws nothing and counts first.
	createUsage(t, st, drawing("late", 4, draws("d", "a")...), drawing("earliest", 2))
	before = sums()
	fold(t, st, on(6), 1)
	fold(t, st, on(6), 1)
	same(t, "sums with late ones", sums(), before)
	whole = calls(t, st)
	same(t, "draws of the day then", readDraws(t, st, whole[1]),
		folded(whole[1], draw("a", "", 5), draw("a", "g", 1), draw("b", "", 3), draw("b", "g", 2), draw("d", "", 1)))
	same(t, "damage", read(t, st, damageOf), []string(nil))

	for i := range 2 {
		createUsage(t, st, drawing(fmt.Sprint("huge", i), 20, usage.Draw{Source: "a", Units: 9e18}))
	}
	err := st.Update(t.Context(), func(tx service.Tx) error {
		_, err := tx.LockCounters(customerID(1), "calls", on(0), on(0))
		if err == nil {
			_, err = tx.FoldUsage(customerID(1), "calls", on(100), shortDay, 100)
		}
		return err
	})
	if err == nil {
		t.Error("folded more than a draw can say")
	}
}

func testFoldLinks(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	first, back, twin := newUsage(customerID(1), "first", on(3)), newUsage(customerID(1), "back", on(3)), newUsage(customerID(1), "twin", on(9))
	back.Kind, back.Value, back.Corrects = usage.Delta, -1, "first"
	twin.Kind, twin.Of = usage.Burned, "other"
	createUsage(t, st, first, back, twin)
	fold(t, st, on(6), 9)
	same(t, "damage", read(t, st, damageOf), []string(nil))
	same(t, "corrections", read(t, st, func(r service.Reader) ([]usage.Record, error) { return r.Corrections(customerID(1), "first") }), []usage.Record(nil))
	same(t, "twins", read(t, st, func(r service.Reader) ([]usage.Record, error) { return r.Twins(customerID(1), []string{"other"}) }), []usage.Record{twin})
}

func testPinnedHolds(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	hold := func(customer, n, from, to int, pins ...usage.Draw) usage.Hold {
		h := newHold(customerID(customer), n)
		h.MadeOn, h.ExpiresOn, h.Pins = on(from), on(to), pins
		return h
	}
	a, b, plain, stranger := hold(1, 2, 2, 5, draws("x", "window//")...), hold(1, 1, 3, 9, draws("y")...), hold(1, 3, 2, 9), hold(2, 1, 2, 9, draws("x")...)
	a.Twin, b.Of = holdID(customerID(1), 7), holdID(customerID(1), 8)
	other := hold(1, 4, 2, 9, draws("x")...)
	other.Feature = "other"
	createHolds(t, st, a, b, plain, stranger, other)
	same(t, "hold", read(t, st, getHold(a.ID)), a)
	same(t, "twin", read(t, st, getHold(b.ID)), b)
	pinned := func(at time.Time) []usage.Hold {
		return read(t, st, func(r service.Reader) ([]usage.Hold, error) { return r.PinnedHolds(customerID(1), "calls", at) })
	}
	micro := time.Microsecond
	for _, test := range []struct {
		at   time.Time
		want []usage.Hold
	}{
		{on(2).Add(-micro), nil}, {on(2), []usage.Hold{a}}, {on(3), []usage.Hold{b, a}}, {on(5).Add(-micro), []usage.Hold{b, a}},
		{on(5), []usage.Hold{b}}, {on(9), nil},
	} {
		same(t, test.at.String(), pinned(test.at), test.want)
	}
	// One that was closed is over from then on, and had its pins before.
	b.State, b.ExpiresOn, b.Closing = usage.HoldConfirmed, on(4), newClosing()
	metering(t, st, customerID(1), "calls", func(tx service.Tx) error { return tx.UpdateHold(b) })
	same(t, "before it was closed", pinned(on(4).Add(-micro)), []usage.Hold{b, a})
	same(t, "once it is closed", pinned(on(4)), []usage.Hold{a})
}

func testPooled(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	w := hours(2, 6)
	c := newLane(1, &w)
	for _, pooled := range []bool{false, true, true, false} {
		c.Lane.Pooled = pooled
		putCounters(t, st, c)
		for what, got := range map[string]bool{
			"lane": lane(t, st).Lane.Pooled, "standing": stand(t, st, 1, "calls", on(4)).Lanes[0].Lane.Pooled,
			"all standings": stand(t, st, 1, "", on(4)).Lanes[0].Lane.Pooled,
			"counter of an instant": read(t, st, func(r service.Reader) ([]usage.Counter, error) {
				return r.CountersAt(customerID(1), "calls", on(4))
			})[0].Lane.Pooled,
		} {
			if got != pooled {
				t.Errorf("%s: pooled %t, want %t", what, got, pooled)
			}
		}
	}
	c.Lane.Pooled = true
	putCounters(t, st, c)
	apply(t, st, oneRecord(known(t, st, 1), "a"))
	if !lane(t, st).Lane.Pooled {
		t.Error("a decision without locks has made it plain")
	}
}

func testDrawDamage(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	back := drawing("back", 3, draws("x", "y")...)
	back.Kind, back.Value, back.Corrects = usage.Delta, -1, "a"
	createUsage(t, st, drawing("a", 2, draws("x")...), back)
	same(t, "damage of none", read(t, st, damageOf), []string(nil))
	update(t, whole(st), func(tx *sqlstore.Tx) error {
		customer, at := customerID(1).String(), on(3).UnixMicro()
		if err := tableNamed("record_ids").Remove(tx, []sqlstore.Row{{customer, "back", "calls", at}}); err != nil {
			return err
		}
		return tableNamed("records").Remove(tx, []sqlstore.Row{{customer, "calls", at, "back"}})
	})
	same(t, "damage", read(t, st, damageOf), []string{`usage record "back", which has drawn, is not there`,
		`usage record "back", which corrects another or is its twin, is not there`})
}

func testDrawsUnfinished(t *testing.T, st Store) {
	putSetting(t, st, "unfinished", "4")
	createCustomers(t, st, newCustomer(1))
	back := drawing("back", 3)
	back.Kind, back.Value, back.Corrects = usage.Delta, -1, "a"
	for _, u := range []usage.Record{drawing("a", 3, draws("x")...), back} {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCounters(customerID(1), "calls", on(0), on(0)); err != nil {
				return err
			}
			return tx.CreateUsage(u)
		})
		if err == nil {
			t.Errorf("%s is stored where the version before reads it", u.ID)
		}
	}
	createUsage(t, st, drawing("plain", 3))
	finishUpgrade(t, st)
	u := drawing("b", 3, draws("x")...)
	createUsage(t, st, u)
	update(t, st, func(tx service.Tx) error {
		_, err := tx.MoveUsage(customerID(1), 9)
		return err
	})
	same(t, "draws", readDraws(t, st, u), drawnBy(u))
	same(t, "damage", read(t, st, damageOf), []string(nil))
}
