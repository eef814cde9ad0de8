package racetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
)

// creditModel is the model as what histories are held against. At most so many requests
// without an answer happen one after the other, as long as that explains all: any that has
// not is looked for among few.
func creditModel(t *tariff, most int) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return newStock(t) },
		Equal: func(a, b any) bool { return a.(*stock).equal(b.(*stock)) },
		Step: func(s, in, out any) (bool, any) {
			ok, next := t.step(s.(*stock), in.(creditInput), out.(creditOutput))
			return ok && next.silent <= most, next
		},
		DescribeOperation: describe,
	}
}

func (s *stock) equal(o *stock) bool {
	return s.silent == o.silent && s.rest == o.rest && s.own == o.own && s.used == o.used && s.totals == o.totals && s.claws == o.claws && s.over == o.over && s.taken == o.taken &&
		slices.Equal(s.grants, o.grants) &&
		slices.EqualFunc(s.holds, o.holds, func(a, b creditHold) bool {
			return a.id == b.id && a.feature == b.feature && a.units == b.units && slices.Equal(a.pins, b.pins)
		}) &&
		slices.Equal(s.closed, o.closed)
}

// step is one request, answered in one state. One that has no answer is made here if it
// changes anything; if not, it is at the end of all, where nobody sees it.
func (t *tariff) step(was *stock, in creditInput, out creditOutput) (bool, *stock) {
	if out.Unknown && was.over {
		return true, was
	}
	s := was.clone()
	s.over = s.over || in.last
	want, changed := t.do(s, in, out)
	if s.silent++; !out.Unknown {
		s.silent = 0
	}
	switch {
	case out.Unknown && changed && in.nth != 0:
		alike, _ := in.alike()
		s.taken[alike]++
		return s.taken[alike] == in.nth, s
	case out.Unknown:
		return changed, s
	}
	return want == out, s
}

// do does what is asked for, and says what is answered, and whether anything changed.
func (t *tariff) do(s *stock, in creditInput, out creditOutput) (want creditOutput, changed bool) {
	switch in.Kind {
	case consume, hold, check:
		return t.use(s, in, out)
	case confirm, release:
		return t.closeHold(s, in)
	case give:
		return t.give(s, in)
	case void:
		return t.void(s, in)
	case standing:
		return t.grantAt(s, in.Grant), false
	}
	return t.creditsAt(s), false
}

// use is a check, or a use or a hold if there is room (rules 4 and 6).
func (t *tariff) use(s *stock, in creditInput, out creditOutput) (want creditOutput, changed bool) {
	cost := t.cost(s, in.Feature, in.Units, in.Kind == hold)
	want.Reason = t.refusal(s, in.Feature, in.Units, cost)
	want.Allowed = want.Reason == "within_limit" || want.Reason == "over_soft_limit"
	if in.Feature != credits {
		want.Burned = cost
	}
	if want.Allowed && in.Kind != check {
		draws, short := s.take(t, in.Feature, cost, forever)
		if in.Kind == hold {
			if short > 0 {
				draws = append(draws, draw{overSource, short})
			}
			s.holds = append(s.holds, creditHold{id: out.Hold, feature: in.Feature, units: in.Units, cost: cost, pins: draws, made: out.Made})
		} else {
			s.note(in.Feature, in.Units, cost, draws, short)
		}
		want.Draws, want.Hold, want.Made, changed = t.shown(draws), out.Hold, out.Made, true
	}
	t.tell(s, in.Feature, &want)
	return want, changed
}

// note counts a use.
func (s *stock) note(f of, units, cost int64, draws []draw, short int64) {
	s.count(draws, short)
	s.used[credits] += cost
	if f != credits {
		s.used[f] += units
		s.totals[f] += units
	}
}

// cost is what units of a feature burn of the pool.
func (t *tariff) cost(s *stock, f of, units int64, hold bool) int64 {
	switch {
	case f == credits:
		return units
	case hold:
		return t.rates[f].most(units)
	}
	return t.rates[f].burned(s.totals[f], units)
}

