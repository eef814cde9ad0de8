package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

var moveTests = []test{
	{"records are the same while they are moved", testMove},
	{"nothing is moved before the upgrade is finished", testMoveUnfinished},
	{"an id is used once wherever its record is", testMoveIDs},
	{"an id that was made here is not counted again", testMadeIDs},
	{"records of what has no counter are moved", testMoveUncounted},
	{"a writer of before the finish is waited for", testMoveWaits(true)},
	{"the first writer of a feature is waited for", testMoveWaits(false)},
	{"what is kept wrongly is named", testUsageDamage},
}

// The suite of usage is run again while an upgrade is not finished, and while some
// records are moved and others not.
var usageStages = map[string]func(t *testing.T, st Store) Store{
	"unfinished": func(t *testing.T, st Store) Store {
		putSetting(t, st, "unfinished", "4")
		return st
	},
	halfMoved: func(t *testing.T, st Store) Store {
		putSetting(t, st, "moving", "")
		return scattered{st}
	},
}

const halfMoved = "half moved"

// tableNamed is one as a copy sees it.
func tableNamed(name string) *sqlstore.Table {
	for i := range sqlstore.Tables {
		if sqlstore.Tables[i].Name == name {
			return &sqlstore.Tables[i]
		}
	}
	panic("storetest: no table " + name)
}

func putSetting(t *testing.T, st Store, name, value string) {
	t.Helper()
	update(t, whole(st), func(tx *sqlstore.Tx) error {
		return tableNamed("settings").Put(tx, []sqlstore.Row{{name, value}})
	})
}

// rowsOf are all rows of a table.
func rowsOf(r *sqlstore.Reader, name string) (all []sqlstore.Row, err error) {
	for {
		var after sqlstore.Row
		if len(all) > 0 {
			after = all[len(all)-1]
		}
		rows, err := tableNamed(name).Rows(r, after)
		if err != nil || len(rows) == 0 {
			return all, err
		}
		all = append(all, rows...)
	}
}

// scattered is a store whose records are half moved at all times: behind each update
// every other one is put back where the version before kept it.
type scattered struct{ Store }

func (s scattered) Update(ctx context.Context, fn func(service.Tx) error) error {
	if err := s.Store.Update(ctx, fn); err != nil {
		return err
	}
	return s.scatter(ctx)
}

func (s scattered) Write(ctx context.Context, fn func(*sqlstore.Tx) error) error {
	if err := s.Store.Write(ctx, fn); err != nil {
		return err
	}
	return s.scatter(ctx)
}

