package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type webhookCommands struct {
	Create     createWebhook  `cmd:"" help:"Have an endpoint told of events; prints the secret to verify them with, once."`
	List       listWebhooks   `cmd:"" help:"List the endpoints that are told of events."`
	Show       showWebhook    `cmd:"" help:"Show a webhook, without its secret."`
	Update     updateWebhook  `cmd:"" help:"Change a webhook; what is not given stays."`
	Delete     deleteWebhook  `cmd:"" help:"Take a webhook away: nothing more is sent to it."`
	Test       testWebhook    `cmd:"" help:"Send a test message; exits with 1 if it did not arrive."`
	Deliveries listDeliveries `cmd:"" help:"Show what was sent, and what came of it."`
	Replay     replayWebhook  `cmd:"" help:"Send events again that were sent, failed or were missed."`
	Rotate     rotateWebhook  `cmd:"" help:"Give a webhook a new secret, and print it, once."`
	Enable     enableWebhook  `cmd:"" help:"Send to a webhook again that was disabled."`
}

// webhookEvents are types of events from a flag: all, or a list.
func webhookEvents(flag []string) api.WebhookEvents {
	if len(flag) == 1 && flag[0] == api.AllEvents {
		return nil
	}
	return flag
}

type createWebhook struct {
	remote      `embed:""`
	Endpoint    name     `arg:"" name:"url" help:"The https URL to send to."`
	Format      string   `enum:"standard,kinde" default:"standard" help:"standard (Standard Webhooks) or kinde (a JWT, as Kinde sends)."`
	Events      []string `default:"all" placeholder:"TYPE,..." help:"Types of events, such as agreement.created; by default all."`
	Description string   `help:"What it is, for people."`
}

func (c *createWebhook) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	w, err := allot.Webhooks.Create(ctx, api.CreateWebhookRequest{
		URL: string(c.Endpoint), Format: c.Format, Events: webhookEvents(c.Events), Description: c.Description,
	})
	if err != nil {
		return err
	}
	return s.webhook(w)
}

type listWebhooks struct {
	remote `embed:""`
}

func (c *listWebhooks) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	list := api.WebhookList{Webhooks: []api.Webhook{}}
	for w, err := range allot.Webhooks.All(ctx, client.PageParams{}) {
		if err != nil {
			return err
		}
		list.Webhooks = append(list.Webhooks, w)
	}
	return s.print(list, func(w io.Writer) {
		row(w, "WEBHOOK", "FORMAT", "STATUS", "EVENTS", "URL")
		for i := range list.Webhooks {
			h := &list.Webhooks[i]
			row(w, h.ID, h.Format, h.Status, eventNames(h.Events), h.URL)
		}
	})
}

func eventNames(e api.WebhookEvents) string {
	if len(e) == 0 {
		return api.AllEvents
	}
	return strings.Join(e, ",")
}

// webhookArg names a webhook on the command line.
type webhookArg struct {
	Webhook name `arg:"" help:"The webhook's id."`
}

type showWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
}

func (c *showWebhook) Run(ctx context.Context, s *session) error {
	return s.webhookOf(&c.remote, func(allot *client.Client) (*api.Webhook, error) { return allot.Webhooks.Get(ctx, string(c.Webhook)) })
}

type updateWebhook struct {
	remote      `embed:""`
	webhookArg  `embed:""`
	Endpoint    string   `placeholder:"URL" help:"The https URL to send to."`
	Events      []string `placeholder:"TYPE,..." help:"Types of events, or all."`
	Description *string  `help:"What it is, for people; empty takes it away."`
}

func (c *updateWebhook) Run(ctx context.Context, s *session) error {
	var body api.UpdateWebhookRequest
	if c.Description != nil {
		body.Description = api.Some(*c.Description)
	}
	if c.Endpoint != "" {
		body.URL = &c.Endpoint
	}
	if len(c.Events) > 0 {
		body.Events = new(webhookEvents(c.Events))
	}
	if body == (api.UpdateWebhookRequest{}) {
		return usagef("such as --endpoint https://app.example.com/webhooks, or --events all", "nothing to change")
	}
	return s.webhookOf(&c.remote, func(allot *client.Client) (*api.Webhook, error) {
		return allot.Webhooks.Update(ctx, string(c.Webhook), body)
	})
}

type deleteWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
}

func (c *deleteWebhook) Run(ctx context.Context, _ *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	return allot.Webhooks.Delete(ctx, string(c.Webhook))
}

type testWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
}

// errNotDelivered is a test message that did not arrive.
var errNotDelivered = errors.New("the test message did not arrive")

