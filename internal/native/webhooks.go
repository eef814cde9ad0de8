package native

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// webhookRoutes are those of webhooks.
func (h *handlers) webhookRoutes() []door.Route {
	route := func(method, pattern string, handle door.Handler) door.Route {
		return door.Route{Method: method, Pattern: pattern, Scope: api.ScopeManageWebhooks, Dialect: Own, Handle: handle}
	}
	changes := func(prepare func(*door.Call) (change, error)) door.Handler { return door.Changes(h.Work, prepare) }
	return []door.Route{
		route(http.MethodPost, "/v1/webhooks", changes(h.createWebhook)),
		route(http.MethodGet, "/v1/webhooks", door.Reads(h.webhooks)),
		route(http.MethodGet, "/v1/webhooks/{id}", door.Reads(h.webhook)),
		route(http.MethodPatch, "/v1/webhooks/{id}", changes(h.updateWebhook)),
		route(http.MethodDelete, "/v1/webhooks/{id}", changes(h.deleteWebhook)),
		route(http.MethodPost, "/v1/webhooks/{id}/rotate", changes(h.rotateWebhook)),
		route(http.MethodPost, "/v1/webhooks/{id}/test", changes(h.testWebhook)),
		route(http.MethodPost, "/v1/webhooks/{id}/enable", changes(h.enableWebhook)),
		route(http.MethodPost, "/v1/webhooks/{id}/replay", changes(h.replayWebhook)),
		route(http.MethodGet, "/v1/webhooks/{id}/deliveries", door.Reads(h.deliveries)),
	}
}

// webhookWork is work on webhooks, with the transaction that it is done in. What waits may
// be sent once it is committed.
func (h *handlers) webhookWork(c *door.Call, do func(tx record.Tx, now time.Time) (door.Answer, error)) change {
	return change{Done: h.Webhooks.Wake, Do: func(u *service.Work) (door.Answer, error) {
		tx, now, err := u.Webhooks()
		if err != nil {
			return door.Answer{}, err
		}
		return do(tx, now)
	}, Gone: func(id string) (bool, error) { return h.webhookGone(c, id) }}
}

// webhookGone reports whether a webhook is deleted.
func (h *handlers) webhookGone(c *door.Call, id string) (bool, error) {
	_, err := h.Webhooks.Get(c.Context(), id)
	if wire.IsUnknown(err) {
		return true, nil
	}
	return false, err
}

const someEvents = `"all", or a list of types of events, such as ["agreement.created"]`

// events are those of which a webhook is told, none for all; nil if they are absent.
func (b body) events() *[]string {
	var raw json.RawMessage
	if !door.Read(b.Body, "events", someEvents, &raw) {
		return nil
	}
	var all api.WebhookEvents
	if err := all.UnmarshalJSON(raw); err != nil || all != nil && len(all) == 0 {
		b.Refuse("events", someEvents)
		return nil
	}
	slices.Sort(all)
	return new([]string(slices.Compact(all)))
}

// refuse notes what is wrong with a wish.
func refuseWish(f *door.Faults, faults map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(faults)) {
		f.Refuse(name, faults[name])
	}
}

func (h *handlers) createWebhook(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := outbox.Wish{
		URL:         b.Required("url", "a URL such as https://app.example.com/webhooks"),
		Format:      record.Format(b.OneOf("format", "standard or kinde", api.WebhookStandard, api.WebhookKinde)),
		Events:      door.Needed(b.Body, "events", someEvents, b.events),
		Description: b.Text("description", door.SomeText),
	}
	if in.Format == "" && !b.Given("format") {
		b.Require("format", "standard or kinde")
	}
	if f.Err() == nil {
		refuseWish(&f, h.Webhooks.Faults(in))
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		w, secret, err := h.Webhooks.Create(tx, in, now)
		if err != nil {
			return door.Answer{}, err
		}
		body := wire.Webhook(&w, now)
		body.Secret = secret
		return door.Answer{Status: http.StatusCreated, Body: body, Secret: true}, nil
	}), nil
}

func (h *handlers) webhooks(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	page := door.ReadPage(q, "a webhook's id, as an earlier page showed it", outbox.ParseID)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	all, err := h.Webhooks.List(c.Context())
	if err != nil {
		return door.Answer{}, err
	}
	all, more := pageOf(all, page)
	return door.Answer{Body: wire.Webhooks(all, more, h.Webhooks.Now())}, nil
}

