package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// GrantsMade is what came of a request for grants.
type GrantsMade struct {
	Grants   []billing.GrantStanding
	Made     bool // false: the same was asked for before
	Warnings []billing.Warning
}

// CreateGrant gives a customer an amount of a feature: see [billing.Book.Grant]. The
// error may be CUSTOMER_NOT_FOUND, too.
func (u *Work) CreateGrant(customer billing.CustomerID, in billing.NewGrant) (GrantsMade, billing.Revision, error) {
	return u.makeGrants(customer, func(b *billing.Book) (billing.Granted, error) { return b.Grant(in) })
}

// BuyPack gives a customer what a pack has: see [billing.Book.BuyPack]. The error may be
// CUSTOMER_NOT_FOUND, too.
func (u *Work) BuyPack(customer billing.CustomerID, in billing.NewPurchase) (GrantsMade, billing.Revision, error) {
	return u.makeGrants(customer, func(b *billing.Book) (billing.Granted, error) { return b.BuyPack(in) })
}

func (u *Work) makeGrants(customer billing.CustomerID, change func(*billing.Book) (billing.Granted, error)) (GrantsMade, billing.Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return GrantsMade{}, billing.Revision{}, err
	}
	granted, err := change(b)
	if err != nil {
		return GrantsMade{}, billing.Revision{}, err
	}
	rev, err := u.write(b)
	if err != nil {
		return GrantsMade{}, billing.Revision{}, err
	}
	for i := 0; granted.Made && i < len(granted.Grants); i++ {
		if err := u.payDebts(b, granted.Grants[i].Feature); err != nil {
			return GrantsMade{}, billing.Revision{}, err
		}
	}
	grants, err := grantsAt(u.tx.Reader(), &b.Snapshot, b.Now, granted.Grants...)
	return GrantsMade{grants, granted.Made, granted.Warnings}, rev, err
}

// VoidGrant takes away what remains of a grant, also of a customer that is deleted: see
// [billing.Book.VoidGrant]. Again, it answers how the grant stood the first time.
//
// Errors: GRANT_NOT_FOUND, EXTERNAL_ID_INVALID.
func (u *Work) VoidGrant(id billing.GrantID, clawBack bool, externalID string) (billing.GrantStanding, billing.Revision, error) {
	fail := func(err error) (billing.GrantStanding, billing.Revision, error) {
		return billing.GrantStanding{}, billing.Revision{}, grantError(err)
	}
	b, stored, err := u.openGrant(id)
	if err != nil {
		return fail(err)
	}
	g, made, err := b.VoidGrant(stored, clawBack, externalID)
	if err != nil {
		return fail(err)
	}
	rev, err := u.write(b)
	if err != nil {
		return fail(err)
	}
	if made {
		if err := u.payDebts(b, g.Feature); err != nil {
			return fail(err)
		}
	}
	at, err := grantsAt(u.tx.Reader(), &b.Snapshot, b.Now, g)
	if err == nil && !made {
		at[0].State, err = voidedState(u.tx.Reader(), &b.Snapshot, &g, clawBack)
	}
	if err != nil {
		return fail(err)
	}
	return at[0], rev, nil
}

// voidedState is how a grant stood when it was voided, or clawed back if that is asked for.
func voidedState(r Reader, snap *billing.Snapshot, g *billing.Grant, clawBack bool) (billing.CreditState, error) {
	on := g.EndedOn
	if clawBack {
		on = g.ClawedBackOn
	}
	all, err := history(r, snap, on)
	if err != nil {
		return billing.CreditState{}, err
	}
	p, err := readPoolPast(r, all, snap.Catalog.Features[g.Feature], pastOf{at: on, by: on, settled: true})
	if err != nil {
		return billing.CreditState{}, err
	}
	then := *g
	if then.ClawedBackOn.After(on) {
		then.ClawedBackOn = time.Time{}
	}
	for _, name := range []usage.SourceID{usage.SourceID(g.ID.String()), usage.PaysSum(usage.SourceID(g.ID.String()))} {
		p.sums[name] += 0 // all that there was by then is summed
	}
	return p.stateOf(r, &then, on)
}

