package sqlstore

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	holdColumns = `customer_id, hold_id, feature_code, units, made_on, expires_on, state, actor`

	selectHolds = `select ` + holdColumns + ` from holds
		where customer_id = $1 and expires_on > $2 order by made_on, hold_id`

	selectHold = `select ` + holdColumns + ` from holds where customer_id = $1 and hold_id = $2`

	insertHold = `insert into holds (` + holdColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (customer_id, hold_id) do nothing`

	updateHold = `update holds set expires_on = $3, state = $4 where customer_id = $1 and hold_id = $2`
)

func scanHold(r row) (h billing.Hold, err error) {
	err = r.Scan(customerColumn(&h.CustomerID), holdColumn(&h.ID), &h.Feature, &h.Units,
		(*instant)(&h.MadeOn), (*instant)(&h.ExpiresOn), &h.State, &h.By)
	return h, err
}

func (r *reader) Holds(customer billing.CustomerID, at time.Time) ([]billing.Hold, error) {
	return list(r.conn, scanHold, selectHolds, customer.String(), instant(at))
}

func (r *reader) Hold(id billing.HoldID) (billing.Hold, error) {
	return one(r.conn, scanHold, selectHold, id.Customer().String(), id.String())
}

func (t *tx) CreateHold(h billing.Hold) error {
	if err := t.requireMeter(h.CustomerID, h.Feature); err != nil {
		return err
	}
	return t.create(insertHold, h.CustomerID.String(), h.ID.String(), h.Feature, h.Units,
		instant(h.MadeOn), instant(h.ExpiresOn), h.State, h.By)
}

func (t *tx) UpdateHold(h billing.Hold) error {
	if err := t.requireMeter(h.CustomerID, h.Feature); err != nil {
		return err
	}
	return t.change(updateHold, h.CustomerID.String(), h.ID.String(), instant(h.ExpiresOn), h.State)
}
