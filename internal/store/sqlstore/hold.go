package sqlstore

import (
	"math"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	holdColumns = `customer_id, hold_id, feature_code, units, made_on, expires_on, state, actor`

	// In two parts, as the sum of usage.
	selectHeldUnits = `select cast(coalesce(sum(units / 1000000000), 0) as bigint),
		cast(coalesce(sum(units % 1000000000), 0) as bigint) from holds
		where customer_id = $1 and feature_code = $2 and expires_on > $3 and made_on >= $4 and made_on < $5
		and made_on <= $6`

	selectHold = `select ` + holdColumns + ` from holds where customer_id = $1 and hold_id = $2`

	insertHold = `insert into holds (` + holdColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (customer_id, hold_id) do nothing`

	updateHold = `update holds set expires_on = $3, state = $4 where customer_id = $1 and hold_id = $2`

	deleteHolds = `delete from holds where (customer_id, hold_id) in
		(select customer_id, hold_id from holds where expires_on < $1 order by expires_on limit $2)`
)

func scanHold(r row) (h usage.Hold, err error) {
	err = r.Scan(customerColumn(&h.CustomerID), holdColumn(&h.ID), &h.Feature, &h.Units,
		(*instant)(&h.MadeOn), (*instant)(&h.ExpiresOn), &h.State, &h.By)
	return h, err
}

// HeldUnits is as service.HoldReader says.
func (r *Reader) HeldUnits(
	customer billing.CustomerID, feature billing.Code, w billing.Window, at, madeBy time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectHeldUnits, customer.String(), feature, instant(at),
		start(w.Start), end(w.End), end(madeBy))
	switch {
	case err != nil:
		return 0, err
	case !sum.IsInt64():
		return math.MaxInt64, nil
	}
	return billing.Units(sum.Int64()), nil
}

// Hold is as service.HoldReader says.
func (r *Reader) Hold(id usage.HoldID) (usage.Hold, error) {
	return one(r.conn, scanHold, selectHold, id.Customer().String(), id.String())
}

// CreateHold is as service.HoldTx says.
func (t *Tx) CreateHold(h usage.Hold) error {
	if err := t.requireMeter(h.CustomerID, h.Feature); err != nil {
		return err
	}
	return t.create(insertHold, h.CustomerID.String(), h.ID.String(), h.Feature, h.Units,
		instant(h.MadeOn), instant(h.ExpiresOn), h.State, h.By)
}

// UpdateHold is as service.HoldTx says.
func (t *Tx) UpdateHold(h usage.Hold) error {
	if err := t.requireMeter(h.CustomerID, h.Feature); err != nil {
		return err
	}
	return t.change(updateHold, h.CustomerID.String(), h.ID.String(), instant(h.ExpiresOn), h.State)
}

// SweepHolds is as service.HoldTx says.
func (t *Tx) SweepHolds(before time.Time, limit int) (int, error) {
	n, err := t.exec(deleteHolds, instant(before), limit)
	return int(n), err
}
