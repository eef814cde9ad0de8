package billing

import (
	"slices"
	"time"
)

// limit is the effective limit of a feature: what is granted, or the limit of an
// earlier plan that is carried, if that is larger and no override says otherwise; of what
// is held with what grants add. One that is carried for who is over counts where it was
// found to be in force.
func (s *Snapshot) limit(feature *Feature, parts []part, o *Override, now time.Time) (granted bool, l Limit) {
	granted, l = baseLimit(feature, parts, o, now)
	if feature.Type != Metered {
		return granted, l
	}
	replaced := o != nil && o.HasMax
	for _, p := range parts {
		if replaced || !p.Live(now) {
			continue
		}
		for _, c := range p.Carried {
			if c.Feature == feature.Code && !c.ifOver() && c.holds(now) && larger(c.Max, l.Max) {
				l.Max = c.Max
			}
		}
	}
	granted, l = s.granted(feature, granted, l, now)
	if graced, ok := s.graced[feature.Code]; ok && !replaced && larger(graced.Max, l.Max) {
		l = graced
	}
	return granted, l
}

// baseLimit merges what the live parts and an override (or nil) give: whether
// the feature is granted, and how much of it.
func baseLimit(feature *Feature, parts []part, o *Override, now time.Time) (granted bool, l Limit) {
	return mergeLimit(feature, parts, o, now, func(p *part) *int64 { return p.max() })
}

// mergeLimit sums the limits of plan (times its quantity where the item says so),
// add-ons (times their quantity) and the override's Add. The override's Max takes
// the place of the plan's part, and its AtLeast lifts it; unlimited wins. ofPlan
// says what the plan's part is.
func mergeLimit(feature *Feature, parts []part, o *Override, now time.Time, ofPlan func(*part) *int64) (granted bool, l Limit) {
	plan, rest := new(int64(0)), new(int64(0))
	soft := true
	for i := range parts {
		p := &parts[i]
		if !p.Live(now) {
			continue
		}
		granted = true
		soft = soft && p.item.Limit == Soft
		if p.Kind == KindPlan {
			plan = plus(plan, ofPlan(p))
		} else {
			rest = plus(rest, p.max())
		}
	}
	// Of an override that comes on top the limit stays as soft as it was; what
	// it grants by itself is hard.
	soft = soft && granted
	if o != nil {
		granted = !o.Deny
		rest = plus(rest, new(o.Add))
		switch {
		case o.HasMax:
			plan = o.Max
		case o.lifts(plan):
			plan = o.AtLeast
		}
	}
	if feature.Type != Metered {
		return granted, Limit{}
	}
	return granted, Limit{Max: plus(plan, rest), Soft: soft}
}

// part is what an item gives of a limit: of an add-on always, of a plan where the
// item says so, for each of the agreement's quantity. Nil is unlimited.
func (a *Agreement) part(item *Item) *int64 { return a.each(item, item.Max) }

// each is a number of an item, times the agreement's quantity where that counts.
func (a *Agreement) each(item *Item, n *int64) *int64 {
	if item.PerQuantity || a.Kind == KindAddOn {
		return times(n, a.Quantity)
	}
	return n
}

func (p *part) max() *int64 { return p.Agreement.part(p.item) }

// lifts reports whether the override lifts a plan's part of the limit.
func (o *Override) lifts(plan *int64) bool { return o.AtLeast != nil && larger(o.AtLeast, plan) }

// sources are the parts of a limit, in the order of the agreements, then the override,
// then the grants.
func (s *Snapshot) sources(feature *Feature, parts []part, o *Override, now time.Time) []Source {
	out := ownSources(feature, parts, o, now)
	for _, g := range s.liveGrants(feature.Code, now) {
		out = append(out, Source{Kind: fromGrant, ID: g.ID.String(), Max: new(g.whole()), Counts: !s.denies(feature.Code, now)})
	}
	return out
}

// ownSources are those without the grants.
func ownSources(feature *Feature, parts []part, o *Override, now time.Time) []Source {
	var out []Source
	denied, lifted := false, false
	if o != nil {
		denied, lifted = o.Deny, o.AtLeast != nil && o.lifts(planPart(parts, now))
	}
	replaced := o != nil && o.HasMax || lifted
	for i := range parts {
		if p := &parts[i]; p.Live(now) {
			out = append(out, Source{
				Kind: SourceKind(p.Kind), ID: p.ID.String(), Plan: p.Plan,
				Max: p.max(), Counts: !denied && !(replaced && p.Kind == KindPlan),
			})
		}
	}
	if o == nil {
		return out
	}
	own := Source{Kind: fromOverride, ID: o.ID.String(), Max: new(o.Add), Counts: true}
	switch {
	case feature.Type != Metered:
		own.Max = nil
	case o.HasMax:
		own.Max = plus(o.Max, own.Max)
	case lifted:
		own.Max = plus(o.AtLeast, own.Max)
	case o.AtLeast != nil && o.Add == 0: // the plan gives more
		own.Max, own.Counts = o.AtLeast, false
	}
	return append(out, own)
}

// Held reports whether an agreement has the feature, or an override or a grant gives it:
// what is used of it is counted, also of who is suspended or denied it.
func (al *Allowance) Held() bool {
	return al.Granted || slices.ContainsFunc(al.Sources, func(s Source) bool { return s.Kind != fromOverride })
}

