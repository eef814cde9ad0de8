package service

import (
	"crypto/rand"
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// lock opens the book of a customer. The error is CUSTOMER_NOT_FOUND if there is
// no such customer or it is deleted.
func (u *Work) lock(id billing.CustomerID) (*billing.Book, error) {
	customer, err := u.tx.LockCustomer(id)
	if err := known(customer, err); err != nil {
		return nil, err
	}
	return u.open(customer)
}

// open opens the book of a customer whose lock is held. What time has paid of its debts is
// stored before, as it followed from facts that are about to change.
func (u *Work) open(customer billing.Customer) (*billing.Book, error) {
	b, err := u.openBook(customer)
	if err != nil {
		return nil, err
	}
	return b, u.settleDebts(&b.Snapshot, b.Now)
}

// newDigestKey is a key for the digests of a customer's personal data. It names nothing, so
// it is no part of what is made from [Service.Random].
func newDigestKey() string { return rand.Text() }

func (u *Work) openBook(customer billing.Customer) (*billing.Book, error) {
	catalog, err := u.tx.Catalog()
	if err != nil {
		return nil, err
	}
	facts := billing.Snapshot{Catalog: catalog, Facts: billing.Facts{Customer: customer}}
	now := facts.Now(u.clock)
	if facts.Agreements, err = u.tx.Agreements(customer.ID, now); err != nil {
		return nil, err
	}
	if facts.Overrides, err = u.tx.Overrides(customer.ID, now); err != nil {
		return nil, err
	}
	if facts.Grants, err = u.tx.Grants(customer.ID, now); err != nil {
		return nil, err
	}
	b := billing.OpenBook(facts, now, u.by, u.tx, u.service.random())
	b.GiveDigestKey(newDigestKey())
	return b, nil
}

// write writes what became different in a book, and answers the revision that
// the customer's facts have then. The error is HISTORY_FOLDED if that would put a
// boundary within records that are folded.
func (u *Work) write(b *billing.Book) (billing.Revision, error) {
	d := b.Difference()
	if err := u.keepsFolded(b, d.Created); err != nil {
		return billing.Revision{}, err
	}
	if d.Customer != nil {
		if err := u.tx.UpdateCustomer(*d.Customer); errors.Is(err, billing.ErrExists) {
			return billing.Revision{}, customerExists(u.tx, d.Customer)
		} else if err != nil {
			return billing.Revision{}, err
		}
	}
	if err := u.writeAgreements(d); err != nil {
		return billing.Revision{}, err
	}
	for _, o := range d.OverridesEnded {
		if err := u.tx.UpdateOverride(o); err != nil {
			return billing.Revision{}, err
		}
	}
	for _, o := range d.OverridesCreated {
		if err := u.tx.CreateOverride(o); err != nil {
			return billing.Revision{}, err
		}
	}
	if err := u.writeGrants(d); err != nil {
		return billing.Revision{}, err
	}
	for _, c := range d.Changes {
		rev, err := u.tx.AppendChange(c)
		if err != nil {
			return billing.Revision{}, err
		}
		b.Customer.Rev = rev
	}
	if d.Image != nil {
		if err := u.tx.PutImage(*d.Image); err != nil {
			return billing.Revision{}, err
		}
	}
	return b.Revision(), nil
}

func (u *Work) writeAgreements(d billing.Difference) error {
	for _, a := range d.Withdrawn {
		if err := u.tx.WithdrawAgreement(a.CustomerID, a.ID); err != nil {
			return err
		}
	}
	for _, a := range d.Changed {
		if err := u.tx.UpdateAgreement(a); errors.Is(err, billing.ErrExists) {
			return billing.AgreementExists(a)
		} else if err != nil {
			return err
		}
	}
	for _, a := range d.Created {
		if err := u.tx.CreateAgreement(a); errors.Is(err, billing.ErrExists) {
			return billing.AgreementExists(a)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (u *Work) writeGrants(d billing.Difference) error {
	for _, g := range d.GrantsChanged {
		if err := u.tx.UpdateGrant(g); err != nil {
			return err
		}
	}
	for _, g := range d.GrantsCreated {
		if err := u.tx.CreateGrant(g); err != nil {
			return err
		}
	}
	return nil
}
