package outbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	webhookPrefix = "webhook_"
	secretPrefix  = "whsec_"
	secretBytes   = 32

	// MaxWebhooks is how many there can be.
	MaxWebhooks = 100
	// MaxOverlap is for how long a secret that was rotated can go on signing.
	MaxOverlap = 7 * 24 * time.Hour
	// maxDescription bounds a description, in bytes.
	maxDescription = 1000
)

// Codes of refusals.
const (
	codeNotFound = "WEBHOOK_NOT_FOUND"
	codeTooMany  = "WEBHOOKS_TOO_MANY"
	codeNoSecret = "WEBHOOK_WITHOUT_SECRET"
	codeAfter    = "AFTER_INVALID"
	codeLost     = "WEBHOOK_SECRET_LOST"
)

// errNone is a webhook that there is not.
var errNone = &billing.Error{Kind: billing.NotFound, Code: codeNotFound, Message: "no webhook has this id"}

// shown hides a webhook that is deleted.
func shown(w record.Webhook, err error) (record.Webhook, error) {
	if errors.Is(err, billing.ErrNotFound) || err == nil && w.State == record.Deleted {
		return record.Webhook{}, errNone
	}
	return w, err
}

// Wish is what is asked for of a webhook.
type Wish struct {
	URL         string
	Format      record.Format // fixed once it is made
	Events      []string      // empty: all
	Description string
}

// Faults are what is wrong with a wish: by the name of a field, what would be right.
func (o *Outbox) Faults(in Wish) map[string]string {
	faults := map[string]string{}
	if want := o.options.Guard.urlFault(in.URL); want != "" {
		faults["url"] = want
	}
	if len(in.Description) > maxDescription {
		faults["description"] = fmt.Sprintf("text of at most %d bytes", maxDescription)
	}
	known, want := event.Types(), "types of events, such as agreement.created, or \"all\""
	if in.Format == record.Kinde {
		known, want = KindeEvents(), "of a webhook of the format kinde: agreement.created, agreement.cancelled or agreement.ended, or \"all\""
	}
	for _, e := range in.Events {
		if !slices.Contains(known, event.Type(e)) {
			faults["events"] = fmt.Sprintf("%s; %.64q is none", want, e)
			break
		}
	}
	return faults
}

// Create makes a webhook, which begins at the present end of the feed, and returns it with
// its secret, which is not shown again; "" if its format has none.
func (o *Outbox) Create(tx record.Tx, in Wish, now time.Time) (record.Webhook, string, error) {
	all, err := tx.Webhooks()
	if err != nil {
		return record.Webhook{}, "", err
	}
	none := len(all) == 0
	if all = present(all); len(all) >= MaxWebhooks {
		return record.Webhook{}, "", &billing.Error{Kind: billing.Conflict, Code: codeTooMany, Message: fmt.Sprintf("there are %d webhooks, which is the most there can be", MaxWebhooks)}
	}
	id, err := billing.NewID[[16]byte](o.options.Random, now.UnixMilli())
	if err != nil {
		return record.Webhook{}, "", err
	}
	w := record.Webhook{
		ID: fmt.Sprintf("%s%x", webhookPrefix, id[:]), URL: in.URL, Format: in.Format, Events: in.Events, Description: in.Description,
		State: record.Enabled, CreatedOn: now, ChangedOn: now,
	}
	if w.Begin, err = tx.FeedLength(); err != nil {
		return record.Webhook{}, "", err
	}
	if none { // nobody has followed, and what is behind is of no use to anybody
		if err := tx.PutPlace(followerName, w.Begin); err != nil {
			return record.Webhook{}, "", err
		}
	}
	secret := ""
	if w.Format == record.Standard {
		if w.Secret, secret, err = o.newSecret(w.ID); err != nil {
			return record.Webhook{}, "", err
		}
	}
	return w, secret, errors.Join(tx.CreateWebhook(w), o.note(tx, &w, now))
}

// note has the log say what a webhook is now.
func (o *Outbox) note(tx record.Tx, w *record.Webhook, now time.Time) error {
	var cause [8]byte
	if _, err := io.ReadFull(o.options.Random, cause[:]); err != nil {
		return err
	}
	_, err := tx.AppendEvent(event.Event{
		Scope: record.Scope, Cause: fmt.Sprintf("set %s %x", w.ID, cause[:]), Type: record.SettingsSet, On: now, Facts: record.Facts(w),
	})
	return err
}

// keep stores what a webhook has become, with the note of it.
func (o *Outbox) keep(tx record.Tx, w *record.Webhook, now time.Time) error {
	return errors.Join(tx.UpdateWebhook(*w), o.note(tx, w, now))
}

