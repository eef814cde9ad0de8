package sqlstore

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	counterColumns = `customer_id, feature_code, window_start, window_end, used, changed_on`

	selectCounter = `select ` + counterColumns + ` from counters
		where customer_id = $1 and feature_code = $2 and window_start = $3 and window_end = $4`

	selectCounters = `select ` + counterColumns + ` from counters where customer_id = $1
		order by feature_code, window_start, window_end`

	selectCountersOf = `select ` + counterColumns + ` from counters
		where customer_id = $1 and feature_code = $2 and window_end > $3 and window_start <= $4
		order by window_start, window_end`

	lockCounter = `update counters set used = used
		where customer_id = $1 and feature_code = $2 and window_start = $3 and window_end = $4`

	insertCounter = `insert into counters (` + counterColumns + `) values ($1, $2, $3, $4, $5, $6)
		on conflict (customer_id, feature_code, window_end, window_start) do nothing`

	upsertCounter = `insert into counters (` + counterColumns + `) values ($1, $2, $3, $4, $5, $6)
		on conflict (customer_id, feature_code, window_end, window_start) do update
		set used = excluded.used, changed_on = excluded.changed_on`
)

var upsertCounters = manyRows(upsertCounter)

func scanCounter(r row) (c usage.Counter, err error) {
	err = r.Scan(customerColumn(&c.CustomerID), &c.Feature, (*start)(&c.Window.Start), (*end)(&c.Window.End), &c.Used,
		(*optional)(&c.ChangedOn))
	return c, err
}

// Counter is as service.UsageReader says.
func (r *Reader) Counter(
	customer billing.CustomerID, feature billing.Code, w billing.Window,
) (usage.Counter, error) {
	return one(r.conn, scanCounter, selectCounter, customer.String(), feature, start(w.Start), end(w.End))
}

// CountersAt is as service.UsageReader says.
func (r *Reader) CountersAt(
	customer billing.CustomerID, feature billing.Code, at time.Time,
) ([]usage.Counter, error) {
	return list(r.conn, scanCounter, selectCountersOf, customer.String(), feature, instant(at), instant(at))
}

// Counters is as service.UsageReader says.
func (r *Reader) Counters(customer billing.CustomerID) ([]usage.Counter, error) {
	return list(r.conn, scanCounter, selectCounters, customer.String())
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
	if t.lockedMeters == nil {
		t.lockedMeters = map[meter]bool{}
	}
	t.lockedMeters[meter{customer, feature}] = true
	counters, err := list(t.conn, scanCounter, selectCountersOf, customer.String(), feature, instant(from), instant(to))
	if err != nil || slices.ContainsFunc(counters, func(c usage.Counter) bool { return c.Window.AllTime() }) {
		return counters, err
	}
	if err := t.makeCounter(customer, feature); err != nil {
		return nil, err
	}
	return list(t.conn, scanCounter, selectCountersOf, customer.String(), feature, instant(from), instant(to))
}

// makeCounter makes the counter of all time and has its lock, whoever makes it
// first. There are no records that its sum misses: they are written under the
// lock, so if there were new ones there would be the counter.
func (t *Tx) makeCounter(customer billing.CustomerID, feature billing.Code) error {
	sum, err := t.SumUsage(customer, feature, billing.Window{}, time.Time{})
	if err != nil {
		return err
	}
	args := []any{customer.String(), feature, start{}, end{}}
	n, err := t.exec(insertCounter, append(args, sum, optional{})...)
	if err != nil || n > 0 {
		return err
	}
	return t.lock(lockCounter, args...)
}

// requireMeter guards the rule that usage and holds are written under the lock
// of their feature, as [tx.requireLock] does for facts.
func (t *Tx) requireMeter(customer billing.CustomerID, feature billing.Code) error {
	if !t.lockedMeters[meter{customer, feature}] {
		return fmt.Errorf("usage of %s by %v is written without its lock", feature, customer)
	}
	return nil
}

// PutCounters is as service.UsageTx says.
func (t *Tx) PutCounters(counters ...usage.Counter) error {
	for i := range counters {
		if err := t.requireMeter(counters[i].CustomerID, counters[i].Feature); err != nil {
			return err
		}
	}
	_, err := t.insertRows(&upsertCounters, len(counters), func(into []any, i int) []any {
		c := &counters[i]
		return append(into, c.CustomerID.String(), c.Feature, start(c.Window.Start), end(c.Window.End), c.Used,
			optional(c.ChangedOn))
	})
	return err
}
