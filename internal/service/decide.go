package service

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// check decides on some units of each feature in order, at an instant or the
// later one that the usage of one of them was last written at. It says of which features
// the window is not present.
func check(r Reader, snap *billing.Snapshot, features []billing.Code, units billing.Units, now time.Time) ([]billing.Decision, []billing.Code, error) {
	out := make([]billing.Decision, len(features))
	var absent []billing.Code
	for i := 0; i < len(features); {
		feature, ok := snap.Catalog.Features[features[i]]
		if !ok {
			return nil, nil, billing.UnknownFeature(features[i])
		}
		al := snap.Allowance(feature, now)
		u, err := usageAt(r, snap, &al, now)
		if err != nil {
			return nil, nil, err
		}
		if u.last.After(now) {
			now, i, absent = u.last, 0, nil // one instant for all
			continue
		}
		if u.absent {
			absent = append(absent, features[i])
		}
		out[i] = u.decide(&al, units)
		out[i].Revision = snap.Revision()
		i++
	}
	return out, absent, nil
}

// stands is how usage of an allowance stands at an instant.
type stands struct {
	used, held billing.Units
	// last is the latest instant that usage or holds of the feature, or of what it burns,
	// were written at. If that is later, the instant is a lagging clock's: what was closed
	// by then is not held, and the window to be asked about may be another.
	last time.Time
	// absent says that the window is not the lane's, and may have usage: see
	// [Service.present].
	absent bool
	// credits, of a pooled feature, are what it is decided on; else nil.
	credits *credits
}

// decide answers whether some more units may be used.
func (u *stands) decide(al *billing.Allowance, units billing.Units) billing.Decision {
	if u.credits != nil {
		return u.credits.decide(al, units, u.used, u.held, false)
	}
	return al.Decide(units, u.used, u.held)
}

// usageAt is how usage of an allowance stands.
func usageAt(r Reader, snap *billing.Snapshot, al *billing.Allowance, now time.Time) (u stands, err error) {
	customer, code := snap.Customer.ID, al.Feature.Code
	if al.Feature.Type != billing.Metered {
		return stands{}, nil
	}
	counters, err := r.CountersAt(customer, code, now)
	if err != nil {
		return stands{}, err
	}
	all := usage.Counter{CustomerID: customer, Feature: code}
	for i := range counters {
		c := &counters[i]
		if c.Window.AllTime() {
			u.last, all = c.ChangedOn, *c
			had := c.Lane.Window
			u.absent = !snap.Catalog.Unfinished && (had == nil || *had != al.Window && !begunAfter(al.Window, u.last))
		}
	}
	in := func(w billing.Window) (used, held billing.Units, err error) {
		if i := slices.IndexFunc(counters, func(c usage.Counter) bool { return c.Window == w && exact(c.Used) }); i >= 0 {
			used = counters[i].Used
		} else if used, err = r.SumUsage(customer, code, w, time.Time{}); err != nil {
			return 0, 0, err
		}
		held, err = heldIn(r, &all, w, latest(now, u.last))
		return used, held, err
	}
	if u.used, u.held, err = in(al.Window); err != nil {
		return stands{}, err
	}
	if len(counters) == 0 && u.used != 0 {
		if all.Lane.Pooled, u.last, err = lostLane(r, customer, code); err != nil {
			return stands{}, err
		}
	}
	if isPooled(al, &all.Lane) {
		at := latest(now, u.last)
		if u.credits, err = readCredits(r, snap, al.Feature, at, at); err != nil {
			return stands{}, err
		}
		*al = u.credits.ownState.Allowance
		if p := u.credits.burned; p != nil {
			u.last = latest(u.last, p.written)
		}
	}
	if err := fillCaps(al, in); err != nil {
		return stands{}, err
	}
	return u, answerGrace(r, snap, al, time.Time{})
}

// usedAndHeld is what is used and held in a window of a feature.
type usedAndHeld func(billing.Window) (used, held billing.Units, err error)

// fillCaps sets what is used and held in the windows of an allowance's caps.
func fillCaps(al *billing.Allowance, in usedAndHeld) error {
	for i := range al.Caps {
		c := &al.Caps[i]
		var err error
		if c.Used, c.Held, err = in(c.Window); err != nil {
			return err
		}
	}
	return nil
}

// exact reports whether a counter says what was used. One that was cut says only that
// it was more than it can hold: then the records are summed, since corrections may
// have come.
func exact(used billing.Units) bool { return used < math.MaxInt64 && used > math.MinInt64 }

// usedIn is the usage in a window: its counter, or before there is one the sum
// of the records.
func usedIn(r UsageReader, customer billing.CustomerID, feature billing.Code, w billing.Window) (billing.Units, error) {
	c, err := r.Counter(customer, feature, w)
	if isNotFound(err) || err == nil && !exact(c.Used) {
		return r.SumUsage(customer, feature, w, time.Time{})
	}
	return c.Used, err
}

