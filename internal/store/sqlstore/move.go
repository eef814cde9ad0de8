package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// How far the moving of records has come is a setting: behind which customer there may
// still be some to move. It is there from when an upgrade is finished, or on SQLite
// from when the schema came, until all are moved.
const (
	insertMoving = `insert into settings (name, value) values ('moving', '') on conflict (name) do nothing`

	updateMoving = `update settings set value = $1 where name = 'moving' and value < $1`

	deleteMoving = `delete from settings where name = 'moving'`

	selectAnyUnmoved = `select customer_id from usage_records order by customer_id limit $1`

	selectUnmovedFeature = `select feature_code from usage_records where customer_id = $1
		order by feature_code, counted_on, record_id limit 1`

	selectUnmovedOf = `select ` + usageColumns + ` from usage_records where customer_id = $1 and feature_code = $2
		order by counted_on, record_id limit $3`

	deleteUnmoved = `delete from usage_records
		where customer_id = $1 and feature_code = $2 and counted_on >= $3 and counted_on <= $4
		and (counted_on, record_id) <= ($4, $5)`
)

// Moving is as service.UsageReader says.
func (r *Reader) Moving() (after billing.CustomerID, more bool, err error) {
	if r.stage.moved.Load() {
		return after, false, nil
	}
	finished, moving, err := r.readStage()
	if err != nil || !finished || moving == nil {
		return after, false, err
	}
	if *moving != "" {
		after, err = billing.ParseID[billing.CustomerID](*moving)
	}
	return after, err == nil, err
}

// PutMoving is as service.UsageTx says.
func (t *Tx) PutMoving(upTo billing.CustomerID, more bool) error {
	t.stageTouched = true
	if more {
		_, err := t.exec(updateMoving, upTo.String())
		return err
	}
	left, err := list(t.conn, value[string], selectAnyUnmoved, 1)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("usage of %s is not moved, and no such customer was met", left[0])
	}
	_, err = t.exec(deleteMoving)
	return err
}

// MoveUsage is as service.UsageTx says. The customer is locked, and each feature that it
// has a counter of, also where there is nothing to move: whoever had such a lock before,
// or made a counter, and found the upgrade unfinished, has then written what it writes.
func (t *Tx) MoveUsage(customer billing.CustomerID, limit int) (int, error) {
	finished, _, err := t.readStage()
	if err != nil {
		return 0, err
	}
	if !finished {
		return 0, errors.New("usage is moved before the upgrade is finished")
	}
	if _, err := t.LockCustomer(customer); err != nil {
		return 0, err
	}
	features, err := list(t.conn, value[billing.Code], selectUsageFeatures, customer.String(), start{}, end{})
	if err != nil {
		return 0, err
	}
	moved := 0
	for i := 0; moved < limit; i++ {
		var feature billing.Code
		if i < len(features) {
			feature = features[i]
		} else if feature, err = one(t.conn, value[billing.Code], selectUnmovedFeature, customer.String()); err != nil {
			break // those of what has no counter are made one, from them
		}
		if _, err := t.LockCounters(customer, feature, epoch, epoch); err != nil {
			return 0, err
		}
		n, err := t.moveSome(customer, feature, limit-moved)
		if err != nil {
			return 0, err
		}
		moved += n
	}
	if errors.Is(err, billing.ErrNotFound) {
		err = nil
	}
	return moved, err
}

// moveSome moves records of a feature, the earliest first, at most limit.
func (t *Tx) moveSome(customer billing.CustomerID, feature billing.Code, limit int) (int, error) {
	records, err := list(t.conn, scanUsageRecord, selectUnmovedOf, customer.String(), feature, limit)
	if err != nil || len(records) == 0 {
		return 0, err
	}
	first, last := &records[0], &records[len(records)-1]
	n, err := t.exec(deleteUnmoved, customer.String(), feature, instant(first.CountedOn), instant(last.CountedOn), last.ID)
	if err != nil {
		return 0, err
	}
	if n != int64(len(records)) {
		return 0, fmt.Errorf("%d usage records are deleted to move %d", n, len(records))
	}
	var entered []usage.Record
	for i := range records {
		if !tellsItself(&records[i]) {
			entered = append(entered, records[i])
		}
	}
	err = t.insertAll(&insertRecordIDs, entered, entryArgs)
	if err == nil {
		err = t.insertAll(&insertRecords, records, usageArgs)
	}
	if errors.Is(err, billing.ErrExists) {
		err = fmt.Errorf("usage of %s by %v is in two tables, from %s on: allot verify names it",
			feature, customer, first.CountedOn.UTC().Format(time.RFC3339Nano))
	}
	return len(records), err
}
