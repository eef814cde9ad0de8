package sqlstore

import (
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	webhookColumns = `webhook_id, url, format, events, description, secret, old_secret, old_until, state, reason,
		disabled_on, failing_since, begin_seq, replay_after, replay_until, created_on, changed_on`

	selectWebhook = `select ` + webhookColumns + ` from webhooks where webhook_id = $1`

	selectWebhooks = `select ` + webhookColumns + ` from webhooks order by webhook_id`

	insertWebhook = `insert into webhooks (` + webhookColumns + `)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict (webhook_id) do nothing`

	lockWebhook = `update webhooks set changed_on = changed_on where webhook_id = $1`

	updateWebhook = `update webhooks set url = $2, events = $3, description = $4, secret = $5, old_secret = $6,
		old_until = $7, state = $8, reason = $9, disabled_on = $10, failing_since = $11, begin_seq = $12,
		replay_after = $13, replay_until = $14, changed_on = $15 where webhook_id = $1`

	// Those without a place came behind those that have one.
	selectWebhookSettings = `select customer_id, cause, kind, happened_on, actor, facts, features from events
		where customer_id = $1 and kind = $2 order by seq is null, seq, happened_on, cause`

	deleteWebhook = `delete from webhooks where webhook_id = $1`
)

func scanWebhook(r row) (w record.Webhook, err error) {
	err = r.Scan(&w.ID, &w.URL, &w.Format, (*words)(&w.Events), &w.Description, (*blob)(&w.Secret), (*blob)(&w.OldSecret),
		(*optional)(&w.OldUntil), &w.State, &w.Reason, (*optional)(&w.DisabledOn), (*optional)(&w.FailingSince),
		&w.Begin, &w.ReplayAfter, &w.ReplayUntil, (*instant)(&w.CreatedOn), (*instant)(&w.ChangedOn))
	return w, err
}

// Webhook is as record.Reader says.
func (r *Reader) Webhook(id string) (record.Webhook, error) {
	return one(r.conn, scanWebhook, selectWebhook, id)
}

// Webhooks is as record.Reader says.
func (r *Reader) Webhooks() ([]record.Webhook, error) {
	return list(r.conn, scanWebhook, selectWebhooks)
}

// WebhookSettings is as record.Reader says.
func (r *Reader) WebhookSettings() ([]event.Event, error) {
	return list(r.conn, scanEvent, selectWebhookSettings, record.Scope, record.SettingsSet)
}

// CreateWebhook is as record.Tx says.
func (t *Tx) CreateWebhook(w record.Webhook) error {
	return t.create(insertWebhook, w.ID, w.URL, w.Format, words(w.Events), w.Description, blob(w.Secret), blob(w.OldSecret),
		optional(w.OldUntil), w.State, w.Reason, optional(w.DisabledOn), optional(w.FailingSince), w.Begin,
		w.ReplayAfter, w.ReplayUntil, instant(w.CreatedOn), instant(w.ChangedOn))
}

// LockWebhook is as record.Tx says.
func (t *Tx) LockWebhook(id string) (record.Webhook, error) {
	if err := t.lock(lockWebhook, id); err != nil {
		return record.Webhook{}, err
	}
	return t.Webhook(id)
}

// UpdateWebhook is as record.Tx says.
func (t *Tx) UpdateWebhook(w record.Webhook) error {
	return t.change(updateWebhook, w.ID, w.URL, words(w.Events), w.Description, blob(w.Secret), blob(w.OldSecret),
		optional(w.OldUntil), w.State, w.Reason, optional(w.DisabledOn), optional(w.FailingSince), w.Begin,
		w.ReplayAfter, w.ReplayUntil, instant(w.ChangedOn))
}

// DeleteWebhook is as record.Tx says.
func (t *Tx) DeleteWebhook(id string) error { return t.change(deleteWebhook, id) }