// Adopt has the log say what each webhook is, if it says so of none: they are from before it did.
func (o *Outbox) Adopt(ctx context.Context) error {
	var all []record.Webhook
	needed := func(r record.Reader) error {
		set, err := r.WebhookSettings()
		if all = nil; err == nil && len(set) == 0 {
			all, err = r.Webhooks()
		}
		return err
	}
	if err := o.options.Store.View(ctx, needed); err != nil || len(all) == 0 {
		return err
	}
	return o.options.Store.Update(ctx, func(tx record.Tx) error {
		err := needed(tx)
		for i := 0; i < len(all) && err == nil; i++ {
			err = o.note(record.As(tx, itself), &all[i], o.now())
		}
		return err
	})
}

// newSecret makes a secret, sealed and as it is shown.
func (o *Outbox) newSecret(id string) (sealed []byte, text string, err error) {
	var secret [secretBytes]byte
	if _, err := io.ReadFull(o.options.Random, secret[:]); err != nil {
		return nil, "", err
	}
	return o.options.Sealer.SealSecret(id, secret[:]), secretPrefix + base64.StdEncoding.EncodeToString(secret[:]), nil
}

// lock is the webhook of an id, which nobody else changes until the transaction ends.
func lock(tx record.Tx, id string) (record.Webhook, error) { return shown(tx.LockWebhook(id)) }

// Patch is what is to become of a webhook; nil stays.
type Patch struct {
	URL         *string
	Events      *[]string // none: all
	Description *string
}

// Patched is a wish for what a webhook becomes by a patch.
func (p Patch) Patched(w *record.Webhook) Wish {
	in := Wish{URL: w.URL, Format: w.Format, Events: w.Events, Description: w.Description}
	if p.URL != nil {
		in.URL = *p.URL
	}
	if p.Events != nil {
		in.Events = *p.Events
	}
	if p.Description != nil {
		in.Description = *p.Description
	}
	return in
}

// Update changes a webhook. What waits for it goes to its new URL at once.
func (o *Outbox) Update(tx record.Tx, id string, p Patch, now time.Time) (record.Webhook, map[string]string, error) {
	w, err := lock(tx, id)
	if err != nil {
		return w, nil, err
	}
	in := p.Patched(&w)
	if faults := o.Faults(in); len(faults) > 0 {
		return w, faults, nil
	}
	moved := in.URL != w.URL
	w.URL, w.Events, w.Description, w.ChangedOn = in.URL, in.Events, in.Description, now
	if moved {
		err = tx.MakeDue(w.ID, now)
	}
	return w, nil, errors.Join(err, o.keep(tx, &w, now))
}

// Rotate gives a webhook a new secret and returns it. The one before signs as well for a
// time, unless it does not open, as after a lost key file: that signs nothing.
func (o *Outbox) Rotate(tx record.Tx, id string, overlap time.Duration, now time.Time) (record.Webhook, string, error) {
	w, err := lock(tx, id)
	if err != nil {
		return w, "", err
	}
	if w.Format != record.Standard {
		return w, "", &billing.Error{Kind: billing.Refused, Code: codeNoSecret,
			Message: "a webhook of the format kinde has no secret: it is signed with the server's keys, which allot key rotate changes"}
	}
	w.OldSecret, w.OldUntil = nil, time.Time{}
	if _, err := o.options.Sealer.OpenSecret(w.ID, w.Secret); err == nil && overlap > 0 {
		w.OldSecret, w.OldUntil = w.Secret, now.Add(overlap)
	}
	var secret string
	if w.Secret, secret, err = o.newSecret(w.ID); err != nil {
		return w, "", err
	}
	w.ChangedOn = now
	return w, secret, o.keep(tx, &w, now)
}

// Enable sends to a webhook again: what has waited goes at once. What happened while it was
// disabled is not sent unless it is replayed: missed is the place behind which that begins;
// -1 if it was enabled.
func (o *Outbox) Enable(tx record.Tx, id string, now time.Time) (w record.Webhook, missed int64, err error) {
	if w, err = lock(tx, id); err != nil || w.State == record.Enabled {
		return w, -1, err
	}
	end, err := tx.FeedLength()
	if err != nil {
		return w, -1, err
	}
	missed = w.Begin
	w.State, w.Reason, w.DisabledOn, w.FailingSince = record.Enabled, "", time.Time{}, time.Time{}
	w.Begin, w.ChangedOn = end, now
	return w, missed, errors.Join(tx.MakeDue(w.ID, now), o.keep(tx, &w, now))
}

