package outbox

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	sweepBatch = 1000
	// afterDelete is how long the record of a webhook outlives it: whoever makes a delivery
	// for it meanwhile has not heard of it, but has ended by then.
	afterDelete = time.Minute
)

// Sweep removes deliveries that were done before an instant, and reports how many.
func (o *Outbox) Sweep(ctx context.Context, before time.Time) (total int, err error) {
	for ctx.Err() == nil {
		n := 0
		err := o.options.Store.Update(ctx, func(tx record.Tx) (err error) {
			n, err = tx.SweepDeliveries(before, sweepBatch)
			return err
		})
		total += n
		if err != nil || n < sweepBatch {
			return total, err
		}
	}
	return total, ctx.Err()
}

// removeDeleted removes a batch of what is left of webhooks that were deleted, and those of
// which nothing is, and reports whether there is more.
func (o *Outbox) removeDeleted(ctx context.Context, webhooks []record.Webhook) (more bool, err error) {
	for i := range webhooks {
		w := &webhooks[i]
		if w.State != record.Deleted {
			continue
		}
		n := 0
		err := o.options.Store.Update(ctx, func(tx record.Tx) (err error) {
			if n, err = tx.RemoveDeliveries(w.ID, sweepBatch); err != nil || n > 0 || o.now().Sub(w.ChangedOn) < afterDelete {
				return err
			}
			return tx.DeleteWebhook(w.ID)
		})
		if err != nil {
			return false, err
		}
		more = more || n > 0
	}
	return more, nil
}
