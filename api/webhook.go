package api

import (
	"bytes"
	"encoding/json"
)

// Formats of webhooks.
const (
	WebhookStandard = "standard" // Standard Webhooks
	WebhookKinde    = "kinde"    // a JWT, as Kinde sends
)

// Whether a webhook is sent to.
const (
	WebhookEnabled  = "enabled"
	WebhookDisabled = "disabled"
)

// What became of a delivery.
const (
	DeliveryPending   = "pending"
	DeliveryDelivered = "delivered"
	DeliveryFailed    = "failed" // there are no more attempts
)

// AllEvents stands for every event, in [WebhookEvents].
const AllEvents = "all"

// MaxOverlapSeconds is the longest overlap of two secrets of a webhook.
const MaxOverlapSeconds = 7 * 86400

// WebhookEvents are types of events: an array of them, or "all", which is none here.
type WebhookEvents []string

// MarshalJSON implements [json.Marshaler].
func (e WebhookEvents) MarshalJSON() ([]byte, error) {
	if len(e) == 0 {
		return json.Marshal(AllEvents)
	}
	return json.Marshal([]string(e))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (e *WebhookEvents) UnmarshalJSON(text []byte) error {
	if bytes.Equal(bytes.TrimSpace(text), []byte(`"`+AllEvents+`"`)) {
		*e = nil
		return nil
	}
	return json.Unmarshal(text, (*[]string)(e))
}

// CreateWebhookRequest is the body of POST /v1/webhooks.
type CreateWebhookRequest struct {
	URL         string        `json:"url"`
	Format      string        `json:"format"` // WebhookStandard or WebhookKinde
	Events      WebhookEvents `json:"events"`
	Description string        `json:"description,omitempty"`
}

// UpdateWebhookRequest is the body of PATCH /v1/webhooks/{id}. What is absent stays.
type UpdateWebhookRequest struct {
	URL         *string          `json:"url,omitempty"`
	Events      *WebhookEvents   `json:"events,omitempty"`
	Description Optional[string] `json:"description,omitzero"`
}

// Webhook is an endpoint that is told of events.
type Webhook struct {
	ID          string        `json:"id"` // webhook_…
	URL         string        `json:"url"`
	Format      string        `json:"format"`
	Events      WebhookEvents `json:"events"`
	Description string        `json:"description,omitempty"`
	Status      string        `json:"status"` // WebhookEnabled or WebhookDisabled
	// DisabledReason and DisabledOn say why and since when it is disabled.
	DisabledReason string `json:"disabled_reason,omitempty"`
	DisabledOn     *Time  `json:"disabled_on,omitempty"`
	// FailingSince is when the first of the attempts failed since which none succeeded.
	FailingSince *Time `json:"failing_since,omitempty"`
	// ReplayAfter is behind which place of the feed a replay, which is under way, goes on.
	ReplayAfter *int64 `json:"replay_after,omitempty"`
	CreatedOn   Time   `json:"created_on"`
	ChangedOn   Time   `json:"changed_on"`

	// Secret is shown by a creation and by a rotation, and never again: whsec_ and base64.
	// The format kinde has none.
	Secret string `json:"secret,omitempty"`
	// OldSecretUntil is until when the secret before signs as well; absent if it does not.
	OldSecretUntil *Time `json:"old_secret_until,omitempty"`

	// Warnings are what one would not expect of the success.
	Warnings []Warning `json:"warnings,omitempty"`
}

// WebhookList answers GET /v1/webhooks: a page, ascending by id.
type WebhookList struct {
	Webhooks []Webhook `json:"webhooks"`
	HasMore  bool      `json:"has_more"` // more in the direction of travel
}

// RotateWebhookRequest is the body of POST /v1/webhooks/{id}/rotate, which may be left out.
type RotateWebhookRequest struct {
	// Overlap is for how many seconds the old secret signs as well, up to
	// MaxOverlapSeconds; default: 86400.
	Overlap *int64 `json:"overlap,omitempty"`
}

// ReplayWebhookRequest is the body of POST /v1/webhooks/{id}/replay.
type ReplayWebhookRequest struct {
	After int64 `json:"after"` // the id of an event: all behind it are sent
}

// WebhookTest answers POST /v1/webhooks/{id}/test: what came of it.
type WebhookTest struct {
	Delivered  bool   `json:"delivered"`
	HTTPStatus int    `json:"http_status,omitempty"` // absent if no answer came
	DurationMS int64  `json:"duration_ms"`
	Error      string `json:"error,omitempty"` // why it was not delivered
}

// Delivery is one message to a webhook. It has what came of its last attempt.
type Delivery struct {
	ID          string `json:"id"`       // msg_…: the header webhook-id, the same on each attempt
	EventID     int64  `json:"event_id"` // that of the event in the feed
	Type        string `json:"type"`     // as the receiver is told it
	CustomerID  string `json:"customer_id,omitempty"`
	Status      string `json:"status"` // a Delivery status
	Attempts    int64  `json:"attempts"`
	CreatedOn   Time   `json:"created_on"`
	AttemptedOn *Time  `json:"attempted_on,omitempty"`
	HTTPStatus  int    `json:"http_status,omitempty"` // absent if no answer came
	DurationMS  *int64 `json:"duration_ms,omitempty"`
	Error       string `json:"error,omitempty"`
	DoneOn      *Time  `json:"done_on,omitempty"` // absent while it is pending
}

// DeliveryList answers GET /v1/webhooks/{id}/deliveries: a page, ascending by event.
type DeliveryList struct {
	Deliveries []Delivery `json:"deliveries"`
	HasMore    bool       `json:"has_more"` // more in the direction of travel
}
