package service

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// A grant that is used up is set aside, as a change of the customer's facts, so that it
// need not be looked at any more. That is done afterwards, and no answer depends on when.
// A correction that gives back to it takes it out again, in its own transaction.

// isSpent reports whether nothing is left of a grant, nothing can come back to it by
// itself, and the feature is granted without it as it is with it.
func (p *pool) isSpent(g *billing.Grant, now time.Time) bool {
	id := usage.SourceID(g.ID.String())
	spent := g.Feature == p.Feature.Code && g.SetAsideOn.IsZero() && p.has(id) && p.sums[id] >= g.Amount &&
		p.HeldOf(id, now) == 0 && (g.ClawedBackOn.IsZero() || p.Owed(g) == 0)
	if !spent || !g.Live(now) {
		return spent
	}
	rest := *p.Facts
	rest.Grants = slices.DeleteFunc(slices.Clone(rest.Grants), func(o billing.Grant) bool { return o.ID == g.ID })
	al := rest.Allowance(p.Feature, now)
	return al.Granted
}

// usedUp reports whether there is a grant to be set aside.
func (p *pool) usedUp(now time.Time) bool {
	for i := range p.Facts.Grants {
		if p.isSpent(&p.Facts.Grants[i], now) {
			return true
		}
	}
	return false
}

// setAside sets the grants of a pool aside that are used up.
func (s *Service) setAside(ctx context.Context, m meter) {
	_ = s.Do(ctx, "", func(u *Work) error {
		b, err := u.lock(m.customer)
		if err != nil {
			return err
		}
		// A change of facts tells all lanes, so that all are locked, in their order.
		if err := u.openAllLanes(m.customer, b.Now); err != nil {
			return err
		}
		l := u.ledgers[m]
		if l == nil || l.changedOn().After(b.Now) { // by a clock that is ahead: the next use thinks of it again
			u.ledgers = nil
			return nil
		}
		all, err := history(u.tx.Reader(), &b.Snapshot, b.Now)
		if err != nil {
			return err
		}
		p, err := readPool(u.tx.Reader(), all, b.Catalog.Features[m.feature], latest(b.Now, l.changedOn()), l)
		if err != nil {
			return err
		}
		changed := false
		for _, g := range slices.Clone(p.Facts.Grants) {
			// What time has paid and nobody has stored would be forgotten.
			unstored := len(p.payments) > 0 && !g.ClawedBackOn.IsZero()
			if p.isSpent(&g, p.Now) && !unstored && b.SetAside(g, true) {
				changed = true
				p.setGrants(slices.DeleteFunc(slices.Clone(p.Facts.Grants), func(o billing.Grant) bool { return o.ID == g.ID }))
			}
		}
		u.ledgers = nil // nothing of usage is written
		if !changed {
			return nil
		}
		_, err = u.write(b)
		return err
	})
}

// openAllLanes opens all usage of a customer, whose lock is held.
func (u *Work) openAllLanes(customer billing.CustomerID, at time.Time) error {
	counters, err := u.tx.Counters(customer)
	for i := range counters { // ascending by feature
		if err == nil && counters[i].Window.AllTime() {
			_, _, err = u.ledger(meter{customer, counters[i].Feature}, at, at)
		}
	}
	return err
}

// reopen takes grants out that draws give back to, and that were set aside.
func (u *Work) reopen(f *facts, p *pool, draws []usage.Draw) error {
	var closed []billing.Grant
	for _, d := range draws {
		id, err := billing.ParseGrantID(string(d.Source))
		if err != nil || p.knows(id) {
			continue
		}
		g, err := u.tx.Grant(id)
		if err != nil {
			return err
		}
		if !g.SetAsideOn.IsZero() { // one that is over, too: it was live once, and that can be asked about
			closed = append(closed, g)
		}
	}
	if len(closed) == 0 {
		return nil
	}
	if err := u.requireCustomer(p.customer); err != nil {
		return err
	}
	if err := u.flush(); err != nil {
		return err
	}
	customer, err := u.tx.LockCustomer(p.customer)
	if err != nil {
		return err
	}
	b, err := u.openBook(customer)
	if err != nil {
		return err
	}
	for _, g := range closed {
		b.SetAside(g, false)
		g.SetAsideOn = time.Time{}
		p.setGrants(append(p.Facts.Grants, g))
	}
	if err := p.sumMissing(u.tx.Reader(), f.now, f.now); err != nil {
		return err
	}
	rev, err := u.write(b)
	if err != nil {
		return err
	}
	delete(u.known, p.customer)
	f.snap.Customer.Rev = rev.Customer
	for m, l := range u.ledgers {
		if m.customer == p.customer {
			l.lane().Facts = rev.Customer
		}
	}
	return nil
}

// knows reports whether a grant is among the facts.
func (p *pool) knows(id billing.GrantID) bool {
	for i := range p.Facts.Grants {
		if p.Facts.Grants[i].ID == id {
			return true
		}
	}
	return false
}

// requireCustomer returns [unordered] if the customer is not locked, which comes before all
// locks of usage. A change of its facts tells all its lanes.
func (ses *session) requireCustomer(id billing.CustomerID) error {
	if ses.serial || ses.locked[id] {
		return nil
	}
	counters, err := ses.tx.Counters(id)
	if err != nil {
		return err
	}
	meters := slices.Collect(maps.Keys(ses.ledgers))
	for i := range counters {
		if m := (meter{id, counters[i].Feature}); counters[i].Window.AllTime() && !slices.Contains(meters, m) {
			meters = append(meters, m)
		}
	}
	return &unordered{meters: meters, customer: true}
}