// Grant reads a grant, also of a customer that is deleted. The error is GRANT_NOT_FOUND.
func (s *Service) Grant(ctx context.Context, id billing.GrantID) (billing.GrantStanding, billing.Revision, error) {
	var out billing.GrantStanding
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, id.Customer(), clock)
		if err != nil {
			return err
		}
		g, err := r.Grant(id)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		at, err := grantsAt(r, snap, snap.Now(clock), g)
		if err == nil {
			out = at[0]
		}
		return err
	})
	return out, rev, grantError(err)
}

// Grants is a page of the grants of a customer (of a feature, unless it is ""), ascending
// by id, as they were made, with those that are over and used up. A customer that is
// deleted has them, too.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND.
func (s *Service) Grants(ctx context.Context, customer billing.CustomerID, feature billing.Code, page Page[billing.GrantID]) ([]billing.GrantStanding, bool, billing.Revision, error) {
	var out []billing.GrantStanding
	var more bool
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		if _, ok := snap.Catalog.Features[feature]; feature != "" && !ok {
			return billing.UnknownFeature(feature)
		}
		rev = snap.Revision()
		var found []billing.Grant
		found, more, err = filterPage(page, func(p Page[billing.GrantID]) ([]billing.Grant, bool, error) { return r.GrantHistory(customer, p) },
			func(g billing.Grant) (billing.GrantID, bool) { return g.ID, feature == "" || g.Feature == feature })
		if err != nil {
			return err
		}
		out, err = grantsAt(r, snap, snap.Now(clock), found...)
		return err
	})
	return out, more, rev, err
}

// grantError is an error about a grant that was named.
func grantError(err error) error {
	if errors.Is(err, errNoCustomer) || isNotFound(err) {
		return billing.NotFound.Errorf("GRANT_NOT_FOUND", "there is no grant with this id")
	}
	return err
}

// payDebts pays what is owed of a feature, now that the grants in a book have changed, so
// that it is paid from this instant on, and not from when somebody writes usage next.
func (u *Work) payDebts(b *billing.Book, code billing.Code) error {
	owes := func(g billing.Grant) bool { return g.Feature == code && !g.ClawedBackOn.IsZero() }
	if !slices.ContainsFunc(b.Grants, owes) {
		return nil
	}
	m := meter{b.Customer.ID, code}
	if _, err := u.tx.Counter(m.customer, code, billing.Window{}); isNotFound(err) {
		return nil // nothing was ever drawn; or the counters are lost, and the next write stores it
	} else if err != nil {
		return err
	}
	l, _, err := u.ledger(m, b.Now, b.Now)
	if err != nil {
		return err
	}
	f := &facts{snap: &b.Snapshot, now: latest(b.Now, l.changedOn()), by: u.by}
	l.now, l.lane().Facts = f.now, b.Customer.Rev
	all, err := history(u.tx.Reader(), f.snap, f.now)
	if err != nil {
		return err
	}
	p, err := readPool(u.tx.Reader(), all, all.Catalog.Features[code], f.now, l)
	if err != nil {
		return err
	}
	if err := u.giveBackSurplus(f, p); err != nil {
		return err
	}
	if err := u.storePool(f, p); err != nil {
		return err
	}
	return u.settle()
}

// openGrant opens the book of a grant's customer, also of one that is deleted, at an instant
// at which no usage of the grant's feature is ahead: what was drawn by then is what was
// drawn before.
func (u *Work) openGrant(id billing.GrantID) (*billing.Book, billing.Grant, error) {
	record, err := u.tx.LockCustomer(id.Customer())
	if err != nil {
		return nil, billing.Grant{}, err
	}
	stored, err := u.tx.Grant(id)
	if err == nil {
		err = u.catchUp(meter{id.Customer(), stored.Feature})
	}
	if err != nil {
		return nil, billing.Grant{}, err
	}
	b, err := u.open(record)
	return b, stored, err
}

// catchUp has the session's clock, if it lags, after the usage of a feature was last written.
// The customer's lock is had.
func (u *Work) catchUp(m meter) error {
	if err := u.openAllLanes(m.customer, u.clock); err != nil {
		return err
	}
	// Where there is none nothing was ever used, and who is first waits for the customer's lock.
	if l := u.ledgers[m]; l != nil && u.clock.Before(l.changedOn()) {
		u.clock = l.changedOn().Add(time.Microsecond)
	}
	return u.settle()
}
