package sqlstore

import (
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Images of a customer's facts stand beside the log, so that whoever reads changes meets
// none. Programs of the version before write none: then there are more changes to do
// again from the one before.
const (
	imageColumns = `customer_id, customer_rev, happened_on, '', 'facts.adopted', '{}', after_facts`

	selectImage = `select ` + imageColumns + ` from images
		where customer_id = $1 and happened_on <= $2 order by happened_on desc, customer_rev desc limit 1`

	selectImages = `select ` + imageColumns + ` from images
		where customer_id = $1 and (happened_on, customer_rev) > ($2, $3) order by happened_on, customer_rev limit $4`

	insertImage = `insert into images (customer_id, happened_on, customer_rev, after_facts) values ($1, $2, $3, $4)`
)

// Image is as service.LogReader says.
func (r *Reader) Image(customer billing.CustomerID, at time.Time) (billing.Change, error) {
	return one(r.conn, scanChange, selectImage, customer.String(), instant(at))
}

// Images is as service.LogReader says.
func (r *Reader) Images(customer billing.CustomerID, after billing.Change, limit int) ([]billing.Change, error) {
	return list(r.conn, scanChange, selectImages, customer.String(), start(after.On), after.Rev, limit)
}

// PutImage is as service.LogTx says.
func (t *Tx) PutImage(c billing.Change) error {
	id, err := billing.ParseID[billing.CustomerID](string(c.Scope))
	if err != nil {
		return fmt.Errorf("scope of an image: %w", err)
	}
	if err := t.requireLock(id); err != nil {
		return err
	}
	return t.change(insertImage, c.Scope, instant(c.On), c.Rev, facts(c.After))
}