func (s scattered) scatter(ctx context.Context) error {
	return s.Store.Write(ctx, func(tx *sqlstore.Tx) error {
		rows, err := rowsOf(&tx.Reader, "records")
		if err != nil {
			return err
		}
		for _, r := range rows {
			id := r[3].(string)
			if len(id) == 0 || id[len(id)-1]%2 == 0 {
				continue
			}
			if err := tableNamed("records").Remove(tx, []sqlstore.Row{r}); err != nil {
				return err
			}
			entry := sqlstore.Row{r[0], r[3], r[1], r[2]}
			if err := tableNamed("record_ids").Remove(tx, []sqlstore.Row{entry}); err != nil && !errors.Is(err, billing.ErrNotFound) {
				return err
			}
			before := sqlstore.Row{r[0], r[3], r[1], r[4], r[5], r[6], r[7], r[2], r[8], r[9]}
			if err := tableNamed("usage_records").Put(tx, []sqlstore.Row{before}); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishUpgrade says that no program of the version before runs.
func finishUpgrade(t *testing.T, st service.Store) {
	t.Helper()
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		return tx.Finish()
	})
}

// madeID is an id as they are made here, at an instant.
func madeID(at time.Time, n int) string { return fmt.Sprintf("usage_%012x%020x", at.UnixMilli(), n) }

// usageOf is all that can be read of the usage of customer 1.
type usageOf struct {
	Pages, Back []usage.Record
	ByID        map[string]usage.Record
	Sums        []billing.Units
	Newest      []time.Time
	Unfolded    []billing.Code
}

func readUsage(t *testing.T, st service.Store, ids []string) usageOf {
	t.Helper()
	return read(t, st, func(r service.Reader) (got usageOf, err error) {
		id := customerID(1)
		for _, feature := range []billing.Code{"", "calls", "other"} {
			page := service.Page[service.UsageCursor]{Size: 3}
			for more := true; more && err == nil; {
				var records []usage.Record
				records, more, err = r.UsageRecords(id, feature, time.Time{}, time.Time{}, page)
				if got.Pages = append(got.Pages, records...); more {
					page.After = cursorAt(records[len(records)-1])
				}
			}
			page = service.Page[service.UsageCursor]{Size: 3, Before: &service.UsageCursor{CountedOn: on(1000)}}
			for more := true; more && err == nil; {
				var records []usage.Record
				records, more, err = r.UsageRecords(id, feature, time.Time{}, time.Time{}, page)
				if got.Back = append(got.Back, records...); more {
					page.Before = cursorAt(records[0])
				}
			}
			if err != nil {
				return got, err
			}
		}
		got.ByID = map[string]usage.Record{}
		for _, key := range ids {
			if got.ByID[key], err = r.UsageRecord(id, key); err != nil {
				return got, fmt.Errorf("%s: %w", key, err)
			}
		}
		for _, w := range []billing.Window{allTime, hours(0, 3), hours(2, 4), hours(3, 9)} {
			sum, err := r.SumUsage(id, "calls", w, time.Time{})
			if err != nil {
				return got, err
			}
			newest, err := r.NewestReading(id, "calls", w)
			if err != nil && !errors.Is(err, billing.ErrNotFound) {
				return got, err
			}
			got.Sums, got.Newest = append(got.Sums, sum), append(got.Newest, newest)
		}
		got.Unfolded, err = r.UnfoldedFeatures(id, on(1000))
		return got, err
	})
}

func cursorAt(u usage.Record) *service.UsageCursor {
	return &service.UsageCursor{CountedOn: u.CountedOn, ID: u.ID}
}

// mixedUsage are records of all sorts: of two features, at one instant and at several,
// readings, with ids of callers in any text, and with ids that are made here.
func mixedUsage() (records []usage.Record, ids []string) {
	for i, id := range []string{"a", "ä", "\U0010ffff", "", "x y", "folded", madeID(on(2), 1), madeID(on(2), 2), madeID(on(9), 3),
		"usage_ffffffffffffffffffffffffffffffff", "USAGE_0", strings.ToUpper(madeID(on(3), 1)), madeID(on(3), 4)} {
		u := newUsage(customerID(1), id, on(2+i%3))
		if strings.HasPrefix(id, "usage_") {
			u.CountedOn = on(2).Add(time.Duration(i) * time.Microsecond)
		}
		if i%4 == 1 {
			u.Kind, u.Stamp = usage.Absolute, u.CountedOn
		}
		if i%5 == 2 {
			u.Feature = "other"
		}
		u.Change = billing.Units(1 + i)
		records, ids = append(records, u), append(ids, id)
	}
	return records, ids
}

func testMove(t *testing.T, st Store) {
	putSetting(t, st, "unfinished", "4")
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	records, ids := mixedUsage()
	createUsage(t, st, records...)
	createUsage(t, st, newUsage(customerID(2), "a", on(2)))
	want := readUsage(t, st, ids)
	finishUpgrade(t, st)
	same(t, "finished", readUsage(t, st, ids), want)

	later := newUsage(customerID(1), "later", on(3))
	createUsage(t, st, later)
	ids = append(ids, later.ID)
	want = readUsage(t, st, ids)
	for step := 0; ; step++ {
		var n int
		update(t, st, func(tx service.Tx) (err error) {
			n, err = tx.MoveUsage(customerID(1), 2)
			return err
		})
		same(t, fmt.Sprint("after step ", step), readUsage(t, st, ids), want)
		if n < 2 {
			break
		}
	}
	err := st.Update(t.Context(), func(tx service.Tx) error { return tx.PutMoving(billing.CustomerID{}, false) })
	if err == nil || !strings.Contains(err.Error(), customerID(2).String()) {
		t.Errorf("all is said to be moved while customer 2 has a record: %v", err)
	}
	update(t, st, func(tx service.Tx) error {
		if err := tx.PutMoving(customerID(1), true); err != nil {
			return err
		}
		_, err := tx.MoveUsage(customerID(2), 2)
		return err
	})
	after := read(t, st, func(r service.Reader) (billing.CustomerID, error) {
		after, more, err := r.Moving()
		if !more {
			t.Error("nothing is moving")
		}
		return after, err
	})
	same(t, "moved up to", after, customerID(1))
	update(t, st, func(tx service.Tx) error { return tx.PutMoving(billing.CustomerID{}, false) })
	same(t, "moved", readUsage(t, st, ids), want)
	if more, err := moving(t, st); err != nil || more {
		t.Errorf("still moving: %v, %v", more, err)
	}
	if left := read(t, whole(st), func(r *sqlstore.Reader) ([]sqlstore.Row, error) { return rowsOf(r, "usage_records") }); len(left) > 0 {
		t.Errorf("not moved: %v", left)
	}
	same(t, "damage", read(t, st, damageOf), []string(nil))
}

func moving(t *testing.T, st service.Store) (more bool, err error) {
	t.Helper()
	err = st.View(t.Context(), func(r service.Reader) (err error) {
		_, more, err = r.Moving()
		return err
	})
	return more, err
}

func damageOf(r service.Reader) ([]string, error) { return r.UsageDamage(customerID(1)) }

func testMoveUnfinished(t *testing.T, st Store) {
	putSetting(t, st, "unfinished", "4")
	createCustomers(t, st, newCustomer(1))
	createUsage(t, st, newUsage(customerID(1), "a", on(2)))
	err := st.Update(t.Context(), func(tx service.Tx) error {
		_, err := tx.MoveUsage(customerID(1), 9)
		return err
	})
	if err == nil {
		t.Error("a record was moved that a program of the version before may read")
	}
	if more, err := moving(t, st); more || err != nil {
		t.Errorf("moving: %v, %v", more, err)
	}
	if rows := read(t, whole(st), func(r *sqlstore.Reader) ([]sqlstore.Row, error) { return rowsOf(r, "usage_records") }); len(rows) != 1 {
		t.Errorf("%d records are where the version before looks, want 1", len(rows))
	}
}

// exists wants that a record cannot be stored for its id.
func exists(t *testing.T, st service.Store, when string, u usage.Record) {
	t.Helper()
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCounters(u.CustomerID, u.Feature, u.CountedOn, u.CountedOn); err != nil {
			return err
		}
		return tx.CreateUsage(u)
	})
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("%s: %q again: %v, want ErrExists", when, u.ID, err)
	}
}

