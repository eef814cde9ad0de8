package api

import "encoding/json"

// Types of events. The list is closed.
const (
	EventCustomerCreated = "customer.created"
	EventCustomerUpdated = "customer.updated"
	EventCustomerDeleted = "customer.deleted"

	EventAgreementCreated   = "agreement.created"
	EventAgreementChanged   = "agreement.changed"
	EventAgreementCancelled = "agreement.cancelled" // it was given an end, or was scheduled and withdrawn
	EventAgreementResumed   = "agreement.resumed"
	EventAgreementStarted   = "agreement.started"
	EventAgreementEnded     = "agreement.ended"

	EventTrialWillEnd = "trial.will_end"
	EventTrialEnded   = "trial.ended"

	EventOverrideSet   = "override.set"
	EventOverrideEnded = "override.ended"

	EventGrantCreated  = "grant.created"
	EventGrantVoided   = "grant.voided"
	EventGrantUsedUp   = "grant.used_up"
	EventGrantReopened = "grant.reopened"
	EventGrantExpired  = "grant.expired"

	EventGraceEnded          = "grace.ended"
	EventEntitlementsChanged = "entitlements.changed"
	EventUsageReset          = "usage.reset"
	EventHoldExpired         = "hold.expired"

	EventThresholdReached = "usage.threshold_reached"
	EventLimitReached     = "limit.reached"
	EventPoolLow          = "pool.low"

	EventCatalogApplied   = "catalog.applied"
	EventVersionPublished = "plan.version_published"
	EventClientCreated    = "client.created"
	EventClientRotated    = "client.rotated"
	EventClientRevoked    = "client.revoked"
	EventKeyRotated       = "key.rotated"
	EventWebhookDisabled  = "webhook.disabled"
	EventClockRepaired    = "clock.repaired"
)

// Bounds of GET /v1/events.
const (
	DefaultEvents = 100  // page_size
	MaxEvents     = 1000 // page_size
	MaxEventWait  = 60   // wait, in seconds
)

// EventsEnd as after in GET /v1/events, is behind the last event there is.
const EventsEnd = "end"

// ContentTypeEvents in Accept asks GET /v1/events for a stream of server-sent events.
const ContentTypeEvents = "text/event-stream"

// HeaderLastEventID of a stream of server-sent events, is the cursor to go on after.
const HeaderLastEventID = "Last-Event-ID"

// What a stream of server-sent events has beside events, by their name.
const (
	StreamReady     = "ready"     // all that there was has been sent
	StreamReset     = "reset"     // what the cursor stood behind is not given out any more: [StreamNotice]
	StreamReconnect = "reconnect" // the server is ending: ask again, with the last id
)

// CursorTooOld is the reason of a StreamReset.
const CursorTooOld = "cursor_too_old"

// Event is one place of the feed: something that happened.
type Event struct {
	ID         int64      `json:"id"` // its place, and the cursor to go on after it
	Type       string     `json:"type"`
	On         Time       `json:"on"`                    // when it happened, however late it was written
	CustomerID string     `json:"customer_id,omitempty"` // absent if it is about no customer
	Actor      EventActor `json:"actor"`
	// Data is an object: [EventChange] with before and after of what was changed,
	// [EntitlementsChange] of EventEntitlementsChanged, and else what there is to say.
	Data json.RawMessage `json:"data"`
}

// Kinds of actors.
const (
	ActorClient = "client"
	ActorCLI    = "cli"    // the command line, on the database
	ActorServer = "server" // unasked, such as the first signing key
	ActorTime   = "time"   // nobody did it: its instant came
)

// EventActor is who caused an event.
type EventActor struct {
	Kind string `json:"kind"` // an Actor
	// ID is the client's, behind it @ and the issuer of its tokens if that is not the
	// server itself; "" of what has none.
	ID string `json:"id"`
}

// EventChange is the data of an event that tells of a change. Before and After decode
// into what Allot's own API calls the thing: [Customer], [Agreement], [Override], [Grant].
type EventChange struct {
	Before json.RawMessage `json:"before,omitempty"` // absent if there was none
	After  json.RawMessage `json:"after,omitempty"`  // absent if there is none any more
	// Changed are the names of fields that changed and whose values are not told, as they
	// may be of persons.
	Changed []string `json:"changed,omitempty"`
}

// CatalogApply is the data of EventCatalogApplied.
type CatalogApply struct {
	Changes []EventCatalogChange `json:"changes"`
}

// EventCatalogChange is a [CatalogChange] without its details.
type EventCatalogChange struct {
	Action  string `json:"action"` // an Action
	Kind    string `json:"kind"`   // a Kind
	Code    string `json:"code"`
	Version int64  `json:"version,omitempty"` // of a plan, where one is made or published
}

// EntitlementsChange is the data of EventEntitlementsChanged.
type EntitlementsChange struct {
	Features []FeatureChange `json:"features"` // those that changed, ascending by code
}

// FeatureChange is what a customer is entitled to of a feature, before and after.
type FeatureChange struct {
	FeatureCode string       `json:"feature_code"`
	Before      FeatureState `json:"before"`
	After       FeatureState `json:"after"`
}

// FeatureState is what a customer is entitled to of a feature, whatever was used of it.
type FeatureState struct {
	Entitled bool         `json:"entitled"`
	Limit    *int64       `json:"limit"`           // null: unlimited, or not metered, or not entitled
	Soft     bool         `json:"soft"`            // use goes on over the limit
	Value    *ConfigValue `json:"value,omitempty"` // of a config feature
}

// EventList answers GET /v1/events.
type EventList struct {
	Events  []Event `json:"events"`   // ascending by id
	HasMore bool    `json:"has_more"` // ask again at once, after Next
	Next    int64   `json:"next"`     // the cursor to go on after; also where there are no events
}

// StreamNotice is the data of what a stream has beside events.
type StreamNotice struct {
	Reason string `json:"reason,omitempty"` // of StreamReset
	Next   int64  `json:"next"`             // the cursor to go on after
}