// Own reports whether it has a limit that anything but grants gives, also of one who is
// denied it.
func (al *Allowance) Own() bool {
	return slices.ContainsFunc(al.Sources, func(s Source) bool { return s.Kind != fromGrant })
}

// EverHeld reports whether one of the agreements, overrides or grants that began by an
// instant has a feature.
func (s *Snapshot) EverHeld(feature Code, now time.Time) bool {
	return slices.ContainsFunc(s.Agreements, func(a Agreement) bool {
		lived := !a.Scheduled(now) && (a.ExpiresOn.IsZero() || a.ExpiresOn.After(a.StartsOn))
		return lived && s.Terms(&a).Find(feature) >= 0
	}) || slices.ContainsFunc(s.Overrides, func(o Override) bool {
		return o.Feature == feature && !o.Deny && !now.Before(o.StartsOn)
	}) || slices.ContainsFunc(s.Grants, func(g Grant) bool {
		return g.Feature == feature && g.lives() && !now.Before(g.EffectiveOn)
	})
}

// planPart is what the live plan gives of a limit; 0 without one.
func planPart(parts []part, now time.Time) *int64 {
	for i := range parts {
		if p := &parts[i]; p.Kind == KindPlan && p.Live(now) {
			return p.max()
		}
	}
	return new(int64(0))
}

// graceLimit is an earlier plan's part of a limit that holds on for who was over at some
// instants, and for as long as more is used and held than the new limit. It is answered
// with [graceLimit.Answer], for each of the instants, before anything is decided.
type graceLimit struct {
	OverOn []time.Time // as in [Carry]
	Until  time.Time   // zero: with the agreement
	// Limit is the effective limit while the grace is in force.
	Limit Limit
	// Less is the grace with the next smaller limit, which counts if this one does not;
	// nil if there is none.
	Less *graceLimit

	asked, wasOver int
	next           *NextChange // while it is in force

	// What holds while none is in force, of the first.
	plain     Limit
	plainNext *NextChange
}

// Answer says how much was used before one of the instants in the window that contains
// it, what was held then, and the allowance of that instant. It reports whether the
// customer was over.
func (g *graceLimit) Answer(then *Allowance, used, held Units) bool {
	over := then.over(used, held)
	if g.asked++; over {
		g.wasOver++
	}
	return over
}

// over reports whether more is used and held than the limit.
func (al *Allowance) over(used, held Units) bool {
	return al.Limit.Max != nil && binds(*al.Limit.Max) && max(used, 0).Plus(held) > LimitUnits(*al.Limit.Max)
}

// settle puts the earlier limit in the place of the new one if its grace is in force
// when so much is used and held.
func (al *Allowance) settle(used, held Units) {
	if al.Grace == nil {
		return
	}
	al.Limit, al.NextChange = al.Grace.plain, al.Grace.plainNext
	if !al.over(used, held) {
		return
	}
	for g := al.Grace; g != nil; g = g.Less {
		if g.asked == len(g.OverOn) && g.wasOver == g.asked {
			al.Limit, al.NextChange = g.Limit, g.next
			return
		}
	}
}

// grace is what runs of a feature above its limit, the largest first, or nil. An
// override's max decides alone.
func (s *Snapshot) grace(feature *Feature, parts []part, o *Override, al *Allowance, now time.Time) *graceLimit {
	if feature.Type != Metered || o != nil && (o.HasMax || o.Deny) {
		return nil
	}
	var all []*graceLimit
	for i := range parts {
		p := &parts[i]
		if p.Kind != KindPlan || !p.Live(now) {
			continue
		}
		for _, c := range p.Carried {
			if c.Feature != feature.Code || !c.ifOver() || !c.holds(now) {
				continue
			}
			_, l := mergeLimit(feature, parts, o, now, func(*part) *int64 { return c.Max })
			_, l = s.granted(feature, true, l, now)
			if larger(l.Max, al.Limit.Max) {
				all = append(all, &graceLimit{OverOn: c.OverOn, Until: c.Until, Limit: l, next: al.NextChange.or(c.Until, whyGraceEnds)})
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b *graceLimit) int { return compareLimits(b.Limit.Max, a.Limit.Max) })
	for i, g := range all[1:] {
		all[i].Less = g
	}
	all[0].plain, all[0].plainNext = al.Limit, al.NextChange
	return all[0]
}

// compareLimits orders limits; nil, which is unlimited, comes last.
func compareLimits(a, b *int64) int {
	switch {
	case larger(a, b):
		return 1
	case larger(b, a):
		return -1
	}
	return 0
}

// Graced are the features that have a grace running, ascending: what is entitled of
// them depends on what is used. Of most customers there are none.
func (s *Snapshot) Graced(now time.Time) []Code {
	var codes []Code
	for i := range s.Agreements {
		a := &s.Agreements[i]
		if !a.Live(now) {
			continue
		}
		for _, c := range a.Carried {
			if c.ifOver() && c.holds(now) && !slices.Contains(codes, c.Feature) {
				codes = append(codes, c.Feature)
			}
		}
	}
	slices.Sort(codes)
	return codes
}

// InForce is the snapshot with limits of graces that are in force: [Entitlements] has
// them.
func (s *Snapshot) InForce(limits map[Code]Limit) *Snapshot {
	out := *s
	out.graced = limits
	return &out
}
