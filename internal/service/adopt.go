package service

import (
	"context"

	"github.com/allot-dev/allot/internal/billing"
)

// How many customers, and agreements, overrides and grants of theirs, facts are adopted of in
// one transaction. One customer is never parted.
const (
	adoptCustomers = 100
	adoptRows      = 2000
)

// Adopting reports whether facts are still to be adopted: see [Service.Adopt].
func (s *Service) Adopting(ctx context.Context) (more bool, err error) {
	err = s.Store.View(ctx, func(r Reader) error {
		_, more, err = r.Adopting()
		return err
	})
	return more, err
}

// Adopt writes into the log, once a finished upgrade, all that there is of each
// customer and of the catalog, as programs of the version before did not log every
// field. It goes on from where it was interrupted, in short transactions that lock
// nobody; several may be at it. progress, unless nil, is told how many customers are
// done by this call, which is also the answer.
func (s *Service) Adopt(ctx context.Context, by billing.Actor, progress func(customers int)) (done int, err error) {
	for {
		step, err := s.adoption(ctx, by)
		if err != nil || step.none {
			return done, err
		}
		// Two transactions, of which the second may be missing: what is adopted is
		// left alone.
		if err := s.Store.Update(ctx, func(tx Tx) error { return tx.Adopt(step.entries...) }); err != nil {
			return done, err
		}
		more := step.customers > 0
		if err := s.Store.Update(ctx, func(tx Tx) error { return tx.PutAdopting(step.upTo, more) }); err != nil {
			return done, err
		}
		done += step.customers
		if progress != nil {
			progress(done)
		}
	}
}

// adoption is what is adopted in one step: of the next customers or, after the last
// one, of the catalog.
type adoption struct {
	none      bool // all is adopted
	entries   []billing.Change
	customers int
	upTo      billing.CustomerID
}

// adoption reads the next step. Entries are true of the revision that they name,
// whatever is written meanwhile.
func (s *Service) adoption(ctx context.Context, by billing.Actor) (step adoption, err error) {
	now := s.now()
	err = s.Store.View(ctx, func(r Reader) error {
		step = adoption{}
		after, more, err := r.Adopting()
		if err != nil || !more {
			step.none = err == nil
			return err
		}
		ids, err := r.CustomerIDs(after, adoptCustomers)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			catalog, err := r.Catalog()
			if err != nil {
				return err
			}
			entry, err := catalog.Adopt(now, by, r.TermsDigest)
			step.entries = []billing.Change{entry}
			return err
		}
		for rows := 0; step.customers < len(ids) && rows < adoptRows; {
			step.upTo = ids[step.customers]
			facts, err := allFacts(r, step.upTo)
			if err != nil {
				return err
			}
			rows += len(facts.Agreements) + len(facts.Overrides) + len(facts.Grants)
			step.entries = append(step.entries, billing.AdoptCustomer(facts, now, by))
			step.customers++
		}
		return nil
	})
	return step, err
}

// allFacts are all rows of a customer, with those that have ended.
func allFacts(r Reader, id billing.CustomerID) (f billing.Facts, err error) {
	if f.Customer, err = r.Customer(id); err != nil {
		return f, err
	}
	if f.Agreements, err = agreementHistory(r.AgreementReader, id, farFuture); err != nil {
		return f, err
	}
	if f.Overrides, err = r.Overrides(id, farPast); err != nil {
		return f, err
	}
	f.Grants, err = r.Grants(id, farPast)
	return f, err
}
