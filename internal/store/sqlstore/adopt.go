package sqlstore

import (
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// What was adopted of a scope stands in the log under revision 0, which no change has,
// and has 0 for its place in the feed: nobody who reads changes, or gives them places,
// meets it. How far the adopting has come is a setting, which is there from when an
// upgrade is finished until all is adopted.
const (
	selectAdopted = `select customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts
		from changes where customer_id = $1 and customer_rev = 0`

	insertAdopted = `insert into changes
		(customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts, seq)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (customer_id, customer_rev) do nothing`

	selectAdopting = `select value from settings where name = 'adopting'`

	insertAdopting = `insert into settings (name, value) values ('adopting', '') on conflict (name) do nothing`

	updateAdopting = `update settings set value = $1 where name = 'adopting' and value < $1`

	deleteAdopting = `delete from settings where name = 'adopting'`
)

var insertAdopteds = manyRows(insertAdopted)

// Adopted is as service.LogReader says.
func (r *Reader) Adopted(scope billing.Scope) (billing.Change, error) {
	return one(r.conn, scanChange, selectAdopted, scope)
}

// Adopting is as service.LogReader says.
func (r *Reader) Adopting() (after billing.CustomerID, more bool, err error) {
	text, err := one(r.conn, value[string], selectAdopting)
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return after, false, nil
	case err == nil && text != "":
		after, err = billing.ParseID[billing.CustomerID](text)
	}
	return after, err == nil, err
}

// Adopt is as service.LogTx says.
func (t *Tx) Adopt(changes ...billing.Change) error {
	_, err := t.insertRows(&insertAdopteds, len(changes), func(into []any, i int) []any {
		c := &changes[i]
		return append(into, c.Scope, 0, instant(c.On), c.By, c.Kind, facts(c.Before), facts(c.After), 0)
	})
	return err
}

// PutAdopting is as service.LogTx says.
func (t *Tx) PutAdopting(upTo billing.CustomerID, more bool) error {
	if !more {
		_, err := t.exec(deleteAdopting)
		return err
	}
	_, err := t.exec(updateAdopting, upTo.String())
	return err
}
