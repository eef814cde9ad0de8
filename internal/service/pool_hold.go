package service

import (
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// pinHold sets a hold's units aside at the sources that would pay for them now, and those
// that it would burn in a twin of it in the pool. It returns how things stand then.
func (u *Work) pinHold(o *decided, h *usage.Hold) (billing.Decision, error) {
	c := o.credits
	h.Pins = c.ownState.Pin(c.code, h.Units)
	c.took = h.Pins
	if c.burned != nil {
		t := *h
		t.Feature, t.Of, t.Units = c.burns.Feature, h.ID, c.burnedBy(h.Units, true)
		t.Window = &c.burnedState.Allowance.Window
		t.Pins = c.burnedState.Pin(c.code, t.Units)
		c.tookBurned, c.burnedUnits = t.Pins, t.Units
		var err error
		if t.ID, err = usage.NewHoldID(u.service.random(), h.CustomerID, h.MadeOn); err != nil {
			return billing.Decision{}, err
		}
		h.Twin = t.ID
		if err := u.createPinned(c.burned, &t); err != nil {
			return billing.Decision{}, err
		}
		if err := fillCaps(&c.burnedState.Allowance, c.burnedIn); err != nil {
			return billing.Decision{}, err
		}
	}
	if err := u.createPinned(c.own, h); err != nil {
		return billing.Decision{}, err
	}
	if err := u.storeSums(o.facts, c); err != nil {
		return billing.Decision{}, err
	}
	return c.after(o.Decision, 0, h.Units), nil
}

// createPinned stores a hold with its pins.
func (u *Work) createPinned(p *pool, h *usage.Hold) error {
	l := u.ledgers[meter{h.CustomerID, h.Feature}]
	if credit.Named(h.Pins) {
		l.lane().Pooled = true
	}
	p.Pins = append(p.Pins, credit.Pin{Hold: h.ID, Made: h.MadeOn, Ends: h.ExpiresOn, Draws: h.Pins})
	return u.createHold(l, h)
}

// openPins reads the pools of a hold as they stand at the instant it was made at, if its
// feature is pooled, or was then.
func (u *Work) openPins(o *openedHold) error {
	if len(o.hold.Pins) == 0 && !isPooled(&o.allowance, o.ledger.lane()) {
		return nil
	}
	if o.hold.Twin != (usage.HoldID{}) {
		twin, err := u.tx.Hold(o.hold.Twin)
		if err != nil {
			return err
		}
		o.twin = &twin
	}
	if err := u.flush(); err != nil {
		return err
	}
	c, err := openCredits(u.tx.Reader(), o.snap, o.allowance.Feature, o.hold.MadeOn, latest(o.now, o.hold.MadeOn), u.ledgers, nil)
	if err != nil {
		return err
	}
	if o.twin == nil {
		c.burns, c.burned = nil, nil // it was made before its feature burned another
	}
	if err := u.storePayments(o.facts, c); err != nil {
		return err
	}
	o.credits = c
	window := o.allowance.Window
	o.allowance = c.ownState.Allowance
	o.allowance.Window = window
	return nil
}

// decide is a decision on no more units in a window of a hold.
func (o *openedHold) decide(used, held billing.Units) billing.Decision {
	if o.credits != nil {
		return o.credits.decide(&o.allowance, 0, used, held, false)
	}
	return o.allowance.Decide(0, used, held)
}

// countPinned records what a hold is confirmed with: it is drawn from what is pinned, and
// what is more from what is there.
func (u *Work) countPinned(o *openedHold, r *usage.Record) error {
	c, h := o.credits, &o.hold
	r.Change = r.Value
	more := r.Change - min(r.Change, h.Units)
	draws := pinned(h, r.Change-more)
	extra, short := c.ownState.Take(c.code, more)
	draws = joined(draws, extra)
	if !c.ownState.Soft() {
		o.uncovered = short
	}
	var twin []usage.Draw
	var burned billing.Units
	if c.burned != nil {
		burned = c.burnedBy(r.Change, false)
		o.burned = burned
		over := billing.Units(0)
		if more > 0 {
			over = burned - min(burned, o.twin.Units)
		}
		twin = pinned(o.twin, burned-over)
		extra, short := c.burnedState.Take(c.code, over)
		twin = joined(twin, extra)
		if short > 0 && !c.burnedState.Soft() {
			o.uncovered = short // as of a use: see [Work.use]
		}
	}
	return u.writeUse(o.facts, c, o.allowance.Window, r, draws, twin, burned)
}

// pinned are the first units of what a hold has set aside.
func pinned(h *usage.Hold, units billing.Units) []usage.Draw {
	if len(h.Pins) == 0 { // it has of nothing but its window
		return []usage.Draw{{Source: billing.OwnSource, Units: units}}
	}
	return credit.Unpin(h.Pins, units)
}

// joined are draws and more of them, each source once.
func joined(draws, more []usage.Draw) []usage.Draw {
next:
	for _, d := range more {
		for i := range draws {
			if draws[i].Source == d.Source {
				draws[i].Units = draws[i].Units.Plus(d.Units)
				continue next
			}
		}
		draws = append(draws, d)
	}
	return draws
}

// closePins closes the twin of a hold that is closed, and gives back what both had set
// aside: debts are paid with it.
func (u *Work) closePins(o *openedHold, state usage.HoldState) error {
	c := o.credits
	if c == nil {
		return nil
	}
	c.own.unpin(o.hold.ID)
	if o.twin != nil {
		l := u.ledgers[meter{o.twin.CustomerID, o.twin.Feature}]
		if err := l.hold(o.twin, -o.twin.Units); err != nil {
			return err
		}
		l.touch()
		o.twin.State, o.twin.ExpiresOn, o.twin.Closing = state, o.now, &usage.Closing{Counted: o.burned, Of: o.twin.Units}
		if err := u.tx.UpdateHold(*o.twin); err != nil {
			return err
		}
		if c.burned != nil {
			c.burned.unpin(o.twin.ID)
		}
	}
	return u.payBack(o.facts, c, o.hold.MadeOn)
}

// extendTwin moves the end of a hold's twin with it.
func (u *Work) extendTwin(o *openedHold) error {
	if o.twin == nil {
		return nil
	}
	o.twin.ExpiresOn = o.hold.ExpiresOn
	u.ledgers[meter{o.twin.CustomerID, o.twin.Feature}].touch()
	return u.tx.UpdateHold(*o.twin)
}

// mostBeside is how many units, at most so many, can be counted beside those that a hold has
// set aside, by what the pools have and as far as an overage may go.
func (o *openedHold) mostBeside(most billing.Units) billing.Units {
	c := o.credits
	fits := func(n billing.Units) bool {
		if !c.ownState.Allows(c.code, n) {
			return false
		}
		if c.burned == nil {
			return true
		}
		more := c.burnedBy(o.hold.Units+n, false) - o.twin.Units
		return more <= c.burnedState.Allowance.CapsLeave() && c.burnedState.Allows(c.code, more)
	}
	low, high := billing.Units(0), most+1 // what fits, and what does not or is too much
	for low+1 < high {
		if middle := low + (high-low)/2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}
