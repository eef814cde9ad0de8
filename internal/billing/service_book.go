package billing

import "errors"

// lock opens the book of a customer. The error is CUSTOMER_NOT_FOUND if there is
// no such customer or it is deleted.
func (u *Unit) lock(id CustomerID) (*Book, error) {
	customer, err := u.tx.LockCustomer(id)
	if err := known(customer, err); err != nil {
		return nil, err
	}
	return u.open(customer)
}

// open opens the book of a customer whose lock is held.
func (u *Unit) open(customer Customer) (*Book, error) {
	catalog, err := u.tx.Catalog()
	if err != nil {
		return nil, err
	}
	facts := Snapshot{Catalog: catalog, Facts: Facts{Customer: customer}}
	now := facts.Now(u.clock)
	if facts.Agreements, err = u.tx.Agreements(customer.ID, now); err != nil {
		return nil, err
	}
	if facts.Overrides, err = u.tx.Overrides(customer.ID, now); err != nil {
		return nil, err
	}
	return OpenBook(facts, now, u.by, u.tx, u.service.random()), nil
}

// write writes what became different in a book, and answers the revision that
// the customer's facts have then.
func (u *Unit) write(b *Book) (Revision, error) {
	d := b.Difference()
	if d.Customer != nil {
		if err := u.tx.UpdateCustomer(*d.Customer); errors.Is(err, ErrExists) {
			return Revision{}, customerExists(u.tx, d.Customer)
		} else if err != nil {
			return Revision{}, err
		}
	}
	if err := u.writeAgreements(d); err != nil {
		return Revision{}, err
	}
	for _, o := range d.OverridesEnded {
		if err := u.tx.UpdateOverride(o); err != nil {
			return Revision{}, err
		}
	}
	for _, o := range d.OverridesCreated {
		if err := u.tx.CreateOverride(o); err != nil {
			return Revision{}, err
		}
	}
	for _, c := range d.Changes {
		rev, err := u.tx.AppendChange(c)
		if err != nil {
			return Revision{}, err
		}
		b.Customer.Rev = rev
	}
	return b.Revision(), nil
}

func (u *Unit) writeAgreements(d Difference) error {
	for _, a := range d.Withdrawn {
		if err := u.tx.WithdrawAgreement(a.CustomerID, a.ID); err != nil {
			return err
		}
	}
	for _, a := range d.Changed {
		if err := u.tx.UpdateAgreement(a); err != nil {
			return err
		}
	}
	for _, a := range d.Created {
		if err := u.tx.CreateAgreement(a); errors.Is(err, ErrExists) {
			return agreementExists(a.ID)
		} else if err != nil {
			return err
		}
	}
	return nil
}
