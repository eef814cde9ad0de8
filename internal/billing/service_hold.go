package billing

import (
	"errors"
	"time"
)

// MaxHold is the longest a hold may last.
const MaxHold = 24 * time.Hour

// Hold decides as [Unit.Consume] does and, if it may, sets the units aside until
// they are confirmed, released or the time is over. A refused hold has no id.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED,
// UNITS_INVALID, EXPIRES_IN_INVALID.
func (u *Unit) Hold(customer CustomerID, feature Code, units Units, lasts time.Duration) (Hold, Decision, error) {
	if lasts <= 0 || lasts > MaxHold {
		return Hold{}, Decision{}, invalidf("EXPIRES_IN_INVALID", "expires_in must be from 1 to %d seconds", int(MaxHold/time.Second))
	}
	f, l, d, err := u.decide(customer, feature, units)
	if err != nil || !d.Allowed {
		return Hold{}, d, err
	}
	if l == nil {
		return Hold{}, Decision{}, invalidf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features can be held", feature, d.Feature.Type)
	}
	h := Hold{CustomerID: customer, Feature: feature, Units: units, MadeOn: f.now, ExpiresOn: f.now.Add(lasts), State: HoldOpen, By: u.by}
	if h.ID, err = newHoldID(u.service.random(), customer, f.now); err != nil {
		return Hold{}, Decision{}, err
	}
	if err := u.tx.CreateHold(h); err != nil {
		return Hold{}, Decision{}, err
	}
	l.touch()
	return h, d.after(0, units), u.settle()
}

// ConfirmHold counts the units of a hold, or fewer, in the window the hold was
// made in, and sets the rest free. units nil is all of them.
//
// Errors: HOLD_NOT_FOUND, HOLD_NOT_ACTIVE, UNITS_INVALID.
func (u *Unit) ConfirmHold(id HoldID, units *Units) (Hold, Decision, error) {
	return u.closeHold(id, HoldConfirmed, units)
}

// ReleaseHold sets the units of a hold free.
//
// Errors: HOLD_NOT_FOUND, HOLD_NOT_ACTIVE.
func (u *Unit) ReleaseHold(id HoldID) (Hold, Decision, error) {
	return u.closeHold(id, HoldReleased, nil)
}

func (u *Unit) closeHold(id HoldID, state HoldState, units *Units) (Hold, Decision, error) {
	fail := func(err error) (Hold, Decision, error) { return Hold{}, Decision{}, err }
	var h Hold
	f, err := u.openUsage(id.Customer(), func(f *facts) (_ []span, err error) {
		if h, err = u.tx.Hold(id); err != nil {
			return nil, err
		}
		return []span{{h.Feature, h.MadeOn, latest(f.now, h.MadeOn)}}, nil
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, errNoCustomer) {
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
	case h.State != HoldOpen:
		return fail(conflictf("HOLD_NOT_ACTIVE", "the hold was %s before", h.State))
	case !f.now.Before(h.ExpiresOn):
		return fail(conflictf("HOLD_NOT_ACTIVE", "the hold expired on %s", h.ExpiresOn.Format(time.RFC3339Nano)))
	case units != nil && (*units <= 0 || *units > h.Units):
		return fail(invalidf("UNITS_INVALID", "units must be more than 0 and at most the %s held", h.Units))
	}
	h.State, h.ExpiresOn = state, f.now
	if err := u.tx.UpdateHold(h); err != nil {
		return fail(err)
	}
	l.touch()
	feature := f.snap.Catalog.Features[h.Feature]
	al := f.snap.Allowance(feature, f.now)
	if state == HoldConfirmed {
		r := f.record(feature, NewUsage{Feature: h.Feature, Value: h.Units, Kind: Consumed})
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

func holdNotFound() error { return notFound("HOLD_NOT_FOUND", "there is no hold with this id") }
