package wire

import (
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// Webhook shows a webhook as it is now, without its secret.
func Webhook(w *record.Webhook, now time.Time) api.Webhook {
	out := api.Webhook{
		ID: w.ID, URL: w.URL, Format: string(w.Format), Events: w.Events, Description: w.Description, Status: string(w.State),
		DisabledReason: w.Reason, DisabledOn: someTime(w.DisabledOn), FailingSince: someTime(w.FailingSince),
		CreatedOn: api.Time{Time: w.CreatedOn}, ChangedOn: api.Time{Time: w.ChangedOn},
	}
	if w.OldSigns(now) {
		out.OldSecretUntil = someTime(w.OldUntil)
	}
	if w.ReplayAfter < w.ReplayUntil {
		out.ReplayAfter = &w.ReplayAfter
	}
	return out
}

// Webhooks shows a page of webhooks as they are now.
func Webhooks(webhooks []record.Webhook, more bool, now time.Time) api.WebhookList {
	out := api.WebhookList{Webhooks: make([]api.Webhook, len(webhooks)), HasMore: more}
	for i := range webhooks {
		out.Webhooks[i] = Webhook(&webhooks[i], now)
	}
	return out
}

// Deliveries shows a page of deliveries; id is what each is called.
func Deliveries(deliveries []record.Delivery, more bool, id func(*record.Delivery) string) api.DeliveryList {
	out := api.DeliveryList{Deliveries: make([]api.Delivery, len(deliveries)), HasMore: more}
	for i := range deliveries {
		d := &deliveries[i]
		shown := api.Delivery{
			ID: id(d), EventID: d.Seq, Type: d.Type, Status: string(d.Status), Attempts: int64(d.Attempts),
			CreatedOn: api.Time{Time: d.CreatedOn}, AttemptedOn: someTime(d.AttemptedOn), HTTPStatus: d.Answer, Error: d.Fault,
			DoneOn: someTime(d.DoneOn),
		}
		if _, err := billing.ParseID[billing.CustomerID](string(d.Scope)); err == nil {
			shown.CustomerID = string(d.Scope)
		}
		if d.Attempts > 0 {
			shown.DurationMS = new(d.Took.Milliseconds())
		}
		out.Deliveries[i] = shown
	}
	return out
}

// someTime is a time that may be absent.
func someTime(t time.Time) *api.Time {
	if t.IsZero() {
		return nil
	}
	return api.NewTime(t)
}
