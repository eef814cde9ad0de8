// Package credit has the rules of pools: what a metered feature can be paid from when that
// is more than the allowance of its window. It says in which order sources burn, what a
// use draws from each, what goes back, and how debts are paid. It is pure, as package
// billing is; the facts come from there, and sums of what was drawn from whoever has the
// log of usage.
//
// No balance is kept anywhere. What a source has left follows from its amount, by the
// facts, and from what was drawn of it, which is a sum of the log. See docs/credits.md.
//
// Start reading at [Pool.At].
package credit

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Pool is how a metered feature of a customer stands.
type Pool struct {
	// Facts are the customer's, ended agreements and grants among them as far as anything
	// depends on them.
	Facts   *billing.Snapshot
	Feature *billing.Feature
	Sums    *Sums
	// Pins are what open holds have set aside. One that ends by itself holds until then.
	Pins []Pin
	// Now is what is known until: an allowance of an earlier instant is what its window has
	// come to be by then. Zero is the instant that is asked about.
	Now time.Time
	// Hindsight says that what was made or changed after an instant pays debts at it, too.
	Hindsight bool

	last *following // at the instant that was asked about last
}

// Pin is what one hold has set aside of the sources of a pool.
type Pin struct {
	Hold       usage.HoldID
	Made, Ends time.Time
	Draws      []usage.Draw // of the allowance of the window that it was made in, too
}

// Source is a source as it stands.
type Source struct {
	billing.CreditSource
	// Own is set of the allowance of the window of the instant: draws on it are not stored.
	Own   bool
	Drawn billing.Units
	Held  billing.Units
	// Left is what can still be drawn; [math.MaxInt64] of an unlimited one.
	Left billing.Units
}

// Unlimited reports whether it never ends.
func (s *Source) Unlimited() bool { return s.Amount == nil }

// State is how a pool stands at an instant.
type State struct {
	At        time.Time
	Allowance billing.Allowance
	// Sources are those that are live, in the order in which they burn. The allowance of
	// the window is among them if the feature is granted by more than a grant.
	Sources []Source
	// Used is what counts in the window, Held what is set aside of the pool.
	Used, Held billing.Units
	// Overage is what was used in the window and no source has paid for. OverageHeld is what
	// open holds have set aside beyond them.
	Overage, OverageHeld billing.Units
	// Debt is what is owed, after what was paid by then.
	Debt billing.Units
}

// At is how the pool stands at an instant, by what is recorded. Debts that time alone has
// paid since are not: see [Pool.Settle].
func (p *Pool) At(t time.Time) (State, error) {
	f := p.follows(t)
	st := State{At: t, Allowance: f.allowance, Debt: p.debt(t)}
	al := &st.Allowance
	al.Caps = slices.Clone(al.Caps) // what is used in their windows is filled in
	w, err := p.Sums.window(al.Window)
	if err != nil {
		return State{}, err
	}
	st.Used = max(w.used, 0)
	if p.Feature.Held { // of all time, whatever plans were lived in it
		p.holding(&st, w.held)
		return st, nil
	}
	region := f.region
	if w, err = p.Sums.window(region); err != nil {
		return State{}, err
	}
	rest := max(w.used.Plus(-w.elsewhere), 0)
	st.Overage = rest
	if own, ok := p.own(al); ok {
		own.Held = p.heldOf(billing.OwnSource, region, p.until(t)).Plus(w.held)
		own.Drawn = rest
		if own.Left = math.MaxInt64; !own.Unlimited() {
			// What rolled over of a window that has ended is the same amount.
			rolled := p.Sums.Drawn[f.tail].Plus(p.heldOf(f.tail, billing.Window{}, p.until(t)))
			room := less(*own.Amount, rolled, own.Held)
			own.Drawn = min(rest, room)
			own.Left = room - own.Drawn
		}
		if st.Overage = rest - own.Drawn; st.Overage > 0 && p.Sums.Own != nil {
			paid, err := p.Sums.Own(region)
			if err != nil {
				return State{}, err
			}
			st.Overage = min(st.Overage, max(rest-paid, 0)) // what pays a debt is no use
		}
		st.Sources = append(st.Sources, own)
	}
	for _, c := range f.sources {
		s, err := p.stand(c, t)
		if err != nil {
			return State{}, err
		}
		st.Sources = append(st.Sources, s)
	}
	slices.SortStableFunc(st.Sources, func(a, b Source) int { return billing.CompareCredit(a.CreditSource, b.CreditSource) })
	st.Held, st.OverageHeld = w.held, p.heldOf(OverSource, al.Window, p.until(t))
	for _, pin := range p.Pins {
		if pin.open(p.until(t)) {
			for _, d := range pin.Draws {
				st.Held = st.Held.Plus(d.Units)
			}
		}
	}
	return st, nil
}

