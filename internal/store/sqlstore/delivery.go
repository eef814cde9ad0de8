package sqlstore

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	deliveryColumns = `webhook_id, seq, part, scope, kind, status, attempts, created_on, attempted_on, took, answer, fault, done_on`

	deliveriesAfter = `select ` + deliveryColumns + ` from deliveries where webhook_id = $1 and (seq, part) > ($2, $3)
		order by seq, part limit $4`

	deliveriesBefore = `select ` + deliveryColumns + ` from deliveries where webhook_id = $1 and (seq, part) < ($2, $3)
		order by seq desc, part desc limit $4`

	selectHead = `select ` + deliveryColumns + ` from deliveries where webhook_id = $1 and scope = $2 and status = 'pending'
		order by seq, part limit 1`

	selectOldestPending = `select created_on from deliveries where webhook_id = $1 and status = 'pending'
		order by created_on limit 1`

	insertDelivery = `insert into deliveries (` + deliveryColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (webhook_id, seq, part) do nothing`

	repeatDelivery = `insert into deliveries (` + deliveryColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (webhook_id, seq, part) do update
		set status = excluded.status, attempts = 0, created_on = excluded.created_on, attempted_on = null, took = 0,
		answer = 0, fault = '', done_on = excluded.done_on`

	updateDelivery = `update deliveries set status = $4, attempts = $5, attempted_on = $6, took = $7, answer = $8,
		fault = $9, done_on = $10 where webhook_id = $1 and seq = $2 and part = $3 and status = 'pending' and attempts = $11`

	deleteDeliveriesOf = `delete from deliveries where (webhook_id, seq, part) in
		(select webhook_id, seq, part from deliveries where webhook_id = $1 order by seq, part limit $2)`

	deleteDeliveries = `delete from deliveries where (webhook_id, seq, part) in
		(select webhook_id, seq, part from deliveries where done_on < $1 order by done_on limit $2)`

	selectQueues = `select webhook_id, scope, next_on from queues where webhook_id = $1
		order by next_on, scope limit $2`

	// keepQueue takes the lock of the queue where there is one, so that it does not go
	// meanwhile as one in which nothing waits.
	keepQueue = `insert into queues (webhook_id, scope, next_on) values ($1, $2, $3)
		on conflict (webhook_id, scope) do update set next_on = queues.next_on`

	advanceQueue = `insert into queues (webhook_id, scope, next_on) values ($1, $2, $3)
		on conflict (webhook_id, scope) do update set next_on = excluded.next_on`

	advanceQueues = `update queues set next_on = $2 where webhook_id = $1 and next_on > $2`

	deleteQueue = `delete from queues where webhook_id = $1 and scope = $2`

	deleteQueuesOf = `delete from queues where (webhook_id, scope) in
		(select webhook_id, scope from queues where webhook_id = $1 order by scope limit $2)`
)

var (
	insertDeliveries = manyRows(insertDelivery)
	repeatDeliveries = manyRows(repeatDelivery)
	keepQueues       = manyRows(keepQueue)
	putQueues        = manyRows(advanceQueue)
)

func scanDelivery(r row) (d record.Delivery, err error) {
	var us int64
	err = r.Scan(&d.Webhook, &d.Seq, &d.Part, &d.Scope, &d.Type, &d.Status, &d.Attempts, (*instant)(&d.CreatedOn),
		(*optional)(&d.AttemptedOn), &us, &d.Answer, &d.Fault, (*end)(&d.DoneOn))
	d.Took = time.Duration(us) * time.Microsecond
	return d, err
}

func scanQueue(r row) (q record.Queue, err error) {
	return q, r.Scan(&q.Webhook, &q.Scope, (*instant)(&q.NextOn))
}

// Deliveries is as record.Reader says.
func (r *Reader) Deliveries(webhook string, after record.Place, limit int) ([]record.Delivery, error) {
	return list(r.conn, scanDelivery, deliveriesAfter, webhook, after.Seq, after.Part, limit)
}