// Consume decides whether a customer may use some units more and, if it may,
// records them, in one step: whatever else goes on, a hard limit is not
// exceeded. A refusal is a decision, not an error.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, UNITS_INVALID.
func (u *Work) Consume(customer billing.CustomerID, feature billing.Code, units billing.Units) (billing.Decision, error) {
	o, err := u.decide(customer, feature, units, false)
	d := o.Decision
	if err != nil || !d.Allowed || d.Feature.Type != billing.Metered {
		return d, err
	}
	r := o.record(d.Feature, usage.Report{Feature: feature, Value: units, Kind: usage.Consumed})
	if err := u.makeID(&r, o.now); err != nil {
		return billing.Decision{}, err
	}
	watched, err := u.watch(o.facts, &d.Allowance, o.credits)
	if err != nil {
		return billing.Decision{}, err
	}
	if o.credits != nil {
		r.Change = units
		_, err = u.use(o.facts, o.credits, d.Window, &r)
		d = o.credits.after(d, units, 0)
	} else {
		_, err = o.ledger.add(d.Window, &r)
		d = d.After(units, 0)
	}
	if err == nil {
		err = u.tell(o.facts, watched, r.ID, false)
	}
	if err != nil {
		return billing.Decision{}, err
	}
	return d, u.settle()
}

// decided is a decision on more units, under the lock of the usage of its feature.
type decided struct {
	*facts
	billing.Decision
	ledger  *ledger  // nil if the feature has no usage
	credits *credits // of a pooled feature; else nil
}

// decide locks the usage of a feature, and of what it burns, and decides on some more, to
// be used at once or held.
func (u *Work) decide(customer billing.CustomerID, code billing.Code, units billing.Units, hold bool) (*decided, error) {
	if units <= 0 {
		return &decided{}, billing.Invalid.Errorf("UNITS_INVALID", "units must be more than 0")
	}
	var al billing.Allowance
	locked := false
	f, err := u.openUsage(customer, func(f *facts) (_ []span, err error) {
		feature, ok := f.snap.Catalog.Features[code]
		if !ok {
			return nil, billing.UnknownFeature(code)
		}
		if c := u.leftPools(meter{customer, code}, f); c != nil {
			al = c.ownState.Allowance
		} else {
			al = f.snap.Allowance(feature, f.now)
		}
		if locked, err = u.mayHaveUsage(customer, &al); err != nil || !locked {
			return nil, err
		}
		return poolSpans([]span{{code, f.now, f.now}}, al.Burns), nil
	})
	if err != nil {
		return &decided{}, err
	}
	out := &decided{facts: f}
	var used, held billing.Units
	if locked {
		out.ledger = u.ledgers[meter{customer, code}]
		if used, held, err = u.standing(out, &al); err != nil {
			return &decided{}, err
		}
	}
	if out.credits != nil {
		out.Decision = out.credits.decide(&al, units, used, held, hold)
	} else {
		out.Decision = al.Decide(units, used, held)
	}
	d := &out.Decision
	d.Revision = f.snap.Revision()
	if err := u.tellRefusal(out, units); err != nil {
		return &decided{}, err
	}
	if c := out.credits; c != nil && c.burned != nil && d.Allowed &&
		c.burnedState.Used.Plus(c.burnedState.Held).Plus(c.burnedBy(units, hold)) > billing.MaxTotal {
		return &decided{}, billing.Invalid.Errorf("UNITS_INVALID", "what is used and held of a window of %s, which this burns, is at most %s", c.burns.Feature, billing.MaxTotal)
	}
	if locked && d.Allowed && d.Used.Plus(d.Held).Plus(units) > billing.MaxTotal {
		return &decided{}, billing.Invalid.Errorf("UNITS_INVALID", "what is used and held of a window is at most %s", billing.MaxTotal)
	}
	return out, nil
}

// standing is what is used and held of an allowance, and, of a pooled feature, what it is
// decided on.
func (u *Work) standing(d *decided, al *billing.Allowance) (used, held billing.Units, err error) {
	l := d.ledger
	if isPooled(al, l.lane()) {
		var err error
		if d.credits, err = u.poolsOf(d, al.Feature); err != nil {
			return 0, 0, err
		}
		*al = d.credits.ownState.Allowance
	}
	if err := l.present(d.facts, al.Window); err != nil {
		return 0, 0, err
	}
	if used, held, err = l.standing(al.Window); err != nil {
		return 0, 0, err
	}
	if err := fillCaps(al, l.standing); err != nil {
		return 0, 0, err
	}
	return used, held, l.answerGrace(d.snap, al)
}

// poolSpans adds the pool that a feature burns to the spans, which ascend by feature.
func poolSpans(spans []span, burns *billing.Burns) []span {
	if burns == nil || slices.ContainsFunc(spans, func(s span) bool { return s.feature == burns.Feature }) {
		return spans
	}
	spans = append(spans, span{burns.Feature, spans[0].from, spans[0].to})
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.feature, b.feature) })
	return spans
}

// mayHaveUsage reports whether there is usage of a feature to decide by, or can
// be. What a customer may not use it may have used before; where it has not,
// there is nothing to lock, and nothing is made to lock.
func (u *Work) mayHaveUsage(customer billing.CustomerID, al *billing.Allowance) (bool, error) {
	if al.Feature.Type != billing.Metered {
		return false, nil
	}
	if al.Pooled && u.kept != nil {
		return false, errUnkept
	}
	if al.Pooled || al.Granted && !al.Suspended || u.ledgers[meter{customer, al.Feature.Code}] != nil {
		return true, nil
	}
	if u.kept != nil {
		return !u.kept.missing, nil
	}
	_, err := u.tx.Counter(customer, al.Feature.Code, billing.Window{})
	if isNotFound(err) { // nothing was ever used, or the counters are lost
		used, err := u.tx.SumUsage(customer, al.Feature.Code, billing.Window{}, time.Time{})
		return used != 0, err
	}
	return err == nil, err
}