// following is what follows of the facts alone at an instant: a use that is decided after
// another at the same one need not work it out again.
type following struct {
	at, now   time.Time
	allowance billing.Allowance
	region    billing.Window
	sources   []billing.CreditSource // those that are live, without the allowance of the window
	tail      usage.SourceID         // what rolls over of the window
}

func (p *Pool) follows(t time.Time) *following {
	if f := p.last; f != nil && f.at.Equal(t) && f.now.Equal(p.Now) {
		return f
	}
	f := &following{at: t, now: p.Now, allowance: p.allowance(t), tail: usage.SourceID(p.Facts.RolledOver(p.Feature, t))}
	f.region = p.region(&f.allowance, t)
	for _, c := range p.Facts.CreditSources(p.Feature, t, t) {
		if c.Live(t) {
			f.sources = append(f.sources, c)
		}
	}
	p.last = f
	return f
}

// SetGrants puts grants in the place of those that are among the facts.
func (p *Pool) SetGrants(grants []billing.Grant) { p.Facts.Grants, p.last = grants, nil }

// region is the part of a window in which usage counts against its allowance: all of it, or
// up to where it was over, as is known now, because another came or nothing was held.
func (p *Pool) region(al *billing.Allowance, t time.Time) billing.Window {
	w := al.Window
	if al.Own() {
		if end := p.Facts.LivedUntil(p.Feature, p.Facts.LastHeld(p.Feature, t, p.until(t))); !end.IsZero() && !end.After(p.until(t)) {
			w.End = end
		}
	}
	return w
}

// holding completes the state of a feature that is not used up but held: nothing is drawn,
// and all of each source counts.
func (p *Pool) holding(st *State, held billing.Units) {
	st.Held = held
	own, granted := p.own(&st.Allowance)
	for _, c := range p.follows(st.At).sources {
		st.Sources = append(st.Sources, Source{CreditSource: c, Left: *c.Amount})
		if granted && !own.Unlimited() { // whose limit is of all
			*own.Amount -= *c.Amount
		}
	}
	if granted && (own.Unlimited() || *own.Amount > 0) {
		if own.Left = math.MaxInt64; !own.Unlimited() {
			own.Left = *own.Amount
		}
		st.Sources = append(st.Sources, own)
	}
	if limit := st.Allowance.Limit.Max; limit != nil {
		st.Overage = max(st.Used.Plus(-billing.LimitUnits(*limit)), 0)
	}
	slices.SortStableFunc(st.Sources, func(a, b Source) int { return billing.CompareCredit(a.CreditSource, b.CreditSource) })
}

// open reports whether what is pinned is set aside at an instant, which is that of what is
// known: also for use that counts before, what is there is not given away twice.
func (p *Pin) open(t time.Time) bool { return t.Before(p.Ends) }

// allowance is that of an instant, with the limit and the caps that its window has come to.
func (p *Pool) allowance(t time.Time) billing.Allowance {
	al := p.Facts.Allowance(p.Feature, t)
	if !al.Pooled {
		al.EndsOn = p.Facts.LivedUntil(p.Feature, t)
	}
	if p.Now.After(t) && al.Own() {
		if last := p.Facts.LastHeld(p.Feature, t, p.Now); last.After(t) {
			later := p.Facts.Allowance(p.Feature, last)
			al.Limit, al.OverageMax = later.Limit, later.OverageMax
			al.CapAs(&later, t)
		}
	}
	return al
}

// own is the allowance of the window as a source.
func (p *Pool) own(al *billing.Allowance) (Source, bool) {
	if !al.Own() { // it is there also for one who is denied it, for what was used before
		return Source{}, false
	}
	c := billing.CreditSource{
		ID: billing.OwnSource, Class: billing.CreditAllowance, Priority: billing.DefaultPriority,
		EffectiveOn: al.Window.Start, EndsOn: al.EndsOn, Window: al.Window,
	}
	if al.Limit.Max != nil {
		c.Amount = new(billing.LimitUnits(*al.Limit.Max))
	}
	return Source{CreditSource: c, Own: true}, true
}

