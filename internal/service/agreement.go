package service

import (
	"context"
	"errors"
	"time"

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

// IsAgreement reports whether an id is that of an agreement: one that is withdrawn is
// none.
func (s *Service) IsAgreement(ctx context.Context, id billing.AgreementID) (bool, error) {
	err := s.Store.View(ctx, func(r Reader) error {
		customer, err := r.AgreementCustomer(id)
		if err == nil {
			_, err = r.Agreement(customer, id)
		}
		return err
	})
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// AgreementHistory is a page of a customer's live and ended agreements, with the
// feature on them if one is given: a flag that is false is not. The error is CUSTOMER_NOT_FOUND or
// FEATURE_NOT_FOUND.
func (s *Service) AgreementHistory(ctx context.Context, id billing.CustomerID, feature billing.Code, page Page[billing.AgreementID]) ([]billing.AgreementAt, bool, billing.Revision, error) {
	return s.agreementHistory(ctx, id, feature, page, readKnown)
}

func (s *Service) agreementHistory(
	ctx context.Context, id billing.CustomerID, feature billing.Code, page Page[billing.AgreementID],
	read func(Reader, billing.CustomerID, time.Time) (*billing.Snapshot, error),
) ([]billing.AgreementAt, bool, billing.Revision, error) {
	var out []billing.AgreementAt
	var more bool
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := read(r, id, clock)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		if _, ok := snap.Catalog.Features[feature]; feature != "" && !ok {
			return billing.UnknownFeature(feature)
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
			i := a.Terms.Find(feature)
			return a.ID, feature == "" || i >= 0 && !a.Off(i)
		})
		return err
	})
	return out, more, rev, err
}

// Subscribe makes an agreement: see [billing.Book.Subscribe]. The error may be
// CUSTOMER_NOT_FOUND, too.
func (u *Work) Subscribe(customer billing.CustomerID, in billing.NewAgreement) (billing.Outcome, billing.Revision, error) {
	return u.ofCustomer(customer, func(b *billing.Book) (billing.Outcome, error) { return b.Subscribe(in) })
}

// Assign puts a customer on a plan by the rule of Kinde's API: see
// [billing.Book.Assign]. The error may be CUSTOMER_NOT_FOUND, too.
func (u *Work) Assign(customer billing.CustomerID, plan billing.Code) (billing.Outcome, billing.Revision, error) {
	return u.ofCustomer(customer, func(b *billing.Book) (billing.Outcome, error) { return b.Assign(plan) })
}

func (u *Work) ofCustomer(customer billing.CustomerID, change func(*billing.Book) (billing.Outcome, error)) (billing.Outcome, billing.Revision, error) {
	b, err := u.lock(customer)
	if err != nil {
		return billing.Outcome{}, billing.Revision{}, err
	}
	out, err := change(b)
	if err != nil {
		return billing.Outcome{}, billing.Revision{}, err
	}
	rev, err := u.write(b)
	return out, rev, err
}

// Cancel ends an agreement: see [billing.Book.Cancel]. The error may be
// AGREEMENT_NOT_FOUND, too.
func (u *Work) Cancel(id billing.AgreementID, when billing.When, drop bool) (billing.Outcome, billing.Revision, error) {
	return u.ofAgreement(id, func(b *billing.Book, stored billing.Agreement) (billing.Outcome, error) {
		return b.Cancel(stored, when, drop)
	})
}

// Resume takes back the end of an agreement: see [billing.Book.Resume]. The error
// may be AGREEMENT_NOT_FOUND, too.
func (u *Work) Resume(id billing.AgreementID) (billing.Outcome, billing.Revision, error) {
	return u.ofAgreement(id, (*billing.Book).Resume)
}

// UpdateAgreement changes an agreement: see [billing.Book.UpdateAgreement]. The error
// may be AGREEMENT_NOT_FOUND, too.
func (u *Work) UpdateAgreement(id billing.AgreementID, in billing.AgreementUpdate) (billing.Outcome, billing.Revision, error) {
	return u.ofAgreement(id, func(b *billing.Book, stored billing.Agreement) (billing.Outcome, error) {
		return b.UpdateAgreement(stored, in)
	})
}

func (u *Work) ofAgreement(id billing.AgreementID, change func(*billing.Book, billing.Agreement) (billing.Outcome, error)) (billing.Outcome, billing.Revision, error) {
	fail := func(err error) (billing.Outcome, billing.Revision, error) {
		if errors.Is(err, billing.ErrNotFound) {
			err = billing.NotFound.Errorf("AGREEMENT_NOT_FOUND", "there is no agreement with this agreement_id")
		}
		return billing.Outcome{}, billing.Revision{}, err
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
	out, err := change(b, stored)
	if err != nil {
		return fail(err)
	}
	rev, err := u.write(b)
	return out, rev, err
}
