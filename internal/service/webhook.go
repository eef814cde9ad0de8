package service

import (
	"cmp"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// Webhooks is the transaction of the work for package outbox, and its instant.
func (u *Work) Webhooks() (record.Tx, time.Time, error) {
	tx, err := u.stored()
	return webhookTx{tx.Webhooks, u.by}, u.clock, err
}

// webhookTx says of events who wrote them.
type webhookTx struct {
	record.Tx
	by billing.Actor
}

// AppendEvent is as [record.Tx] says.
func (t webhookTx) AppendEvent(e event.Event) (bool, error) {
	e.By = cmp.Or(e.By, t.by)
	return t.Tx.AppendEvent(e)
}
