package service

import (
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Hold decides as [Work.Consume] does and, if it may, sets the units aside until
// they are confirmed, released or the time is over. A refused hold has no id.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED,
// UNITS_INVALID, EXPIRES_IN_INVALID.
func (u *Work) Hold(customer billing.CustomerID, feature billing.Code, units billing.Units, lasts time.Duration) (usage.Hold, billing.Decision, error) {
	if lasts <= 0 || lasts > usage.MaxHold {
		return usage.Hold{}, billing.Decision{}, billing.Invalid.Errorf("EXPIRES_IN_INVALID", "expires_in must be from 1 to %d seconds", int(usage.MaxHold/time.Second))
	}
	f, l, d, err := u.decide(customer, feature, units)
	if err != nil || !d.Allowed {
		return usage.Hold{}, d, err
	}
	if l == nil {
		return usage.Hold{}, billing.Decision{}, billing.Refused.Errorf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features can be held", feature, d.Feature.Type)
	}
	h := usage.Hold{CustomerID: customer, Feature: feature, Units: units, MadeOn: f.now, ExpiresOn: f.now.Add(lasts), State: usage.HoldOpen, By: u.by}
	if h.ID, err = usage.NewHoldID(u.service.random(), customer, f.now); err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	if err := u.tx.CreateHold(h); err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	l.touch()
	return h, d.After(0, units), u.settle()
}

// ConfirmHold counts the units of a hold, or fewer, or as in.Over says more, at the
// instant the hold was made at, and sets the rest free. What was counted is in the
// Closing of the hold. The same again gives the first outcome.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_RELEASED, HOLD_EXPIRED, UNITS_INVALID,
// OVER_INVALID.
func (u *Work) ConfirmHold(id usage.HoldID, in usage.Confirm) (usage.Hold, billing.Decision, error) {
	return u.closeHold(id, usage.HoldConfirmed, in.Units)
}

// ExtendHold moves the end of an open hold to some time from now: at most
// [usage.MaxHold], sooner or later than it was, any number of times.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_RELEASED, HOLD_EXPIRED,
// EXPIRES_IN_INVALID.
func (u *Work) ExtendHold(id usage.HoldID, lasts time.Duration) (usage.Hold, billing.Decision, error) {
	return usage.Hold{}, billing.Decision{}, holdNotFound()
}

// ReleaseHold sets the units of a hold free. The same again gives the first outcome.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_EXPIRED.
func (u *Work) ReleaseHold(id usage.HoldID) (usage.Hold, billing.Decision, error) {
	return u.closeHold(id, usage.HoldReleased, nil)
}

func (u *Work) closeHold(id usage.HoldID, state usage.HoldState, units *billing.Units) (usage.Hold, billing.Decision, error) {
	fail := func(err error) (usage.Hold, billing.Decision, error) {
		return usage.Hold{}, billing.Decision{}, err
	}
	var h usage.Hold
	f, err := u.openUsage(id.Customer(), func(f *facts) (_ []span, err error) {
		if h, err = u.tx.Hold(id); err != nil {
			return nil, err
		}
		return []span{{h.Feature, h.MadeOn, latest(f.now, h.MadeOn)}}, nil
	})
	if errors.Is(err, billing.ErrNotFound) || errors.Is(err, errNoCustomer) {
		return fail(holdNotFound())
	} else if err != nil {
		return fail(err)
	}
	if h, err = u.tx.Hold(id); isNotFound(err) { // as it is now that nobody else can close it
		return fail(holdNotFound())
	} else if err != nil {
		return fail(err)
	}
	l := u.ledgers[meter{h.CustomerID, h.Feature}]
	switch {
	case h.State != usage.HoldOpen:
		return fail(billing.Conflict.Errorf("HOLD_NOT_ACTIVE", "the hold was %s before", h.State))
	case !f.now.Before(h.ExpiresOn):
		return fail(billing.Conflict.Errorf("HOLD_NOT_ACTIVE", "the hold expired on %s", h.ExpiresOn.Format(time.RFC3339Nano)))
	case units != nil && (*units <= 0 || *units > h.Units):
		return fail(billing.Invalid.Errorf("UNITS_INVALID", "units must be more than 0 and at most the %s held", h.Units))
	}
	h.State, h.ExpiresOn = state, f.now
	if err := u.tx.UpdateHold(h); err != nil {
		return fail(err)
	}
	l.touch()
	feature := f.snap.Catalog.Features[h.Feature]
	al := f.snap.Allowance(feature, f.now)
	if state == usage.HoldConfirmed {
		r := f.record(feature, usage.Report{Feature: h.Feature, Value: h.Units, Kind: usage.Consumed})
		if units != nil {
			r.Value = *units
		}
		r.CountedOn = h.MadeOn
		if r.ID, err = u.recordID(f.now); err != nil {
			return fail(err)
		}
		if err := l.add(al.WindowAt(h.MadeOn), &r); err != nil {
			return fail(err)
		}
	}
	used, err := l.used(al.Window)
	if err != nil {
		return fail(err)
	}
	if err := u.settle(); err != nil {
		return fail(err)
	}
	held, err := u.tx.HeldUnits(h.CustomerID, h.Feature, al.Window, f.now, time.Time{})
	if err != nil {
		return fail(err)
	}
	// Allowed tells what became of the hold, which was reserved, not what could
	// be used next.
	d := al.Decide(0, used, held)
	d.Allowed, d.Revision = true, f.snap.Revision()
	return h, d, nil
}

func holdNotFound() error {
	return billing.NotFound.Errorf("HOLD_NOT_FOUND", "there is no hold with this id")
}
