package racetest

import (
	"cmp"
	"math"
	"slices"
)

// A model of the credits of one customer in one window, written from their rules alone:
// what is answered is a function of what was asked before, in its order. Units are
// millionths.

const unit = 1_000_000

// of is a feature: the pool itself, or one of two that burn it.
type of int

const (
	credits of = iota
	images
	chats
)

// rate is so many of the pool's units for one: p/q.
type rate struct{ p, q int64 }

// burned is what units more burn behind a total of uses (rule 9).
func (r rate) burned(total, units int64) int64 { return r.round(total+units) - r.round(total) }

func (r rate) round(n int64) int64 { return (2*n*r.p + r.q) / (2 * r.q) }

// most is what units burn at most, wherever they begin; so much a hold sets aside.
func (r rate) most(units int64) int64 { return (units*r.p + r.q - 1) / r.q }

// uses is the most that burns no more than there is, behind a total.
func (r rate) uses(there, total int64) int64 {
	return max(((2*(there+r.round(total))+1)*r.q-1)/(2*r.p)-total, 0)
}

// tariff is what the catalog says, and what grants are asked for.
type tariff struct {
	allowance  int64
	soft       bool
	overageMax int64
	rates      [3]rate
	chatsMax   int64 // chats have a limit of their own beside the pool
	windowEnd  int64
	grants     []granted
}

// granted is a grant by the number that its external id has. Whether there is one, with
// which of the amounts that were asked for, its id, its place by that and when it begins
// are read when all is over.
type granted struct {
	amount    int64
	priority  int
	paid      bool
	ends      int64 // 0: never
	only      []of
	early     bool // it begins before it is made
	made      bool
	id        string
	rank      int
	effective int64
}

// allowanceSource names the allowance, and overSource what a hold has pinned beyond all
// sources; others are grants, by number.
const (
	allowanceSource = -1
	overSource      = -2
)

// draw is so much of a source.
type draw struct {
	source int
	units  int64
}

// stock is how credits stand. It is never changed in place, but by who has cloned it.
type stock struct {
	rest   int64    // of the pool's counter, what other sources have not paid
	own    int64    // what the allowance has paid of debts
	used   [3]int64 // in the window, by feature
	totals [3]int64 // of uses that burned
	grants []grantStock
	claws  int
	holds  []creditHold
	closed []closedCredit
	taken  [alikes * 3]int
	silent int  // of the last requests, those without an answer
	over   bool // all is over: what was not answered need not happen any more
}

type grantStock struct {
	made, voided   bool
	clawed         int // its place among those clawed back, from 1; 0: it is not
	drawn, paid    int64
	atVoid, atClaw voided // what was answered then
}

// voided is the outcome of a void.
type voided struct{ refundable, debt int64 }

type creditHold struct {
	id          string
	feature     of
	units, cost int64  // of the feature, and of the pool
	pins        []draw // of the pool
	made        int64
}

type closedCredit struct {
	id      string
	confirm bool
	units   int64 // that were asked to be confirmed; 0: those held
	how     string
	said    creditOutput
}

func newStock(t *tariff) *stock { return &stock{grants: make([]grantStock, len(t.grants))} }

func (s *stock) clone() *stock {
	c := *s
	c.grants, c.holds, c.closed = slices.Clone(s.grants), slices.Clone(s.holds), slices.Clone(s.closed)
	return &c
}

func sumOf(draws []draw, source int) (sum int64) {
	for _, d := range draws {
		if d.source == source {
			sum += d.units
		}
	}
	return sum
}

// held is what open holds have pinned of a source.
func (s *stock) held(source int) (sum int64) {
	for i := range s.holds {
		sum += sumOf(s.holds[i].pins, source)
	}
	return sum
}

// heldBy is what open holds have of a feature's own units; of the pool, all that is pinned
// by itself and by those that burn it.
func (s *stock) heldBy(f of) (sum int64) {
	for i := range s.holds {
		switch h := &s.holds[i]; {
		case f == credits:
			sum += h.cost
		case h.feature == f:
			sum += h.units
		}
	}
	return sum
}