// disable stops sending to a webhook. Begin is where it stops: behind it there is no
// delivery.
func (o *Outbox) disable(tx record.Tx, w *record.Webhook, now time.Time) error {
	last, err := tx.DeliveriesBefore(w.ID, record.Place{Seq: math.MaxInt64}, 1)
	if err != nil {
		return err
	}
	if len(last) > 0 {
		w.Begin = max(w.Begin, last[0].Seq)
	}
	w.State, w.DisabledOn, w.ChangedOn = record.Disabled, now, now
	return o.keep(record.As(tx, itself), w, now)
}

// Replay has all that happened behind a place of the feed sent again, or for the first time.
func (o *Outbox) Replay(tx record.Tx, id string, after int64, now time.Time) (record.Webhook, error) {
	w, err := lock(tx, id)
	if err != nil {
		return w, err
	}
	end, err := tx.FeedLength()
	if err != nil {
		return w, err
	}
	if after > end {
		return w, billing.Invalid.Errorf(codeAfter, "after is %d, which is behind the end of the feed, %d: nothing would be sent", after, end)
	}
	if w.ReplayAfter < w.ReplayUntil { // one that is under way is not cut short
		after = min(after, w.ReplayAfter)
	}
	w.ReplayAfter, w.ReplayUntil, w.ChangedOn = after, end, now
	return w, tx.UpdateWebhook(w)
}

// Delete takes a webhook away: within a second, for which what was read before may be sent, nothing
// more is begun to be sent to it.
func (o *Outbox) Delete(tx record.Tx, id string, now time.Time) error {
	w, err := lock(tx, id)
	if err != nil {
		return err
	}
	w.State, w.ChangedOn = record.Deleted, now
	w.URL, w.Description, w.Secret, w.OldSecret = "", "", nil, nil
	return o.keep(tx, &w, now)
}

// Webhooks are all, ascending by id.
func (o *Outbox) Webhooks(r record.Reader) ([]record.Webhook, error) {
	all, err := r.Webhooks()
	return present(all), err
}

func present(all []record.Webhook) []record.Webhook {
	return slices.DeleteFunc(all, func(w record.Webhook) bool { return w.State == record.Deleted })
}

// List are all, ascending by id.
func (o *Outbox) List(ctx context.Context) (all []record.Webhook, err error) {
	err = o.options.Store.View(ctx, func(r record.Reader) error {
		all, err = o.Webhooks(r)
		return err
	})
	return all, err
}

// Get is the webhook of an id.
func (o *Outbox) Get(ctx context.Context, id string) (w record.Webhook, err error) {
	err = o.options.Store.View(ctx, func(r record.Reader) error {
		w, err = shown(r.Webhook(id))
		return err
	})
	return w, err
}

// Page is which part of a list of deliveries is wanted: Size of them after or before a
// place, not both.
type Page struct {
	Size   int
	After  *record.Place
	Before *record.Place
}

// Deliveries are a page of those of a webhook, ascending, and whether there are more in the
// direction of travel.
func (o *Outbox) Deliveries(ctx context.Context, id string, page Page) (out []record.Delivery, more bool, err error) {
	err = o.options.Store.View(ctx, func(r record.Reader) error {
		w, err := shown(r.Webhook(id))
		if err != nil {
			return err
		}
		switch {
		case page.Before != nil:
			out, err = r.DeliveriesBefore(w.ID, *page.Before, page.Size+1)
		case page.After != nil:
			out, err = r.Deliveries(w.ID, *page.After, page.Size+1)
		default:
			out, err = r.Deliveries(w.ID, record.Place{}, page.Size+1)
		}
		return err
	})
	if more = len(out) > page.Size; more {
		out = out[:page.Size]
	}
	if page.Before != nil {
		slices.Reverse(out)
	}
	return out, more, err
}

// DeliveryID is what a delivery is called: the id that its receiver is told.
func DeliveryID(d *record.Delivery) string { return messageID(d.Webhook, d.Place) }

// ParseDeliveryID is the place of a delivery of a webhook, by its id.
func ParseDeliveryID(webhook, id string) (record.Place, error) { return parseMessageID(webhook, id) }

var anID = regexp.MustCompile(`^webhook_[0-9a-f]{32}$`)

// ParseID checks the form of a webhook's id.
func ParseID(text string) (string, error) {
	if !anID.MatchString(text) {
		return "", errors.New("not an id: want webhook_ and 32 lower-case hex digits")
	}
	return text, nil
}
