package service

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/usage"
)

// EventReader reads the feed with what it tells, and what events rest on.
type EventReader interface {
	// Happenings are the next places of the feed with Seq > after, ascending, at most
	// limit; of one scope, unless it is "".
	Happenings(scope billing.Scope, after int64, limit int) ([]event.Happening, error)
	// HappeningsBefore are the places of the feed with Seq < before, descending, at most
	// limit; of one scope, unless it is "".
	HappeningsBefore(scope billing.Scope, before int64, limit int) ([]event.Happening, error)
	// Events are those of the places with from <= Seq < before that tell of an event and
	// not of a change, ascending. Places between them cost next to nothing.
	Events(from, before int64) ([]event.Happening, error)
	// FeedLength is the Seq of the last place of the feed; 0 if there is none.
	FeedLength() (int64, error)
	// PlacedOn is when a place of the feed was given, which ascends with Seq but for
	// clocks that differ; 1970 is before such times were kept.
	PlacedOn(seq int64) (time.Time, error)
	// Due is up to when a customer is told of.
	Due(billing.CustomerID) (event.Due, error)
	// Dues are those with DueOn at or before an instant, ascending by DueOn, then
	// customer, at most limit.
	Dues(at time.Time, limit int) ([]event.Due, error)
	// Telling is how far the telling of what time causes has come.
	Telling() (event.Telling, error)
	// ExpiredHolds are holds of all customers, also closed ones, that end after one
	// instant and not after another, ascending by their ends, at most limit.
	ExpiredHolds(after, upTo time.Time, limit int) ([]usage.Hold, error)
	// Marks are those that a customer's usage of a feature has reached, ascending.
	Marks(customer billing.CustomerID, feature billing.Code) ([]string, error)
}

// EventTx reads and writes events. Nothing of it needs or takes a customer's lock.
type EventTx interface {
	EventReader

	// AppendEvent stores an event unless its scope has one of its cause, and reports
	// whether it did.
	AppendEvent(event.Event) (bool, error)
	// CreateDue stores a Due unless the customer has one, and reports whether it did.
	CreateDue(event.Due) (bool, error)
	// MoveDue makes a Due another one, unless its ToldOn is not as given any more, and
	// reports whether it did.
	MoveDue(from, to event.Due) (bool, error)
	// BeginTelling stores a Telling unless there is one, and reports whether it did.
	BeginTelling(event.Telling) (bool, error)
	// MoveTelling makes the Telling another one, unless it is not as given any more, and
	// reports whether it did.
	MoveTelling(from, to event.Telling) (bool, error)
	// Mark notes that a mark was reached at an instant, and reports whether it was not
	// noted before.
	Mark(customer billing.CustomerID, feature billing.Code, mark string, on time.Time) (bool, error)
	// Unmark takes that back.
	Unmark(customer billing.CustomerID, feature billing.Code, mark string) error
}
