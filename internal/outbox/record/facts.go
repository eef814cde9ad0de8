package record

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// Scope is that of events about webhooks.
const Scope billing.Scope = "webhooks"

// SettingsSet is an event with what a webhook is from then on. It is for verify alone: the feed
// gives it a place and a hash, and tells nobody of it.
const SettingsSet event.Type = "webhook.settings_set"

// WebhookFact is the name of the fact that has the webhook's id.
const WebhookFact = "webhook_id"

// Facts are what is logged of a webhook: what somebody has set, and whether it is sent to. Of
// what may be secret there are digests. How its deliveries do, and instants, are no part.
func Facts(w *Webhook) map[string]string {
	facts := map[string]string{WebhookFact: w.ID, "state": string(w.State)}
	if w.State == Deleted {
		return facts
	}
	for name, text := range map[string]string{
		"url": w.URL, "description": w.Description, "secret": string(w.Secret), "old_secret": string(w.OldSecret),
	} {
		if text != "" {
			sum := sha256.Sum256([]byte(text))
			facts[name+"_digest"] = hex.EncodeToString(sum[:])
		}
	}
	facts["format"], facts["events"], facts["reason"] = string(w.Format), strings.Join(w.Events, " "), w.Reason
	return facts
}

// As has events that a transaction appends say that somebody caused them, unless they say who
// did.
func As(tx Tx, by billing.Actor) Tx { return actingTx{tx, by} }

type actingTx struct {
	Tx
	by billing.Actor
}

// AppendEvent is as [Tx] says.
func (t actingTx) AppendEvent(e event.Event) (bool, error) {
	e.By = cmp.Or(e.By, t.by)
	return t.Tx.AppendEvent(e)
}