func (c *testWebhook) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	t, err := allot.Webhooks.Test(ctx, string(c.Webhook))
	if err != nil {
		return err
	}
	err = s.print(t, func(w io.Writer) {
		field(w, "delivered", strconv.FormatBool(t.Delivered))
		field(w, "status", httpStatus(t.HTTPStatus))
		field(w, "took", fmt.Sprint(t.DurationMS, " ms"))
		field(w, "error", t.Error)
	})
	if err == nil && !t.Delivered {
		err = &hintedError{errNotDelivered, "the receiver must answer 2xx (format kinde: 200) within 15 s"}
	}
	return err
}

func httpStatus(status int) string {
	if status == 0 {
		return ""
	}
	return strconv.Itoa(status)
}

type listDeliveries struct {
	remote     `embed:""`
	webhookArg `embed:""`
	Last       *number `placeholder:"N" help:"Only the last so many."`
}

// newest is an id behind those of all deliveries of a webhook.
func newest(webhook string) string {
	const lastSeq = 1<<63 - 1
	return fmt.Sprintf("msg_%s_%d", strings.TrimPrefix(webhook, "webhook_"), lastSeq)
}

func (c *listDeliveries) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	list := api.DeliveryList{Deliveries: []api.Delivery{}}
	var page client.PageParams
	if c.Last != nil {
		page.EndingBefore = newest(string(c.Webhook))
	}
	for d, err := range allot.Webhooks.AllDeliveries(ctx, string(c.Webhook), page) {
		if err != nil {
			return err
		}
		list.Deliveries = append(list.Deliveries, d)
		if c.Last != nil && len(list.Deliveries) == int(*c.Last) {
			break
		}
	}
	if c.Last != nil {
		slices.Reverse(list.Deliveries)
	}
	return s.print(list, func(w io.Writer) {
		row(w, "EVENT", "TYPE", "CUSTOMER", "STATUS", "ATTEMPTS", "ATTEMPTED", "ANSWER", "MS", "ERROR")
		for i := range list.Deliveries {
			d := &list.Deliveries[i]
			row(w, d.EventID, d.Type, d.CustomerID, d.Status, d.Attempts, instant(d.AttemptedOn), httpStatus(d.HTTPStatus), integer(d.DurationMS), d.Error)
		}
	})
}

type replayWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
	After      limitArg `required:"" placeholder:"EVENT" help:"The id of an event: all behind it are sent; 0 is all there are."`
}

func (c *replayWebhook) Run(ctx context.Context, s *session) error {
	return s.webhookOf(&c.remote, func(allot *client.Client) (*api.Webhook, error) {
		return allot.Webhooks.Replay(ctx, string(c.Webhook), int64(c.After))
	})
}

type rotateWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
	Overlap    time.Duration `default:"24h" help:"For how long the old secret signs as well; 0s ends it at once. Default: ${default}."`
}

func (c *rotateWebhook) Run(ctx context.Context, s *session) error {
	if c.Overlap%time.Second != 0 {
		return usagef("such as --overlap 1h", "--overlap %s: want whole seconds", c.Overlap)
	}
	seconds := int64(c.Overlap / time.Second)
	return s.webhookOf(&c.remote, func(allot *client.Client) (*api.Webhook, error) {
		return allot.Webhooks.Rotate(ctx, string(c.Webhook), api.RotateWebhookRequest{Overlap: &seconds})
	})
}

type enableWebhook struct {
	remote     `embed:""`
	webhookArg `embed:""`
}

func (c *enableWebhook) Run(ctx context.Context, s *session) error {
	return s.webhookOf(&c.remote, func(allot *client.Client) (*api.Webhook, error) { return allot.Webhooks.Enable(ctx, string(c.Webhook)) })
}

// webhookOf shows the webhook that a call answers.
func (s *session) webhookOf(r *remote, call func(*client.Client) (*api.Webhook, error)) error {
	allot, err := r.open()
	if err != nil {
		return err
	}
	w, err := call(allot)
	if err != nil {
		return err
	}
	s.warnings(w.Warnings)
	return s.webhook(w)
}

func (s *session) webhook(h *api.Webhook) error {
	return s.print(h, func(w io.Writer) {
		field(w, "webhook", h.ID)
		field(w, "url", h.URL)
		field(w, "format", h.Format)
		field(w, "events", eventNames(h.Events))
		field(w, "description", h.Description)
		field(w, "status", h.Status)
		field(w, "disabled because", h.DisabledReason)
		field(w, "disabled", instant(h.DisabledOn))
		field(w, "failing since", instant(h.FailingSince))
		field(w, "replaying after", integer(h.ReplayAfter))
		field(w, "secret", h.Secret)
		field(w, "old secret until", instant(h.OldSecretUntil))
	})
}
