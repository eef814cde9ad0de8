package outbox

import (
	"context"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// follower makes deliveries of what is new in the feed.
type follower struct{ *Outbox }

// Name implements [feed.Follower].
func (f follower) Name() string { return followerName }

const followerName = "webhooks"

// Follow implements [feed.Follower]. What it has done before it does again, to no effect.
func (f follower) Follow(ctx context.Context, entries []feed.Entry) error {
	first, last := entries[0].Seq, entries[len(entries)-1].Seq
	added := 0
	err := f.options.Store.Update(ctx, func(tx record.Tx) error {
		webhooks, err := wanting(tx, last)
		if err != nil || len(webhooks) == 0 {
			return err
		}
		happened, err := tx.Happenings("", first-1, len(entries))
		if err != nil {
			return err
		}
		now := f.now()
		deliveries, err := f.deliveries(tx, webhooks, happened, now)
		if err != nil || len(deliveries) == 0 {
			return err
		}
		added = len(deliveries)
		return tx.AddDeliveries(deliveries, now)
	})
	if added > 0 {
		f.Wake()
	}
	return err
}

// wanting are the webhooks that are told of places up to one.
func wanting(r record.Reader, last int64) ([]record.Webhook, error) {
	all, err := r.Webhooks()
	return slices.DeleteFunc(all, func(w record.Webhook) bool { return w.State != record.Enabled || w.Begin >= last }), err
}

// deliveries are what some places of the feed are to some webhooks.
func (o *Outbox) deliveries(r record.Reader, webhooks []record.Webhook, happened []event.Happening, now time.Time) (out []record.Delivery, err error) {
	for i := range happened {
		h := &happened[i]
		t, ok := h.Type()
		if !ok || imported(h) {
			continue
		}
		for j := range webhooks {
			w := &webhooks[j]
			if h.Seq <= w.Begin || !wants(w, t) {
				continue
			}
			messages := []string{string(t)}
			if w.Format == record.Kinde {
				if messages, err = kindeTypes(r, h, t); err != nil {
					return nil, err
				}
			}
			for part, message := range messages {
				out = append(out, record.Delivery{
					Webhook: w.ID, Place: record.Place{Seq: h.Seq, Part: part}, Scope: scopeOf(h), Type: message,
					Status: record.Pending, CreatedOn: now,
				})
			}
		}
	}
	return out, nil
}

func wants(w *record.Webhook, t event.Type) bool {
	return len(w.Events) == 0 || slices.Contains(w.Events, string(t))
}

func scopeOf(h *event.Happening) billing.Scope {
	if h.Event != nil {
		return h.Event.Scope
	}
	return h.Change.Scope
}

// fromImport is the origin of an agreement that was brought along.
const fromImport billing.Origin = "import"

// imported reports whether it is history that was brought along, of which nobody is told.
func imported(h *event.Happening) bool {
	return h.Change != nil && h.Change.Kind == billing.AgreementCreated && billing.Origin(h.Change.After["origin"]) == fromImport
}

const replayBatch = 500

// replay makes deliveries anew that were asked for again, a batch of each webhook, and
// reports whether there is more.
func (o *Outbox) replay(ctx context.Context, webhooks []record.Webhook) (more bool, err error) {
	for i := range webhooks {
		if w := &webhooks[i]; w.State != record.Enabled || w.ReplayAfter >= w.ReplayUntil {
			continue
		}
		err := o.options.Store.Update(ctx, func(tx record.Tx) error {
			w, err := tx.LockWebhook(webhooks[i].ID)
			if err != nil || w.State != record.Enabled || w.ReplayAfter >= w.ReplayUntil {
				return err
			}
			more = true
			happened, err := tx.Happenings("", w.ReplayAfter, int(min(replayBatch, w.ReplayUntil-w.ReplayAfter)))
			if err != nil {
				return err
			}
			from := w.Begin
			w.Begin = w.ReplayAfter
			now := o.now()
			deliveries, err := o.deliveries(tx, []record.Webhook{w}, happened, now)
			if err != nil {
				return err
			}
			if err := tx.RepeatDeliveries(deliveries, now); err != nil {
				return err
			}
			w.Begin, w.ReplayAfter = from, w.ReplayUntil
			if n := len(happened); n > 0 {
				w.ReplayAfter = min(happened[n-1].Seq, w.ReplayUntil)
			}
			return tx.UpdateWebhook(w)
		})
		if err != nil {
			return false, err
		}
	}
	return more, nil
}
