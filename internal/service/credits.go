package service

import (
	"math"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// credits are the pools that a use of a feature is decided on: its own sources, and those
// of what it burns.
type credits struct {
	code billing.Code
	own  *pool
	// Of a feature that burns another; nil if it does not.
	burns  *billing.Burns
	burned *pool
	uses   usage.SourceID // the running total of uses, among the sums of own

	// How they stand at the instant that is decided at. The caps of what is burned bound
	// what burns it, too: burnedIn is what is used and held in their windows.
	ownState, burnedState credit.State
	burnedIn              usedAndHeld

	// What a use took, or a hold set aside, of own and of burned, and how much it burned.
	took, tookBurned []usage.Draw
	burnedUnits      billing.Units
}

// isPooled reports whether a feature is decided on by its sources. Of one that was once
// drawn from others, the counters alone never tell all again. Nothing is drawn of one that is
// held, whatever its lane says: by sources it would be free again and again.
func isPooled(al *billing.Allowance, lane *usage.Lane) bool {
	return al.Pooled || lane != nil && lane.Pooled && !al.Feature.Held
}

// readCredits reads the pools of a feature. It is decided at an instant that is not after
// now: what is known is of now.
func readCredits(r Reader, snap *billing.Snapshot, feature *billing.Feature, at, now time.Time) (*credits, error) {
	return openCredits(r, snap, feature, at, now, nil, nil)
}

// openCredits is as readCredits, with what ledgers have gathered, and pools that are open
// already, to which it adds its own.
func openCredits(
	r Reader, snap *billing.Snapshot, feature *billing.Feature, at, now time.Time, ledgers map[meter]*ledger, open map[billing.Code]*pool,
) (*credits, error) {
	all, err := history(r, snap, now)
	if err != nil {
		return nil, err
	}
	read := func(f *billing.Feature) (*pool, error) {
		if p := open[f.Code]; p != nil {
			return p, nil
		}
		p, err := readPool(r, all, f, now, ledgers[meter{snap.Customer.ID, f.Code}])
		if err == nil && open != nil {
			open[f.Code] = p
		}
		return p, err
	}
	burnedIn := func(code billing.Code) usedAndHeld {
		return func(w billing.Window) (used, held billing.Units, err error) {
			if l := ledgers[meter{snap.Customer.ID, code}]; l != nil {
				return l.standing(w)
			}
			if held, err = r.HeldUnits(snap.Customer.ID, code, w, now, time.Time{}); err == nil {
				used, err = usedIn(r, snap.Customer.ID, code, w)
			}
			return used, held, err
		}
	}
	return gatherCredits(all, feature, at, read, burnedIn,
		func(c *credits) (billing.Units, error) {
			draws, err := r.SumDrawsOf(snap.Customer.ID, feature.Code, []usage.SourceID{c.uses}, billing.Window{}, time.Time{})
			if err != nil || len(draws) == 0 {
				return 0, err
			}
			return draws[0].Units, nil
		})
}

// readCreditsPast is as readCredits, of the past.
func readCreditsPast(r Reader, snap *billing.Snapshot, feature *billing.Feature, k pastOf) (*credits, error) {
	all, err := history(r, snap, k.at)
	if err != nil {
		return nil, err
	}
	read := func(f *billing.Feature) (*pool, error) { return readPoolPast(r, all, f, k) }
	burnedIn := func(code billing.Code) usedAndHeld {
		return func(w billing.Window) (used, held billing.Units, err error) {
			return windowPast(r, snap.Customer.ID, code, w, k.at, k.by.IsZero())
		}
	}
	return gatherCredits(all, feature, k.at, read, burnedIn, func(*credits) (billing.Units, error) { return 0, nil })
}

func gatherCredits(
	all *billing.Snapshot, feature *billing.Feature, at time.Time,
	read func(*billing.Feature) (*pool, error), burnedIn func(billing.Code) usedAndHeld, sumUses func(*credits) (billing.Units, error),
) (*credits, error) {
	c := &credits{code: feature.Code}
	var err error
	if c.own, err = read(feature); err != nil {
		return nil, err
	}
	al := all.Allowance(feature, at)
	if c.burns = al.Burns; c.burns != nil {
		if c.burned, err = read(all.Catalog.Features[c.burns.Feature]); err != nil {
			return nil, err
		}
		c.burnedIn = burnedIn(c.burns.Feature)
		c.uses = usage.UsesSum(al.Window, c.burns.Rate.String())
		if !c.own.has(c.uses) {
			total, err := sumUses(c)
			if err != nil {
				return nil, err
			}
			c.own.put(c.uses, total)
		}
	}
	return c, c.stand(at)
}

// stand is how the pools stand at an instant.
func (c *credits) stand(at time.Time) (err error) {
	if c.ownState, err = c.own.at(at); err == nil && c.burned != nil {
		if c.burnedState, err = c.burned.at(at); err == nil {
			err = fillCaps(&c.burnedState.Allowance, c.burnedIn)
		}
	}
	return err
}

// total is the running total of uses at the rate.
func (c *credits) total() billing.Units { return max(c.own.sums[c.uses], 0) }

// burnedBy is how much of the pool some more units burn; of a hold so much that it
// suffices whenever it is confirmed.
func (c *credits) burnedBy(units billing.Units, hold bool) billing.Units {
	switch {
	case c.burned == nil || units == 0:
		return 0
	case hold:
		return credit.AtMost(units, c.burns.Rate)
	}
	return credit.Burned(c.total(), units, c.burns.Rate)
}

// credit is what is decided on.
func (c *credits) credit(units billing.Units, hold bool) billing.Credit {
	own := &c.ownState
	out := billing.Credit{Available: own.Available(c.code), Overage: own.Overage, OverageHeld: own.OverageHeld}
	if c.burned == nil {
		return out
	}
	st := &c.burnedState
	al := &st.Allowance
	pool := &billing.PoolCredit{
		Feature: c.burns.Feature, Units: c.burnedBy(units, hold), Available: st.Available(c.code), Overage: st.Overage.Plus(st.OverageHeld),
		Soft: st.Soft(), OverageMax: al.OverageMax,
	}
	if pool.Units == math.MaxInt64 {
		pool.Beyond = credit.Exactly(c.total(), units, c.burns.Rate, hold)
	}
	if al.Suspended || al.Denied {
		pool.Available, pool.Soft = 0, false
	}
	pool.Capped, pool.Uses = al.CapsLeave(), math.MaxInt64
	if least := min(pool.Available, pool.Capped); least < math.MaxInt64 {
		pool.Uses = credit.UsesFor(least, c.total(), c.burns.Rate)
	}
	out.Pool = pool
	return out
}

// decide answers whether some more units may be used of an allowance.
func (c *credits) decide(al *billing.Allowance, units, used, held billing.Units, hold bool) billing.Decision {
	return al.DecideCredit(units, used, held, c.credit(units, hold))
}

// after is a decision as it stands now that its units are drawn or pinned.
func (c *credits) after(d billing.Decision, used, held billing.Units) billing.Decision {
	moved := d.Moved(used, held)
	out := c.decide(&moved, 0, d.Counted().Plus(used), d.Held.Plus(held), false)
	out.Allowed, out.Reason, out.Revision = d.Allowed, d.Reason, d.Revision
	c.taken(&out)
	return out
}

// taken tells in a decision what was taken of sources.
func (c *credits) taken(d *billing.Decision) {
	d.Draws = shownDraws(&c.ownState, c.took)
	if d.Pool != nil {
		d.Pool.Units, d.Pool.Draws = c.burnedUnits, shownDraws(&c.burnedState, c.tookBurned)
	}
}

// shownDraws are draws as they are told: of a pool that has one source there is nothing to
// tell.
func shownDraws(st *credit.State, draws []usage.Draw) []billing.CreditDraw {
	if len(st.Sources) < 2 && !credit.Named(draws) {
		return nil
	}
	var out []billing.CreditDraw
	for _, d := range draws {
		if d.Source != credit.OverSource {
			out = append(out, shownDraw(st.Sources, d))
		}
	}
	return out
}

// shownDraw is a draw with what it was drawn from, if that is among some sources.
func shownDraw(sources []credit.Source, d usage.Draw) billing.CreditDraw {
	out := billing.CreditDraw{Source: string(d.Source), Class: billing.CreditPaid, Units: d.Units}
	for i := range sources {
		if s := &sources[i]; s.ID == out.Source {
			out.Class, out.Window = s.Class, s.Window
		}
	}
	return out
}

// keptDraws are those that are kept of a record: all, in their order, if it drew from more than
// the allowance of its window.
func keptDraws(draws []usage.Draw) []usage.Draw {
	if !credit.Named(draws) {
		return nil
	}
	return draws
}

// use has a record draw what it uses, and writes it, with its twin in the pool. It returns
// what is uncovered: that of the pool if there is any, else that of the feature.
func (u *Work) use(f *facts, c *credits, w billing.Window, r *usage.Record) (uncovered billing.Units, err error) {
	draws, short := c.ownState.Use(c.code, r.Change)
	burned := c.burnedBy(r.Change, false)
	var twin []usage.Draw
	if c.burned != nil {
		var more billing.Units
		if twin, more = c.burnedState.Use(c.code, burned); more > 0 && !c.burnedState.Soft() {
			uncovered = more
		}
	}
	if uncovered == 0 && !c.ownState.Soft() {
		uncovered = short
	}
	return uncovered, u.writeUse(f, c, w, r, draws, twin, burned)
}

// writeUse writes a record that draws, with its twin that burns so much and draws too.
func (u *Work) writeUse(f *facts, c *credits, w billing.Window, r *usage.Record, draws, twin []usage.Draw, burned billing.Units) error {
	c.took, c.tookBurned, c.burnedUnits = draws, twin, burned
	r.Draws = keptDraws(draws)
	if c.burned != nil && r.Change != 0 {
		r.Draws = append(r.Draws, usage.Draw{Source: c.uses, Units: r.Change})
	}
	if err := u.addDrawing(c.own, w, r); err != nil {
		return err
	}
	if c.burned == nil || burned == 0 {
		return u.storeSums(f, c)
	}
	b := usage.Record{
		CustomerID: r.CustomerID, Feature: c.burns.Feature, Kind: usage.Burned, Value: burned, Change: burned, Of: r.ID,
		Stamp: r.Stamp, CountedOn: r.CountedOn, RecordedOn: r.RecordedOn, By: r.By, Draws: keptDraws(twin),
	}
	if err := u.makeID(&b, f.now); err != nil {
		return err
	}
	if err := u.addDrawing(c.burned, c.burnedState.Allowance.Window, &b); err != nil {
		return err
	}
	if err := fillCaps(&c.burnedState.Allowance, c.burnedIn); err != nil {
		return err
	}
	return u.storeSums(f, c)
}

// addDrawing appends a record to the ledger of its feature, and to the sums of its pool.
func (u *Work) addDrawing(p *pool, w billing.Window, r *usage.Record) error {
	l := u.ledgers[meter{r.CustomerID, r.Feature}]
	if err := l.addChange(w, r); err != nil {
		return err
	}
	p.note(r)
	if credit.Named(r.Draws) {
		l.lane().Pooled = true
	}
	return nil
}

// storeSums stores what the pools have come to: payments of debts, which time brought, and
// the sums.
func (u *Work) storeSums(f *facts, c *credits) error {
	for _, p := range []*pool{c.own, c.burned} {
		if p == nil {
			continue
		}
		if err := u.storePool(f, p); err != nil {
			return err
		}
	}
	return nil
}

func (u *Work) storePool(f *facts, p *pool) error {
	l := u.ledgers[meter{p.customer, p.Feature.Code}]
	for _, pay := range p.payments[p.paid:] {
		r := usage.Record{
			CustomerID: p.customer, Feature: p.Feature.Code, Kind: usage.Debt, Value: credit.Total(pay.Draws),
			Stamp: pay.On, CountedOn: pay.On, RecordedOn: f.now, By: u.by, Draws: pay.Draws, Pays: usage.SourceID(pay.Grant.String()),
		}
		if err := u.makeID(&r, f.now); err != nil {
			return err
		}
		u.append(r)
		l.lane().Pooled = true
	}
	p.paid = len(p.payments)
	l.touch()
	if p.usedUp(f.now) {
		u.chores = append(u.chores, chore{l.meter, true})
	}
	var sums []usage.SourceSum
	for name := range p.changed {
		sums = append(sums, usage.SourceSum{CustomerID: p.customer, Feature: p.Feature.Code, Source: name, Drawn: p.sums[name]})
	}
	clear(p.changed)
	if !u.counting {
		return u.tx.PutSources(sums...)
	}
	if u.sums == nil {
		u.sums = make(map[sumName]usage.SourceSum)
	}
	for _, sum := range sums { // the last is stored, with the rest
		u.sums[sumName{l.meter, sum.Source}] = sum
	}
	return nil
}

// sumName is which of the sums of a feature one is.
type sumName struct {
	meter
	source usage.SourceID
}

// heldPools are pools as a unit of a counting session has left them, for the next that is
// about the same feature, by the same facts at the same instant.
type heldPools struct {
	meter
	snap *billing.Snapshot
	now  time.Time
	*credits
}

// leftPools are the pools that the unit before has left, if it was about the same; else nil.
func (u *Work) leftPools(m meter, f *facts) *credits {
	if h := u.pools; h != nil && h.meter == m && h.snap == f.snap && h.now.Equal(f.now) {
		return h.credits
	}
	return nil
}

// poolsOf are the pools that a use is decided on, read or as the unit before has left them.
func (u *Work) poolsOf(d *decided, feature *billing.Feature) (*credits, error) {
	tx, err := u.stored()
	if err != nil {
		return nil, err
	}
	m := d.ledger.meter
	if c := u.leftPools(m, d.facts); c != nil {
		c.took, c.tookBurned, c.burnedUnits = nil, nil, 0
		return c, c.stand(d.now)
	}
	u.pools = nil
	if err := u.flush(); err != nil { // what is gathered is read with the rest
		return nil, err
	}
	c, err := openCredits(tx.Reader(), d.snap, feature, d.now, d.now, u.ledgers, nil)
	if err == nil {
		err = u.storePayments(d.facts, c)
	}
	if err == nil && u.counting {
		u.pools = &heldPools{m, d.snap, d.now, c}
	}
	return c, err
}