func testMoveIDs(t *testing.T, st Store) {
	putSetting(t, st, "unfinished", "4")
	createCustomers(t, st, newCustomer(1))
	records, _ := mixedUsage()
	createUsage(t, st, records...)
	again := func(when string) {
		t.Helper()
		for _, u := range records {
			exists(t, st, when, u)
			u.Feature, u.CountedOn = "third", on(7)
			exists(t, st, when, u)
		}
	}
	again("unfinished")
	finishUpgrade(t, st)
	again("finished")
	update(t, st, func(tx service.Tx) error {
		_, err := tx.MoveUsage(customerID(1), 5)
		return err
	})
	again("half moved")
	update(t, st, func(tx service.Tx) error {
		if _, err := tx.MoveUsage(customerID(1), 100); err != nil {
			return err
		}
		return tx.PutMoving(billing.CustomerID{}, false)
	})
	again("moved")
	if n := len(readUsage(t, st, nil).Pages); n != 2*len(records) { // of all, and by feature
		t.Errorf("%d records are read, want %d", n, 2*len(records))
	}
}

func testMadeIDs(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	made := func(id string, at time.Time) usage.Record {
		u := newUsage(customerID(1), id, at)
		u.Made = true
		return u
	}
	instant := on(5).Add(1234 * time.Microsecond) // in the millisecond that begins at 1000
	records := []usage.Record{
		made(madeID(instant, 1), instant),
		made(madeID(instant, 2), on(4)), // a hold that is confirmed counts where it was made
		made(madeID(time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC), 3), time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC)),
		made("whatever", instant),
	}
	createUsage(t, st, records...)
	for _, u := range records {
		u.Made = false
		same(t, u.ID, read(t, st, getUsage(customerID(1), u.ID)), u)
		found := read(t, st, func(r service.Reader) ([]usage.Record, error) {
			return r.UsageRecordsByID(customerID(1), []string{"no", u.ID})
		})
		same(t, u.ID+" among others", found, []usage.Record{u})
		exists(t, st, "as it was", u)
		other := u
		other.Feature = "other"
		exists(t, st, "of another feature", other)
		other.CountedOn = u.CountedOn.Add(time.Microsecond)
		exists(t, st, "at another instant of the millisecond", other)
		u.CountedOn = on(8)
		exists(t, st, "at another time", u)
	}
	entries := read(t, whole(st), func(r *sqlstore.Reader) ([]sqlstore.Row, error) { return rowsOf(r, "record_ids") })
	if len(entries) != 3 {
		t.Errorf("%d entries, want one of each record that its id does not tell the place of", len(entries))
	}
	// One of a caller that looks the same has one too, so that two at once meet.
	createUsage(t, st, newUsage(customerID(1), madeID(instant, 9), instant))
	entries = read(t, whole(st), func(r *sqlstore.Reader) ([]sqlstore.Row, error) { return rowsOf(r, "record_ids") })
	if len(entries) != 4 {
		t.Errorf("%d entries then, want 4", len(entries))
	}
	// In one call.
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCustomer(customerID(1)); err != nil {
			return err
		}
		for _, feature := range []billing.Code{"calls", "other"} {
			if _, err := tx.LockCounters(customerID(1), feature, instant, instant); err != nil {
				return err
			}
		}
		mine, other := made(madeID(instant, 7), instant), newUsage(customerID(1), madeID(instant, 7), instant)
		other.Feature = "other"
		return tx.CreateUsage(mine, other)
	})
	if !errors.Is(err, billing.ErrExists) {
		t.Errorf("both at once: %v, want ErrExists", err)
	}
	same(t, "damage", read(t, st, damageOf), []string(nil))
	// What is folded leaves no entries behind.
	update(t, st, func(tx service.Tx) error {
		_, err := tx.LockCounters(customerID(1), "calls", on(0), on(0))
		if err == nil {
			_, err = tx.FoldUsage(customerID(1), "calls", on(1000), shortDay, 100)
		}
		return err
	})
	same(t, "damage of what is folded", read(t, st, damageOf), []string(nil))
	if rest := calls(t, st); len(rest) != 2 {
		t.Errorf("%d folded records, want 2", len(rest))
	}
}

