package event

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// types are the closed list.
var types = []Type{
	CustomerCreated, CustomerUpdated, CustomerDeleted,
	AgreementCreated, AgreementChanged, AgreementCancelled, AgreementResumed, AgreementStarted, AgreementEnded,
	TrialWillEnd, TrialEnded, OverrideSet, OverrideEnded,
	GrantCreated, GrantVoided, GrantUsedUp, GrantReopened, GrantExpired, GraceEnded,
	EntitlementsChanged, UsageReset, HoldExpired, ThresholdReached, LimitReached, PoolLow,
	CatalogApplied, VersionPublished, ClientCreated, ClientRotated, ClientRevoked, KeyRotated, WebhookDisabled, ClockRepaired,
}

// Types are all that the feed tells of.
func Types() []Type { return slices.Clone(types) }

// ParseType is the type of a name. It reports false if there is none.
func ParseType(name string) (Type, bool) {
	return Type(name), slices.Contains(types, Type(name))
}

// What the change log calls otherwise than the feed does.
const (
	customerPurged     billing.ChangeKind = "customer.purged"
	agreementWithdrawn billing.ChangeKind = "agreement.withdrawn"
	keyCreated         billing.ChangeKind = "key.created"
)

// TypeOf is what a change is called in the feed. It reports false for one that the feed
// does not tell of: one that changes nothing that anybody asks for.
func TypeOf(c *billing.Change) (Type, bool) {
	switch c.Kind {
	case customerPurged:
		return CustomerDeleted, true
	case agreementWithdrawn:
		return AgreementCancelled, true
	case keyCreated:
		return KeyRotated, true
	case billing.CatalogApplied:
		return CatalogApplied, len(c.After) > 0 // else it is that an upgrade was finished
	}
	t := Type(c.Kind)
	switch {
	case t == AgreementChanged:
		return agreementChange(c), true
	case t.OfChange():
		return t, true
	}
	return "", false
}

// OfChange reports whether a change may be told under this type; under every other type
// only events are.
func (t Type) OfChange() bool {
	switch t {
	case CustomerCreated, CustomerUpdated, CustomerDeleted, AgreementCreated, AgreementChanged, AgreementCancelled, AgreementResumed,
		OverrideSet, OverrideEnded, GrantCreated, GrantVoided, GrantUsedUp, GrantReopened,
		CatalogApplied, ClientCreated, ClientRotated, ClientRevoked, KeyRotated, ClockRepaired:
		return true
	}
	return false
}

// Type is what a place of the feed is called. It reports false for one that tells nothing.
func (h *Happening) Type() (Type, bool) {
	switch {
	case h.Event != nil:
		return h.Event.Type, slices.Contains(types, h.Event.Type)
	case h.Change != nil:
		return TypeOf(h.Change)
	}
	return "", false
}

// agreementChange is cancelled if the agreement was given an end, or the one it had came
// to now, and resumed if the end was taken back. An end that a trial gives is none; what
// the log says of a trial may leave out that it is one that ends the agreement. Changes
// that programs of before wrote do not say enough.
func agreementChange(c *billing.Change) Type {
	if c.Before["created_on"] == "" || c.After["created_on"] == "" {
		return AgreementChanged
	}
	was, is := c.Before["own_end"], c.After["own_end"]
	switch {
	case is == was, endsByTrial(c.Before) && endsByTrial(c.After):
		return AgreementChanged
	case is == "", was != "" && endsByTrial(c.After):
		return AgreementResumed
	case was == "", endsByTrial(c.Before), over(is, c.On):
		return AgreementCancelled
	}
	return AgreementChanged
}

// endsByTrial reports whether an agreement has no end but the one that its trial gives it.
func endsByTrial(agreement map[string]string) bool {
	const convert billing.TrialEnd = "convert"
	end := agreement["own_end"]
	return end != "" && end == agreement["trial_ends_on"] && billing.TrialEnd(agreement["trial_then"]) != convert
}

func over(end string, at time.Time) bool {
	t, err := time.Parse(time.RFC3339Nano, end)
	return err == nil && !t.After(at)
}
