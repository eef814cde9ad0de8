package sqlstore

import (
	"bytes"
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

const (
	holdColumns = `customer_id, hold_id, feature_code, units, made_on, expires_on, state, actor,
		window_start, window_end, confirmed, closing, pins, twin, of_hold`

	// In two parts, as the sum of usage.
	selectHeldUnits = `select cast(coalesce(sum(units / 1000000000), 0) as bigint),
		cast(coalesce(sum(units % 1000000000), 0) as bigint) from holds
		where customer_id = $1 and feature_code = $2 and expires_on > $3 and made_on >= $4 and made_on < $5
		and made_on <= $6`

	selectLapsedUnits = `select cast(coalesce(sum(units / 1000000000), 0) as bigint),
		cast(coalesce(sum(units % 1000000000), 0) as bigint) from holds
		where customer_id = $1 and feature_code = $2 and expires_on > $3 and expires_on <= $4 and made_on >= $5 and made_on < $6`

	selectHold = `select ` + holdColumns + ` from holds where customer_id = $1 and hold_id = $2`

	// What is left of a hold that was confirmed. Of one that an older program did, which
	// noted no amount, nothing is.
	unconfirmed = `(case when state <> 'confirmed' then units when confirmed < units then units - confirmed else 0 end)`

	selectUnconfirmed = `select cast(coalesce(sum(` + unconfirmed + ` / 1000000000), 0) as bigint),
		cast(coalesce(sum(` + unconfirmed + ` % 1000000000), 0) as bigint) from holds
		where customer_id = $1 and feature_code = $2 and expires_on > $3 and made_on >= $4 and made_on < $5
		and made_on <= $6`

	holdsOf       = `select ` + holdColumns + ` from holds where customer_id = $1`
	holdsAfter    = holdsOf + ` and hold_id > $2 order by hold_id limit $3`
	holdsBefore   = holdsOf + ` and hold_id < $2 order by hold_id desc limit $3`
	featureAfter  = holdsOf + ` and hold_id > $2 and feature_code = $4 order by hold_id limit $3`
	featureBefore = holdsOf + ` and hold_id < $2 and feature_code = $4 order by hold_id desc limit $3`

	selectPinned = holdsOf + ` and feature_code = $2 and expires_on > $3 and made_on <= $4 and pins <> ''`

	insertHold = `insert into holds (` + holdColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
		on conflict (customer_id, hold_id) do nothing`

	updateHold = `update holds set expires_on = $3, state = $4, confirmed = $5, closing = $6
		where customer_id = $1 and hold_id = $2`

	deleteHolds = `delete from holds where (customer_id, hold_id) in
		(select customer_id, hold_id from holds where expires_on < $1 order by expires_on limit $2)`
)

func scanHold(r row) (h usage.Hold, err error) {
	var from, to, confirmed *int64
	var closing closing
	err = r.Scan(customerColumn(&h.CustomerID), holdColumn(&h.ID), &h.Feature, &h.Units,
		(*instant)(&h.MadeOn), (*instant)(&h.ExpiresOn), &h.State, &h.By, &from, &to, &confirmed, &closing,
		(*pins)(&h.Pins), (*otherHold)(&h.Twin), (*otherHold)(&h.Of))
	if err == nil && from != nil && to != nil {
		h.Window = new(billing.Window)
		err = errors.Join((*start)(&h.Window.Start).Scan(*from), (*end)(&h.Window.End).Scan(*to))
	}
	if h.Closing = closing.Closing; h.Closing != nil && confirmed != nil {
		h.Closing.Counted = billing.Units(*confirmed)
	}
	return h, err
}

// HeldUnits is as service.HoldReader says.
func (r *Reader) HeldUnits(
	customer billing.CustomerID, feature billing.Code, w billing.Window, at, madeBy time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectHeldUnits, customer.String(), feature, instant(at),
		start(w.Start), end(w.End), end(madeBy))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// LapsedUnits is as service.HoldReader says.
func (r *Reader) LapsedUnits(
	customer billing.CustomerID, feature billing.Code, w billing.Window, after, upTo time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectLapsedUnits, customer.String(), feature, instant(after), instant(upTo),
		start(w.Start), end(w.End))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// UnconfirmedUnits is as service.HoldReader says.
func (r *Reader) UnconfirmedUnits(
	customer billing.CustomerID, feature billing.Code, w billing.Window, at time.Time,
) (billing.Units, error) {
	sum, err := one(r.conn, scanSum, selectUnconfirmed, customer.String(), feature, instant(at),
		start(w.Start), end(w.End), instant(at))
	if err != nil {
		return 0, err
	}
	return cutUnits(sum), nil
}

// Holds is as service.HoldReader says.
func (r *Reader) Holds(
	customer billing.CustomerID, feature billing.Code, page service.Page[usage.HoldID],
) ([]usage.Hold, bool, error) {
	query, cursor := holdsAfter, ""
	switch {
	case page.After != nil:
		cursor = page.After.String()
	case page.Before != nil:
		query, cursor = holdsBefore, page.Before.String()
	}
	args := []any{customer.String(), cursor, limitOf(page)}
	if feature != "" {
		args = append(args, feature)
		if query = featureAfter; page.Before != nil {
			query = featureBefore
		}
	}
	found, err := list(r.conn, scanHold, query, args...)
	found, more := cut(found, page)
	return found, more, err
}

// PinnedHolds is as service.HoldReader says.
func (r *Reader) PinnedHolds(customer billing.CustomerID, feature billing.Code, at time.Time) ([]usage.Hold, error) {
	found, err := list(r.conn, scanHold, selectPinned, customer.String(), feature, instant(at), instant(at))
	slices.SortFunc(found, func(a, b usage.Hold) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return found, err
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
		instant(h.MadeOn), instant(h.ExpiresOn), h.State, h.By,
		windowStart(h.Window), windowEnd(h.Window), counted(h.Closing), closing{h.Closing},
		pins(h.Pins), otherHold(h.Twin), otherHold(h.Of))
}

// UpdateHold is as service.HoldTx says.
func (t *Tx) UpdateHold(h usage.Hold) error {
	if err := t.requireMeter(h.CustomerID, h.Feature); err != nil {
		return err
	}
	return t.change(updateHold, h.CustomerID.String(), h.ID.String(), instant(h.ExpiresOn), h.State,
		counted(h.Closing), closing{h.Closing})
}

// SweepHolds is as service.HoldTx says.
func (t *Tx) SweepHolds(before time.Time, limit int) (int, error) {
	n, err := t.exec(deleteHolds, instant(before), limit)
	return int(n), err
}