func testMoveUncounted(t *testing.T, st Store) {
	putSetting(t, st, "moving", "")
	createCustomers(t, st, newCustomer(1))
	update(t, whole(st), func(tx *sqlstore.Tx) error {
		return tableNamed("usage_records").Put(tx, []sqlstore.Row{
			{customerID(1).String(), "a", "calls", "delta", int64(5), int64(5), int64(1), int64(1), int64(1), ""},
			{customerID(1).String(), "b", "other", "delta", int64(7), int64(7), int64(1), int64(1), int64(1), ""},
		})
	})
	update(t, st, func(tx service.Tx) error {
		n, err := tx.MoveUsage(customerID(1), 9)
		if n != 2 {
			t.Errorf("%d records are moved, want 2", n)
		}
		return err
	})
	c := read(t, st, func(r service.Reader) (usage.Counter, error) { return r.Counter(customerID(1), "calls", allTime) })
	if c.Used != 5 {
		t.Errorf("the counter that was made says %v, want 5", c.Used)
	}
}

// Who has a lock from before the finish, and writes where the version before does,
// is waited for: whoever moves finds what it wrote, also of a feature that had none.
func testMoveWaits(known bool) func(t *testing.T, st Store) {
	return func(t *testing.T, st Store) {
		if st.Batching().Serial {
			t.Skip("one writes at a time")
		}
		putSetting(t, st, "unfinished", "4")
		id := customerID(1)
		createCustomers(t, st, newCustomer(1))
		if known {
			metering(t, st, id, "calls", func(tx service.Tx) error {
				return tx.PutCounters(usage.Counter{CustomerID: id, Feature: "calls"})
			})
		}
		wrote, finished, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		go func() {
			done <- st.Update(context.WithoutCancel(t.Context()), func(tx service.Tx) error {
				if _, err := tx.LockCounters(id, "calls", on(2), on(2)); err != nil {
					return err
				}
				if err := tx.CreateUsage(newUsage(id, "late", on(2))); err != nil {
					return err
				}
				close(wrote)
				<-finished
				return nil
			})
		}()
		<-wrote
		finishUpgrade(t, st)
		close(finished)
		moved := 0
		update(t, st, func(tx service.Tx) (err error) {
			moved, err = tx.MoveUsage(id, 9)
			return err
		})
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if moved != 1 {
			t.Errorf("%d records are moved, want 1", moved)
		}
		update(t, st, func(tx service.Tx) error { return tx.PutMoving(billing.CustomerID{}, false) })
	}
}