// DeliveriesBefore is as record.Reader says.
func (r *Reader) DeliveriesBefore(webhook string, before record.Place, limit int) ([]record.Delivery, error) {
	return list(r.conn, scanDelivery, deliveriesBefore, webhook, before.Seq, before.Part, limit)
}

// Queues is as record.Reader says.
func (r *Reader) Queues(webhook string, limit int) ([]record.Queue, error) {
	return list(r.conn, scanQueue, selectQueues, webhook, limit)
}

// Head is as record.Reader says.
func (r *Reader) Head(webhook string, scope billing.Scope) (record.Delivery, error) {
	return one(r.conn, scanDelivery, selectHead, webhook, scope)
}

// OldestPending is as record.Reader says.
func (r *Reader) OldestPending(webhook string) (time.Time, error) {
	return one(r.conn, scanInstant, selectOldestPending, webhook)
}

// AddDeliveries is as record.Tx says.
func (t *Tx) AddDeliveries(deliveries []record.Delivery, at time.Time) error {
	return t.putDeliveries(deliveries, at, &insertDeliveries, &keepQueues)
}

// RepeatDeliveries is as record.Tx says.
func (t *Tx) RepeatDeliveries(deliveries []record.Delivery, at time.Time) error {
	return t.putDeliveries(deliveries, at, &repeatDeliveries, &putQueues)
}

// putDeliveries stores deliveries, then their queues, each once and in one order.
func (t *Tx) putDeliveries(deliveries []record.Delivery, at time.Time, insert, queue *texts) error {
	_, err := t.insertRows(insert, len(deliveries), func(into []any, i int) []any {
		d := &deliveries[i]
		return append(into, d.Webhook, d.Seq, d.Part, d.Scope, d.Type, record.Pending, 0, instant(d.CreatedOn),
			optional{}, 0, 0, "", end{})
	})
	if err != nil {
		return err
	}
	queues := make([]record.Queue, len(deliveries))
	for i := range deliveries {
		queues[i] = record.Queue{Webhook: deliveries[i].Webhook, Scope: deliveries[i].Scope}
	}
	slices.SortFunc(queues, func(a, b record.Queue) int {
		return cmp.Or(cmp.Compare(a.Webhook, b.Webhook), cmp.Compare(a.Scope, b.Scope))
	})
	queues = slices.Compact(queues)
	_, err = t.insertRows(queue, len(queues), func(into []any, i int) []any {
		return append(into, queues[i].Webhook, queues[i].Scope, instant(at))
	})
	return err
}

// RecordAttempt is as record.Tx says.
func (t *Tx) RecordAttempt(d record.Delivery, next time.Time) (bool, error) {
	n, err := t.exec(updateDelivery, d.Webhook, d.Seq, d.Part, d.Status, d.Attempts, optional(d.AttemptedOn),
		d.Took.Microseconds(), d.Answer, d.Fault, end(d.DoneOn), d.Attempts-1)
	if err != nil || n == 0 {
		return false, err
	}
	// Under the lock of the queue: what is added waits for it, or is seen here.
	if _, err := t.exec(advanceQueue, d.Webhook, d.Scope, instant(next)); err != nil {
		return false, err
	}
	if d.Status == record.Pending {
		return true, nil
	}
	if _, err = t.Head(d.Webhook, d.Scope); errors.Is(err, billing.ErrNotFound) {
		err = t.change(deleteQueue, d.Webhook, d.Scope)
	}
	return err == nil, err
}

// MakeDue is as record.Tx says.
func (t *Tx) MakeDue(webhook string, at time.Time) error {
	_, err := t.exec(advanceQueues, webhook, instant(at))
	return err
}

// RemoveDeliveries is as record.Tx says.
func (t *Tx) RemoveDeliveries(webhook string, limit int) (int, error) {
	queues, err := t.exec(deleteQueuesOf, webhook, limit)
	if err != nil {
		return 0, err
	}
	n, err := t.exec(deleteDeliveriesOf, webhook, limit)
	return int(max(n, queues)), err
}

// SweepDeliveries is as record.Tx says.
func (t *Tx) SweepDeliveries(before time.Time, limit int) (int, error) {
	n, err := t.exec(deleteDeliveries, instant(before), limit)
	return int(n), err
}