// stand is how another source stands.
func (p *Pool) stand(c billing.CreditSource, t time.Time) (Source, error) {
	s := Source{CreditSource: c, Drawn: p.Sums.Drawn[usage.SourceID(c.ID)], Held: p.pinnedOn(&c, p.until(t))}
	switch {
	case c.Class == billing.CreditRollover:
		w, err := p.Sums.window(c.Window)
		if err != nil {
			return Source{}, err
		}
		// It is the same amount: what was drawn and is held inside the window is not here.
		inside := max(w.used.Plus(-w.elsewhere), 0).Plus(p.heldOf(billing.OwnSource, c.Window, p.until(t))).Plus(w.held)
		inside = min(inside, less(*c.Amount, s.Drawn, 0))
		rolled := *c.Amount - inside
		if c.Max != nil {
			rolled = min(rolled, *c.Max)
		}
		rolled = max(rolled, s.Drawn.Plus(s.Held))
		s.Amount = &rolled
		s.Left = less(rolled, s.Drawn, s.Held)
	case c.Amount == nil:
		s.Left = math.MaxInt64
	case c.Grant != nil && !c.Grant.EndedOn.IsZero() && !p.until(t).Before(c.Grant.EndedOn):
		// It is voided by now, so that nothing remains, also for what counts before.
	default:
		s.Left = less(*c.Amount, s.Drawn, s.Held)
	}
	return s, nil
}

// until is the instant that is known until, of an instant that is asked about.
func (p *Pool) until(t time.Time) time.Time {
	if p.Now.After(t) {
		return p.Now
	}
	return t
}

// pinnedOn is what is set aside of a source that is not the allowance of the window.
func (p *Pool) pinnedOn(c *billing.CreditSource, t time.Time) billing.Units {
	return p.heldOf(usage.SourceID(c.ID), billing.Window{}, t)
}

// HeldOf is what is set aside at an instant of a source that is not the allowance of a window.
func (p *Pool) HeldOf(id usage.SourceID, t time.Time) billing.Units {
	return p.heldOf(id, billing.Window{}, t)
}

// heldOf is what is set aside of a source; of allowances of windows by holds that were made
// in one.
func (p *Pool) heldOf(id usage.SourceID, w billing.Window, t time.Time) (held billing.Units) {
	for i := range p.Pins {
		pin := &p.Pins[i]
		if !pin.open(t) || !w.Contains(pin.Made) {
			continue
		}
		for _, d := range pin.Draws {
			if d.Source == id {
				held = held.Plus(d.Units)
			}
		}
	}
	return held
}

// less is what some amounts leave of another, never below 0.
func less(amount, drawn, held billing.Units) billing.Units {
	return max(amount-min(drawn.Plus(held), amount), 0)
}

// pays reports whether a source may be burned by a feature.
func (s *Source) pays(by billing.Code) bool { return s.Only == nil || slices.Contains(s.Only, by) }

// Available is what a feature that burns the pool, or the pool's own, can use at once,
// without what is owed; [math.MaxInt64] if that has no bound.
func (st *State) Available(by billing.Code) billing.Units {
	var sum billing.Units
	for i := range st.Sources {
		if s := &st.Sources[i]; s.pays(by) {
			sum = sum.Plus(s.Left)
		}
	}
	if st.Debt > 0 {
		return 0
	}
	return sum
}

// Allows reports whether a feature may use so much: what its sources have, and, if what is
// more is an overage, as much as that may be.
func (st *State) Allows(by billing.Code, units billing.Units) bool {
	over := units - min(units, st.Available(by))
	most := st.Allowance.OverageMax
	return over <= 0 || st.Soft() && (most == nil || st.Overage.Plus(st.OverageHeld).Plus(over) <= billing.LimitUnits(*most))
}

// Balance is what all sources have left, less what is owed: below 0 if that is more. Of a
// feature that is held it is less what is in use.
func (st *State) Balance() billing.Units {
	var sum billing.Units
	for i := range st.Sources {
		sum = sum.Plus(st.Sources[i].Left)
	}
	if st.Allowance.Feature.Held {
		return sum.Plus(-st.Used).Plus(-st.Held)
	}
	return sum.Plus(-st.Debt)
}

// Endless reports whether there is an unlimited source, so that the balance has no bound.
func (st *State) Endless() bool {
	return slices.ContainsFunc(st.Sources, func(s Source) bool { return s.Unlimited() })
}

// Soft reports whether what no source can pay for is an overage, and not refused or
// uncovered.
func (st *State) Soft() bool { return st.Allowance.Own() && st.Allowance.Limit.Soft }

// Unlimited reports whether an allowance pays for whatever a feature uses.
func (st *State) Unlimited(by billing.Code) bool {
	return slices.ContainsFunc(st.Sources, func(s Source) bool { return s.Unlimited() && s.pays(by) })
}

