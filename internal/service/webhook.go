package service

import (
	"time"

	"github.com/allot-dev/allot/internal/outbox/record"
)

// Webhooks is the transaction of the work for package outbox, and its instant.
func (u *Work) Webhooks() (record.Tx, time.Time, error) {
	tx, err := u.stored()
	return record.As(tx.Webhooks, u.by), u.clock, err
}