// source is what can be drawn from.
type source struct {
	id         int
	left, held int64
	drawn      int64
	priority   int
	ends       int64
	class      int // allowance, promotional, paid
	effective  int64
	rank       int
	only       []of
}

func (s *source) pays(by of) bool { return s.only == nil || slices.Contains(s.only, by) }

// sources are those live at an instant, with what is left of them now, in burn order
// (rules 2, 5, 8); every instant of the window is before any end.
func (s *stock) sources(t *tariff, at int64) []source {
	own := source{id: allowanceSource, priority: 50, ends: t.windowEnd, held: s.held(allowanceSource)}
	room := max(t.allowance-own.held, 0)
	own.drawn = min(s.rest+s.own, room)
	own.left = room - own.drawn
	all := []source{own}
	for i := range s.grants {
		g, is := &s.grants[i], &t.grants[i]
		if !g.made || is.effective > at {
			continue
		}
		one := source{
			id: i, priority: is.priority, ends: cmp.Or(is.ends, math.MaxInt64), class: 1, effective: is.effective, rank: is.rank,
			only: is.only, held: s.held(i), drawn: g.drawn,
		}
		if is.paid {
			one.class = 2
		}
		if !g.voided {
			one.left = is.amount - one.drawn - one.held
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b source) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.ends, b.ends), cmp.Compare(a.class, b.class),
			cmp.Compare(a.effective, b.effective), cmp.Compare(a.rank, b.rank))
	})
	return all
}

// forever is after all instants: sources that are live now are all that have been made.
const forever = math.MaxInt64

// debt is what is owed (rule 8).
func (s *stock) debt() (sum int64) {
	for i := range s.grants {
		sum += s.owed(i)
	}
	return sum
}

func (s *stock) owed(i int) int64 {
	if g := &s.grants[i]; g.clawed > 0 {
		return g.drawn - g.paid
	}
	return 0
}

// there is what a feature can draw at once; nothing, if anything is owed.
func (s *stock) there(t *tariff, by of, at int64) (sum int64) {
	if s.debt() > 0 {
		return 0
	}
	for _, src := range s.sources(t, at) {
		if src.pays(by) {
			sum += src.left
		}
	}
	return sum
}

// overage is what was used beyond all sources. What pays a debt is no use.
func (s *stock) overage(t *tariff) int64 {
	drawn := min(s.rest+s.own, max(t.allowance-s.held(allowanceSource), 0))
	return min(s.rest+s.own-drawn, s.rest)
}

// take draws units in burn order, and says what no source has.
func (s *stock) take(t *tariff, by of, units, at int64) (draws []draw, short int64) {
	for _, src := range s.sources(t, at) {
		if n := min(units, src.left); n > 0 && src.pays(by) {
			draws = append(draws, draw{src.id, n})
			units -= n
		}
	}
	return draws, units
}

// count has what was drawn, and what nothing has paid, in the log.
func (s *stock) count(draws []draw, short int64) {
	s.rest += short
	for _, d := range draws {
		if d.source == allowanceSource {
			s.rest += d.units
		} else {
			s.grants[d.source].drawn += d.units
		}
	}
}

// pay pays what is owed with what is there, of the grant that was clawed back first, by all
// sources, whatever they are for.
func (s *stock) pay(t *tariff) {
	for n := 1; n <= s.claws; n++ {
		i := slices.IndexFunc(s.grants, func(g grantStock) bool { return g.clawed == n })
		for _, src := range s.sources(t, forever) {
			units := min(s.owed(i), src.left)
			if units <= 0 {
				continue
			}
			s.grants[i].paid += units
			if src.id == allowanceSource {
				s.own += units
			} else {
				s.grants[src.id].drawn += units
			}
		}
	}
}