// Take takes units from the sources that a feature may burn, in their order, and says what
// it took of which and what none could pay. The state is afterwards that with the draws. An
// unlimited allowance pays for all.
func (st *State) Take(by billing.Code, units billing.Units) (draws []usage.Draw, short billing.Units) {
	return st.take(units, func(s *Source) bool { return s.pays(by) })
}

func (st *State) take(units billing.Units, may func(*Source) bool) (draws []usage.Draw, short billing.Units) {
	if units <= 0 {
		return nil, 0
	}
	for i := range st.Sources {
		if s := &st.Sources[i]; s.Unlimited() && may(s) {
			return []usage.Draw{s.draw(units)}, 0
		}
	}
	for i := range st.Sources {
		s := &st.Sources[i]
		if n := min(units, s.Left); n > 0 && may(s) {
			draws = append(draws, s.draw(n))
			units -= n
		}
	}
	return draws, units
}

// draw takes units that are there.
func (s *Source) draw(units billing.Units) usage.Draw {
	s.Drawn = s.Drawn.Plus(units)
	if !s.Unlimited() {
		s.Left -= units
	}
	return usage.Draw{Source: usage.SourceID(s.ID), Units: units}
}

// OverSource names, among what a hold has set aside, what no source could pay: a soft
// allowance lets it be used.
const OverSource usage.SourceID = "over"

// Pin is as Take, for a hold: what no source can pay is set aside too, as a draw on
// [OverSource].
func (st *State) Pin(by billing.Code, units billing.Units) []usage.Draw {
	draws, short := st.Take(by, units)
	if short > 0 {
		draws = append(draws, usage.Draw{Source: OverSource, Units: short})
		st.OverageHeld = st.OverageHeld.Plus(short)
	}
	return draws
}

// Use is as Take, for what is used: what no source can pay is an overage.
func (st *State) Use(by billing.Code, units billing.Units) (draws []usage.Draw, short billing.Units) {
	draws, short = st.Take(by, units)
	st.Overage = st.Overage.Plus(short)
	return draws, short
}

// Named reports whether there are draws on other sources than the allowance of the window,
// whose part follows from them.
func Named(draws []usage.Draw) bool {
	return slices.ContainsFunc(draws, func(d usage.Draw) bool { return d.Source != billing.OwnSource && !d.Source.IsUses() })
}

// Total is the sum of draws.
func Total(draws []usage.Draw) (sum billing.Units) {
	for _, d := range draws {
		sum = sum.Plus(d.Units)
	}
	return sum
}

// Unpin says which of the sources that a hold has set aside pay for what it is confirmed
// with, in the order in which they were pinned.
func Unpin(pins []usage.Draw, units billing.Units) (draws []usage.Draw) {
	for _, pin := range pins {
		if n := min(units, pin.Units); n > 0 {
			if pin.Source != OverSource {
				draws = append(draws, usage.Draw{Source: pin.Source, Units: n})
			}
			units -= n
		}
	}
	return draws
}

// Rest is what of some pins is left when the first units of them have paid.
func Rest(pins []usage.Draw, units billing.Units) (rest []usage.Draw) {
	for _, pin := range pins {
		n := min(units, pin.Units)
		units -= n
		if n < pin.Units {
			rest = append(rest, usage.Draw{Source: pin.Source, Units: pin.Units - n})
		}
	}
	return rest
}

// GiveBack says what a correction gives back: first of what no source had paid for, then
// of the draws of its record in reverse order. Draws are all of the record, in the order in
// which they were taken, with that on the allowance of its window, less what was given back
// before. What no source has paid for is among those on the allowance, and overage says how
// much there is of it in the window.
func GiveBack(draws []usage.Draw, overage, units billing.Units) (back []usage.Draw) {
	left := slices.Clone(draws)
	over := min(units, overage)
	for _, own := range []bool{true, false} { // first on the allowance alone, as far as that is overage
		for i := range slices.Backward(left) {
			d := &left[i]
			n := min(units, d.Units)
			if own {
				n = min(over, d.Units)
			}
			if n <= 0 || own && d.Source != billing.OwnSource {
				continue
			}
			d.Units, units, over = d.Units-n, units-n, over-n
			if at := slices.IndexFunc(back, func(b usage.Draw) bool { return b.Source == d.Source }); at >= 0 {
				back[at].Units -= n
			} else {
				back = append(back, usage.Draw{Source: d.Source, Units: -n})
			}
		}
	}
	return back
}

// compareGrants orders grants by when they were clawed back, then by id.
func compareGrants(a, b *billing.Grant) int {
	return cmp.Or(a.ClawedBackOn.Compare(b.ClawedBackOn), cmp.Compare(a.ID.String(), b.ID.String()))
}