// refusal is why a use is refused, or how it is allowed.
func (t *tariff) refusal(s *stock, f of, units, cost int64) string {
	over := cost - min(cost, s.there(t, f, forever))
	switch {
	case f == chats && units > t.ownLeft(s):
		return "limit_reached"
	case over > 0 && !t.soft && f == credits:
		return "limit_reached"
	case over > 0 && !t.soft:
		return "pool_empty"
	case over > 0 && s.overage(t)+s.held(overSource)+over > t.overageMax:
		return "overage_limit_reached"
	case over > 0:
		return "over_soft_limit"
	}
	return "within_limit"
}

// ownLeft is what the limit of chats leaves.
func (t *tariff) ownLeft(s *stock) int64 { return max(t.chatsMax-s.used[chats]-s.heldBy(chats), 0) }

// tell tells how a feature stands (rule 15).
func (t *tariff) tell(s *stock, f of, want *creditOutput) {
	want.Used, want.Held = s.used[f], s.heldBy(f)
	want.There = s.there(t, f, forever)
	want.Remaining = want.There
	switch f {
	case credits:
		if t.soft {
			want.Overage = s.overage(t)
		}
	case images:
		want.Remaining = t.rates[f].uses(want.There, s.totals[f])
	case chats:
		want.Remaining = min(t.ownLeft(s), t.rates[f].uses(want.There, s.totals[f]))
	}
}

// shown are draws as answers have them: not what no source has paid, nor where the
// allowance alone does.
func (t *tariff) shown(draws []draw) string {
	var b strings.Builder
	for _, d := range draws {
		if d.source != overSource {
			fmt.Fprintf(&b, "%d of %s, ", d.units, t.name(d.source))
		}
	}
	return onlyNamed(b.String())
}

// name is what answers call a source.
func (t *tariff) name(source int) string {
	if source == allowanceSource {
		return billing.OwnSource
	}
	return t.grants[source].id
}

// closeHold is rule 6: what is confirmed is drawn from what was pinned, and what is more by
// what was live at the hold's instant; the rest goes back.
func (t *tariff) closeHold(s *stock, in creditInput) (want creditOutput, changed bool) {
	i := slices.IndexFunc(s.holds, func(h creditHold) bool { return h.id == in.Hold })
	if i < 0 {
		for _, c := range s.closed {
			switch {
			case c.id != in.Hold:
			case c.confirm == (in.Kind == confirm) && (!c.confirm || c.units == in.Units && c.how == in.Over):
				return c.said, false
			case c.confirm:
				return creditOutput{Code: "HOLD_CONFIRMED"}, false
			default:
				return creditOutput{Code: "HOLD_RELEASED"}, false
			}
		}
		return creditOutput{Code: "HOLD_NOT_FOUND"}, false
	}
	h := s.holds[i]
	want = creditOutput{Allowed: true, Reason: "held"}
	if in.Kind == confirm {
		asked := cmp.Or(in.Units, h.units)
		if asked > h.units && in.Over == "reject" {
			return creditOutput{Code: "UNITS_INVALID"}, false
		}
		if asked > h.units && in.Over == "available" {
			asked = t.fitting(s, &h, asked)
		}
		want.Draws, want.Burned = t.confirmed(s, &h, asked)
	}
	s.holds = slices.Delete(s.holds, i, i+1)
	s.pay(t)
	want.Used, want.Held = s.used[h.feature], s.heldBy(h.feature)
	s.closed = append(s.closed, closedCredit{id: h.id, confirm: in.Kind == confirm, units: in.Units, how: in.Over, said: want})
	return want, true
}

// confirmed draws what a hold is confirmed with.
func (t *tariff) confirmed(s *stock, h *creditHold, units int64) (shown string, burned int64) {
	var draws []draw
	cost := t.cost(s, h.feature, units, false)
	left := cost
	if units <= h.units {
		left = min(left, h.cost)
	}
	short := int64(0)
	for _, pin := range h.pins {
		n := min(pin.units, left)
		left -= n
		switch {
		case n == 0:
		case pin.source == overSource:
			short += n
		default:
			draws = append(draws, draw{pin.source, n})
		}
	}
	more, without := s.take(t, h.feature, left, h.made)
	for _, d := range more {
		if i := slices.IndexFunc(draws, func(o draw) bool { return o.source == d.source }); i >= 0 {
			draws[i].units += d.units
		} else {
			draws = append(draws, d)
		}
	}
	s.note(h.feature, units, cost, draws, short+without)
	if h.feature != credits {
		burned = cost
	}
	return t.shown(draws), burned
}

