package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// WebhooksService says who is told of events. Its scope is manage:webhooks.
type WebhooksService struct{ client *Client }

const webhooksPath = "/v1/webhooks"

// Create has an endpoint told of events from now on. The answer has the secret by which it
// verifies them, which cannot be had again; the format kinde has none.
func (s *WebhooksService) Create(ctx context.Context, body api.CreateWebhookRequest, opts ...CallOption) (*api.Webhook, error) {
	r := s.client.newRequest(http.MethodPost, webhooksPath, nil, opts)
	r.setWork(body)
	return get[api.Webhook](ctx, s.client, r)
}

// Get gets a webhook, without its secret.
func (s *WebhooksService) Get(ctx context.Context, id string, opts ...CallOption) (*api.Webhook, error) {
	return get[api.Webhook](ctx, s.client, s.one(http.MethodGet, id, "", nil, opts))
}

// Update changes a webhook. What is nil stays.
func (s *WebhooksService) Update(ctx context.Context, id string, body api.UpdateWebhookRequest, opts ...CallOption) (*api.Webhook, error) {
	r := s.one(http.MethodPatch, id, "", nil, opts)
	r.setJSON(body)
	return get[api.Webhook](ctx, s.client, r)
}

// Delete takes a webhook away: nothing more is sent to it.
func (s *WebhooksService) Delete(ctx context.Context, id string, opts ...CallOption) error {
	_, err := get[api.Success](ctx, s.client, s.one(http.MethodDelete, id, "", nil, opts))
	return err
}

// Rotate gives a webhook a new secret, which the answer has. The one before signs as well
// for a time.
func (s *WebhooksService) Rotate(ctx context.Context, id string, body api.RotateWebhookRequest, opts ...CallOption) (*api.Webhook, error) {
	return s.work(ctx, id, "/rotate", body, opts)
}

// Enable sends to a webhook again that was disabled.
func (s *WebhooksService) Enable(ctx context.Context, id string, opts ...CallOption) (*api.Webhook, error) {
	r := s.one(http.MethodPost, id, "/enable", nil, opts)
	r.setKey()
	return get[api.Webhook](ctx, s.client, r)
}

// Replay sends a webhook all events behind one again, up to now; 0 is all there are.
func (s *WebhooksService) Replay(ctx context.Context, id string, after int64, opts ...CallOption) (*api.Webhook, error) {
	return s.work(ctx, id, "/replay", api.ReplayWebhookRequest{After: after}, opts)
}

// Test sends a webhook a message that says it is a test, and tells what came of it.
func (s *WebhooksService) Test(ctx context.Context, id string, opts ...CallOption) (*api.WebhookTest, error) {
	r := s.one(http.MethodPost, id, "/test", nil, opts)
	r.setKey()
	return get[api.WebhookTest](ctx, s.client, r)
}

func (s *WebhooksService) one(method, id, action string, q url.Values, opts []CallOption) *request {
	return s.client.newElementRequest(method, webhooksPath+"/", "webhook id", id, action, q, opts)
}

func (s *WebhooksService) work(ctx context.Context, id, action string, body any, opts []CallOption) (*api.Webhook, error) {
	r := s.one(http.MethodPost, id, action, nil, opts)
	r.setWork(body)
	return get[api.Webhook](ctx, s.client, r)
}

// List gets one page of the webhooks.
func (s *WebhooksService) List(ctx context.Context, p PageParams, opts ...CallOption) (*api.WebhookList, error) {
	q := url.Values{}
	p.set(q)
	return get[api.WebhookList](ctx, s.client, s.client.newRequest(http.MethodGet, webhooksPath, q, opts))
}

// All goes over the webhooks, page by page: ascending from StartingAfter or the first, or
// with EndingBefore descending from there. An error is the last thing it gives.
func (s *WebhooksService) All(ctx context.Context, p PageParams, opts ...CallOption) iter.Seq2[api.Webhook, error] {
	return walk(ctx, p, func(ctx context.Context, at PageParams) ([]api.Webhook, bool, error) {
		page, err := s.List(ctx, at, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Webhooks, page.HasMore, nil
	}, func(w api.Webhook) string { return w.ID })
}

// Deliveries gets one page of what was sent to a webhook; cursors are ids of deliveries.
func (s *WebhooksService) Deliveries(ctx context.Context, id string, p PageParams, opts ...CallOption) (*api.DeliveryList, error) {
	q := url.Values{}
	p.set(q)
	return get[api.DeliveryList](ctx, s.client, s.one(http.MethodGet, id, "/deliveries", q, opts))
}

// AllDeliveries goes over what was sent to a webhook, as All does.
func (s *WebhooksService) AllDeliveries(ctx context.Context, id string, p PageParams, opts ...CallOption) iter.Seq2[api.Delivery, error] {
	return walk(ctx, p, func(ctx context.Context, at PageParams) ([]api.Delivery, bool, error) {
		page, err := s.Deliveries(ctx, id, at, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Deliveries, page.HasMore, nil
	}, func(d api.Delivery) string { return d.ID })
}
