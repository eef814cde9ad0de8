package outbox

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// ending is what came to its end, to be counted and logged once it is stored.
type ending struct {
	failed   *record.Delivery
	disabled *record.Webhook
}

func (e ending) count(o *Outbox) {
	switch {
	case e.failed != nil:
		o.counts.failed.Add(1)
	case e.disabled != nil:
		o.counts.disabled.Add(1)
		o.options.Log.LogAttrs(context.Background(), slog.LevelWarn, "a webhook is disabled",
			slog.String("webhook", e.disabled.ID), slog.String("reason", e.disabled.Reason), slog.Time("failing_since", e.disabled.FailingSince))
	}
}

// record stores what came of attempts, but of those at a webhook that was deleted meanwhile:
// what was left of it may be gone, and nothing would take away what came back.
func (s *sender) record(tx record.Tx, flights []flight) (ended []ending, err error) {
	webhooks, err := tx.Webhooks()
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for i := range webhooks {
		there[webhooks[i].ID] = webhooks[i].State != record.Deleted
	}
	attempts := make([]record.Attempt, 0, len(flights))
	for i := range flights {
		if f := &flights[i]; there[f.webhook.ID] {
			attempts = append(attempts, s.after(f))
		}
	}
	stored, err := tx.RecordAttempts(attempts)
	if err != nil {
		return nil, err
	}
	for i := range attempts {
		if stored[i] && attempts[i].Status == record.Failed {
			ended = append(ended, ending{failed: &attempts[i].Delivery})
		}
	}
	return ended, nil
}

// after is what a delivery is after an attempt.
func (s *sender) after(f *flight) record.Attempt {
	d, r := f.delivery, &f.result
	d.Attempts++
	d.Took, d.Answer, d.Fault = r.took.Truncate(time.Microsecond), r.status, r.fault
	next := d.AttemptedOn
	if r.outcome == delivered {
		d.Status, d.DoneOn = record.Delivered, d.AttemptedOn
	} else if wait, ok := s.pause(f.webhook.Format, d.Attempts, r.wait); ok {
		next = next.Add(wait).Truncate(time.Microsecond)
	} else {
		d.Status, d.DoneOn = record.Failed, d.AttemptedOn
	}
	return record.Attempt{Delivery: d, Next: next}
}

// target is where attempts went: what comes of them says nothing of a webhook that was moved.
type target struct{ webhook, url string }

func (t target) compare(other target) int {
	return cmp.Or(cmp.Compare(t.webhook, other.webhook), cmp.Compare(t.url, other.url))
}

// verdict is what some attempts at one target say of a webhook.
type verdict struct {
	success bool
	gone    bool            // it answered that it is
	failed  time.Time       // the first failure; zero: there is none
	last    time.Time       // the last failure
	was     *record.Webhook // as it was read last
}

const statusGone = 410

func (v *verdict) add(f *flight) {
	at := f.delivery.AttemptedOn
	switch {
	case f.result.outcome == delivered:
		v.success = true
		return
	case f.result.status == statusGone:
		v.gone = true
	}
	if v.failed.IsZero() || at.Before(v.failed) {
		v.failed = at
	}
	if at.After(v.last) {
		v.last = at
	}
}

// idle reports whether nothing is to be changed of the webhook, as it was read before.
func (v *verdict) idle() bool {
	if v.gone {
		return false
	}
	if v.success {
		return v.was.FailingSince.IsZero()
	}
	return !v.was.FailingSince.IsZero() && v.last.Sub(v.was.FailingSince) < plans[v.was.Format].patience
}

// Why a webhook is disabled.
const (
	reasonGone    = "it answered 410, that it is gone"
	reasonFailing = "nothing but failures for too long"
)

// judge keeps since when a webhook fails, and disables one that is gone or has failed for
// too long, with an event.
func (s *sender) judge(tx record.Tx, to target, v *verdict) (ending, error) {
	if v.idle() {
		return ending{}, nil
	}
	w, err := tx.LockWebhook(to.webhook)
	if errors.Is(err, billing.ErrNotFound) || err == nil && (w.State != record.Enabled || w.URL != to.url) {
		return ending{}, nil
	}
	if err != nil {
		return ending{}, err
	}
	switch {
	case v.success:
		w.FailingSince = time.Time{}
	case w.FailingSince.IsZero():
		w.FailingSince = v.failed
	}
	switch {
	case v.gone:
		w.Reason = reasonGone
	case !v.success && v.last.Sub(w.FailingSince) >= plans[w.Format].patience:
		w.Reason = reasonFailing
	default:
		return ending{}, tx.UpdateWebhook(w)
	}
	now := s.now()
	if err := s.disable(tx, &w, now); err != nil {
		return ending{}, err
	}
	facts := map[string]string{"webhook_id": w.ID, "reason": w.Reason}
	if !w.FailingSince.IsZero() {
		facts["failing_since"] = w.FailingSince.Format(time.RFC3339Nano)
	}
	_, err = tx.AppendEvent(event.Event{
		Scope: record.Scope, Cause: "disabled " + w.ID + " " + now.Format(time.RFC3339Nano), Type: event.WebhookDisabled, On: now, By: itself, Facts: facts,
	})
	return ending{disabled: &w}, err
}

// itself is who disables webhooks.
const itself billing.Actor = "server"
