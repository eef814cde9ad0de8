package creditmodel

import "time"

// describe is rule 15: the numbers of an answer, as they are after what was written.
func (m *Model) describe(now time.Time, feature string, p plan) Decision {
	w := m.windowOf(feature, now)
	d := Decision{
		Allowed: p.allowed, Reason: p.reason, Soft: m.soft(feature, now, now), Resets: w.End,
		Limit: m.limit(feature, now), Used: m.usedIn(feature, w), Held: m.heldIn(feature, w, now),
		Overage: m.overageUsed(feature, now),
	}
	d.Remaining = m.remaining(feature, now, p.burns)
	if p.own != nil {
		d.Draws = p.own.draws
	}
	if p.burns != nil {
		d.Pool = &PoolPart{Feature: p.burns.Pool, Units: p.cost, Remaining: m.poolLeft(p.burns.Pool, feature, now)}
		if p.pool != nil {
			d.Pool.Draws = p.pool.draws
		}
	}
	return d
}

// limit is rule 15: of a feature that is used up the allowance of the present window, 0 with
// a grant alone (rule 14); of a held one the sum of all live sources.
func (m *Model) limit(feature string, now time.Time) *Units {
	if m.features[feature].Held {
		return m.heldLimit(feature, now)
	}
	in := m.termsAt(feature, "", now)
	if !in.Has {
		none := Units(0)
		return &none
	}
	return in.Amount
}

// overageUsed is the overage of the present window, without what holds have pinned.
func (m *Model) overageUsed(feature string, now time.Time) Units {
	if !m.soft(feature, now, now) || m.boundless(feature, now) {
		return 0
	}
	if m.features[feature].Held {
		// READING: the overage of a held feature is what is used above its limit.
		limit := m.heldLimit(feature, now)
		if limit == nil {
			return 0
		}
		return atLeastZero(m.usedIn(feature, Never.At(now)) - *limit)
	}
	return m.overflow(feature, now, now)
}

// remaining is rule 15: never below 0; of a feature that burns the smallest of its limit,
// its caps and as much as the pool still pays for. nil is unlimited.
//
// READING: suspended, denied or without access it is 0.
func (m *Model) remaining(feature string, now time.Time, burns *Burns) *Units {
	none := Units(0)
	if m.flagged("", now) || m.flagged(feature, now) || !m.access(feature, now) {
		return &none
	}
	if m.features[feature].Held {
		limit := m.heldLimit(feature, now)
		if limit == nil {
			return nil
		}
		left := atLeastZero(sum(*limit, -m.usedIn(feature, Never.At(now)), -m.heldAll(feature, now)))
		return &left
	}
	least := m.poolLeft(feature, feature, now)
	if burns != nil {
		if left := m.poolLeft(burns.Pool, feature, now); left != nil {
			pays := payable(m.running(feature, now, burns.Rate), *left, burns.Rate)
			least = smaller(least, &pays)
		}
	}
	return least
}

func smaller(a, b *Units) *Units {
	switch {
	case a == nil:
		return b
	case b == nil || *a <= *b:
		return a
	}
	return b
}

// poolLeft is what a feature may still draw from a pool now, its caps included. nil is
// unlimited. A debt makes it 0.
func (m *Model) poolLeft(pool, by string, now time.Time) *Units {
	none := Units(0)
	if m.flagged(pool, now) || m.debt(pool, now) > 0 {
		return &none
	}
	room := m.capRoom(pool, now, now)
	var total Units
	for _, s := range m.sources(pool, now, now) {
		if s.Amount == nil {
			return room
		}
		if len(s.Only) == 0 || mayBurn(Grant{Only: s.Only}, by) {
			total = sum(total, s.Remaining)
		}
	}
	return smaller(&total, room)
}

// heldLimit is of a held feature the sum of all its live sources; nil is unlimited.
func (m *Model) heldLimit(feature string, now time.Time) *Units {
	var total Units
	for _, chain := range m.chains(feature) {
		in := m.termsAt(feature, chain, now)
		if !in.Has {
			continue
		}
		if in.Amount == nil {
			return nil
		}
		total = sum(total, *in.Amount)
	}
	for _, g := range m.allGrants(now) {
		if g.Feature == feature && m.live(g, now) {
			total = sum(total, g.Amount)
		}
	}
	return &total
}

// decideHeld is "used up or held": a held feature's use against the sum of its sources;
// nothing is drawn, nothing is burned.
func (m *Model) decideHeld(now time.Time, feature string, units Units, p plan) plan {
	limit := m.heldLimit(feature, now)
	own := leg{pool: feature, units: units, draws: []Draw{{"", units, true}}}
	used := sum(m.usedIn(feature, Never.At(now)), m.heldAll(feature, now), units)
	switch {
	case m.overCap(feature, now, now, units):
		p.reason = CapReached
		return p
	case limit == nil:
		p.reason = Unlimited
	case used <= *limit:
		p.reason = WithinLimit
	case !m.soft(feature, now, now):
		p.reason = LimitReached
		return p
	case m.pastSpendCap(feature, now, used-*limit):
		p.reason = OverageLimit
		return p
	default:
		p.reason = OverSoftLimit
	}
	p.allowed, p.own = true, &own
	return p
}
