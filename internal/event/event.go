package event

import (
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Type names what the feed tells of. The list is closed.
type Type string

// What the feed tells of.
const (
	CustomerCreated Type = "customer.created"
	CustomerUpdated Type = "customer.updated"
	CustomerDeleted Type = "customer.deleted"

	AgreementCreated   Type = "agreement.created"
	AgreementChanged   Type = "agreement.changed"
	AgreementCancelled Type = "agreement.cancelled"
	AgreementResumed   Type = "agreement.resumed"
	AgreementStarted   Type = "agreement.started" // by time
	AgreementEnded     Type = "agreement.ended"   // by time

	TrialWillEnd Type = "trial.will_end" // by time
	TrialEnded   Type = "trial.ended"    // by time

	OverrideSet   Type = "override.set"
	OverrideEnded Type = "override.ended"

	GrantCreated  Type = "grant.created"
	GrantVoided   Type = "grant.voided"
	GrantUsedUp   Type = "grant.used_up"
	GrantReopened Type = "grant.reopened"
	GrantExpired  Type = "grant.expired" // by time

	GraceEnded          Type = "grace.ended"          // by time
	EntitlementsChanged Type = "entitlements.changed" // by a change, or by time
	UsageReset          Type = "usage.reset"          // by time, if asked for
	HoldExpired         Type = "hold.expired"         // by time, if asked for

	ThresholdReached Type = "usage.threshold_reached"
	LimitReached     Type = "limit.reached"
	PoolLow          Type = "pool.low"

	CatalogApplied   Type = "catalog.applied"
	VersionPublished Type = "plan.version_published"
	ClientCreated    Type = "client.created"
	ClientRotated    Type = "client.rotated"
	ClientRevoked    Type = "client.revoked"
	KeyRotated       Type = "key.rotated"
	WebhookDisabled  Type = "webhook.disabled"
	ClockRepaired    Type = "clock.repaired"
)

// Event is something that happened and is no change of facts: what time caused, and what
// usage did. It has no revision; no answer depends on its having been written.
type Event struct {
	Scope billing.Scope
	// Cause tells it from all others of its scope: what caused it, and when or in which
	// window. Of two with one cause there is only the first.
	Cause string
	Type  Type
	On    time.Time     // when it happened, however late it is written
	By    billing.Actor // "" is time itself
	// Facts are what it tells, each as a text by the name of a field, like those of a
	// [billing.Change].
	Facts map[string]string
	// Features are those whose entitlements changed, ascending by code; of
	// entitlements.changed.
	Features []FeatureChange
}

// FeatureChange is what a customer is entitled to of a feature before and after an instant.
type FeatureChange struct {
	Feature       billing.Code
	Before, After FeatureState
}

// FeatureState is what a customer is entitled to of a feature. What was used of it is no part.
type FeatureState struct {
	Entitled bool
	Limit    *int64 // of a metered feature that is limited; nil: unlimited, or not metered
	Soft     bool
	Value    string // of a config feature: its value as JSON; "" if it has none
}

// Happening is one place of the feed: a change or an event, and not both.
type Happening struct {
	Seq    int64
	Change *billing.Change
	Event  *Event
}

// Moments is the follower of the feed that tells what time causes.
const Moments = "moments"

// Due says up to when events of time are told of a customer, and when the next may happen.
type Due struct {
	Customer billing.CustomerID
	ToldOn   time.Time
	DueOn    time.Time // zero: nothing is known to happen
}

// Telling says how far the telling of what time causes has come, of all customers.
type Telling struct {
	// BegunOn is when it began in this store. Nothing from before is told.
	BegunOn time.Time
	// After is up to which customer, ascending by id, those of before are gone through to
	// find what is due; Walked: all are.
	After  billing.CustomerID
	Walked bool
	// ResetsOn is since when usage.reset is told; zero: it is not.
	ResetsOn time.Time
	// HoldsOn is up to when hold.expired is told; zero: it is not.
	HoldsOn time.Time
}
