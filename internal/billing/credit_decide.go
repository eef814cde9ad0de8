package billing

import (
	"math"
	"slices"
)

// Credit is what a decision on a pooled feature is made by beside its allowance.
type Credit struct {
	// Available is what all sources of the feature have left; [math.MaxInt64] of an
	// unlimited one. Overage is what was used in the window above what they could pay, and
	// OverageHeld what is held so.
	Available, Overage, OverageHeld Units
	// Pool is what the feature burns; nil: nothing.
	Pool *PoolCredit
}

// PoolCredit is how a pool stands that a feature burns.
type PoolCredit struct {
	Feature Code
	// Units are those that the use burns, and Uses the most that the feature can use by
	// what the pool has.
	Units, Uses Units
	// Beyond is, as text, what it would burn where Units is cut at what 64 bits hold: a use
	// that is refused.
	Beyond     string
	Available  Units
	Overage    Units // with what is held
	Soft       bool
	OverageMax *int64
	Capped     Units        // what its caps leave; [math.MaxInt64] without caps
	Draws      []CreditDraw // of one that has more sources than one
}

// Remaining is what the feature may burn of the pool; nil without limit.
func (p *PoolCredit) Remaining() *Units {
	if left := max(min(p.Available, p.Capped), 0); left < math.MaxInt64 {
		return &left
	}
	return nil
}

// CapsLeave is what the caps of an allowance leave, the least of them; [math.MaxInt64]
// without caps. What is used and held in their windows is set.
func (al *Allowance) CapsLeave() Units {
	least := Units(math.MaxInt64)
	for i := range al.Caps {
		if c := &al.Caps[i]; binds(c.Max) {
			least = min(least, left(c.Max, max(c.Used, 0), c.Held))
		}
	}
	return least
}

// CreditDraw is what a use took of one source, or a hold set aside.
type CreditDraw struct {
	Source string // the ID of a [CreditSource]
	Class  CreditClass
	Window Window // of an allowance and of what rolled over
	Units  Units
}

// DecideCredit answers whether some more units may be used of a pooled feature, when so
// much is used and held of it in its window already.
func (al Allowance) DecideCredit(units, used, held Units, c Credit) Decision {
	d := al.open(used, held)
	al, d.Pool = d.Allowance, c.Pool
	if al.Granted && al.Limit.Soft {
		d.Overage = c.Overage
	}
	switch {
	case al.Suspended:
		d.Remaining, d.Reason = new(Units), reasonSuspended
		return d
	case !al.Granted:
		d.Remaining, d.Reason = new(Units), reasonNotEntitled
		return d
	}
	room := c.Available
	if c.Pool != nil {
		room = min(room, c.Pool.Uses)
	}
	capsAllow, room := d.measure(units, room)
	if room < math.MaxInt64 {
		d.Remaining = &room
	}
	over := units - min(units, c.Available)
	poolOver := Units(0)
	if c.Pool != nil {
		poolOver = c.Pool.Units - min(c.Pool.Units, c.Pool.Available)
	}
	switch {
	case over > 0 && !al.Limit.Soft:
		d.Reason = reasonLimitReached
	case over > 0 && above(al.OverageMax, c.Overage.Plus(c.OverageHeld), over):
		d.Reason = reasonOverageReached
	case !capsAllow:
		d.Reason = reasonCapReached
	case poolOver > 0 && !c.Pool.Soft:
		d.Reason = reasonPoolEmpty
	case poolOver > 0 && above(c.Pool.OverageMax, c.Pool.Overage, poolOver):
		d.Reason = reasonOverageReached
	case c.Pool != nil && c.Pool.Units > c.Pool.Capped:
		d.Reason = reasonCapReached
	case over > 0 || poolOver > 0:
		d.Allowed, d.Reason = true, reasonOverSoftLimit
	case d.Remaining == nil:
		d.Allowed, d.Reason = true, reasonUnlimited
	default:
		d.Allowed, d.Reason = true, reasonWithinLimit
	}
	return d
}

// above reports whether an overage would pass its bound; nil is none.
func above(bound *int64, overage, more Units) bool {
	return bound != nil && overage.Plus(more) > LimitUnits(*bound)
}

// Moved is the allowance of a decision, with its caps as they stand once its units are
// counted or held.
func (d Decision) Moved(used, held Units) Allowance {
	al := d.Allowance
	al.Caps = slices.Clone(al.Caps)
	for i := range al.Caps {
		al.Caps[i].Used, al.Caps[i].Held = d.capCounted[i].Plus(used), al.Caps[i].Held.Plus(held)
	}
	return al
}
