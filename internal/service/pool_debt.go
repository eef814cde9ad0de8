package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// storePayments stores what time has paid of debts since the pools were written last:
// nothing may note a later instant on them without it.
func (u *Work) storePayments(f *facts, c *credits) error {
	for _, p := range []*pool{c.own, c.burned} {
		if p == nil || len(p.payments) == p.paid {
			continue
		}
		if err := u.storePool(f, p); err != nil {
			return err
		}
	}
	return nil
}

// settleDebts stores what time has paid of the debts of a customer whose lock is held, by
// its facts as they are.
func (u *Work) settleDebts(snap *billing.Snapshot, now time.Time) error {
	of := make(map[billing.Code]bool)
	for i := range snap.Grants {
		if g := &snap.Grants[i]; !g.ClawedBackOn.IsZero() {
			of[g.Feature] = true
		}
	}
	if len(of) == 0 {
		return nil
	}
	// All of them, in their order: the change of facts that follows locks them all, and who
	// burns has had that of its own feature before that of the pool.
	if err := u.openAllLanes(snap.Customer.ID, now); err != nil {
		return err
	}
	all, err := history(u.tx.Reader(), snap, now)
	if err != nil {
		return err
	}
	f := &facts{snap: all, now: now, by: u.by}
	for _, code := range sortedKeys(of) {
		l, _, err := u.ledger(meter{snap.Customer.ID, code}, now, now)
		if err != nil {
			return err
		}
		f.now = latest(now, l.changedOn())
		l.now = f.now
		p, err := readPool(u.tx.Reader(), all, snap.Catalog.Features[code], f.now, l)
		if err != nil {
			return err
		}
		if err := u.storePool(f, p); err != nil {
			return err
		}
	}
	return u.settle()
}

// payBack pays debts with what has come back to sources, stores what the pools have come
// to, and has them stand at an instant.
func (u *Work) payBack(f *facts, c *credits, at time.Time) error {
	for _, p := range []*pool{c.own, c.burned} {
		if p == nil {
			continue
		}
		if err := u.payFrom(f, p); err != nil {
			return err
		}
	}
	if err := u.storeSums(f, c); err != nil {
		return err
	}
	return c.stand(at)
}

// payFrom pays debts with what has come back to the sources of a pool, and gives back what
// was paid too much.
func (u *Work) payFrom(f *facts, p *pool) error {
	if err := u.giveBackSurplus(f, p); err != nil {
		return err
	}
	return p.settle(f.now, f.now)
}

// giveBackSurplus has what was paid too much of debts go back, the last payments first:
// less was drawn of their grants in the end. What goes back to a grant that was itself clawed
// back later was drawn of that one.
func (u *Work) giveBackSurplus(f *facts, p *pool) error {
	for again := true; again; {
		again = false
		for _, g := range p.ClawedBack(f.now) {
			back, err := u.giveBackSurplusOf(f, p, g)
			if err != nil {
				return err
			}
			again = again || back
		}
	}
	return nil
}

// giveBackSurplusOf has what was paid too much for a grant go back, and reports whether
// anything did.
func (u *Work) giveBackSurplusOf(f *facts, p *pool, g *billing.Grant) (gone bool, err error) {
	if p.Owed(g) >= 0 {
		return false, nil
	}
	if err := u.storePool(f, p); err != nil { // what time has paid, too
		return false, err
	}
	paid, err := u.payments(p, g)
	if err != nil {
		return false, err
	}
	for _, pay := range slices.Backward(paid) {
		back := p.Surplus(g, pay.Draws)
		if len(back) == 0 { // all of it went back before, or nothing is left to go back
			continue
		}
		if err := u.reopen(f, p, back); err != nil {
			return false, err
		}
		p.Sums.Add(pay.On, 0, back, &g.ID)
		p.noteSums(pay.On, back, usage.SourceID(g.ID.String()))
		p.payments = append(p.payments, credit.Payment{On: pay.On, Grant: g.ID, Draws: back})
		gone = true
	}
	return gone, nil
}

// payments are what was paid for a grant, in order, less what was given back.
func (u *Work) payments(p *pool, g *billing.Grant) ([]credit.Payment, error) {
	records, err := u.paymentRecords(p, g)
	if err != nil {
		return nil, err
	}
	draws, err := u.tx.Draws(p.customer, records)
	if err != nil {
		return nil, err
	}
	var all []credit.Payment
	for i := range records {
		pay := credit.Payment{On: records[i].CountedOn, Grant: g.ID}
		for _, d := range draws {
			switch {
			case d.Record != records[i].ID || d.Pays != usage.SourceID(g.ID.String()):
			case d.Units < 0:
				takeFromPayments(all, pay.On, d.Source, -d.Units)
			default:
				pay.Draws = append(pay.Draws, d.Draw)
			}
		}
		all = append(all, pay)
	}
	return all, nil
}

// takeFromPayments takes off what was given back, the last payments of an instant first.
func takeFromPayments(all []credit.Payment, on time.Time, source usage.SourceID, units billing.Units) {
	for i := range slices.Backward(all) {
		for j := range all[i].Draws {
			if d := &all[i].Draws[j]; all[i].On.Equal(on) && d.Source == source {
				n := min(units, d.Units)
				d.Units, units = d.Units-n, units-n
			}
		}
	}
}

// paymentRecords are the records that paid for a grant, ascending by when they count and
// id, as far as draws are found by them.
func (u *Work) paymentRecords(p *pool, g *billing.Grant) (out []usage.Record, err error) {
	if err := u.flushRecords(); err != nil {
		return nil, err
	}
	var after *DrawCursor
	for {
		page, more, err := u.tx.DrawsOf(p.customer, p.Feature.Code, "", Page[DrawCursor]{Size: 500, After: after})
		if err != nil {
			return nil, err
		}
		for _, d := range page {
			if n := len(out); d.Pays == usage.SourceID(g.ID.String()) && (n == 0 || out[n-1].ID != d.Record) {
				out = append(out, usage.Record{CustomerID: p.customer, ID: d.Record, Feature: p.Feature.Code, CountedOn: d.CountedOn})
			}
		}
		if !more || len(page) == 0 {
			return out, nil
		}
		last := page[len(page)-1]
		after = &DrawCursor{last.CountedOn, last.Record, last.Source, last.Pays}
	}
}
