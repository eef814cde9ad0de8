package creditmodel

import (
	"fmt"
	"time"
)

// Reasons of answers.
const (
	WithinLimit   = "within_limit"
	Unlimited     = "unlimited"
	OverSoftLimit = "over_soft_limit"
	LimitReached  = "limit_reached"
	CapReached    = "cap_reached"
	PoolEmpty     = "pool_empty"
	OverageLimit  = "overage_limit_reached"
	NotEntitled   = "not_entitled"
	Suspended     = "suspended"
)

// plan is what a use would do: the reason, and if it is allowed its legs.
type plan struct {
	allowed bool
	reason  string
	own     *leg
	pool    *leg
	rate    string
	cost    Units
	burns   *Burns
}

// Check answers whether a use of so many units is allowed now. It writes nothing.
func (m *Model) Check(now time.Time, feature string, units Units) Answer {
	if a, bad := m.refused(feature, units); bad {
		return a
	}
	v := m.clone()
	v.settle(now)
	p := v.decide(now, feature, units, false)
	d := v.describe(now, feature, p)
	return Answer{Decision: &d}
}

// Consume is rule 4: the feature's own limit, its caps and the pool, decided and recorded in
// one step. Refused, nothing is recorded.
func (m *Model) Consume(now time.Time, feature string, units Units) Answer {
	if a, bad := m.refused(feature, units); bad {
		return a
	}
	m.begin(now)
	p := m.decide(now, feature, units, false)
	var id string
	if p.allowed {
		id = m.nextID("r")
		m.records = append(m.records, record{
			id: id, feature: feature, counted: now, committed: now, units: units,
			own: p.own, pool: p.pool, rate: p.rate, window: m.windowOf(feature, now),
		})
	}
	d := m.describe(now, feature, p)
	return Answer{ID: id, Decision: &d}
}

// refused are the errors of what is asked.
func (m *Model) refused(feature string, units Units) (Answer, bool) {
	if _, ok := m.features[feature]; !ok {
		return Answer{Code: "FEATURE_NOT_FOUND"}, true
	}
	if units <= 0 {
		return Answer{Code: "UNITS_INVALID"}, true
	}
	return Answer{}, false
}

func (m *Model) nextID(kind string) string {
	m.ids++
	return fmt.Sprintf("%s%06d", kind, m.ids)
}

// decide is rule 4. A hold is decided alike, but pins u·R rounded up (rule 6).
//
// READING: suspension is named before anything else, then deny and a lack of access as
// not_entitled, then the feature's own limit, its caps, the pool.
func (m *Model) decide(now time.Time, feature string, units Units, hold bool) plan {
	p := plan{burns: m.burns(feature, now)}
	if p.burns != nil {
		p.rate = p.burns.Rate
		p.cost = pinned(units, p.rate)
		if !hold {
			p.cost = Priced(m.running(feature, now, p.rate), units, p.rate)
		}
	}
	switch {
	case m.flagged("", now):
		p.reason = Suspended
		return p
	case m.flagged(feature, now) || !m.access(feature, now):
		p.reason = NotEntitled
		return p
	}
	if m.features[feature].Held {
		return m.decideHeld(now, feature, units, p)
	}
	own, reason := m.takeFrom(feature, feature, now, units)
	if reason == LimitReached || reason == OverageLimit {
		p.reason = reason
		return p
	}
	if m.overCap(feature, now, now, units) {
		p.reason = CapReached
		return p
	}
	if p.burns != nil {
		pool, poolReason := m.takeFrom(p.burns.Pool, feature, now, p.cost)
		if poolReason == LimitReached {
			poolReason = PoolEmpty
		}
		if poolReason == PoolEmpty || poolReason == OverageLimit {
			p.reason = poolReason
			return p
		}
		if m.overCap(p.burns.Pool, now, now, p.cost) {
			p.reason = CapReached
			return p
		}
		p.pool = &pool
		reason = joined(reason, poolReason)
	}
	if reason == Unlimited && m.capRoom(feature, now, now) != nil {
		reason = WithinLimit
	}
	p.allowed, p.reason, p.own = true, reason, &own
	return p
}

// joined is the reason of two legs that are both allowed.
//
// READING: over_soft_limit if either is; unlimited only if both are.
func joined(own, pool string) string {
	switch {
	case own == OverSoftLimit || pool == OverSoftLimit:
		return OverSoftLimit
	case own == Unlimited && pool == Unlimited:
		return Unlimited
	}
	return WithinLimit
}

