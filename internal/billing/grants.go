package billing

import (
	"slices"
	"time"
)

// liveGrants are those of a feature at an instant, ascending by id. An override that
// denies the feature comes before them: see [Snapshot.denies].
func (s *Snapshot) liveGrants(feature Code, now time.Time) []*Grant {
	var live []*Grant
	for i := range s.Grants {
		if g := &s.Grants[i]; g.Feature == feature && g.Live(now) {
			live = append(live, g)
		}
	}
	return live
}

// denies reports whether an override takes a feature away, also from who has no plan.
func (s *Snapshot) denies(feature Code, now time.Time) bool {
	return slices.ContainsFunc(s.Overrides, func(o Override) bool { return o.Feature == feature && o.Deny && o.live(now) })
}

// granted adds to what the plan, the add-ons and the override give what grants do. They
// give access, but against one that denies; only to the limit of a feature that is held
// do they add.
func (s *Snapshot) granted(feature *Feature, granted bool, l Limit, now time.Time) (bool, Limit) {
	live := s.liveGrants(feature.Code, now)
	if len(live) == 0 || s.denies(feature.Code, now) {
		return granted, l
	}
	if feature.Held {
		l.Max = plus(l.Max, wholeUnits(live))
	}
	return true, l
}

// whole is how many whole units a grant is of.
func (g *Grant) whole() int64 { return int64(g.Amount / OneUnit) }

// wholeUnits is the sum of the whole units of grants.
func wholeUnits(grants []*Grant) *int64 {
	sum := new(int64(0))
	for _, g := range grants {
		sum = plus(sum, new(g.whole()))
	}
	return sum
}

// ends is when a grant's life ends; zero: never.
func (g *Grant) ends() time.Time { return earlier(g.ExpiresOn, g.EndedOn) }

// lives reports whether a grant has a life at all: one that was voided before it began
// has none.
func (g *Grant) lives() bool { return g.ends().IsZero() || g.ends().After(g.EffectiveOn) }

// inWindow are the parts of a feature whose windows are its own: those in another rhythm
// are beside its limit.
func (s *Snapshot) inWindow(feature *Feature, parts []part, now time.Time) []part {
	if feature.Type != Metered || len(parts) < 2 {
		return parts
	}
	same, _ := s.ofRhythm(feature, parts, s.rhythm(feature, parts, now), now)
	return same
}

// Beside is the snapshot with how much of some used-up features there is beside their
// allowances that is live and not used up: [Entitlements] adds it to their limits. Of a
// feature that is left out that is all that its live grants are of.
func (s *Snapshot) Beside(amounts map[Code]Units) *Snapshot {
	out := *s
	out.beside = amounts
	return &out
}

// shown is a limit of a feature as the list of entitlements shows it: of one that is used
// up with what there is beside the allowance.
func (s *Snapshot) shown(feature *Feature, limit *int64, now time.Time) *int64 {
	if feature.Type != Metered || feature.Held || limit == nil {
		return limit
	}
	if amount, ok := s.beside[feature.Code]; ok {
		return plus(limit, new(int64(max(amount, 0)/OneUnit)))
	}
	if live := s.liveGrants(feature.Code, now); len(live) > 0 {
		return plus(limit, wholeUnits(live))
	}
	return limit
}
