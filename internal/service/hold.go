package service

import (
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// Hold decides as [Work.Consume] does and, if it may, sets the units aside until
// they are confirmed, released or the time is over. A refused hold has no id.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED,
// UNITS_INVALID, EXPIRES_IN_INVALID.
func (u *Work) Hold(customer billing.CustomerID, feature billing.Code, units billing.Units, lasts time.Duration) (usage.Hold, billing.Decision, error) {
	if err := checkLasts(lasts); err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	o, err := u.decide(customer, feature, units, true)
	d := o.Decision
	if err != nil || !d.Allowed {
		return usage.Hold{}, d, err
	}
	f, l := o.facts, o.ledger
	if l == nil {
		return usage.Hold{}, billing.Decision{}, billing.Refused.Errorf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features can be held", feature, d.Feature.Type)
	}
	h := usage.Hold{CustomerID: customer, Feature: feature, Units: units, MadeOn: f.now, ExpiresOn: f.now.Add(lasts), State: usage.HoldOpen, Window: &d.Window, By: u.by}
	if h.ID, err = usage.NewHoldID(u.service.random(), customer, f.now); err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	watched, err := u.watch(f, &d.Allowance, o.credits)
	if err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	if o.credits != nil {
		d, err = u.pinHold(o, &h)
	} else {
		h.Pins = overPins(&d, units)
		d, err = d.After(0, units), u.createHold(l, &h)
	}
	if err == nil {
		err = u.tell(f, watched, h.ID.String(), false)
	}
	if err != nil {
		return usage.Hold{}, billing.Decision{}, err
	}
	return h, d, u.settle()
}

// overPins are the pins of a hold beyond a soft limit that is the only source: how much it
// has of that is not to be told from sums, in which use that came later counts as use before.
// Of any other hold on one source that is all of it, and it has none.
func overPins(d *billing.Decision, units billing.Units) []usage.Draw {
	if d.Feature.Held || d.Limit.Max == nil {
		return nil
	}
	left := max(billing.LimitUnits(*d.Limit.Max).Plus(-d.Used.Plus(d.Held)), 0)
	if units <= left {
		return nil
	}
	over := usage.Draw{Source: credit.OverSource, Units: units - left}
	if left == 0 {
		return []usage.Draw{over}
	}
	return []usage.Draw{{Source: billing.OwnSource, Units: left}, over}
}

// createHold stores a hold and counts it in its lane.
func (u *Work) createHold(l *ledger, h *usage.Hold) error {
	if err := l.hold(h, h.Units); err != nil {
		return err
	}
	l.touch()
	return u.tx.CreateHold(*h)
}

// ConfirmHold counts the units of a hold, or fewer, or as in.Over says more, at the
// instant the hold was made at, and sets the rest free. What was counted is in the
// Closing of the hold. The same again gives the first outcome.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_RELEASED, HOLD_EXPIRED, UNITS_INVALID,
// OVER_INVALID.
func (u *Work) ConfirmHold(id usage.HoldID, in usage.Confirm) (usage.Hold, billing.Decision, error) {
	if in.Over == "" {
		in.Over = usage.OverReject
	}
	if !slices.Contains(usage.Overs(), in.Over) {
		return usage.Hold{}, billing.Decision{}, billing.Invalid.Errorf("OVER_INVALID", "over must be reject, available or record")
	}
	if in.Units != nil && *in.Units <= 0 {
		return usage.Hold{}, billing.Decision{}, billing.Invalid.Errorf("UNITS_INVALID", "units must be more than 0")
	}
	return u.closeHold(id, usage.HoldConfirmed, in)
}

// ReleaseHold sets the units of a hold free. The same again gives the first outcome.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_EXPIRED.
func (u *Work) ReleaseHold(id usage.HoldID) (usage.Hold, billing.Decision, error) {
	return u.closeHold(id, usage.HoldReleased, usage.Confirm{})
}

// ExtendHold moves the end of an open hold to some time from now: at most
// [usage.MaxHold], sooner or later than it was, any number of times.
//
// Errors: HOLD_NOT_FOUND, HOLD_CONFIRMED, HOLD_RELEASED, HOLD_EXPIRED,
// EXPIRES_IN_INVALID.
func (u *Work) ExtendHold(id usage.HoldID, lasts time.Duration) (usage.Hold, billing.Decision, error) {
	fail := func(err error) (usage.Hold, billing.Decision, error) { return usage.Hold{}, billing.Decision{}, err }
	if err := checkLasts(lasts); err != nil {
		return fail(err)
	}
	o, err := u.openHold(id)
	if err != nil {
		return fail(err)
	}
	if err := o.refuseClosed(); err != nil {
		return fail(err)
	}
	o.hold.ExpiresOn = o.now.Add(lasts)
	if err := u.tx.UpdateHold(o.hold); err != nil {
		return fail(err)
	}
	o.ledger.touch()
	if err := u.extendTwin(o); err != nil {
		return fail(err)
	}
	d, err := o.decision()
	if err != nil {
		return fail(err)
	}
	return o.hold, d, u.settle()
}

// checkLasts is an error if units cannot be set aside for so long: EXPIRES_IN_INVALID.
func checkLasts(lasts time.Duration) error {
	if lasts <= 0 || lasts > usage.MaxHold {
		return billing.Invalid.Errorf("EXPIRES_IN_INVALID", "expires_in must be from 1 to %d seconds", int(usage.MaxHold/time.Second))
	}
	return nil
}

// openedHold is a hold whose feature's usage is locked, with the customer's facts.
type openedHold struct {
	*facts
	hold   usage.Hold
	ledger *ledger
	// allowance is that of now, with the windows of the hold.
	allowance billing.Allowance
	present   billing.Window
	barred    bool // nothing may be used now
	// Of a pooled feature, else nil: as of the instant the hold was made at. The twin is that
	// of a feature that burns, else nil.
	credits *credits
	twin    *usage.Hold
	burned  billing.Units // what a confirm burned of the pool
	// uncovered is what of a confirm no source of a hard pool pays for.
	uncovered billing.Units
}

func (u *Work) openHold(id usage.HoldID) (*openedHold, error) {
	var h usage.Hold
	f, err := u.openUsage(id.Customer(), func(f *facts) (_ []span, err error) {
		if h, err = u.tx.Hold(id); err != nil {
			return nil, err
		}
		if h.Of != (usage.HoldID{}) { // a twin is closed with its hold
			return nil, billing.ErrNotFound
		}
		spans := []span{{h.Feature, h.MadeOn, latest(f.now, h.MadeOn)}}
		if h.Twin == (usage.HoldID{}) {
			return spans, nil
		}
		twin, err := u.tx.Hold(h.Twin)
		return poolSpans(spans, &billing.Burns{Feature: twin.Feature}), err
	})
	if errors.Is(err, billing.ErrNotFound) || errors.Is(err, errNoCustomer) {
		return nil, holdNotFound()
	} else if err != nil {
		return nil, err
	}
	if h, err = u.tx.Hold(id); isNotFound(err) { // as it is now that nobody else can close it
		return nil, holdNotFound()
	} else if err != nil {
		return nil, err
	}
	o := &openedHold{facts: f, hold: h, ledger: u.ledgers[meter{h.CustomerID, h.Feature}]}
	o.allowance = f.snap.Allowance(f.snap.Catalog.Features[h.Feature], f.now)
	o.present, o.barred = o.allowance.Window, o.allowance.Suspended || !o.allowance.Granted
	if o.allowance.Window = o.allowance.WindowAt(h.MadeOn); h.Window != nil {
		o.allowance.Window = *h.Window
	}
	for i := range o.allowance.Caps {
		o.allowance.Caps[i].Window = o.allowance.CapWindowAt(i, h.MadeOn)
	}
	if err := u.openPins(o); err != nil {
		return nil, err
	}
	return o, o.ledger.answerGrace(f.snap, &o.allowance)
}

// refuseClosed is the error of a hold that is no longer open.
func (o *openedHold) refuseClosed() error {
	switch {
	case o.hold.State == usage.HoldConfirmed:
		return billing.Conflict.Errorf("HOLD_CONFIRMED", "the hold was confirmed before")
	case o.hold.State == usage.HoldReleased:
		return billing.Conflict.Errorf("HOLD_RELEASED", "the hold was released before")
	case !o.now.Before(o.hold.ExpiresOn):
		return billing.Conflict.Errorf("HOLD_EXPIRED", "the hold expired on %s", o.hold.ExpiresOn.Format(time.RFC3339Nano))
	}
	return nil
}

func (u *Work) closeHold(id usage.HoldID, state usage.HoldState, in usage.Confirm) (usage.Hold, billing.Decision, error) {
	fail := func(err error) (usage.Hold, billing.Decision, error) { return usage.Hold{}, billing.Decision{}, err }
	o, err := u.openHold(id)
	if err != nil {
		return fail(err)
	}
	if state == usage.HoldConfirmed && in.Units == nil {
		in.Units = new(o.hold.Units)
	}
	if h := &o.hold; h.State == state && h.Closing != nil && h.Closing.Asked.Same(in) {
		return *h, o.said(), nil
	}
	if err := o.refuseClosed(); err != nil {
		return fail(err)
	}
	closing := &usage.Closing{Of: o.hold.Units, Asked: in}
	var watched []watched
	if state == usage.HoldConfirmed {
		if closing.Counted, err = o.countable(in); err != nil {
			return fail(err)
		}
		if watched, err = u.watch(o.facts, new(o.snap.Allowance(o.allowance.Feature, o.now)), o.credits); err != nil {
			return fail(err)
		}
		if err := u.countHold(o, closing.Counted); err != nil {
			return fail(err)
		}
	}
	if err := o.ledger.hold(&o.hold, -o.hold.Units); err != nil {
		return fail(err)
	}
	o.hold.State, o.hold.ExpiresOn = state, o.now
	if err := u.tx.UpdateHold(o.hold); err != nil {
		return fail(err)
	}
	o.ledger.touch()
	if err := u.closePins(o, state); err != nil {
		return fail(err)
	}
	if err := u.tell(o.facts, watched, o.hold.ID.String()+" confirmed", false); err != nil {
		return fail(err)
	}
	d, err := o.decision()
	if err != nil {
		return fail(err)
	}
	closing.Answer = usage.Answer{
		Limit: d.Limit, Granted: d.Granted, Used: d.Used, Held: d.Held, Remaining: d.Remaining, Window: d.Window,
		Caps: d.Caps, Included: d.Included, Rate: d.Rate, Sources: d.Sources, NextChange: d.NextChange, Revision: d.Revision,
		Pool: d.Pool, Draws: d.Draws, Overage: d.Overage, Uncovered: o.uncovered,
	}
	o.hold.Closing = closing
	if err := u.tx.UpdateHold(o.hold); err != nil {
		return fail(err)
	}
	return o.hold, d, u.settle()
}

// countable is how much of what is asked for a confirm counts.
func (o *openedHold) countable(in usage.Confirm) (billing.Units, error) {
	held := o.hold.Units
	switch {
	case *in.Units <= held || in.Over == usage.OverRecord:
		return *in.Units, nil
	case o.barred && in.Over == usage.OverAvailable:
		return held, nil
	case in.Over == usage.OverReject:
		return 0, billing.Invalid.Errorf("UNITS_INVALID", "units must be more than 0 and at most the %s held; to count more, say over=available or over=record", held)
	}
	if err := fillCaps(&o.allowance, o.ledger.standing); err != nil {
		return 0, err
	}
	most := *in.Units - held // beside the hold, which is among what is held
	windows := []billing.Window{o.allowance.Window}
	if o.present != windows[0] && o.present.Contains(o.hold.MadeOn) {
		windows = append(windows, o.present)
	}
	for _, w := range windows {
		used, others, err := o.ledger.standing(w)
		if err != nil {
			return 0, err
		}
		d := o.decide(used, others)
		if o.credits != nil {
			most = o.mostBeside(most)
		} else if d.Remaining != nil && !(d.Allowed && d.Limit.Soft) {
			most = min(most, *d.Remaining)
		}
		for _, c := range d.Caps {
			most = min(most, c.Remaining)
		}
		most = min(most, max(billing.MaxTotal-d.Used.Plus(d.Held), 0))
	}
	return held + most, nil
}

// countHold records what a hold is confirmed with, at its instant.
func (u *Work) countHold(o *openedHold, units billing.Units) error {
	r := o.record(o.allowance.Feature, usage.Report{Feature: o.hold.Feature, Value: units, Kind: usage.Consumed})
	r.CountedOn = o.hold.MadeOn
	if err := u.makeID(&r, o.now); err != nil {
		return err
	}
	if o.credits != nil {
		return u.countPinned(o, &r)
	}
	_, err := o.ledger.add(o.allowance.Window, &r)
	return err
}

// decision is how the window of the hold stands. Allowed tells what became of the
// hold, which was reserved, not what could be used next.
func (o *openedHold) decision() (billing.Decision, error) {
	used, held, err := o.ledger.standing(o.allowance.Window)
	if err != nil {
		return billing.Decision{}, err
	}
	if err := fillCaps(&o.allowance, o.ledger.standing); err != nil {
		return billing.Decision{}, err
	}
	d := o.decide(used, held)
	if o.credits != nil {
		o.credits.taken(&d)
	}
	d.Allowed, d.Reason, d.Revision = true, billing.ReasonHeld, o.snap.Revision()
	return d, nil
}

// said is what was answered when the hold was closed.
func (o *openedHold) said() billing.Decision {
	a := &o.hold.Closing.Answer
	return billing.Decision{
		Allowance: billing.Allowance{
			Feature: o.allowance.Feature, Granted: a.Granted, Limit: a.Limit, Window: a.Window,
			Caps: a.Caps, Included: a.Included, Rate: a.Rate, Sources: a.Sources, NextChange: a.NextChange,
		},
		Allowed: true, Reason: billing.ReasonHeld, Used: a.Used, Held: a.Held, Remaining: a.Remaining, Revision: a.Revision,
		Pool: a.Pool, Draws: a.Draws, Overage: a.Overage,
	}
}

func holdNotFound() error {
	return billing.NotFound.Errorf("HOLD_NOT_FOUND", "there is no hold with this id")
}
