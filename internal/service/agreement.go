package service

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// AgreementCustomer is whose agreement an id is. The error is
// AGREEMENT_NOT_FOUND.
func (s *Service) AgreementCustomer(ctx context.Context, id billing.AgreementID) (billing.CustomerID, error) {
	var customer billing.CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		if customer, err = r.AgreementCustomer(id); errors.Is(err, billing.ErrNotFound) {
			err = billing.NotFound.Errorf("AGREEMENT_NOT_FOUND", "there is no agreement with this id")
		}
		return err
	})
	return customer, err
}

// AgreementHistory is a page of a customer's live and ended agreements, with the
// feature on them if one is given. The error is CUSTOMER_NOT_FOUND or
// FEATURE_NOT_FOUND.
func (s *Service) AgreementHistory(ctx context.Context, id billing.CustomerID, feature billing.Code, page Page[billing.AgreementID]) ([]billing.AgreementAt, bool, billing.Revision, error) {
	var out []billing.AgreementAt
	var more bool
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readSnapshot(r, id, clock, nil)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		if _, ok := snap.Catalog.Features[feature]; feature != "" && !ok {
			return billing.NotFound.Errorf("FEATURE_NOT_FOUND", "there is no feature with this feature_code")
		}
		now := snap.Now(clock)
		out, more, err = filterPage(page, func(p Page[billing.AgreementID]) ([]billing.AgreementAt, bool, error) {
			history, more, err := r.AgreementHistory(id, now, p)
			at := make([]billing.AgreementAt, len(history))
			for i, a := range history {
				at[i] = snap.AgreementAt(a, now)
			}
			return at, more, err
		}, func(a billing.AgreementAt) (billing.AgreementID, bool) {
			return a.ID, feature == "" || a.Terms.Find(feature) >= 0
		})
		return err
	})
	return out, more, rev, err
}

// Subscribe makes an agreement: see [billing.Book.Subscribe]. The error may be
// CUSTOMER_NOT_FOUND, too.
func (u *Work) Subscribe(customer billing.CustomerID, in billing.NewAgreement) (billing.AgreementAt, billing.Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return billing.AgreementAt{}, billing.Revision{}, err
	}
	a, err := b.Subscribe(in)
	if err != nil {
		return billing.AgreementAt{}, billing.Revision{}, err
	}
	rev, err := u.write(b)
	return a, rev, err
}

// Cancel ends an agreement: see [billing.Book.Cancel]. The error may be
// AGREEMENT_NOT_FOUND, too.
func (u *Work) Cancel(id billing.AgreementID, when billing.When) (billing.AgreementAt, billing.Revision, error) {
	a, rev, err := u.cancel(id, when)
	if errors.Is(err, billing.ErrNotFound) {
		err = billing.NotFound.Errorf("AGREEMENT_NOT_FOUND", "there is no agreement with this agreement_id")
	}
	return a, rev, err
}

func (u *Work) cancel(id billing.AgreementID, when billing.When) (billing.AgreementAt, billing.Revision, error) {
	fail := func(err error) (billing.AgreementAt, billing.Revision, error) {
		return billing.AgreementAt{}, billing.Revision{}, err
	}
	customer, err := u.tx.AgreementCustomer(id)
	if err != nil {
		return fail(err)
	}
	record, err := u.tx.LockCustomer(customer)
	if err != nil {
		return fail(err)
	}
	b, err := u.open(record) // also of a deleted customer, whose agreements have ended
	if err != nil {
		return fail(err)
	}
	stored, err := u.tx.Agreement(customer, id)
	if err != nil {
		return fail(err)
	}
	a, err := b.Cancel(stored, when)
	if err != nil {
		return fail(err)
	}
	rev, err := u.write(b)
	return a, rev, err
}