// takeFrom draws units from a pool's sources of now, all or nothing on a hard one; on a soft
// one the rest is overage up to overage_max (rule 4).
//
// READING: what caps bound is not unlimited, whatever its sources have.
func (m *Model) takeFrom(pool, by string, now time.Time, units Units) (leg, string) {
	if pool != by && m.flagged(pool, now) {
		// READING: deny comes before grants; a denied pool pays for nothing.
		return leg{}, LimitReached
	}
	l, left := m.cover(pool, by, now, now, units)
	switch {
	case left == 0 && m.boundless(pool, now) && len(m.base(pool, now, now).Caps) == 0:
		return l, Unlimited
	case left == 0:
		return l, WithinLimit
	case !m.soft(pool, now, now):
		return leg{}, LimitReached
	}
	if m.pastSpendCap(pool, now, sum(m.overageAt(pool, now, now), left)) {
		return leg{}, OverageLimit
	}
	return l, OverSoftLimit
}

// pastSpendCap says whether so much overage would pass overage_max.
func (m *Model) pastSpendCap(feature string, now time.Time, overage Units) bool {
	most := m.base(feature, now, now).OverageMax
	return most != nil && overage > *most
}

// cover draws from the sources live at an instant, with what is left of them now, in burn
// order. What nothing covers is the last draw, and is returned.
//
// Rule 2: an unlimited allowance pays for all, and nothing else is drawn.
func (m *Model) cover(pool, by string, at, now time.Time, units Units) (leg, Units) {
	l := leg{pool: pool, units: units}
	left := units
	if units == 0 {
		return l, 0
	}
	sources := m.sources(pool, at, now)
	for _, s := range sources {
		if s.Amount == nil {
			l.draws = []Draw{{s.Key, units, s.own}}
			return l, 0
		}
	}
	for _, s := range sources {
		if len(s.Only) > 0 && !mayBurn(Grant{Only: s.Only}, by) {
			continue
		}
		if take := min(s.Remaining, left); take > 0 {
			l.draws = append(l.draws, Draw{s.Key, take, s.own})
			left -= take
		}
	}
	if left > 0 {
		l.draws = append(l.draws, Draw{uncovered, left, true})
	}
	return l, left
}

// boundless says whether an unlimited allowance is live.
func (m *Model) boundless(pool string, now time.Time) bool {
	for _, s := range m.sources(pool, now, now) {
		if s.Amount == nil {
			return true
		}
	}
	return false
}

// overflow is what of a window's counter goes beyond the allowance: overage if it is soft,
// else uncovered. It is computed: a larger allowance takes it in, a grant never does.
//
// READING: what open holds have pinned of the allowance is not there for the counter, so
// that a release takes overage in.
func (m *Model) overflow(feature string, at, now time.Time) Units {
	region := m.windowOf(feature, at)
	segments := m.segments(feature, "", maxTime(at, now))
	s, ok := m.allowanceAt(feature, "", segments, at, now)
	if !ok {
		if gap, in := segmentAt(segments, at); in {
			region.Start = maxTime(region.Start, gap.start)
		}
		return m.restIn(feature, region)
	}
	if last, ok := lastHeld(segments, region, maxTime(at, now)); ok {
		region.End = last.end
	}
	rest := m.restIn(feature, region)
	if s.Amount == nil {
		return 0
	}
	return min(rest, atLeastZero(sum(rest, m.paidIn(feature, region), -s.Drawn)))
}

// overageAt is the overage of the window that contains an instant, with what open holds
// have pinned as overage; 0 on a hard one.
//
// READING: a hold on a soft allowance may go beyond what is there; the rest is pinned as
// overage and counts against overage_max.
func (m *Model) overageAt(feature string, at, now time.Time) Units {
	if !m.soft(feature, at, now) || m.boundless(feature, at) {
		return 0
	}
	over := m.overflow(feature, at, now)
	w := m.windowOf(feature, at)
	for _, p := range m.pins(feature, now) {
		for _, d := range p.draws {
			if d.Source == uncovered && w.contains(p.record.counted) {
				over = sum(over, d.Units)
			}
		}
	}
	return over
}

// running is rule 9: the total of uses so far, per feature, window and rate. A correction
// does not lower it.
//
// READING: a rate that comes back in the same window goes on with its total.
func (m *Model) running(feature string, at time.Time, rate string) Units {
	w := m.windowOf(feature, at)
	var total Units
	for _, r := range m.records {
		if r.feature == feature && r.pool != nil && r.window == w && mustRate(r.rate).Cmp(mustRate(rate)) == 0 {
			total = sum(total, r.units)
		}
	}
	return total
}

// overCap says whether units more would pass a cap in its window of an instant. Caps bound
// use from whatever source (rule 14), with what open holds of that window hold.
//
// READING: a pool's caps bound what burns it as well.
func (m *Model) overCap(feature string, at, now time.Time, units Units) bool {
	room := m.capRoom(feature, at, now)
	return room != nil && units > *room
}

// capRoom is the smallest room under the caps; nil without caps.
func (m *Model) capRoom(feature string, at, now time.Time) *Units {
	var least *Units
	for _, c := range m.base(feature, at, now).Caps {
		w := c.Windows.At(at)
		room := atLeastZero(sum(c.Max, -m.usedIn(feature, w), -m.heldIn(feature, w, now)))
		if least == nil || room < *least {
			least = &room
		}
	}
	return least
}