// pageOf is a page of webhooks, of which there are few.
func pageOf(all []record.Webhook, page door.Page[string]) ([]record.Webhook, bool) {
	byID := func(w record.Webhook, id string) int { return strings.Compare(w.ID, id) }
	if page.Before != nil {
		end, _ := slices.BinarySearchFunc(all, *page.Before, byID)
		start := max(end-page.Size, 0)
		return all[start:end], start > 0
	}
	if page.After != nil {
		start, found := slices.BinarySearchFunc(all, *page.After, byID)
		if found {
			start++
		}
		all = all[start:]
	}
	return all[:min(page.Size, len(all))], len(all) > page.Size
}

func (h *handlers) webhook(c *door.Call) (door.Answer, error) {
	w, err := h.Webhooks.Get(c.Context(), c.PathValue("id"))
	return door.Answer{Body: wire.Webhook(&w, h.Webhooks.Now())}, err
}

func (h *handlers) updateWebhook(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := outbox.Patch{URL: b.Change("url"), Events: b.events(), Description: b.ChangeOrClear("description")}
	if b.IsNull("events") {
		b.Refuse("events", someEvents)
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		w, faults, err := h.Webhooks.Update(tx, id, in, now)
		if err != nil {
			return door.Answer{}, err
		}
		var f door.Faults
		refuseWish(&f, faults)
		return door.Answer{Body: wire.Webhook(&w, now)}, f.Err()
	}), nil
}

func (h *handlers) deleteWebhook(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		return door.Answer{Body: api.OK()}, h.Webhooks.Delete(tx, id, now)
	}), nil
}

// defaultOverlap is for how long a secret that is rotated signs as well, unless it is said.
const defaultOverlap = 24 * time.Hour

func (h *handlers) rotateWebhook(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	overlap := defaultOverlap
	if seconds := b.Integer("overlap", 0, api.MaxOverlapSeconds); seconds != nil {
		overlap = time.Duration(*seconds) * time.Second
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		w, secret, err := h.Webhooks.Rotate(tx, id, overlap, now)
		if err != nil {
			return door.Answer{}, err
		}
		body := wire.Webhook(&w, now)
		body.Secret = secret
		return door.Answer{Body: body, Secret: true}, nil
	}), nil
}

func (h *handlers) testWebhook(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return change{Apart: func() (door.Answer, error) {
		tested, err := h.Webhooks.Test(c.Context(), id)
		return door.Answer{Body: api.WebhookTest{
			Delivered: tested.Delivered, HTTPStatus: tested.Answer, DurationMS: tested.Took.Milliseconds(), Error: tested.Fault,
		}}, err
	}}, nil
}

func (h *handlers) enableWebhook(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		w, missed, err := h.Webhooks.Enable(tx, id, now)
		body := wire.Webhook(&w, now)
		if err == nil && missed >= 0 && missed < w.Begin {
			body.Warnings = []api.Warning{{Code: api.CodeEventsMissed, Message: fmt.Sprintf(
				"what happened meanwhile is not sent unless it is replayed: POST /v1/webhooks/%s/replay {\"after\": %d}", w.ID, missed)}}
		}
		return door.Answer{Body: body}, err
	}), nil
}

func (h *handlers) replayWebhook(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	const what = "the id of an event, or 0: all behind it are sent"
	after := door.Needed(b.Body, "after", what, func() *int64 { return b.Integer("after", 0, api.MaxInteger) })
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id := c.PathValue("id")
	return h.webhookWork(c, func(tx record.Tx, now time.Time) (door.Answer, error) {
		w, err := h.Webhooks.Replay(tx, id, after, now)
		return door.Answer{Body: wire.Webhook(&w, now)}, err
	}), nil
}

func (h *handlers) deliveries(c *door.Call) (door.Answer, error) {
	id := c.PathValue("id")
	q := door.ReadQuery(c.Request, new(door.Faults))
	page := door.ReadPage(q, "the id of a delivery of this webhook, as an earlier page showed it", func(s string) (record.Place, error) {
		return outbox.ParseDeliveryID(id, s)
	})
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	found, more, err := h.Webhooks.Deliveries(c.Context(), id, outbox.Page(page))
	return door.Answer{Body: wire.Deliveries(found, more, outbox.DeliveryID)}, err
}