// fitting is the most that a hold can be confirmed with, of what is asked.
func (t *tariff) fitting(s *stock, h *creditHold, asked int64) int64 {
	fits := func(units int64) bool {
		if h.feature == chats && units-h.units > t.ownLeft(s) {
			return false
		}
		more := t.cost(s, h.feature, units, false) - h.cost
		over := more - min(more, s.there(t, h.feature, h.made))
		return over <= 0 || t.soft && s.overage(t)+s.held(overSource)+over <= t.overageMax
	}
	low, high := h.units, asked+1
	for low+1 < high {
		if middle := low + (high-low)/2; fits(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return low
}

// give makes a grant, once.
func (t *tariff) give(s *stock, in creditInput) (want creditOutput, changed bool) {
	g := &s.grants[in.Grant]
	switch {
	case !t.grants[in.Grant].made && !g.made: // there is none when all is over
		return creditOutput{Code: "not made"}, false
	case !g.made && in.other: // what is there has the content that all but this ask for
		return creditOutput{Code: "made of other content"}, false
	case g.made && in.other:
		return creditOutput{Code: "GRANT_EXISTS"}, false
	case !g.made:
		g.made, changed = true, true
		s.pay(t)
	}
	want = t.grantAt(s, in.Grant)
	want.New = changed
	return want, changed
}

// void takes back what remains of a grant, once, and what was drawn if that is asked for.
func (t *tariff) void(s *stock, in creditInput) (want creditOutput, changed bool) {
	g := &s.grants[in.Grant]
	switch {
	case !g.made:
		return creditOutput{Code: "GRANT_NOT_FOUND"}, false
	case in.Claw && g.clawed > 0:
		return g.atClaw.said(), false
	case !in.Claw && g.voided:
		return g.atVoid.said(), false
	}
	first := !g.voided
	g.voided = true
	if in.Claw {
		s.claws++
		g.clawed = s.claws
	}
	s.pay(t)
	outcome := voided{t.refundable(s, in.Grant), max(s.owed(in.Grant), 0)}
	if first {
		g.atVoid = outcome
	}
	if in.Claw {
		g.atClaw = outcome
	}
	return outcome.said(), true
}

func (v voided) said() creditOutput { return creditOutput{Refundable: v.refundable, Debt: v.debt} }

func (t *tariff) refundable(s *stock, i int) int64 {
	return max(t.grants[i].amount-s.grants[i].drawn-s.held(i), 0)
}

// grantAt is how a grant stands.
func (t *tariff) grantAt(s *stock, i int) creditOutput {
	g := &s.grants[i]
	if !g.made {
		return creditOutput{Code: "GRANT_NOT_FOUND"}
	}
	at := creditOutput{Grant: t.grants[i].id, Drawn: g.drawn, Held: s.held(i), Debt: max(s.owed(i), 0), Refundable: t.refundable(s, i)}
	if !g.voided {
		at.Remaining = at.Refundable
	}
	return at
}

// creditsAt is how the pool stands, source by source.
func (t *tariff) creditsAt(s *stock) creditOutput {
	want := creditOutput{Debt: s.debt(), Held: s.heldBy(credits)}
	if t.soft {
		want.Overage = s.overage(t)
	}
	want.There = -want.Debt
	for _, src := range s.sources(t, forever) {
		want.There += src.left
		if src.left > 0 || src.held > 0 && !s.voided(src.id) {
			want.Sources += fmt.Sprintf("%s: %d left, %d held; ", t.name(src.id), src.left, src.held)
		}
	}
	return want
}

func (s *stock) voided(source int) bool { return source >= 0 && s.grants[source].voided }

// linearCredits checks a history of credits as linear does.
func linearCredits(t *tariff, ops []porcupine.Operation) (err error) {
	for _, most := range []int{2, 5, len(ops)} {
		if err = linear(creditModel(t, most), ops); err == nil {
			return nil
		}
	}
	return err
}
