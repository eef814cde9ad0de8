package sqlstore

import (
	"cmp"
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

	selectHeads = `select ` + deliveryColumns + ` from (select ` + deliveryColumns + ` from deliveries
		where webhook_id = $1 and scope = $2 and status = 'pending' order by seq, part limit $3) as waiting`

	selectWaiting = `select scope from (select scope from deliveries
		where webhook_id = $1 and scope = $2 and status = 'pending' limit 1) as waiting`

	selectOldestPending = `select created_on from deliveries where webhook_id = $1 and status = 'pending'
		order by created_on limit 1`

	insertDelivery = `insert into deliveries (` + deliveryColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (webhook_id, seq, part) do nothing`

	repeatDelivery = `insert into deliveries (` + deliveryColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (webhook_id, seq, part) do update
		set status = excluded.status, attempts = 0, created_on = excluded.created_on, attempted_on = null, took = 0,
		answer = 0, fault = '', done_on = excluded.done_on`

	// attemptDelivery is an insert because several rows go in one statement so. One that is
	// gone comes back: see [record.Tx].
	attemptDelivery = `insert into deliveries (` + deliveryColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (webhook_id, seq, part) do update
		set status = excluded.status, attempts = excluded.attempts, attempted_on = excluded.attempted_on,
		took = excluded.took, answer = excluded.answer, fault = excluded.fault, done_on = excluded.done_on
		where deliveries.status = 'pending' and deliveries.attempts = excluded.attempts - 1
		returning webhook_id, seq, part`

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

	attemptDeliveries = manyRows(attemptDelivery)
	selectSomeHeads   = manyLookups(selectHeads)
	selectSomeWaiting = manyLookups(selectWaiting)
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

// Heads is as record.Reader says.
func (r *Reader) Heads(webhook string, scopes []billing.Scope, each int) ([]record.Delivery, error) {
	return listRows(r.conn, scanDelivery, &selectSomeHeads, len(scopes), func(into []any, i int) []any {
		return append(into, webhook, scopes[i], each)
	})
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
		queues[i] = record.Queue{Webhook: deliveries[i].Webhook, Scope: deliveries[i].Scope, NextOn: at}
	}
	slices.SortFunc(queues, compareQueues)
	return t.putQueues(slices.Compact(queues), queue)
}

// compareQueues is the order in which queues are locked.
func compareQueues(a, b record.Queue) int {
	return cmp.Or(cmp.Compare(a.Webhook, b.Webhook), cmp.Compare(a.Scope, b.Scope))
}

func (t *Tx) putQueues(queues []record.Queue, queue *texts) error {
	_, err := t.insertRows(queue, len(queues), func(into []any, i int) []any {
		return append(into, queues[i].Webhook, queues[i].Scope, instant(queues[i].NextOn))
	})
	return err
}

// deliveryKey is the key of a delivery.
type deliveryKey struct {
	webhook string
	place   record.Place
}

func scanDeliveryKey(r row) (k deliveryKey, err error) {
	return k, r.Scan(&k.webhook, &k.place.Seq, &k.place.Part)
}

// RecordAttempts is as record.Tx says.
func (t *Tx) RecordAttempts(attempts []record.Attempt) ([]bool, error) {
	order := make([]int, len(attempts)) // in which rows are locked
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := &attempts[a], &attempts[b]
		return cmp.Or(cmp.Compare(x.Webhook, y.Webhook), cmp.Compare(x.Seq, y.Seq), cmp.Compare(x.Part, y.Part))
	})
	written := map[deliveryKey]bool{}
	for i := 0; i < len(order); {
		size := part(len(order) - i)
		var args []any
		for range partSizes[size] {
			d := &attempts[order[i]].Delivery
			args = append(args, d.Webhook, d.Seq, d.Part, d.Scope, d.Type, d.Status, d.Attempts, instant(d.CreatedOn),
				optional(d.AttemptedOn), d.Took.Microseconds(), d.Answer, d.Fault, end(d.DoneOn))
			i++
		}
		keys, err := list(t.conn, scanDeliveryKey, attemptDeliveries[size], args...)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			written[k] = true
		}
	}
	recorded := make([]bool, len(attempts))
	last := map[record.Queue]time.Time{}
	for i := range attempts {
		a := &attempts[i]
		if recorded[i] = written[deliveryKey{a.Webhook, a.Place}]; recorded[i] {
			last[record.Queue{Webhook: a.Webhook, Scope: a.Scope}] = a.Next
		}
	}
	queues := make([]record.Queue, 0, len(last))
	for q, next := range last {
		q.NextOn = next
		queues = append(queues, q)
	}
	slices.SortFunc(queues, compareQueues)
	return recorded, t.advance(queues)
}

// advance has queues sent from their instants on, and those go in which nothing waits.
func (t *Tx) advance(queues []record.Queue) error {
	// Under the lock of the queue: what is added waits for it, or is seen here.
	if err := t.putQueues(queues, &putQueues); err != nil {
		return err
	}
	for len(queues) > 0 {
		webhook, n := queues[0].Webhook, 1
		for n < len(queues) && queues[n].Webhook == webhook {
			n++
		}
		some := queues[:n]
		queues = queues[n:]
		scopes, err := listRows(t.conn, value[billing.Scope], &selectSomeWaiting, n, func(into []any, i int) []any {
			return append(into, webhook, some[i].Scope)
		})
		if err != nil {
			return err
		}
		waiting := map[billing.Scope]bool{}
		for _, s := range scopes {
			waiting[s] = true
		}
		for _, q := range some {
			if waiting[q.Scope] {
				continue
			}
			if err := t.change(deleteQueue, webhook, q.Scope); err != nil {
				return err
			}
		}
	}
	return nil
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
