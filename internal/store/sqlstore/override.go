package sqlstore

import (
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	overrideColumns = `customer_id, override_id, feature_code, has_max, limit_max, limit_add, deny, note, actor,
		starts_on, expires_on, at_least, override_value`

	selectOverrides = `select ` + overrideColumns + ` from overrides
		where customer_id = $1 and expires_on > $2 order by starts_on, override_id`

	insertOverride = `insert into overrides (` + overrideColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		on conflict (customer_id, override_id) do nothing`

	updateOverride = `update overrides set expires_on = $3 where customer_id = $1 and override_id = $2`
)

func scanOverride(r row) (o billing.Override, err error) {
	err = r.Scan(customerColumn(&o.CustomerID), overrideColumn(&o.ID), &o.Feature, &o.HasMax, &o.Max, &o.Add,
		&o.Deny, &o.Note, &o.By, (*instant)(&o.StartsOn), (*end)(&o.ExpiresOn), &o.AtLeast, valueColumn{&o.Value})
	return o, err
}

// valueColumn scans the value of an override: see [billing.Value.Encoded].
type valueColumn struct{ into **billing.Value }

// Scan implements [sql.Scanner].
func (s valueColumn) Scan(v any) (err error) {
	var text string
	switch v := v.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("the value of an override is a %T", v)
	}
	*s.into, err = billing.DecodeValue(text)
	return err
}

// Overrides is as service.AgreementReader says.
func (r *Reader) Overrides(customer billing.CustomerID, at time.Time) ([]billing.Override, error) {
	return list(r.conn, scanOverride, selectOverrides, customer.String(), instant(at))
}

// CreateOverride is as service.AgreementTx says.
func (t *Tx) CreateOverride(o billing.Override) error {
	if err := t.requireLock(o.CustomerID); err != nil {
		return err
	}
	if v := o.Value; v != nil { // or the document would have something else in silence
		if err := checkText(append([]string{v.Text}, v.List...)...); err != nil {
			return err
		}
	}
	return t.create(insertOverride, o.CustomerID.String(), o.ID.String(), o.Feature, integer(o.HasMax), o.Max, o.Add,
		integer(o.Deny), o.Note, o.By, instant(o.StartsOn), end(o.ExpiresOn), o.AtLeast, o.Value.Encoded())
}

// UpdateOverride is as service.AgreementTx says.
func (t *Tx) UpdateOverride(o billing.Override) error {
	if err := t.requireLock(o.CustomerID); err != nil {
		return err
	}
	return t.change(updateOverride, o.CustomerID.String(), o.ID.String(), end(o.ExpiresOn))
}
