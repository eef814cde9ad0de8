package sqlstore

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// The row of all time has one of the windows too, its present one, which has no row
// then: what a consume writes is one row. Readers get both counters.
const (
	// allTime is no start, said as the index of lanes does.
	allTime = `-9223372036854775807 - 1`

	laneColumns    = `version, rev, present_start, present_end, present_used, held, held_on, pooled`
	counterColumns = `customer_id, feature_code, window_start, window_end, used, changed_on`
	allColumns     = counterColumns + `, ` + laneColumns

	// The row of a window, and that of all time, which may have the window.
	selectCounter = `select ` + allColumns + ` from counters
		where customer_id = $1 and feature_code = $2 and window_start = $3 and window_end = $4
		union all select ` + allColumns + ` from counters
		where customer_id = $1 and feature_code = $2 and window_start = $5 and window_end = $6 and present_start = $3 and present_end = $4`

	selectCounters = `select ` + allColumns + ` from counters where customer_id = $1`

	selectCountersOf = `select ` + allColumns + ` from counters
		where customer_id = $1 and feature_code = $2 and window_end > $3 and window_start <= $4`

	lockCounter = `update counters set used = used
		where customer_id = $1 and feature_code = $2 and window_start = $3 and window_end = $4`

	// A decision that was made before there was a lane is not to be applied to it.
	insertLane = `insert into counters (` + counterColumns + `, version) values ($1, $2, $3, $4, $5, $6, 1)
		on conflict (customer_id, feature_code, window_end, window_start) do nothing`

	upsertCounter = `insert into counters (` + counterColumns + `) values ($1, $2, $3, $4, $5, $6)
		on conflict (customer_id, feature_code, window_end, window_start) do update
		set used = excluded.used, changed_on = excluded.changed_on`

	upsertLane = `insert into counters (` + counterColumns + `, ` + laneColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		on conflict (customer_id, feature_code, window_end, window_start) do update
		set used = excluded.used, changed_on = excluded.changed_on, version = counters.version + 1, rev = excluded.rev,
		present_start = excluded.present_start, present_end = excluded.present_end, present_used = excluded.present_used,
		held = excluded.held, held_on = excluded.held_on, pooled = excluded.pooled`

	deleteCounter = `delete from counters
		where customer_id = $1 and feature_code = $2 and window_start = $3 and window_end = $4`

	// In the order of the index, which is that of the features: see [Tx.moveLanes].
	moveLanes = `update counters set version = version + 1, rev = $2
		where customer_id = $1 and window_start = ` + allTime

	// The same in any order, found without the windows that there were.
	moveLanesAlone = `update counters set version = version + 1, rev = $1
		where customer_id = $2 and window_start = ` + allTime + ` and window_end = $3
		and feature_code in (select feature_code from counters where customer_id = $4 and window_start = ` + allTime + `)`
)

var (
	upsertCounters = manyRows(upsertCounter)
	upsertLanes    = manyRows(upsertLane)
)

func scanCounter(r row) (c usage.Counter, err error) {
	l := &c.Lane
	var from, to *int64
	var pooled int64
	err = r.Scan(customerColumn(&c.CustomerID), &c.Feature, (*start)(&c.Window.Start), (*end)(&c.Window.End), &c.Used,
		(*optional)(&c.ChangedOn), &l.Version, &l.Facts, &from, &to, &l.InWindow, &l.Held, (*optional)(&l.HeldOn), &pooled)
	l.Pooled = pooled != 0
	if err == nil && from != nil && to != nil {
		l.Window = new(billing.Window)
		err = errors.Join((*start)(&l.Window.Start).Scan(*from), (*end)(&l.Window.End).Scan(*to))
	}
	return c, err
}

// counters are those that rows have whose window is asked for, by feature, then window.
func counters(rows []usage.Counter, asked func(billing.Window) bool) []usage.Counter {
	found := rows
	for i := range rows {
		lane := &rows[i].Lane
		if w := lane.Window; w != nil && !w.AllTime() && asked(*w) {
			c := usage.Counter{CustomerID: rows[i].CustomerID, Feature: rows[i].Feature, Window: *w, Used: lane.InWindow}
			found = append(found, c)
		}
	}
	found = slices.DeleteFunc(found, func(c usage.Counter) bool { return !asked(c.Window) })
	slices.SortFunc(found, func(a, b usage.Counter) int {
		return cmp.Or(cmp.Compare(a.Feature, b.Feature), a.Window.Start.Compare(b.Window.Start),
			a.Window.End.Compare(b.Window.End)) // of all time, which has no end, the first of what begins with it
	})
	return found
}

func sameWindow(a, b billing.Window) bool { return a.Start.Equal(b.Start) && a.End.Equal(b.End) }

// Counter is as service.UsageReader says.
func (r *Reader) Counter(
	customer billing.CustomerID, feature billing.Code, w billing.Window,
) (usage.Counter, error) {
	rows, err := list(r.conn, scanCounter, selectCounter, customer.String(), feature, start(w.Start), end(w.End), start{}, end{})
	if err != nil {
		return usage.Counter{}, err
	}
	found := counters(rows, func(other billing.Window) bool { return sameWindow(other, w) })
	if len(found) == 0 {
		return usage.Counter{}, billing.ErrNotFound
	}
	return found[0], nil
}

// CountersAt is as service.UsageReader says.
func (r *Reader) CountersAt(
	customer billing.CustomerID, feature billing.Code, at time.Time,
) ([]usage.Counter, error) {
	return r.countersOf(customer, feature, at, at)
}

// countersOf are the counters whose window has an instant of [from, to].
func (r *Reader) countersOf(
	customer billing.CustomerID, feature billing.Code, from, to time.Time,
) ([]usage.Counter, error) {
	rows, err := list(r.conn, scanCounter, selectCountersOf, customer.String(), feature, instant(from), instant(to))
	return counters(rows, func(w billing.Window) bool {
		return w.AllTime() || !to.Before(w.Start) && (w.End.IsZero() || from.Before(w.End))
	}), err
}

// Counters is as service.UsageReader says.
func (r *Reader) Counters(customer billing.CustomerID) ([]usage.Counter, error) {
	rows, err := list(r.conn, scanCounter, selectCounters, customer.String())
	return counters(rows, func(billing.Window) bool { return true }), err
}

// meter is one feature of one customer: what the lock of usage is for.
type meter struct {
	customer billing.CustomerID
	feature  billing.Code
}

// LockCounters implements [Tx]. The lock is the row of all time, taken
// by a statement of its own: one row, so that two who want it cannot wait for
// each other. Whoever writes usage has it, so no increment is lost. Where a
// statement sees what was committed before it (READ COMMITTED), the counters
// are read after the lock is there, and so after the commit of all who had it
// before. Where the transaction sees one state (REPEATABLE READ), one that is
// older than the last holder's commit fails at the lock, which that holder has
// updated, and is run again. Where there is one writer, that is the lock.
func (t *Tx) LockCounters(
	customer billing.CustomerID, feature billing.Code, from, to time.Time,
) ([]usage.Counter, error) {
	if to.Before(from) { // the clock lags behind the one that gave from
		from, to = to, from
	}
	if !t.serial {
		err := t.lock(lockCounter, customer.String(), feature, start{}, end{})
		if errors.Is(err, billing.ErrNotFound) {
			err = t.makeCounter(customer, feature)
		}
		if err != nil {
			return nil, err
		}
	}
	found, err := t.countersOf(customer, feature, from, to)
	if err == nil && (len(found) == 0 || !found[0].Window.AllTime()) {
		if err = t.makeCounter(customer, feature); err == nil {
			found, err = t.countersOf(customer, feature, from, to)
		}
	}
	if err != nil {
		return nil, err
	}
	if t.lockedMeters == nil {
		t.lockedMeters = make(map[meter]*billing.Window)
	}
	t.lockedMeters[meter{customer, feature}] = found[0].Lane.Window
	return found, nil
}

// makeCounter makes the counter of all time and has its lock, whoever makes it
// first. There are no records that its sum misses: they are written under the
// lock, so if there were new ones there would be the counter. Nor is there a change of
// facts under way that would not find it: that has the customer's lock.
func (t *Tx) makeCounter(customer billing.CustomerID, feature billing.Code) error {
	if !t.serial && !t.locked[customer] {
		if len(t.lockedMeters) > 0 {
			return service.ErrLockCustomer
		}
		if _, err := t.LockCustomer(customer); err != nil {
			return err
		}
	}
	sum, err := t.SumUsage(customer, feature, billing.Window{}, time.Time{})
	if err != nil {
		return err
	}
	args := []any{customer.String(), feature, start{}, end{}}
	n, err := t.exec(insertLane, append(args, sum, optional{})...)
	if err != nil || n > 0 {
		return err
	}
	return t.lock(lockCounter, args...)
}

// moveLanes tells all lanes of a customer of a revision of its facts. Whoever is about to
// apply a decision made on older ones is waited for, or finds another version. The
// customer's lock is held, and lanes are locked in the order of their features, as by
// all who lock several.
func (t *Tx) moveLanes(customer billing.Scope, rev int64) error {
	var err error
	if t.serial { // locks one thing
		_, err = t.exec(moveLanesAlone, rev, customer, end{}, customer)
	} else {
		_, err = t.exec(moveLanes, customer, rev)
	}
	return err
}

// requireMeter guards the rule that usage and holds are written under the lock
// of their feature, as [tx.requireLock] does for facts.
func (t *Tx) requireMeter(customer billing.CustomerID, feature billing.Code) error {
	if _, ok := t.lockedMeters[meter{customer, feature}]; !ok {
		return fmt.Errorf("usage of %s by %v is written without its lock", feature, customer)
	}
	return nil
}

// PutCounters is as service.UsageTx says.
func (t *Tx) PutCounters(counters ...usage.Counter) error {
	var lanes, others []*usage.Counter
	for i := range counters {
		c := &counters[i]
		if err := t.requireMeter(c.CustomerID, c.Feature); err != nil {
			return err
		}
		if !c.Window.AllTime() {
			others = append(others, c)
			continue
		}
		lanes = append(lanes, c)
		if err := t.takeWindow(c); err != nil {
			return err
		}
	}
	customer := func(i int) billing.CustomerID { return lanes[i].CustomerID }
	if _, err := t.insertRowsOf(customer, &upsertLanes, len(lanes), func(into []any, i int) []any {
		c := lanes[i]
		l := &c.Lane
		return append(into, c.CustomerID.String(), c.Feature, start{}, end{}, c.Used, optional(c.ChangedOn),
			l.Version+1, l.Facts, windowStart(l.Window), windowEnd(l.Window), l.InWindow, l.Held, optional(l.HeldOn),
			integer(l.Pooled))
	}); err != nil {
		return err
	}
	return t.putWindows(others)
}

// putWindows stores counters of windows by themselves.
func (t *Tx) putWindows(counters []*usage.Counter) error {
	_, err := t.insertRows(&upsertCounters, len(counters), func(into []any, i int) []any {
		c := counters[i]
		return append(into, c.CustomerID.String(), c.Feature, start(c.Window.Start), end(c.Window.End), c.Used,
			optional(c.ChangedOn))
	})
	return err
}

// takeWindow removes the row of the window that a lane is to have, if it has not had it.
func (t *Tx) takeWindow(c *usage.Counter) error {
	w := c.Lane.Window
	m := meter{c.CustomerID, c.Feature}
	if had := t.lockedMeters[m]; w == nil || w.AllTime() || had != nil && sameWindow(*had, *w) {
		return nil
	}
	t.lockedMeters[m] = w
	_, err := t.exec(deleteCounter, c.CustomerID.String(), c.Feature, start(w.Start), end(w.End))
	return err
}
