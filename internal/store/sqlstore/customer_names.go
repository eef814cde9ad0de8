package sqlstore

import (
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// What is unique among customers stands in directories, one entry for each value
// that a customer who is not deleted has.

// codes are the pair a customer takes up in the directory; empty if none.
type codes struct{ org, user string }

func codesOf(c *billing.Customer) codes {
	if !c.DeletedOn.IsZero() {
		return codes{}
	}
	return codes{c.OrgCode, c.UserID}
}

// externalOf is the external id that a customer takes up; "" if none.
func externalOf(c *billing.Customer) string {
	if !c.DeletedOn.IsZero() {
		return ""
	}
	return c.ExternalID
}

// takeNames makes the entries that a customer has and did not have. It returns
// ErrExists, and has written nothing, if another has one of them.
func (t *Tx) takeNames(old, c *billing.Customer) error {
	pair, external := codesOf(c), externalOf(c)
	takesCodes := pair != codesOf(old) && pair != codes{}
	if takesCodes {
		if err := t.create(insertCustomerCodes, pair.org, pair.user, c.ID.String()); err != nil {
			return err
		}
	}
	if external == externalOf(old) || external == "" {
		return nil
	}
	err := t.takeExternalID(external, c.ID)
	if errors.Is(err, billing.ErrExists) && takesCodes {
		if err := t.freeCodes(pair, c.ID); err != nil {
			return err
		}
	}
	return err
}

// freeNames removes the entries that a customer had and has no more.
func (t *Tx) freeNames(old, c *billing.Customer) error {
	if pair := codesOf(old); pair != codesOf(c) && pair != (codes{}) {
		if err := t.freeCodes(pair, old.ID); err != nil {
			return err
		}
	}
	if external := externalOf(old); external != externalOf(c) && external != "" {
		_, err := t.exec(deleteExternalID, external, old.ID.String())
		return err
	}
	return nil
}

func (t *Tx) freeCodes(pair codes, of billing.CustomerID) error {
	_, err := t.exec(deleteCustomerCodes, pair.org, pair.user, of.String())
	return err
}

// takeExternalID returns ErrExists if another has it. One who is deleted has it no
// more: a node of a version that does not know of external ids leaves the entry.
func (t *Tx) takeExternalID(external string, of billing.CustomerID) error {
	err := t.create(insertExternalID, external, of.String())
	if !errors.Is(err, billing.ErrExists) {
		return err
	}
	holder, err := t.CustomerByExternalID(external)
	if err != nil {
		return billing.ErrExists // it was there a moment ago
	}
	other, err := t.Customer(holder)
	if err != nil {
		return err
	}
	if externalOf(&other) == external {
		return billing.ErrExists
	}
	if _, err := t.exec(deleteExternalID, external, holder.String()); err != nil {
		return err
	}
	return t.create(insertExternalID, external, of.String())
}