func testUsageDamage(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	mine := newUsage(customerID(1), madeID(on(3), 1), on(3))
	mine.Made = true
	createUsage(t, st, newUsage(customerID(1), "a", on(2)), newUsage(customerID(1), "b", on(2)), mine)
	same(t, "damage of none", read(t, st, damageOf), []string(nil))
	customer := customerID(1).String()
	at := on(2).UnixMicro()
	before := func(id, feature string, counted int64) sqlstore.Row {
		return sqlstore.Row{customer, id, feature, "delta", int64(1), int64(1), int64(1), counted, int64(1), ""}
	}
	for _, test := range []struct {
		table       string
		put, remove sqlstore.Row
		want        string
	}{
		{table: "record_ids", remove: sqlstore.Row{customer, "a", "calls", at}, want: `the id of usage record "a" is not taken`},
		{table: "record_ids", put: sqlstore.Row{customer, "c", "calls", at}, want: `the id "c" is taken by a usage record that is not there`},
		{table: "record_ids", put: sqlstore.Row{customer, mine.ID, "other", at}, want: fmt.Sprintf("two usage records have the id %q", mine.ID)},
		{table: "usage_records", put: before("b", "other", 5), want: `usage record "b" is in two tables`},
		{table: "usage_records", put: before(mine.ID, "calls", on(3).UnixMicro()), want: fmt.Sprintf("usage record %q is in two tables", mine.ID)},
		{table: "usage_records", put: before("stray", "calls", 5), want: `usage of calls is where the version before kept it, and not counted: all is moved`},
	} {
		table := tableNamed(test.table)
		change := func(put, remove sqlstore.Row) {
			update(t, whole(st), func(tx *sqlstore.Tx) error {
				if put != nil {
					return table.Put(tx, []sqlstore.Row{put})
				}
				return table.Remove(tx, []sqlstore.Row{remove})
			})
		}
		change(test.put, test.remove)
		if found := read(t, st, damageOf); !slices.Contains(found, test.want) {
			t.Errorf("found %q, want %s", found, test.want)
		}
		change(test.remove, test.put)
		same(t, "damage of what is mended", read(t, st, damageOf), []string(nil))
	}
}
