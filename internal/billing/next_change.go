package billing

import (
	"slices"
	"time"
)

// coming gathers what comes after an instant, and keeps what is told of it.
type coming struct {
	now  time.Time
	next NextChange
}

func (c *coming) at(on time.Time, why ChangeReason) {
	if n := (NextChange{on, why}); on.After(c.now) && (c.next.On.IsZero() || n.before(c.next)) {
		c.next = n
	}
}

// life tells of the start, the end and the trial of an agreement.
func (c *coming) life(s *Snapshot, a *Agreement) {
	c.at(a.StartsOn, whyScheduledChange)
	if !a.Live(c.now) {
		return
	}
	c.at(a.TrialEndsOn, whyTrialEnds)
	switch {
	case s.isReplaced(a):
		c.at(a.ExpiresOn, whyScheduledChange)
	case a.Kind == KindPlan:
		c.at(a.ExpiresOn, whyPlanEnds)
	default:
		c.at(a.ExpiresOn, whyAddOnEnds)
	}
}

// isReplaced reports whether an agreement ends because the next one takes its place,
// and not by itself.
func (s *Snapshot) isReplaced(a *Agreement) bool {
	return !a.ExpiresOn.Equal(a.OwnEnd) && slices.ContainsFunc(s.Agreements, func(b Agreement) bool {
		return b.slot() == a.slot() && b.StartsOn.Equal(a.ExpiresOn)
	})
}

// nextChange is the first instant after now at which something begins or ends that
// has a say in a feature. For one that is granted these are the lives of plans, which
// all that is granted rests on, and of the add-ons with it; for another only what
// grants it.
func (s *Snapshot) nextChange(feature Code, parts []part, o *Override, granted bool, now time.Time) *NextChange {
	c := coming{now: now}
	if o != nil {
		c.at(o.ExpiresOn, whyOverrideExpires)
	}
	s.grantsChange(feature, &c)
	switch {
	case granted:
		for i := range s.Agreements {
			if a := &s.Agreements[i]; a.Kind == KindPlan {
				c.life(s, a)
			}
		}
		for i := range parts {
			p := &parts[i]
			if p.Kind == KindAddOn {
				c.life(s, p.Agreement)
			}
			for _, k := range p.Carried {
				if k.Feature == feature && !k.ifOver() && p.Live(now) {
					c.at(k.Until, whyGraceEnds)
				}
			}
		}
	case o == nil: // else it denies the feature
		for i := range parts {
			c.at(parts[i].StartsOn, whyScheduledChange)
		}
		s.whereOverrideWaits(feature, &c)
	}
	if c.next.On.IsZero() {
		return nil
	}
	return new(c.next)
}

// whereOverrideWaits tells of the plans that begin while an override of a feature
// waits for one.
func (s *Snapshot) whereOverrideWaits(feature Code, c *coming) {
	for i := range s.Overrides {
		o := &s.Overrides[i]
		if o.Feature != feature || o.Deny {
			continue
		}
		for j := range s.Agreements {
			if a := &s.Agreements[j]; a.Kind == KindPlan && o.live(a.StartsOn) {
				c.at(a.StartsOn, whyScheduledChange)
			}
		}
	}
}

// grantsChange tells of the starts and the ends of a feature's grants, and of the end of
// an override that denies it to who has no plan.
func (s *Snapshot) grantsChange(feature Code, c *coming) {
	denied := s.denies(feature, c.now)
	for i := range s.Grants {
		g := &s.Grants[i]
		if g.Feature != feature || !g.lives() {
			continue
		}
		if !denied {
			c.at(g.EffectiveOn, whyGrantStarts)
			c.at(g.ends(), whyGrantExpires)
			continue
		}
		for j := range s.Overrides {
			if o := &s.Overrides[j]; o.Feature == feature && o.Deny && o.live(c.now) && g.Live(o.ExpiresOn) {
				c.at(o.ExpiresOn, whyOverrideExpires)
			}
		}
	}
}

// or is the earlier of a change and one on some instant, if that is none.
func (n *NextChange) or(on time.Time, why ChangeReason) *NextChange {
	other := NextChange{on, why}
	if on.IsZero() || n != nil && n.before(other) {
		return n
	}
	return &other
}
