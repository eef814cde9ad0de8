// Package record has what package outbox keeps in the store, webhooks and their
// deliveries, and the seam by which it does.
//
// It is apart from package outbox so that a store knows the records without what sends
// them.
//
// Start reading at [Store].
package record

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// Format is how what is sent is written and signed.
type Format string

// The formats.
const (
	Standard Format = "standard" // Standard Webhooks
	Kinde    Format = "kinde"    // a JWT, as Kinde sends
)

// State is whether a webhook is sent to.
type State string

// The states.
const (
	Enabled  State = "enabled"
	Disabled State = "disabled"
	Deleted  State = "deleted" // nobody is shown it, and its deliveries are being removed
)

// Webhook is an endpoint that is told of what happens.
type Webhook struct {
	ID          string // webhook_ and 32 hex digits
	URL         string
	Format      Format
	Events      []string // types of events; none: all
	Description string
	// Secret is what it is signed with, sealed; OldSecret is the one before, with which it
	// is signed as well until OldUntil. None of either where it is signed with keys.
	Secret    []byte
	OldSecret []byte
	OldUntil  time.Time // zero: there is none; it may be over, see OldSigns

	State      State
	Reason     string    // why it is disabled
	DisabledOn time.Time // zero unless it is disabled
	// FailingSince is when the first of the attempts failed since which none succeeded; zero
	// if the last one did.
	FailingSince time.Time
	// Begin is a place of the feed: what is behind it, and placed while it is enabled, is
	// delivered.
	Begin int64
	// ReplayAfter and ReplayUntil bound the places that are to be delivered again; the
	// former moves as that is done, up to the latter.
	ReplayAfter, ReplayUntil int64

	CreatedOn, ChangedOn time.Time
}

// OldSigns reports whether it is signed with the secret before as well.
func (w *Webhook) OldSigns(now time.Time) bool { return now.Before(w.OldUntil) }

// Status is what became of a delivery.
type Status string

// What becomes of a delivery.
const (
	Pending   Status = "pending"
	Delivered Status = "delivered"
	Failed    Status = "failed" // there are no more attempts
)

// Place is that of a delivery among those of its webhook: by the place in the feed of what
// it tells, and which of several messages about that it is, from 0.
type Place struct {
	Seq  int64
	Part int
}

// Delivery is one message to a webhook.
type Delivery struct {
	Webhook string
	Place
	Scope billing.Scope // whose events come in order
	Type  string        // as the receiver is told it

	Status      Status
	Attempts    int
	CreatedOn   time.Time
	AttemptedOn time.Time     // of the last attempt, as are the three below; zero: none
	Took        time.Duration // to the microsecond
	Answer      int           // the HTTP status; 0: none came
	Fault       string        // why it failed, in a few words
	DoneOn      time.Time     // zero while it is pending
}

// Queue is what waits for a webhook of one scope, of which the first is sent next.
type Queue struct {
	Webhook string
	Scope   billing.Scope
	NextOn  time.Time // not before
}

// Attempt is what became of one attempt.
type Attempt struct {
	Delivery           // as it is after it
	Next     time.Time // not before which its queue is sent again
}

// Store keeps webhooks and deliveries. View and Update promise what those of
// [service.Store] do.
type Store interface {
	View(ctx context.Context, fn func(Reader) error) error
	Update(ctx context.Context, fn func(Tx) error) error
}

// Reader reads one consistent state. What looks up one record returns
// [billing.ErrNotFound] if there is none.
type Reader interface {
	Webhook(id string) (Webhook, error)
	Webhooks() ([]Webhook, error) // ascending by id, deleted ones too
	// WebhookSettings are the events [SettingsSet], in the order in which they came.
	WebhookSettings() ([]event.Event, error)
	// Deliveries are those of a webhook behind a place, ascending, at most limit.
	Deliveries(webhook string, after Place, limit int) ([]Delivery, error)
	// DeliveriesBefore are those before a place, descending, at most limit.
	DeliveriesBefore(webhook string, before Place, limit int) ([]Delivery, error)
	// Queues are those of a webhook in which something waits, ascending by NextOn, at most
	// limit.
	Queues(webhook string, limit int) ([]Queue, error)
	// Heads are the first deliveries that wait in some queues of a webhook, at most so many
	// of each, which are in their order.
	Heads(webhook string, scopes []billing.Scope, each int) ([]Delivery, error)
	// OldestPending is when the oldest of a webhook's deliveries that wait was made.
	OldestPending(webhook string) (time.Time, error)

	// What is told, as service.Reader has it.

	Happenings(scope billing.Scope, after int64, limit int) ([]event.Happening, error)
	FeedLength() (int64, error)
	Catalog() (*billing.Catalog, error)
	Customer(billing.CustomerID) (billing.Customer, error)
	Agreement(billing.CustomerID, billing.AgreementID) (billing.Agreement, error)
	Overlapping(customer billing.CustomerID, addOn billing.Code, from, to time.Time, limit int) ([]billing.Agreement, error)
}

// Tx is a transaction that may write. It reads what it has written.
type Tx interface {
	Reader

	CreateWebhook(Webhook) error // [billing.ErrExists] if the id is taken
	// LockWebhook keeps other transactions from changing a webhook until this one ends,
	// and returns it as it then is.
	LockWebhook(id string) (Webhook, error)
	UpdateWebhook(Webhook) error // all but ID, Format and CreatedOn; the lock is held
	DeleteWebhook(id string) error

	// AddDeliveries stores those that are not there, pending. Their queues may be sent from
	// an instant on, unless something waits in them already.
	AddDeliveries(deliveries []Delivery, at time.Time) error
	// RepeatDeliveries is AddDeliveries that makes those that are there pending again, as
	// if nothing had been attempted. Their queues may be sent from the instant on.
	RepeatDeliveries(deliveries []Delivery, at time.Time) error
	// RecordAttempts stores what became of attempts, those of one queue in their order, and
	// reports of each whether it did: not of a delivery that has had another attempt since,
	// or waits no more. A queue may be sent from the Next of its last on; it goes if nothing
	// waits in it. The webhooks are not deleted: a delivery that is gone would come back.
	RecordAttempts([]Attempt) ([]bool, error)
	// MakeDue has all queues of a webhook sent from an instant on that would be later.
	MakeDue(webhook string, at time.Time) error
	// RemoveDeliveries removes deliveries of a webhook with what waits, at most limit, and
	// reports how many.
	RemoveDeliveries(webhook string, limit int) (int, error)
	// SweepDeliveries removes those that were done before an instant, at most limit, and
	// reports how many.
	SweepDeliveries(before time.Time, limit int) (int, error)

	// PutPlace sets where in the feed a follower is.
	PutPlace(follower string, place int64) error
	// AppendEvent is as service.EventTx says.
	AppendEvent(event.Event) (bool, error)
}
